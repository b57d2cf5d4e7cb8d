"""Running calls: all the I/O of ordinary ones, for connections and pools, sync and async."""

from collections.abc import Generator
from typing import Any, TypeAlias, TypeVar

from psycopg import AsyncConnection, Connection
from psycopg.pq import PipelineStatus

from useraim.core.database import AsyncDatabase, AsyncScoped, Database, Scoped
from useraim.core.guarded import Guarded
from useraim.core.pipeline import Exchange, refuse_busy, settle
from useraim.core.queued import queued, queued_async
from useraim.core.statement import Call

T = TypeVar("T")

Script: TypeAlias = Generator[Call[Any], Any, T]

_TRIES = 5
"""How often a call that is a transaction by itself is sent while others' transactions get in its way."""


def run(db: Database, call: Call[T]) -> T:
    """Send the call's statements and read its result: one round trip and, on autocommit or a pool, one transaction.

    One that the server ends for a deadlock or for a snapshot that is too old is sent again, up to five times in all.
    """
    if not call.steps:
        return call.read([])
    if isinstance(db, Connection):
        return call.read(_results(db, call, autocommit=db.autocommit))
    if isinstance(db, Scoped):
        return run(db.db, call.under(db.setting))
    with db.connection() as conn:
        results = _results(conn, call, autocommit=True)
    return call.read(results)


async def run_async(db: AsyncDatabase, call: Call[T]) -> T:
    """Do what `run` does, on an async connection or pool."""
    if not call.steps:
        return call.read([])
    if isinstance(db, AsyncConnection):
        return call.read(await _results_async(db, call, autocommit=db.autocommit))
    if isinstance(db, AsyncScoped):
        return await run_async(db.db, call.under(db.setting))
    async with db.connection() as conn:
        results = await _results_async(conn, call, autocommit=True)
    return call.read(results)


def run_script(db: Database, script: Script[T]) -> T:
    """Make call after call, each answered to the script, until it returns: for what one round trip cannot do."""
    answer: Any = None
    while True:
        try:
            call = script.send(answer)
        except StopIteration as end:
            result: T = end.value
            return result
        answer = run(db, call)


async def run_script_async(db: AsyncDatabase, script: Script[T]) -> T:
    """Do what `run_script` does, on an async connection or pool."""
    answer: Any = None
    while True:
        try:
            call = script.send(answer)
        except StopIteration as end:
            result: T = end.value
            return result
        answer = await run_async(db, call)


def _results(conn: Connection[Any], call: Call[Any], *, autocommit: bool, tries: int = _TRIES) -> list[list[Any]]:
    exchange = Exchange(conn, call.steps) if call.ending is None else Guarded(conn, call, call.ending)
    with conn.lock:
        alone = conn.pgconn.pipeline_status == PipelineStatus.OFF
        if alone:
            refuse_busy(conn.pgconn)
            _drive(conn, exchange, autocommit)
    if not alone and call.ending is None:
        return queued(conn, call)
    if not alone:
        _drive_between(conn, exchange, autocommit)
    if exchange.may_start_again and tries > 1:
        return _results(conn, call, autocommit=autocommit, tries=tries - 1)
    return exchange.results(conn, call.error)


async def _results_async(
    conn: AsyncConnection[Any], call: Call[Any], *, autocommit: bool, tries: int = _TRIES
) -> list[list[Any]]:
    exchange = Exchange(conn, call.steps) if call.ending is None else Guarded(conn, call, call.ending)
    async with conn.lock:
        alone = conn.pgconn.pipeline_status == PipelineStatus.OFF
        if alone:
            refuse_busy(conn.pgconn)
            await _drive_async(conn, exchange, autocommit)
    if not alone and call.ending is None:
        return await queued_async(conn, call)
    if not alone:
        await _drive_between_async(conn, exchange, autocommit)
    if exchange.may_start_again and tries > 1:
        return await _results_async(conn, call, autocommit=autocommit, tries=tries - 1)
    return exchange.results(conn, call.error)


def _drive_between(conn: Connection[Any], exchange: Exchange, autocommit: bool) -> None:
    """Send it between what stands in the caller's pipeline already, which is waited for, and what comes later."""
    with conn.pipeline(), conn.lock:
        refuse_busy(conn.pgconn)
        _drive(conn, exchange, autocommit)


def _drive(conn: Connection[Any], exchange: Exchange, autocommit: bool) -> None:
    try:
        _wait(conn, exchange, autocommit)
    except BaseException:  # once more, for what interrupts the settling itself: a second Ctrl-C
        settle(conn.pgconn)
        raise


def _wait(conn: Connection[Any], exchange: Exchange, autocommit: bool) -> None:
    try:
        exchange.take(conn, conn.wait(exchange.generate(conn, autocommit=autocommit)))
    except BaseException:
        settle(conn.pgconn)
        raise


async def _drive_between_async(conn: AsyncConnection[Any], exchange: Exchange, autocommit: bool) -> None:
    async with conn.pipeline(), conn.lock:
        refuse_busy(conn.pgconn)
        await _drive_async(conn, exchange, autocommit)


async def _drive_async(conn: AsyncConnection[Any], exchange: Exchange, autocommit: bool) -> None:
    try:
        await _wait_async(conn, exchange, autocommit)
    except BaseException:
        settle(conn.pgconn)
        raise


async def _wait_async(conn: AsyncConnection[Any], exchange: Exchange, autocommit: bool) -> None:
    try:
        exchange.take(conn, await conn.wait(exchange.generate(conn, autocommit=autocommit)))
    except BaseException:
        settle(conn.pgconn)
        raise
