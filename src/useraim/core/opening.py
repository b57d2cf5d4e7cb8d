"""psycopg's transactions, whose first write also says the settings of a scoped database.

Whatever interrupts them, they leave nothing open: where psycopg cannot end one, the connection is closed.
"""

# pyright: reportPrivateUsage=false

from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from typing import Any, Self

from psycopg import AsyncConnection, AsyncTransaction, Connection, Error, NotSupportedError, Transaction
from psycopg.abc import PQGen
from psycopg.pq import PipelineStatus, TransactionStatus
from psycopg.transaction import BaseTransaction

from useraim.core.pipeline import AnyConnection, Exchange
from useraim.core.statement import Call


class _Opening(BaseTransaction[Any]):
    setting: Call[Any]
    _is_whole = False

    def _enter_gen(self) -> PQGen[None]:
        exchange = Exchange(self._conn, self.setting.steps)
        yield from super()._enter_gen()
        if self.setting.steps:
            yield from exchange.after(self._conn, tuple(super()._get_enter_commands()))
            exchange.raise_failure(self._conn)

    def _get_enter_commands(self) -> Iterator[bytes]:
        return iter(()) if self.setting.steps else super()._get_enter_commands()  # settings go in the same write

    def _close_if_unclear(self, error: BaseException | None = None) -> None:
        # After an answer of the server psycopg rolls back. After an interrupt it cannot: its record of what is open may
        # be ahead of what was sent, or libpq be waiting for answers. Left open, a later call would take part in it.
        status, piped = self.pgconn.transaction_status, self.pgconn.pipeline_status != PipelineStatus.OFF
        is_left = status == TransactionStatus.ACTIVE or (self._is_whole and status != TransactionStatus.IDLE)
        # In a pipeline, which work has left open, the end is sent and not yet answered.
        if (is_left and not piped) or not (error is None or isinstance(error, Error)):
            self.pgconn.finish()


class OpeningTransaction(_Opening, Transaction):
    """`conn.transaction()` outside a pipeline, and settings."""

    def __init__(self, conn: Connection[Any], setting: Call[Any]) -> None:
        super().__init__(conn)
        self.setting = setting

    def __enter__(self) -> Self:
        self._is_whole = self.pgconn.transaction_status == TransactionStatus.IDLE
        try:
            return super().__enter__()
        except BaseException as error:
            self._close_if_unclear(error)
            raise

    def __exit__(self, *raised: Any) -> bool:
        try:
            is_handled = super().__exit__(*raised)
        except BaseException as error:
            self._close_if_unclear(error)
            raise
        self._close_if_unclear()
        return is_handled


class AsyncOpeningTransaction(_Opening, AsyncTransaction):
    """The same for async connections."""

    def __init__(self, conn: AsyncConnection[Any], setting: Call[Any]) -> None:
        super().__init__(conn)
        self.setting = setting

    async def __aenter__(self) -> Self:
        self._is_whole = self.pgconn.transaction_status == TransactionStatus.IDLE
        try:
            return await super().__aenter__()
        except BaseException as error:
            self._close_if_unclear(error)
            raise

    async def __aexit__(self, *raised: Any) -> bool:
        try:
            is_handled = await super().__aexit__(*raised)
        except BaseException as error:
            self._close_if_unclear(error)
            raise
        self._close_if_unclear()
        return is_handled


def close_if_left(conn: AnyConnection, error: BaseException) -> None:
    """Close a connection that an interrupt has left in a transaction: one that came just before its end could begin."""
    is_open = conn.pgconn.transaction_status not in {TransactionStatus.IDLE, TransactionStatus.UNKNOWN}
    piped = conn.pgconn.pipeline_status != PipelineStatus.OFF
    if is_open and not piped and not isinstance(error, Error):
        conn.pgconn.finish()


def opening(conn: Connection[Any], setting: Call[Any]) -> AbstractContextManager[Transaction]:
    """Begin a transaction, or a savepoint of the caller's, with these settings if there are any."""
    return conn.transaction() if _is_piped(conn, setting) else OpeningTransaction(conn, setting)


def opening_async(conn: AsyncConnection[Any], setting: Call[Any]) -> AbstractAsyncContextManager[AsyncTransaction]:
    """Do what `opening` does, on an async connection."""
    return conn.transaction() if _is_piped(conn, setting) else AsyncOpeningTransaction(conn, setting)


def _is_piped(conn: AnyConnection, setting: Call[Any]) -> bool:
    piped = conn.pgconn.pipeline_status != PipelineStatus.OFF
    if piped and setting.steps:
        raise NotSupportedError("in a pipeline a transaction cannot begin with settings")
    return piped
