"""Processes full of workers: threads, tasks, or one alone that Ctrl-C hits."""

import asyncio
import inspect
import logging
import os
import random
import signal
import threading
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import Any, Literal

import psycopg
from psycopg_pool import AsyncConnectionPool, ConnectionPool

from tests.chaos.either import Thunk, awaited, drive, drive_async
from tests.chaos.estate import Estate
from tests.chaos.worker import PATIENCE, Outcome, Sending, Worker, note
from tests.chaos.writer import Shared, Writer

Kind = Literal["threads", "tasks", "interrupted"]
POOL = 4


@dataclass
class Plan:
    """What a process of workers is told."""

    kind: Kind
    workers: range
    seed: int
    conninfos: list[str]
    """By turns: directly, and over a network that cuts."""
    watch: str
    shared: Shared
    writes: Any
    """A shared array with a place for each worker: how much is acknowledged."""
    stop: Any


class Lender:
    """Lends each worker its database: a pool for all of the process, or a connection that is the worker's alone."""

    def __init__(self, pool: Any, connect: Any, conninfo: str, threshold: int | None) -> None:
        self.pool = pool
        self.connect = connect
        self.conninfo = conninfo
        self.threshold = threshold
        self.conn: Any = None

    def __call__(self) -> Any:
        if self.pool is not None:
            return self.pool
        if self.conn is None or self.conn.closed:
            self.conn = None
            return self._opened()
        return self.conn

    def _opened(self) -> Any:
        opening = self.connect(self.conninfo, autocommit=True, prepare_threshold=self.threshold)
        if inspect.isawaitable(opening):
            return self._opened_async(opening)
        self.conn = opening
        return self.conn

    async def _opened_async(self, opening: Any) -> Any:
        self.conn = await opening
        return self.conn


class Pool(ConnectionPool[Any]):
    def getconn(self, timeout: float | None = None) -> Any:
        return note(super().getconn(timeout))


class AsyncPool(AsyncConnectionPool[Any]):
    async def getconn(self, timeout: float | None = None) -> Any:  # noqa: ASYNC109
        return note(await super().getconn(timeout))


def run(plan: Plan) -> tuple[list[Outcome], list[str]]:
    """Let the workers live until they are told to stop; return what each leaves, and what is wrong with the pools."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    logging.getLogger("psycopg").setLevel(logging.CRITICAL)  # that connections are lost is no news here
    kinds: dict[Kind, Callable[[Plan], tuple[list[Outcome], list[str]]]] = {
        "threads": _threads,
        "tasks": lambda plan: asyncio.run(_tasks(plan)),
        "interrupted": _interrupted,
    }
    return kinds[plan.kind](plan)


def _worker(plan: Plan, number: int, pools: list[Any], connect: Any, aside: Any) -> Worker:
    choices = random.Random(f"{plan.seed} {number}")
    pool = pools[number % len(pools)] if pools and number % 3 else None
    conninfo = plan.conninfos[number % len(plan.conninfos)]
    lender = Lender(pool, connect, conninfo, (0, 5, None)[number % 3])
    return Worker(Writer(Estate(number), plan.shared, choices), lender, plan.watch, aside)


def _goes_on(plan: Plan, number: int) -> Callable[[int], bool]:
    def goes_on(writes: int) -> bool:
        plan.writes[number] = writes
        return not plan.stop.is_set()

    return goes_on


def _pools(plan: Plan, kind: Any) -> list[Any]:
    settings: dict[str, Any] = {"min_size": POOL, "max_size": POOL, "timeout": PATIENCE, "open": False}
    return [kind(conninfo, reconnect_timeout=PATIENCE, **settings) for conninfo in plan.conninfos]


def _threads(plan: Plan) -> tuple[list[Outcome], list[str]]:
    pools = _pools(plan, Pool)
    for pool in pools:
        pool.open()

    def one(number: int) -> Outcome:
        worker = _worker(plan, number, pools, psycopg.Connection[Any].connect, _at_once)
        return drive(worker.live(_goes_on(plan, number)))

    with ThreadPoolExecutor(len(plan.workers)) as threads:
        outcomes = list(threads.map(one, plan.workers))
    wrong = [found for pool in pools for found in _used_up(pool)]
    for pool in pools:
        pool.close()
    return outcomes, wrong


async def _tasks(plan: Plan) -> tuple[list[Outcome], list[str]]:
    pools = _pools(plan, AsyncPool)
    for pool in pools:
        await pool.open()

    async def one(number: int) -> Outcome:
        worker = _worker(plan, number, pools, psycopg.AsyncConnection[Any].connect, asyncio.to_thread)
        return await drive_async(worker.live(_goes_on(plan, number)), _cancelling(worker.random))

    outcomes = await asyncio.gather(*(one(number) for number in plan.workers))
    wrong = [found for pool in pools for found in await _used_up_async(pool)]
    for pool in pools:
        await pool.close()
    return list(outcomes), wrong


def _interrupted(plan: Plan) -> tuple[list[Outcome], list[str]]:
    """One worker in the main thread, the only one that a signal interrupts."""
    (number,) = plan.workers
    worker = _worker(plan, number, [], psycopg.Connection[Any].connect, _at_once)
    with _interrupts(worker.random) as armed:

        def call(thunk: Thunk) -> Any:
            if not isinstance(thunk, Sending):
                return thunk()
            armed.append(True)
            try:
                return thunk()
            finally:
                armed.clear()

        return [drive(worker.live(_goes_on(plan, number)), call)], []


@contextmanager
def _interrupts(choices: random.Random) -> Generator[list[bool], None, None]:
    """Send this process SIGINT at random; it is heard while armed, and disarms: the next one is for another call."""
    armed: list[bool] = []
    ended = threading.Event()
    pauses = random.Random(choices.random())

    def heard(_: int, __: FrameType | None) -> None:
        if armed:
            armed.clear()
            raise KeyboardInterrupt

    def send() -> None:
        while not ended.wait(pauses.expovariate(1 / 0.03)):
            os.kill(os.getpid(), signal.SIGINT)

    signal.signal(signal.SIGINT, heard)
    thread = threading.Thread(target=send, daemon=True)
    thread.start()
    try:
        yield armed
    finally:
        ended.set()
        thread.join()
        signal.signal(signal.SIGINT, signal.SIG_IGN)


def _cancelling(choices: random.Random) -> Any:
    """Give what awaits an operation, and sometimes gives up."""

    async def call(thunk: Thunk) -> Any:
        if not isinstance(thunk, Sending) or choices.random() > 0.08:
            return await awaited(thunk)
        delay, how = choices.expovariate(1 / 0.003), choices.choice(("cancel", "cancel twice", "timeout"))
        if how == "timeout":
            async with asyncio.timeout(delay):
                return await awaited(thunk)
        task = asyncio.ensure_future(awaited(thunk))
        loop = asyncio.get_running_loop()
        loop.call_later(delay, task.cancel)
        if how == "cancel twice":
            loop.call_later(delay + choices.random() * 0.002, task.cancel)
        return await task

    return call


def _at_once(function: Callable[..., Any], *args: Any) -> Any:
    return function(*args)


def _used_up(pool: Pool) -> list[str]:
    """Borrow all that a pool may lend, at once, and use it; it then has all of it back."""
    try:
        pool.wait(PATIENCE)
        pool.check()
        conns = [pool.getconn() for _ in range(POOL)]
        for conn in conns:
            assert conn.execute("SELECT 1").fetchone() == (1,)
            conn.rollback()
            pool.putconn(conn)
    except Exception as error:
        return [f"a pool is not whole: {error!r}, {pool.get_stats()}"]
    return _sizes(pool)


async def _used_up_async(pool: AsyncPool) -> list[str]:
    try:
        await pool.wait(PATIENCE)
        await pool.check()
        conns = [await pool.getconn() for _ in range(POOL)]
        for conn in conns:
            assert await (await conn.execute("SELECT 1")).fetchone() == (1,)
            await conn.rollback()
            await pool.putconn(conn)
    except Exception as error:
        return [f"a pool is not whole: {error!r}, {pool.get_stats()}"]
    return _sizes(pool)


def _sizes(pool: Any) -> list[str]:
    stats = pool.get_stats()
    is_whole = (stats["pool_size"], stats["pool_available"], stats.get("requests_waiting", 0)) == (POOL, POOL, 0)
    return [] if is_whole else [f"a pool is not at its size: {stats}"]
