"""Transactions that start again when the database asks for it."""

import asyncio
import random
import threading
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Generator
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from typing import Any, TypeAlias, TypeVar, cast, overload
from weakref import WeakKeyDictionary

import psycopg
from psycopg import AsyncConnection, Connection
from psycopg.abc import PQGen
from psycopg.errors import InFailedSqlTransaction, ReadOnlySqlTransaction
from psycopg.pq import PipelineStatus, TransactionStatus
from psycopg.transaction import BaseTransaction

from useraim import validate
from useraim.core import running
from useraim.core.database import AsyncDatabase, Database, async_connection, connection, given, is_async, setting_of
from useraim.core.opening import AsyncOpeningTransaction, OpeningTransaction, close_if_left
from useraim.core.statement import Call
from useraim.errors import is_retryable, is_undone

T = TypeVar("T")
AnyConnection: TypeAlias = Connection[Any] | AsyncConnection[Any]

_FIRST_PAUSE = 0.02  # seconds, doubled at each further try; a random part of it is waited
_LONGEST_PAUSE = 2.0


@overload
def run(db: Database, work: Callable[[Connection[Any]], T], *, attempts: int = 5, idempotent: bool = False) -> T: ...
@overload
def run(
    db: AsyncDatabase,
    work: Callable[[AsyncConnection[Any]], Awaitable[T]],
    *,
    attempts: int = 5,
    idempotent: bool = False,
) -> Coroutine[Any, Any, T]: ...
def run(db: Any, work: Callable[[Any], Any], *, attempts: int = 5, idempotent: bool = False) -> Any:
    """Call `work(conn)` in a transaction, commit, and return its result: what is returned is stored.

    After a failure that `errors.is_retryable` names, and a pause, it is called again in a new transaction: on another
    connection of a pool, whose dead ones are replaced before, but only on the same one where a connection is given,
    since a new one would lack what its session was set to. So a connection that is lost, or read-only, ends it there.
    After `attempts` the last failure is raised. A connection lost during COMMIT leaves open whether it succeeded: the
    error has a note that says so, and is only tried again if `idempotent` says that the work may be done twice.

    If `work` catches an error that has ended the transaction, and returns, `InFailedSqlTransaction` is raised, and it
    is not called again, since nothing tells whether that error was worth it: let it pass.

    Inside a transaction of the caller, which only the caller can commit or start again, `work` is called once. Threads
    and tasks that share a connection take turns. A pipeline without a transaction is refused.
    """
    validate.number(attempts, "attempts", 1)
    tries = _Tries(isinstance(given(db), (Connection, AsyncConnection)), attempts, bool(idempotent), setting_of(db))
    return _run_async(db, work, tries) if is_async(db) else _run(db, work, tries)


class _Tries:
    """How far the present try has come, and whether another may follow."""

    def __init__(self, same_connection: bool, attempts: int, idempotent: bool, setting: Call[Any]) -> None:
        self.same_connection = same_connection
        self.attempts = attempts
        self.idempotent = idempotent
        self.setting = setting
        self.begun = 0

    def begin(self) -> None:
        self.begun += 1
        self.conn: AnyConnection | None = None
        self.joined = self.committing = False

    def may_go_elsewhere(self) -> bool:
        """Say whether a server that is read-only may be left: not if the caller chose it, or asked to be read-only."""
        return not (self.same_connection or self.joined or (self.conn and self.conn.read_only))

    def may_go_on(self, error: psycopg.Error) -> bool:
        in_doubt = self.committing and is_retryable(error) and not is_undone(error)
        if in_doubt:
            error.add_note("This failure during COMMIT leaves open whether the transaction is stored.")
        return (
            self.begun < self.attempts
            and is_retryable(error)
            and not self.joined
            and (self.idempotent or not in_doubt)
            and not (self.same_connection and self.conn and self.conn.closed)
            and (self.may_go_elsewhere() or not isinstance(error, ReadOnlySqlTransaction))
        )

    def pause(self) -> float:
        return random.uniform(0, min(_LONGEST_PAUSE, _FIRST_PAUSE * 2**self.begun))


def _run(db: Database, work: Callable[[Connection[Any]], T], tries: _Tries) -> T:
    while True:
        tries.begin()
        try:
            with connection(db) as conn:
                return _once(conn, work, tries)
        except psycopg.Error as error:
            if not tries.may_go_on(error):
                raise
        if tries.conn and tries.conn.closed:  # a pool's: with a server it loses all, maybe more than there are tries
            cast("Any", given(db)).check()
        time.sleep(tries.pause())


def _once(conn: Connection[Any], work: Callable[[Connection[Any]], T], tries: _Tries) -> T:
    tries.conn = conn
    with _turn(conn):
        status, piped = _state(conn)
        tries.joined = _is_open(status, piped)
        if tries.joined:
            running.run(conn, tries.setting)
            return _whole(conn, work, piped)
        try:
            with _Transaction(conn, tries.setting):
                result = _whole(conn, work, piped)
                tries.committing = True
                return result
            raise psycopg.Rollback  # work raised it, and the block took it for handled
        except BaseException as error:
            if isinstance(error, ReadOnlySqlTransaction) and tries.may_go_elsewhere():
                conn.close()  # a server that was demoted: only a new connection may find the one that takes writes
            close_if_left(conn, error)
            raise


def _whole(conn: Connection[Any], work: Callable[[Connection[Any]], T], piped: bool) -> T:
    result = work(conn)
    _check(*_state(conn), piped, conn.info.error_message)
    return result


def _state(conn: Connection[Any]) -> tuple[TransactionStatus, bool]:
    with conn.lock:  # busy is not yet in a transaction
        status, piped = conn.info.transaction_status, conn.info.pipeline_status != PipelineStatus.OFF
    if piped:
        with conn.pipeline():  # entering waits for what was sent before
            status = conn.info.transaction_status
    return status, piped


async def _run_async(db: AsyncDatabase, work: Callable[[AsyncConnection[Any]], Awaitable[T]], tries: _Tries) -> T:
    while True:
        tries.begin()
        try:
            async with async_connection(db) as conn:
                return await _once_async(conn, work, tries)
        except psycopg.Error as error:
            if not tries.may_go_on(error):
                raise
        if tries.conn and tries.conn.closed:
            await cast("Any", given(db)).check()
        await asyncio.sleep(tries.pause())


async def _once_async(
    conn: AsyncConnection[Any], work: Callable[[AsyncConnection[Any]], Awaitable[T]], tries: _Tries
) -> T:
    tries.conn = conn
    async with _async_turn(conn):
        status, piped = await _state_async(conn)
        tries.joined = _is_open(status, piped)
        if tries.joined:
            await running.run_async(conn, tries.setting)
            return await _whole_async(conn, work, piped)
        try:
            async with _AsyncTransaction(conn, tries.setting):
                result = await _whole_async(conn, work, piped)
                tries.committing = True
                return result
            raise psycopg.Rollback  # work raised it, and the block took it for handled
        except BaseException as error:
            if isinstance(error, ReadOnlySqlTransaction) and tries.may_go_elsewhere():
                await conn.close()
            close_if_left(conn, error)
            raise


async def _whole_async(
    conn: AsyncConnection[Any], work: Callable[[AsyncConnection[Any]], Awaitable[T]], piped: bool
) -> T:
    result = await work(conn)
    _check(*await _state_async(conn), piped, conn.info.error_message)
    return result


async def _state_async(conn: AsyncConnection[Any]) -> tuple[TransactionStatus, bool]:
    async with conn.lock:
        status, piped = conn.info.transaction_status, conn.info.pipeline_status != PipelineStatus.OFF
    if piped:
        async with conn.pipeline():
            status = conn.info.transaction_status
    return status, piped


def _is_open(status: TransactionStatus, piped: bool) -> bool:
    """Say whether the caller has begun a transaction; where none can be told or begun, raise."""
    if status == TransactionStatus.UNKNOWN:
        raise psycopg.OperationalError("the connection is closed")
    if status == TransactionStatus.INERROR:
        raise InFailedSqlTransaction("the transaction has failed already: only a rollback can follow")
    if status == TransactionStatus.ACTIVE:
        raise psycopg.ProgrammingError("the connection is in the middle of a statement")
    if piped and status == TransactionStatus.IDLE:
        raise psycopg.ProgrammingError("in a pipeline that has no transaction, work would have none: begin one first")
    return status == TransactionStatus.INTRANS


def _check(status: TransactionStatus, piped: bool, piped_before: bool, message: str) -> None:
    """Raise if COMMIT would not store what work has done: the server answers it by ROLLBACK, and calls that success."""
    if status == TransactionStatus.UNKNOWN:
        raise psycopg.OperationalError("the connection was lost or closed before work returned: nothing is stored")
    if status == TransactionStatus.INERROR:
        raise InFailedSqlTransaction(
            "work returned although an error had ended its transaction: nothing is stored. Let such an error pass, or"
            f" shield the transaction by a nested conn.transaction(). The last one was: {message.strip() or 'unknown'}"
        )
    if status == TransactionStatus.IDLE:
        raise psycopg.ProgrammingError("work has ended the transaction that it was called in")
    if status == TransactionStatus.ACTIVE or piped != piped_before:
        raise psycopg.ProgrammingError("work returned in the middle of a statement or pipeline of its own")


class _Checked(BaseTransaction[Any]):
    """Looks once more under the lock of COMMIT: a statement of another thread or task may have slipped in before it."""

    def _commit_gen(self) -> PQGen[None]:
        try:
            _check(self._conn.info.transaction_status, False, False, self._conn.info.error_message)
        except psycopg.Error as error:
            yield from self._rollback_gen(error)
            raise
        yield from super()._commit_gen()


class _Transaction(_Checked, OpeningTransaction):
    pass


class _AsyncTransaction(_Checked, AsyncOpeningTransaction):
    pass


class _Turn:
    """Whose turn a connection is: begun while another's is open, a transaction would become a part of that."""

    def __init__(self, lock: Any) -> None:
        self.lock = lock
        self.holder: object = None

    def is_ours(self) -> bool:
        return self.holder in _INSIDE.get()

    @contextmanager
    def taken(self) -> Generator[None, None, None]:
        self.holder = holder = object()
        _INSIDE.set(_INSIDE.get() | {holder})
        try:
            yield
        finally:
            _INSIDE.set(_INSIDE.get() - {holder})
            self.holder = None


_INSIDE: ContextVar[frozenset[object]] = ContextVar("useraim.transaction", default=frozenset())
_TURNS: WeakKeyDictionary[AnyConnection, _Turn] = WeakKeyDictionary()
_TURNS_LOCK = threading.Lock()


def _turn_of(conn: AnyConnection, lock: Callable[[], Any]) -> _Turn:
    with _TURNS_LOCK:
        return _TURNS.setdefault(conn, _Turn(lock()))


@contextmanager
def _turn(conn: Connection[Any]) -> Generator[None, None, None]:
    turn = _turn_of(conn, threading.Lock)
    if turn.is_ours():
        yield
        return
    with turn.lock, turn.taken():
        yield


@asynccontextmanager
async def _async_turn(conn: AsyncConnection[Any]) -> AsyncGenerator[None, None]:
    turn = _turn_of(conn, asyncio.Lock)
    if turn.is_ours():
        yield
        return
    async with turn.lock:
        with turn.taken():
            yield
