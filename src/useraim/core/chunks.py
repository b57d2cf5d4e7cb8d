"""All rows of one query, chunk by chunk, on a connection that nobody else uses meanwhile.

The server sends as fast as the rows are drawn, and only a chunk of them is ever here. libpq 17 gives chunks; before, it
gives row by row, which takes a third longer, and still less than a cursor on the server.
"""

from collections.abc import AsyncGenerator, Generator
from time import monotonic
from typing import Any, Final

from psycopg import AsyncConnection, Connection, Error, capabilities
from psycopg.abc import PQGen
from psycopg.generators import fetch, fetch_many, send
from psycopg.pq import ExecStatus, Format, PipelineStatus
from psycopg.pq.abc import PGconn, PGresult

from useraim.core.pipeline import AnyConnection, Exchange, refuse_busy, settle
from useraim.core.statement import Call

CHUNKED: Final = capabilities.has_stream_chunked()

_SIZE: Final = 100  # rows that stay in the processor's caches until they are dropped: 500 take a fifth longer
_PATIENCE: Final = 5.0  # seconds that a server may take to stop a query
_ROWS: Final = frozenset([ExecStatus.TUPLES_CHUNK, ExecStatus.SINGLE_TUPLE])


class Drawn(Exchange):
    """The exchange for a call whose last statement gives the rows; those in front of it are its settings.

    All of it is one transaction of the server's, without a BEGIN. libpq is in pipeline mode until its end.
    """

    __slots__ = ("_chunked", "_loads")

    def __init__(self, conn: AnyConnection, call: Call[Any], *, chunked: bool) -> None:
        super().__init__(conn, call.steps)
        self._chunked = chunked
        self._loads = False

    def start(self, pgconn: PGconn) -> PQGen[None]:
        """Send everything, and read what comes in front of the rows."""
        pgconn.enter_pipeline_mode()
        for one in self._bound:
            one.send(pgconn, b"")
        pgconn.pipeline_sync()
        yield from send(pgconn)
        for _ in self._bound[:-1]:
            self._check((yield from fetch_many(pgconn)))
        if self._failure is None:
            pgconn.set_chunked_rows_mode(_SIZE) if self._chunked else pgconn.set_single_row_mode()

    def chunk(self, pgconn: PGconn) -> PQGen[list[Any]]:
        """Make the next rows; at the end of them, leave pipeline mode."""
        rows: list[Any] = []
        while len(rows) < _SIZE and (answer := (yield from self._next(pgconn))):
            self._transformer.set_pgresult(answer, set_loaders=not self._loads, format=Format.BINARY)
            self._loads = True
            rows += self._transformer.load_rows(0, answer.ntuples, self._bound[-1].statement.row)
        return rows

    def rest(self, pgconn: PGconn) -> PQGen[None]:
        """Drop the rows that are still to come, for as long as a server may take that was told to stop."""
        until = monotonic() + _PATIENCE
        dropping = self._dropped(pgconn)
        ready: Any = None
        while monotonic() < until:
            try:
                wanted = dropping.send(ready)
            except StopIteration:
                return
            ready = yield wanted

    def _dropped(self, pgconn: PGconn) -> PQGen[None]:
        while (yield from self._next(pgconn)):
            pass

    def _next(self, pgconn: PGconn) -> PQGen[PGresult | None]:
        answer: PGresult | None = yield from fetch(pgconn)
        if answer is None or answer.status in _ROWS:
            return answer
        self._check([answer, *(yield from fetch_many(pgconn))])
        yield from self._synced(pgconn)
        pgconn.exit_pipeline_mode()
        return None


def chunks(conn: Connection[Any], call: Call[Any], *, chunked: bool) -> Generator[list[Any], None, None]:
    """Send the call and give the rows of its last statement; left early, stop the query."""
    drawn = Drawn(conn, call, chunked=chunked)
    refuse_busy(conn.pgconn)
    try:
        conn.wait(drawn.start(conn.pgconn))
        while _is_open(conn.pgconn):
            yield conn.wait(drawn.chunk(conn.pgconn))
        drawn.raise_failure(conn)
    finally:
        _stop(conn, drawn)


async def chunks_async(
    conn: AsyncConnection[Any], call: Call[Any], *, chunked: bool
) -> AsyncGenerator[list[Any], None]:
    """Do what `chunks` does, on an async connection."""
    drawn = Drawn(conn, call, chunked=chunked)
    refuse_busy(conn.pgconn)
    try:
        await conn.wait(drawn.start(conn.pgconn))
        while _is_open(conn.pgconn):
            yield await conn.wait(drawn.chunk(conn.pgconn))
        drawn.raise_failure(conn)
    finally:
        await _stop_async(conn, drawn)


def _is_open(pgconn: PGconn) -> bool:
    return pgconn.pipeline_status != PipelineStatus.OFF


def _stop(conn: Connection[Any], drawn: Drawn) -> None:
    try:
        if _is_open(conn.pgconn):
            conn.cancel_safe(timeout=_PATIENCE)
            conn.wait(drawn.rest(conn.pgconn))
    except Error:
        pass  # one that could not be stopped is closed
    finally:
        settle(conn.pgconn)


async def _stop_async(conn: AsyncConnection[Any], drawn: Drawn) -> None:
    try:
        if _is_open(conn.pgconn):
            await conn.cancel_safe(timeout=_PATIENCE)
            await conn.wait(drawn.rest(conn.pgconn))
    except Error:
        pass
    finally:
        settle(conn.pgconn)
