"""How statements travel: a cursor for each, and those of one call in one write, round trip and transaction."""

# pyright: reportPrivateUsage=false
# psycopg has no public way to send several statements while a connection stays locked, nor to wait for the result of a
# statement that returns no rows, in a pipeline.

import sys
from collections.abc import Sequence
from typing import Any, TypeAlias, cast

from psycopg import AsyncConnection, AsyncCursor, Connection, Cursor, Pipeline
from psycopg.abc import PQGen
from psycopg.adapt import AdaptersMap
from psycopg.generators import send
from psycopg.pq import Format

from useraim.adapt import ADAPTERS
from useraim.statement import Statement, Step

AnyConnection: TypeAlias = Connection[Any] | AsyncConnection[Any]
Cursors: TypeAlias = Sequence[Cursor[Any] | AsyncCursor[Any]]


class StatementCursor(Cursor[Any]):
    """A cursor for one statement."""

    __slots__ = ("returns_rows",)

    def __init__(self, conn: Connection[Any], statement: Statement[Any]) -> None:
        super().__init__(conn, row_factory=statement.row_factory)
        self.format = Format.BINARY
        self.returns_rows = statement.returns_rows

    @property
    def adapters(self) -> AdaptersMap:
        """This package's, whatever the connection's are."""
        return ADAPTERS

    def fetched(self) -> list[Any]:
        """Fetch the rows, or the number of rows changed by a statement that returns none."""
        if self.returns_rows:
            return self.fetchall()
        self._fetch_pipeline()
        return [self.rowcount]


class AsyncStatementCursor(AsyncCursor[Any]):
    """The same for async connections."""

    __slots__ = ("returns_rows",)

    def __init__(self, conn: AsyncConnection[Any], statement: Statement[Any]) -> None:
        super().__init__(conn, row_factory=statement.row_factory)
        self.format = Format.BINARY
        self.returns_rows = statement.returns_rows

    @property
    def adapters(self) -> AdaptersMap:
        """This package's, whatever the connection's are."""
        return ADAPTERS

    async def fetched(self) -> list[Any]:
        """Do what `StatementCursor.fetched` does."""
        if self.returns_rows:
            return await self.fetchall()
        await self._fetch_pipeline()
        return [self.rowcount]


def pipelined(conn: AnyConnection, cursors: Cursors, steps: Sequence[Step]) -> PQGen[None]:
    """Send several statements in one write while the connection stays locked, and fetch their results.

    On an autocommit connection that makes them one transaction. Through `conn.pipeline()` the connection is unlocked
    between the statements: those of other threads and tasks that share it would slip into this transaction, and wait
    for each other (seen: tasks hanging for ever). It also writes statement by statement and syncs twice, which takes a
    third longer than this on a local socket.
    """
    if conn._pipeline:  # the caller's, in which these statements are some of many
        yield from _queue(cursors, steps)
        yield from conn._pipeline._communicate_gen()
        return
    # It differs from an async one in nothing but public methods, which are not used.
    pipeline: Any = Pipeline(cast("Any", conn))
    conn._pipeline = pipeline
    yield from pipeline._enter_gen()
    try:
        yield from _queue(cursors, steps)
        pipeline._enqueue_sync()
        while pipeline.command_queue:
            pipeline.command_queue.popleft()()
        yield from send(conn.pgconn)
        yield from pipeline._fetch_gen(flush=False)
    finally:
        conn._pipeline = None
        pipeline._exit(sys.exc_info()[1])


def _queue(cursors: Cursors, steps: Sequence[Step]) -> PQGen[None]:
    for cursor, (statement, parameters) in zip(cursors, steps, strict=True):
        yield from cursor._start_query(statement.sql)
        yield from cursor._maybe_prepare_gen(cursor._convert_query(statement.sql, parameters))
