"""Very many memberships: COPY into a stage that vanishes with the transaction, then one INSERT … SELECT.

Only the COPY itself is written twice, for sync and async; what follows it is one script of calls for both.
COPY cannot share a pipeline with other statements, so a load costs some round trips, and two for every 2,500 rows.
"""

from collections.abc import AsyncGenerator, AsyncIterable, Callable, Coroutine, Generator, Iterable
from contextlib import aclosing, asynccontextmanager, contextmanager
from functools import cache, partial
from typing import IO, Any, Final, Literal, LiteralString, Protocol, TypeAlias, overload

import psycopg
from psycopg import AsyncConnection, AsyncCursor, Connection, Cursor
from psycopg.pq import TransactionStatus

from useraim import validate
from useraim.core.clauses import from_file
from useraim.core.database import AsyncDatabase, Database, async_connection, connection, given, is_async, setting_of
from useraim.core.opening import opening, opening_async
from useraim.core.pypika import Q, table, to_char_utc
from useraim.core.running import Script, run_script, run_script_async
from useraim.core.statement import Parameters, named
from useraim.errors import InvalidValue
from useraim.relation import conditions
from useraim.relation.attributes import ATTRIBUTES
from useraim.relation.incoming import Chunk
from useraim.relation.pairs import Row
from useraim.relation.stage import (
    COPY,
    DROP,
    STAGE,
    BulkResult,
    Overtaken,
    Rejected,
    checked,
    checked_async,
    packed,
    settle,
)
from useraim.values import ON_MATCH, LinkFilter, OnMatch

__all__ = ["BulkResult", "Rejected", "dump", "load"]

OnBroken: TypeAlias = Literal["error", "skip"]


class Frame(Protocol):
    """Columns of any library that speaks Arrow: polars, pandas, pyarrow, DuckDB, …."""

    def __arrow_c_stream__(self, requested_schema: Any = None, /) -> object: ...


class _Settle(Protocol):
    def __call__(self, *, again: bool) -> Script[BulkResult]: ...


_Report: TypeAlias = Callable[[int], object]

_LINKS: Final = table("user_aims")
_BEGIN: Final = named("bulk (begin)", Q.select(1))
_ATTEMPTS: Final = 10  # to write what others delete meanwhile


@overload
def load(
    db: Database,
    rows: Iterable[Row] | Frame | IO[bytes],
    *,
    on_match: OnMatch = "ignore",
    on_broken: OnBroken = "error",
    progress: Callable[[int], object] | None = None,
) -> BulkResult: ...
@overload
def load(
    db: AsyncDatabase,
    rows: AsyncIterable[Row] | Iterable[Row] | Frame | IO[bytes],
    *,
    on_match: OnMatch = "ignore",
    on_broken: OnBroken = "error",
    progress: Callable[[int], object] | None = None,
) -> Coroutine[Any, Any, BulkResult]: ...
def load(
    db: Any,
    rows: Any,
    *,
    on_match: OnMatch = "ignore",
    on_broken: OnBroken = "error",
    progress: Callable[[int], object] | None = None,
) -> Any:
    """Write any number of memberships from any iterable, a frame, or a CSV file as `dump` writes it, all or nothing.

    Memory is bounded. Of rows with the same pair the first counts. `on_match` as in `user_aims.put_many`. Users and
    aims that do not exist raise `BrokenReference` naming all of them; with `on_broken="skip"` the rows that name them
    are left out and listed in the result, also those that others delete meanwhile. `progress` is called with the
    number of rows sent so far. What makes the rows may use the same connection, in the transaction of the load.
    """
    validate.choice(on_match, "on_match", ON_MATCH)
    validate.choice(on_broken, "on_broken", ("error", "skip"))
    run = _load_async if is_async(db) else _load
    return run(db, rows, partial(settle, on_match, skip=on_broken == "skip"), progress or _silent)


@overload
def dump(db: Database, file: IO[bytes], *, link: LinkFilter | None = None) -> None: ...
@overload
def dump(db: AsyncDatabase, file: IO[bytes], *, link: LinkFilter | None = None) -> Coroutine[Any, Any, None]: ...
def dump(db: Any, file: IO[bytes], *, link: LinkFilter | None = None) -> Any:
    """Write memberships as UTF-8 CSV with a header, by key, to a binary file; times are in UTC.

    `file.write` must not use the connection, which is busy until the last block is written.
    """
    conditions.link_shape(link)
    _refuse_text(file)
    return _dump_async(db, file, link) if is_async(db) else _dump(db, file, link)


def _load(db: Database, rows: object, script: _Settle, report: _Report) -> BulkResult:
    chunks, sent = checked(rows), 0
    chunk = next(chunks, None)
    if not chunk:
        return BulkResult(0, 0, 0, [])
    with _transaction(db) as conn:
        with _mapped():
            Cursor(conn).execute(STAGE)
        report(sent)
        while chunk:
            _send(conn, chunk, sent)
            sent += chunk.size
            report(sent)
            chunk = next(chunks, None)
        result = _settled(conn, script)
        Cursor(conn).execute(DROP)
    return result


async def _load_async(db: AsyncDatabase, rows: object, script: _Settle, report: _Report) -> BulkResult:
    async with aclosing(checked_async(rows)) as chunks:
        sent = 0
        chunk = await anext(chunks, None)
        if not chunk:
            return BulkResult(0, 0, 0, [])
        async with _transaction_async(db) as conn:
            with _mapped():
                await AsyncCursor(conn).execute(STAGE)
            report(sent)
            while chunk:
                await _send_async(conn, chunk, sent)
                sent += chunk.size
                report(sent)
                chunk = await anext(chunks, None)
            result = await _settled_async(conn, script)
            await AsyncCursor(conn).execute(DROP)
    return result


def _send(conn: Connection[Any], chunk: Chunk, before: int) -> None:
    with _mapped():
        data = packed(chunk, before, conn.info.encoding)
        with Cursor(conn).copy(COPY) as copy:
            copy.write(data)


async def _send_async(conn: AsyncConnection[Any], chunk: Chunk, before: int) -> None:
    with _mapped():
        data = packed(chunk, before, conn.info.encoding)
        async with AsyncCursor(conn).copy(COPY) as copy:
            await copy.write(data)


def _settled(conn: Connection[Any], script: _Settle) -> BulkResult:
    attempts = _ATTEMPTS
    while True:
        try:
            with conn.transaction():
                return run_script(conn, script(again=attempts < _ATTEMPTS))
        except Overtaken:
            attempts -= 1
            if not attempts:
                raise


async def _settled_async(conn: AsyncConnection[Any], script: _Settle) -> BulkResult:
    attempts = _ATTEMPTS
    while True:
        try:
            async with conn.transaction():
                return await run_script_async(conn, script(again=attempts < _ATTEMPTS))
        except Overtaken:
            attempts -= 1
            if not attempts:
                raise


def _dump(db: Database, file: IO[bytes], link: LinkFilter | None) -> None:
    with _transaction(db) as conn, Cursor(conn).copy(*_dumping(link)) as copy:
        for block in copy:
            file.write(block)


async def _dump_async(db: AsyncDatabase, file: IO[bytes], link: LinkFilter | None) -> None:
    async with _transaction_async(db) as conn, AsyncCursor(conn).copy(*_dumping(link)) as copy:
        async for block in copy:
            file.write(block)


@contextmanager
def _transaction(db: Database) -> Generator[Connection[Any], None, None]:
    """Give a connection in a transaction of its own or, where the caller has one, in a savepoint of that."""
    with connection(db) as conn:
        if _begins_with_next(db, conn):
            Cursor(conn).execute(_BEGIN)
        with opening(conn, setting_of(db)):
            yield conn


@asynccontextmanager
async def _transaction_async(db: AsyncDatabase) -> AsyncGenerator[AsyncConnection[Any], None]:
    async with async_connection(db) as conn:
        if _begins_with_next(db, conn):
            await AsyncCursor(conn).execute(_BEGIN)
        async with opening_async(conn, setting_of(db)):
            yield conn


def _begins_with_next(db: object, conn: Connection[Any] | AsyncConnection[Any]) -> bool:
    # A caller's transaction begins with its first statement. Were that the one of transaction(), it would also commit.
    return given(db) is conn and not conn.autocommit and conn.info.transaction_status == TransactionStatus.IDLE


@contextmanager
def _mapped() -> Generator[None, None, None]:
    try:
        yield
    except psycopg.errors.DuplicateTable as error:
        raise InvalidValue("rows", "made by another load of the same connection") from error
    except UnicodeEncodeError as error:
        raise InvalidValue("rows", f"the connection's client_encoding cannot say {error.object!r:.200}") from error
    except psycopg.DataError as error:
        raise InvalidValue("rows", (error.diag.message_primary or str(error)).strip()) from error


def _refuse_text(file: Any) -> None:
    try:
        file.write(b"")
    except (AttributeError, TypeError):
        raise InvalidValue("file", "a file opened for writing bytes is needed") from None


def _dumping(link: LinkFilter | None) -> tuple[LiteralString, Parameters]:
    return _dump_sql(conditions.link_shape(link)), conditions.link_parameters(link)


@cache
def _dump_sql(link: conditions.LinkShape) -> LiteralString:
    query = Q.from_(_LINKS).select(_LINKS.user_id, _LINKS.aim_id, *map(_spelt, ATTRIBUTES))
    for part in conditions.link_criteria(_LINKS, link):
        query = query.where(part)
    rows = query.orderby(_LINKS.user_id, _LINKS.aim_id)
    return named("bulk.dump", from_file("bulk/dump.sql", rows=str(rows)))


def _spelt(name: str) -> Any:
    column = _LINKS.field(name)
    return to_char_utc(column).as_(name) if ATTRIBUTES[name].type == "timestamptz" else column


def _silent(_: int) -> None:
    """Report nothing."""
