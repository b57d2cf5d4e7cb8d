"""Very many memberships: COPY into a stage that vanishes with the transaction, then one INSERT … SELECT.

Only the COPY itself is written twice, for sync and async; what follows it is one script of calls for both.
COPY cannot share a pipeline with other statements, so a load costs a handful of round trips, whatever its size.
"""

from collections.abc import AsyncIterable, Callable, Coroutine, Generator, Iterable
from contextlib import contextmanager
from functools import cache
from typing import IO, Any, Final, Literal, LiteralString, TypeAlias, overload

import psycopg

from useraim import filters, validate
from useraim.accounts.user_aims import Row
from useraim.errors import InvalidValue, translate
from useraim.operation import (
    AsyncDatabase,
    Database,
    Script,
    async_connection,
    connection,
    is_async,
    run_script,
    run_script_async,
)
from useraim.query import Q, table, to_char_utc
from useraim.staging import COLUMNS, DROP, STAGE, BulkResult, Rejected, blocks, blocks_async, settle
from useraim.statement import Parameters, named
from useraim.values import LinkFilter, OnMatch

__all__ = ["BulkResult", "Rejected", "dump", "load"]

OnBroken: TypeAlias = Literal["error", "skip"]

_LINKS: Final = table("user_aims")


@overload
def load(
    db: Database,
    rows: Iterable[Row] | IO[bytes],
    *,
    on_match: OnMatch = "ignore",
    on_broken: OnBroken = "error",
    progress: Callable[[int], object] | None = None,
) -> BulkResult: ...
@overload
def load(
    db: AsyncDatabase,
    rows: AsyncIterable[Row] | Iterable[Row] | IO[bytes],
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
    """Write any number of memberships from any iterable, or from a CSV file as `dump` writes it, all or nothing.

    Memory is bounded. Of rows with the same pair the first counts. `on_match` as in `user_aims.put_many`. Users and
    aims that do not exist raise `BrokenReference` naming all of them; with `on_broken="skip"` the rows that name them
    are left out and listed in the result. `progress` is called with the number of rows sent so far.
    """
    validate.choice(on_match, "on_match", ("ignore", "update", "error"))
    validate.choice(on_broken, "on_broken", ("error", "skip"))
    script = settle(on_match, skip=on_broken == "skip")
    report = progress or _silent
    return _load_async(db, rows, script, report) if is_async(db) else _load(db, rows, script, report)


@overload
def dump(db: Database, file: IO[bytes], *, link: LinkFilter | None = None) -> None: ...
@overload
def dump(db: AsyncDatabase, file: IO[bytes], *, link: LinkFilter | None = None) -> Coroutine[Any, Any, None]: ...
def dump(db: Any, file: IO[bytes], *, link: LinkFilter | None = None) -> Any:
    """Write memberships as UTF-8 CSV with a header, by key, to a binary file; times are in UTC."""
    filters.link_shape(link)
    return _dump_async(db, file, link) if is_async(db) else _dump(db, file, link)


def _load(db: Database, rows: Any, script: Script[BulkResult], report: Callable[[int], object]) -> BulkResult:
    with connection(db) as conn, _mapped(), conn.transaction():
        conn.execute(STAGE)
        statement, sending = blocks(rows, conn.info.encoding)
        with psycopg.Cursor(conn).copy(statement) as copy:
            for block, sent in sending:
                copy.write(block)
                report(sent)
        result = run_script(conn, script)
        conn.execute(DROP)
    return result


async def _load_async(
    db: AsyncDatabase, rows: Any, script: Script[BulkResult], report: Callable[[int], object]
) -> BulkResult:
    async with async_connection(db) as conn:
        with _mapped():
            async with conn.transaction():
                await conn.execute(STAGE)
                statement, sending = blocks_async(rows, conn.info.encoding)
                async with psycopg.AsyncCursor(conn).copy(statement) as copy:
                    async for block, sent in sending:
                        await copy.write(block)
                        report(sent)
                result = await run_script_async(conn, script)
                await conn.execute(DROP)
    return result


def _dump(db: Database, file: IO[bytes], link: LinkFilter | None) -> None:
    with connection(db) as conn, psycopg.Cursor(conn).copy(*_dumping(link)) as copy:
        for block in copy:
            file.write(block)


async def _dump_async(db: AsyncDatabase, file: IO[bytes], link: LinkFilter | None) -> None:
    async with async_connection(db) as conn, psycopg.AsyncCursor(conn).copy(*_dumping(link)) as copy:
        async for block in copy:
            file.write(block)


@contextmanager
def _mapped() -> Generator[None, None, None]:
    try:
        yield
    except psycopg.DataError as error:
        raise InvalidValue("rows", (error.diag.message_primary or str(error)).strip()) from error
    except psycopg.Error as error:
        if known := translate(error):
            raise known from error
        raise


def _dumping(link: LinkFilter | None) -> tuple[LiteralString, Parameters]:
    return _dump_sql(filters.link_shape(link)), filters.link_parameters(link)


@cache
def _dump_sql(link: filters.LinkShape) -> LiteralString:
    at = _LINKS.joined_at
    query = Q.from_(_LINKS).select(*COLUMNS[:-1], to_char_utc(at).as_("joined_at"))
    for part in filters.link_criteria(_LINKS, link):
        query = query.where(part)
    rows = query.orderby(_LINKS.user_id, _LINKS.aim_id)
    return named("bulk.dump", f"COPY ({rows}) TO STDOUT (FORMAT csv, HEADER, ENCODING 'UTF8')")


def _silent(_: int) -> None:
    """Report nothing."""
