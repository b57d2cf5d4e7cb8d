"""Calls on every kind of connection, what disturbs them, and what has to be right after each."""

import asyncio
import linecache
import sys
import time
from collections.abc import Generator
from dataclasses import dataclass
from types import FrameType
from typing import Any, Literal
from uuid import uuid4

import psycopg
from psycopg.pq import PipelineStatus, TransactionStatus
from psycopg_pool import AsyncConnectionPool, ConnectionPool

from useraim import AimId, UserId, users
from useraim.core import guarded, opening, pipeline, queued, running

SENDING = {module.__file__ for module in (guarded, opening, pipeline, queued, running)}
World = Literal["sync", "async"]
LONG = 20.0  # seconds; nothing here takes more than one


@dataclass
class Setting:
    """A database with a user and aims, and a second session that looks and disturbs."""

    conninfo: str
    other: psycopg.Connection[Any]
    user: UserId
    goals: list[AimId]

    def links(self) -> set[Any]:
        query = "SELECT aim_id FROM user_aims WHERE user_id = %s"
        return {id for (id,) in self.other.execute(query, [self.user])}


@dataclass
class Session:
    """What a call is made on: a connection or a pool of one, sync or async, with settings that must stay."""

    world: World
    runner: asyncio.Runner
    db: Any
    pooled: bool
    autocommit: bool

    def __call__(self, function: Any, *args: Any, **kwargs: Any) -> Any:
        result = function(self.db, *args, **kwargs)
        return result if self.world == "sync" else self.runner.run(result)

    def awaited(self, result: Any) -> Any:
        return result if self.world == "sync" else self.runner.run(result)

    def connection(self) -> Any:
        return self.awaited(self.db.getconn()) if self.pooled else self.db

    def __enter__(self) -> "Session":
        return self

    def __exit__(self, *_: object) -> None:
        self.awaited(self.db.close())


KINDS = ["autocommit", "transaction", "begun by the call", "pool", "pool of autocommit"]


def session(setting: Setting, world: World, runner: asyncio.Runner, kind: str, threshold: int | None) -> Session:
    autocommit = kind in {"autocommit", "pool of autocommit"}
    settings: dict[str, Any] = {"autocommit": autocommit, "prepare_threshold": threshold}
    pooled = kind.startswith("pool")
    if pooled:
        pool_settings: dict[str, Any] = {"kwargs": settings, "min_size": 1, "max_size": 1, "timeout": 5, "open": False}
        pools: dict[str, Any] = {"sync": ConnectionPool, "async": AsyncConnectionPool}
        opened = Session(world, runner, pools[world](setting.conninfo, **pool_settings), pooled, autocommit)
        opened.awaited(opened.db.open())
        opened.awaited(opened.db.wait())
        return opened
    classes: dict[str, Any] = {"sync": psycopg.Connection, "async": psycopg.AsyncConnection}
    connecting = classes[world].connect(setting.conninfo, **settings)
    opened = Session(world, runner, connecting if world == "sync" else runner.run(connecting), pooled, autocommit)
    if kind == "transaction":
        opened.awaited(opened.db.execute("SELECT 1"))
    return opened


def is_right(given: Session, setting: Setting) -> bool:
    """Hold the connection to what it has to be after a call, however that ended; False when it is closed."""
    conn = given.connection()
    wait_for_others(setting, 0 if conn.closed else conn.info.backend_pid)
    try:
        if conn.closed:
            assert not given.pooled, "a pool must not lend a closed connection"
            return False
        assert conn.autocommit == given.autocommit
        assert conn.pgconn.pipeline_status == PipelineStatus.OFF
        assert conn.pgconn.transaction_status != TransactionStatus.ACTIVE
        if given.pooled:
            assert conn.pgconn.transaction_status == TransactionStatus.IDLE
        assert not conn.lock.locked()
        answers = Session(given.world, given.runner, conn, False, given.autocommit)
        if conn.pgconn.transaction_status == TransactionStatus.INERROR:
            given.awaited(conn.rollback())
        for _ in range(2):
            assert answers(users.exists, uuid4()) is False
            assert answers(users.exists, setting.user) is True
            assert set(answers(users.aims.load, [setting.user])) == {setting.user}
            answers(users.aims.replace, setting.user, setting.goals[:2])
            assert {one.record.id for one in answers(users.aims.of, setting.user)} == set(setting.goals[:2])
        given.awaited(conn.rollback())
        return True
    finally:
        if given.pooled:
            given.awaited(conn.close())
            given.awaited(given.db.putconn(conn))


def wait_for_others(setting: Setting, pid: int) -> None:
    """The session of a connection that was closed may still be at work on what it was told."""
    others = """SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
        AND backend_type = 'client backend' AND state = 'active' AND pid NOT IN (pg_backend_pid(), %s)"""
    while setting.other.execute(others, [pid]).fetchone() != (0,):
        time.sleep(0.002)


def reset(setting: Setting) -> None:
    users.aims.replace(setting.other, setting.user, setting.goals[:1])


def whole_or_absent(setting: Setting, wanted: list[AimId]) -> None:
    assert setting.links() in (set(setting.goals[:1]), set(wanted))


class At:
    """Raises at the n-th line that the sending modules run."""

    def __init__(self, n: int, error: type[BaseException]) -> None:
        self.n = n
        self.error = error
        self.lines = 0
        self.place = ""
        self._left: set[tuple[int, int]] = set()

    def __enter__(self) -> "At":
        sys.settrace(self._trace)
        return self

    def __exit__(self, *_: object) -> None:
        sys.settrace(None)

    def _trace(self, frame: FrameType, event: str, _: Any) -> Any:
        if frame.f_code.co_filename not in SENDING:
            return None
        if event == "line":
            # A `with` is come to twice: Python itself runs the second time unprotected, before __exit__.
            text = linecache.getline(frame.f_code.co_filename, frame.f_lineno).lstrip()
            if text.startswith(("with ", "async with ")):
                place = (id(frame), frame.f_lineno)
                if place in self._left:
                    return self._trace
                self._left.add(place)
            self.lines += 1
            if self.lines == self.n:
                self.place = f"{frame.f_code.co_filename}:{frame.f_lineno}: {text.strip()}"
                raise self.error
        return self._trace


class AtAwait:
    """Runs a coroutine and cancels it at its n-th suspension, and so often in a row."""

    def __init__(self, coroutine: Any, n: int, times: int) -> None:
        self.coroutine = coroutine
        self.n = n
        self.times = times
        self.suspended = 0

    def __await__(self) -> Generator[Any, None, Any]:
        steps = self.coroutine.__await__()
        cancel = False
        while True:
            try:
                future = steps.throw(asyncio.CancelledError()) if cancel else steps.send(None)
            except StopIteration as end:
                return end.value
            self.suspended += 1
            cancel = self.n <= self.suspended < self.n + self.times
            if cancel and hasattr(future, "cancel"):
                future.cancel()
                continue
            yield future

    async def run(self) -> Any:
        return await self
