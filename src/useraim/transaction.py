"""Transactions that start again when the database asks for it."""

import asyncio
import random
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Generator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, TypeVar, overload

import psycopg
from psycopg import AsyncConnection, Connection
from psycopg.conninfo import make_conninfo
from psycopg.pq import TransactionStatus

from useraim import validate
from useraim.errors import is_retryable
from useraim.operation import AsyncDatabase, AsyncPool, Database, Pool, is_async

T = TypeVar("T")

_FIRST_PAUSE = 0.02  # seconds, doubled at each further try; a random part of it is waited
_LONGEST_PAUSE = 2.0


@overload
def run(db: Database, work: Callable[[Connection[Any]], T], *, attempts: int = 5) -> T: ...
@overload
def run(
    db: AsyncDatabase, work: Callable[[AsyncConnection[Any]], Awaitable[T]], *, attempts: int = 5
) -> Coroutine[Any, Any, T]: ...
def run(db: Any, work: Callable[[Any], Any], *, attempts: int = 5) -> Any:
    """Call `work(conn)` in a transaction, commit, and return its result.

    After a failure that `errors.is_retryable` names, and a pause, it is called again in a new transaction, on another
    connection of the pool or, if the connection given is lost, on a new one to the same server. After `attempts` the
    last failure is raised. Inside a transaction of the caller, which only the caller can start again, it is called
    once. A failure during COMMIT may hide that it succeeded: only work that may be done twice belongs here.
    """
    validate.number(attempts, "attempts", 1)
    return _run_async(db, work, attempts) if is_async(db) else _run(db, work, attempts)


def _run(db: Database, work: Callable[[Connection[Any]], T], attempts: int) -> T:
    if isinstance(db, Connection):
        if db.info.transaction_status != TransactionStatus.IDLE:
            return work(db)
        db = _Again(db)
    for attempt in range(1, attempts):
        try:
            return _once(db, work)
        except psycopg.Error as error:
            if not is_retryable(error):
                raise
            time.sleep(_pause(attempt))
    return _once(db, work)


def _once(db: Pool, work: Callable[[Connection[Any]], T]) -> T:
    with db.connection() as conn:
        try:
            with conn.transaction():
                return work(conn)
        except psycopg.errors.ReadOnlySqlTransaction:
            conn.close()  # a server that was demoted: only a new connection may find the one that takes writes
            raise


async def _run_async(db: AsyncDatabase, work: Callable[[AsyncConnection[Any]], Awaitable[T]], attempts: int) -> T:
    if isinstance(db, AsyncConnection):
        if db.info.transaction_status != TransactionStatus.IDLE:
            return await work(db)
        db = _AsyncAgain(db)
    for attempt in range(1, attempts):
        try:
            return await _once_async(db, work)
        except psycopg.Error as error:
            if not is_retryable(error):
                raise
            await asyncio.sleep(_pause(attempt))
    return await _once_async(db, work)


async def _once_async(db: AsyncPool, work: Callable[[AsyncConnection[Any]], Awaitable[T]]) -> T:
    async with db.connection() as conn:
        try:
            async with conn.transaction():
                return await work(conn)
        except psycopg.errors.ReadOnlySqlTransaction:
            await conn.close()
            raise


class _Again:
    """Lends the caller's connection and, once that is lost, a new one to the same server each time."""

    def __init__(self, conn: Connection[Any]) -> None:
        self.conn = conn
        self.conninfo = _conninfo(conn)

    @contextmanager
    def connection(self) -> Generator[Connection[Any], None, None]:
        if not self.conn.closed:
            yield self.conn
            return
        with Connection[Any].connect(self.conninfo, **_session(self.conn)) as conn:
            yield conn


class _AsyncAgain:
    """The same for async connections."""

    def __init__(self, conn: AsyncConnection[Any]) -> None:
        self.conn = conn
        self.conninfo = _conninfo(conn)

    @asynccontextmanager
    async def connection(self) -> AsyncGenerator[AsyncConnection[Any], None]:
        if not self.conn.closed:
            yield self.conn
            return
        async with await AsyncConnection[Any].connect(self.conninfo, **_session(self.conn)) as conn:
            yield conn


def _conninfo(conn: Connection[Any] | AsyncConnection[Any]) -> str:
    return make_conninfo(**conn.info.get_parameters(), password=conn.info.password or None)


def _session(conn: Connection[Any] | AsyncConnection[Any]) -> dict[str, Any]:
    return {
        "autocommit": conn.autocommit,
        "prepare_threshold": conn.prepare_threshold,
        "row_factory": conn.row_factory,
        "cursor_factory": conn.cursor_factory,
    }


def _pause(attempt: int) -> float:
    return random.uniform(0, min(_LONGEST_PAUSE, _FIRST_PAUSE * 2**attempt))
