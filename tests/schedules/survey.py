"""Runs all cases, by two processes at once, each with a database of its own."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from multiprocessing import get_context
from multiprocessing.queues import SimpleQueue
from typing import Any, NamedTuple

from tests.schedules.cases import KINDS, Case, Meeting, verdict
from tests.schedules.explorer import Explorer, Hang
from tests.schedules.judge import Finding, Verdict

HANG = "hang"
_CHUNK = 20


class Judged(NamedTuple):
    """A case and what came of it."""

    case: Case
    verdict: Verdict


def survey(databases: Sequence[str], cases: Sequence[Case]) -> Iterator[Judged]:
    """Judge the cases, in their order, by as many processes as there are databases."""
    context = get_context("spawn")
    names = context.SimpleQueue()
    for one in databases:
        names.put(one)
    with ProcessPoolExecutor(len(databases), context, _open, (names,)) as workers:
        yield from workers.map(_judge, cases, chunksize=_CHUNK)


class _Worker:
    explorer: Explorer


def _open(names: "SimpleQueue[str]") -> None:
    _Worker.explorer = Explorer(names.get())


def _judge(case: Case) -> Judged:
    meeting = _meetings(case.kind)[case.place]
    try:
        return Judged(case, _short(verdict(_Worker.explorer, meeting, case.level)))
    except Hang as hang:
        names = tuple(one.name for one in meeting)
        return Judged(case, Verdict(names, 0, 0, (Finding(HANG, names, "", str(hang), row_by_row=False),)))


def _short(judged: Verdict) -> Verdict:
    """Leave out what a report of thousands of findings does not need: only the first of a kind keeps its words."""
    told: set[Any] = set()
    findings: list[Finding] = []
    for one in judged.findings:
        key = (one.kind, one.row_by_row)
        findings.append(one._replace(words="") if key in told else one)
        told.add(key)
    return judged._replace(findings=tuple(findings))


@cache
def _meetings(kind: str) -> list[Meeting]:
    return KINDS[kind]()
