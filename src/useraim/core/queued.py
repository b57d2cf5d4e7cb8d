"""Calls in a pipeline of the caller's, of whose statements theirs are some of many."""

from typing import Any

from psycopg import AsyncConnection, AsyncCursor, Connection, Cursor, Error
from psycopg.adapt import AdaptersMap
from psycopg.rows import tuple_row

from useraim.core.adapt import ADAPTERS
from useraim.core.pipeline import raise_known
from useraim.core.statement import Call


class _Cursor(Cursor[Any]):
    """A cursor with this package's adapters."""

    @property
    def adapters(self) -> AdaptersMap:
        """Give this package's, whatever the connection's are."""
        return ADAPTERS

    def __init__(self, conn: Connection[Any]) -> None:
        super().__init__(conn, row_factory=tuple_row)


class _AsyncCursor(AsyncCursor[Any]):
    """The same for async connections."""

    @property
    def adapters(self) -> AdaptersMap:
        """Give this package's, whatever the connection's are."""
        return ADAPTERS

    def __init__(self, conn: AsyncConnection[Any]) -> None:
        super().__init__(conn, row_factory=tuple_row)


def queued(conn: Connection[Any], call: Call[Any]) -> list[list[Any]]:
    """Queue the statements of a call, and wait for their results, which come when the caller's before them have."""
    cursors = [_Cursor(conn) for _ in call.steps]
    try:
        for cursor, (statement, parameters) in zip(cursors, call.steps, strict=True):
            cursor.execute(statement.sql, parameters, prepare=False, binary=True)
        return _made(call, [cursor.fetchall() for cursor in cursors])
    except Error as failure:
        raise_known(failure, call.error)
        raise


async def queued_async(conn: AsyncConnection[Any], call: Call[Any]) -> list[list[Any]]:
    """Do what `queued` does, on an async connection."""
    cursors = [_AsyncCursor(conn) for _ in call.steps]
    try:
        for cursor, (statement, parameters) in zip(cursors, call.steps, strict=True):
            await cursor.execute(statement.sql, parameters, prepare=False, binary=True)
        return _made(call, [await cursor.fetchall() for cursor in cursors])
    except Error as failure:
        raise_known(failure, call.error)
        raise


def _made(call: Call[Any], rows: list[list[Any]]) -> list[list[Any]]:
    return [[statement.row(row) for row in some] for (statement, _), some in zip(call.steps, rows, strict=True)]
