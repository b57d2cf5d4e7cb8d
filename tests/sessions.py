"""Databases of every kind from one test body: connections and pools, sync and async, in a transaction and not."""

import asyncio
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal, cast

import psycopg
from psycopg_pool import AsyncConnectionPool, ConnectionPool

from useraim import scoped

World = Literal["sync", "async"]
WORLDS: list[World] = ["sync", "async"]
KINDS = ["autocommit", "transaction", "begun by the call", "pool", "pool of autocommit"]
OWN = ["autocommit", "pool", "pool of autocommit"]
"""Where a call is a transaction by itself."""


@dataclass
class Session:
    """A connection or a pool of one, and how what is called on it is waited for."""

    world: World
    runner: asyncio.Runner
    db: Any
    pooled: bool

    def __call__(self, function: Any, *args: Any, **kwargs: Any) -> Any:
        return self.awaited(function(self.db, *args, **kwargs))

    def awaited(self, result: Any) -> Any:
        return result if self.world == "sync" else self.runner.run(result)

    def rows(self, stream: Any) -> list[Any]:
        if self.world == "sync":
            return list(stream)

        async def drawn() -> list[Any]:
            return [row async for row in stream]

        return self.runner.run(drawn())

    def next_of(self, stream: Any) -> Any:
        async def drawn() -> Any:
            return await anext(stream)  # inside the loop, which then knows whom to close

        return next(stream) if self.world == "sync" else self.runner.run(drawn())

    def close(self, stream: Any) -> None:
        self.awaited(stream.close() if self.world == "sync" else stream.aclose())

    def scoped(self, settings: Mapping[str, str]) -> "Session":
        scope = cast("Callable[..., Any]", scoped)(self.db, settings)
        return Session(self.world, self.runner, scope, False)

    @contextmanager
    def connection(self) -> Generator["Session", None, None]:
        """The connection itself, if need be the pool's."""
        conn = self.awaited(self.db.getconn()) if self.pooled else self.db
        try:
            yield Session(self.world, self.runner, conn, False)
        finally:
            if self.pooled:
                self.awaited(self.db.putconn(conn))

    def execute(self, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """Run plain SQL, and in a pool commit it."""
        with self.connection() as there:
            cursor = there.awaited(there.db.execute(sql, parameters or None))
            rows: list[tuple[Any, ...]] = there.awaited(cursor.fetchall()) if cursor.description else []
            if self.pooled:
                there.awaited(there.db.commit())
        return rows

    def is_as(self, kind: str) -> bool:
        """Say whether the connection is idle and unlocked, or in the caller's transaction where there is one."""
        with self.connection() as there:
            info = there.db.info
            idle = kind not in {"transaction", "begun by the call"}
            expected = psycopg.pq.TransactionStatus.IDLE if idle else psycopg.pq.TransactionStatus.INTRANS
            piped = info.pipeline_status != psycopg.pq.PipelineStatus.OFF
            return not piped and info.transaction_status == expected and not there.db.lock.locked()


@contextmanager
def session(
    conninfo: str, world: World, runner: asyncio.Runner, kind: str, threshold: int | None = None
) -> Generator[Session, None, None]:
    """Open a database of this kind; in a transaction, one that has begun already."""
    settings: dict[str, Any] = {"autocommit": kind.endswith("autocommit"), "prepare_threshold": threshold}
    pooled = kind.startswith("pool")
    if pooled:
        pools: dict[str, Any] = {"sync": ConnectionPool, "async": AsyncConnectionPool}
        pool = pools[world](conninfo, kwargs=settings, min_size=1, max_size=1, timeout=5, open=False)
        opened = Session(world, runner, pool, pooled)
        opened.awaited(pool.open())
        opened.awaited(pool.wait())
    else:
        classes: dict[str, Any] = {"sync": psycopg.Connection, "async": psycopg.AsyncConnection}
        opened = Session(world, runner, None, pooled)
        opened.db = opened.awaited(classes[world].connect(conninfo, **settings))
    try:
        if kind == "transaction":
            opened.execute("SELECT 1")
        yield opened
    finally:
        opened.awaited(opened.db.close())
