"""Calls whose work is not simply kept: a transaction around them, or a savepoint in the caller's, and its ending.

All of it goes in the same write as the statements, except where the answers decide how it ends: then in a second one.
Meanwhile libpq stays in pipeline mode, by which `settle` knows that an interrupted one has not ended.
"""

from typing import Any, NamedTuple, TypeAlias

from psycopg.abc import PQGen
from psycopg.generators import send
from psycopg.pq import PipelineStatus, TransactionStatus

from useraim.core.pipeline import AnyConnection, Exchange, begin, maintained, tell
from useraim.core.statement import Call, Ending
from useraim.errors import InvalidValue

Commands: TypeAlias = tuple[bytes, ...]

_SAVEPOINT = b"SAVEPOINT useraim_call"
_RELEASE = b"RELEASE SAVEPOINT useraim_call"
_BACK: Commands = (b"ROLLBACK TO SAVEPOINT useraim_call", _RELEASE)


class _Frame(NamedTuple):
    """Commands around the statements and, in a second write, for those that have succeeded or failed."""

    before: Commands = ()
    after: Commands = ()
    keep: Commands = ()
    undo: Commands = ()


# What the constraints that wait for COMMIT would say belongs to the answer.
_ALONE = {
    Ending.SURE: _Frame(),
    Ending.CHECKED: _Frame((b"BEGIN",), keep=(b"COMMIT",), undo=(b"ROLLBACK",)),
    Ending.UNDONE: _Frame((b"BEGIN",), after=(b"SET CONSTRAINTS ALL IMMEDIATE", b"ROLLBACK"), undo=(b"ROLLBACK",)),
}
_JOINED = {
    Ending.SURE: _Frame((_SAVEPOINT,), after=(_RELEASE,), undo=_BACK),
    Ending.CHECKED: _Frame((_SAVEPOINT,), keep=(_RELEASE,), undo=_BACK),
    Ending.UNDONE: _Frame((_SAVEPOINT,), after=_BACK, undo=_BACK),
}


class Guarded(Exchange):
    """An exchange whose work is kept or undone as the call's `ending` says, in one or two round trips."""

    __slots__ = ("_call", "_ending", "_rows")

    def __init__(self, conn: AnyConnection, call: Call[Any], ending: Ending) -> None:
        try:
            super().__init__(conn, call.steps)
        except InvalidValue as error:
            raise call.error(error, self.failed_step) from error.__cause__
        self._call = call
        self._ending = ending
        self._rows: list[list[Any]] | None = None

    def generate(self, conn: AnyConnection, *, autocommit: bool) -> PQGen[None]:
        """Send everything, read everything, and end it."""
        pgconn = conn.pgconn
        is_piped = pgconn.pipeline_status != PipelineStatus.OFF
        if not is_piped:
            yield from maintained(conn)
        frame = self._frame(conn, autocommit)
        pgconn.enter_pipeline_mode()
        yield from self._framed(conn, frame)
        if ending := frame.undo if self._is_refused() else frame.keep:
            yield from self._ended(conn, ending)
        if not is_piped:
            pgconn.exit_pipeline_mode()

    def rows(self) -> list[list[Any]]:
        """Make rows of the answers, once."""
        if self._rows is None:
            self._rows = super().rows()
        return self._rows

    def _frame(self, conn: AnyConnection, autocommit: bool) -> _Frame:
        is_idle = conn.pgconn.transaction_status == TransactionStatus.IDLE
        self._whole = is_idle and autocommit
        frame = (_ALONE if self._whole else _JOINED)[self._ending]
        return _Frame((begin(conn), *frame.before), *frame[1:]) if is_idle and not autocommit else frame

    def _framed(self, conn: AnyConnection, frame: _Frame) -> PQGen[None]:
        pgconn = conn.pgconn
        tell(pgconn, frame.before)
        sent = self._sent(conn)
        tell(pgconn, frame.after)
        pgconn.pipeline_sync()
        yield from send(pgconn)
        yield from self._told(pgconn, frame.before)
        yield from self._received(conn, sent)
        yield from self._synced(pgconn)

    def _ended(self, conn: AnyConnection, ending: Commands) -> PQGen[None]:
        tell(conn.pgconn, ending)
        conn.pgconn.pipeline_sync()
        yield from send(conn.pgconn)
        yield from self._synced(conn.pgconn)

    def _is_refused(self) -> bool:
        if self._failure is not None or self._ending is not Ending.CHECKED:
            return self._failure is not None
        try:
            self._call.read(self.rows())
        except Exception:  # raised again by whoever reads the result
            return True
        return False
