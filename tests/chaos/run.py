"""A whole run: servers, networks, processes of workers, faults, and the verdict."""

import multiprocessing
import random
import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

from tests.chaos.cluster import Cluster, cluster
from tests.chaos.groups import Kind, Plan, run
from tests.chaos.judge import in_the_log, judge
from tests.chaos.network import Scissors
from tests.chaos.storm import Storm
from tests.chaos.worker import Outcome
from tests.chaos.writer import Shared
from useraim import NewAim, NewUser, NewUserAim, aims, user_aims, users

PROCESSES: list[tuple[Kind, int]] = [("threads", 6), ("tasks", 12), ("interrupted", 1), ("interrupted", 1)]
_LONGEST_END = 300.0
_START = multiprocessing.get_context("spawn")


@dataclass
class Verdict:
    """What came of a run."""

    seed: int
    seconds: float = 0.0
    server: str = ""
    counts: Counter[str] = field(default_factory=Counter[str])
    operations: Counter[str] = field(default_factory=Counter[str])
    log: Counter[str] = field(default_factory=Counter[str])
    wrong: list[str] = field(default_factory=list[str])


def chaos(
    writes: int, seed: int, *, kill_each: int = 800, crash_each: int = 8_000, promote_each: int = 40_000
) -> Verdict:
    """Let workers write until so much is acknowledged, in all kinds of weather; compare all of it at the end."""
    verdict, began = Verdict(seed), time.monotonic()
    choices = random.Random(seed)
    with ExitStack() as stack:
        there = stack.enter_context(cluster())
        there.follow()
        shared = _shared(there)
        wires = [Scissors(there.address(port), seed, 400) for port in (5432, 5433)]
        for wire in wires:
            stack.callback(wire.close)
        storm = Storm(there, shared, choices, kill_each, crash_each, promote_each)
        outcomes = _processes(there, wires, shared, storm, writes, verdict)
        verdict.wrong += storm.wrong
        verdict.counts.update(storm.counts)
        verdict.counts["cuts"] = sum(wire.cuts for wire in wires)
        for outcome in outcomes:
            verdict.counts.update(outcome.counts)
            verdict.operations.update(outcome.operations)
            verdict.wrong += outcome.wrong
        with there.admin() as conn:
            verdict.server = str(conn.info.server_version // 10_000)
            verdict.wrong += judge(conn, outcomes, shared)
        verdict.log, unexplained = in_the_log(there.log())
        verdict.wrong += unexplained
    verdict.seconds = time.monotonic() - began
    return verdict


def _processes(
    there: Cluster, wires: list[Scissors], shared: Shared, storm: Storm, writes: int, verdict: Verdict
) -> list[Outcome]:
    total: Any = _START.RawArray("q", sum(size for _, size in PROCESSES))
    stop: Any = _START.Event()
    told: list[Any] = []
    processes: list[Any] = []
    first = 0
    for kind, size in PROCESSES:
        ours, theirs = _START.Pipe()
        numbers = range(first, first + size)
        plan = Plan(kind, numbers, verdict.seed, _ways(there, wires), there.conninfo(), shared, total, stop)
        processes.append(_START.Process(target=_process, args=(plan, theirs), daemon=True))
        processes[-1].start()
        theirs.close()
        told.append(ours)
        first += size
    try:
        storm.rage(lambda: sum(total), writes, lambda: all(one.is_alive() for one in processes))
    finally:
        for wire in wires:
            wire.calm()
        stop.set()
        outcomes = [outcome for one in told for outcome in _told(one, verdict)]
        for one in processes:
            one.join(10)
            one.kill()
    return outcomes


def _process(plan: Plan, told: Any) -> None:
    told.send(run(plan))


def _told(pipe: Any, verdict: Verdict) -> list[Outcome]:
    if not pipe.poll(_LONGEST_END):
        verdict.wrong.append(f"workers do not come to an end in {_LONGEST_END} s")
        return []
    try:
        outcomes, wrong = pipe.recv()
    except EOFError:
        verdict.wrong.append("a process of workers has died")
        return []
    verdict.wrong += wrong
    return list(outcomes)


def _ways(there: Cluster, wires: list[Scissors]) -> list[str]:
    """Directly, and over the network."""
    limits = {"application_name": "chaos", "options": "-c lock_timeout=60ms -c statement_timeout=110ms"}
    ports = ",".join(str(wire.port) for wire in wires)
    return [
        there.conninfo(**limits),
        there.conninfo(**limits, host="127.0.0.1,127.0.0.1", port=ports, sslmode="disable", gssencmode="disable"),
    ]


def _shared(there: Cluster) -> Shared:
    with there.admin() as conn:
        people = users.create_many(conn, [NewUser(f"hot{n}@chaos", "hot") for n in range(3)])
        goals = aims.create_many(conn, [NewAim(f"shared {n}") for n in range(7)])
        pairs = [(user.id, aim.id) for user, aim in zip(people, goals, strict=False)]
        user_aims.put_many(conn, [NewUserAim(*pair, role="hot") for pair in pairs])
        return Shared([aim.id for aim in goals[:6]], pairs, goals[6].id)
