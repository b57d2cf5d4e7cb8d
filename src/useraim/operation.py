"""@operation and its runners: all the I/O of ordinary calls, for connections and pools, sync and async."""

import inspect
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator
from contextlib import (
    AbstractAsyncContextManager,
    AbstractContextManager,
    asynccontextmanager,
    contextmanager,
)
from functools import update_wrapper
from typing import Any, Concatenate, Generic, ParamSpec, Protocol, TypeAlias, TypeVar, get_args, overload

import psycopg
from psycopg import AsyncConnection, Connection
from psycopg.pq import TransactionStatus

from useraim.errors import translate
from useraim.pipeline import AsyncStatementCursor, StatementCursor, pipelined
from useraim.statement import Call

P = ParamSpec("P")
T = TypeVar("T")
Owner = TypeVar("Owner")


class Pool(Protocol):
    """What is used of `psycopg_pool.ConnectionPool`."""

    def connection(self) -> AbstractContextManager[Connection[Any]]:
        """Lend a connection."""
        ...


class AsyncPool(Protocol):
    """What is used of `psycopg_pool.AsyncConnectionPool`."""

    def connection(self) -> AbstractAsyncContextManager[AsyncConnection[Any]]:
        """Lend a connection."""
        ...


Script: TypeAlias = Generator[Call[Any], Any, T]
Database = Connection[Any] | Pool
AsyncDatabase = AsyncConnection[Any] | AsyncPool


def run(db: Database, call: Call[T]) -> T:
    """Send the call's statements and read its result.

    One statement travels by itself. Several travel in a pipeline: one round trip, and on an autocommit connection
    one transaction, which ends with the pipeline.
    """
    if not call.steps:
        return call.read([])
    if isinstance(db, Connection):
        return call.read(_results(db, call))
    with connection(db) as conn:
        return call.read(_results(conn, call))


async def run_async(db: AsyncDatabase, call: Call[T]) -> T:
    """Do what `run` does, on an async connection or pool."""
    if not call.steps:
        return call.read([])
    if isinstance(db, AsyncConnection):
        return call.read(await _results_async(db, call))
    async with async_connection(db) as conn:
        return call.read(await _results_async(conn, call))


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


def _results(conn: Connection[Any], call: Call[Any]) -> list[list[Any]]:
    try:
        if len(call.steps) == 1:
            statement, parameters = call.steps[0]
            return [StatementCursor(conn, statement).execute(statement.sql, parameters).fetched()]
        cursors = [StatementCursor(conn, statement) for statement, _ in call.steps]
        with conn.lock:
            conn.wait(pipelined(conn, cursors, call.steps))
        return [cursor.fetched() for cursor in cursors]
    except psycopg.Error as error:
        if known := translate(error):
            raise call.error(known) from error
        raise


async def _results_async(conn: AsyncConnection[Any], call: Call[Any]) -> list[list[Any]]:
    try:
        if len(call.steps) == 1:
            statement, parameters = call.steps[0]
            cursor = await AsyncStatementCursor(conn, statement).execute(statement.sql, parameters)
            return [await cursor.fetched()]
        cursors = [AsyncStatementCursor(conn, statement) for statement, _ in call.steps]
        async with conn.lock:
            await conn.wait(pipelined(conn, cursors, call.steps))
        return [await cursor.fetched() for cursor in cursors]
    except psycopg.Error as error:
        if known := translate(error):
            raise call.error(known) from error
        raise


@contextmanager
def connection(db: Database) -> Generator[Connection[Any], None, None]:
    """Give the connection itself, or a pool's in autocommit: BEGIN and COMMIT would be round trips of their own."""
    if isinstance(db, Connection):
        yield db
        return
    with db.connection() as conn:
        before = conn.autocommit
        conn.autocommit = True
        try:
            yield conn
        finally:
            if not before and conn.info.transaction_status == TransactionStatus.IDLE:
                conn.autocommit = before


@asynccontextmanager
async def async_connection(db: AsyncDatabase) -> AsyncGenerator[AsyncConnection[Any], None]:
    """Do what `connection` does, for async connections and pools."""
    if isinstance(db, AsyncConnection):
        yield db
        return
    async with db.connection() as conn:
        before = conn.autocommit
        await conn.set_autocommit(True)
        try:
            yield conn
        finally:
            if not before and conn.info.transaction_status == TransactionStatus.IDLE:
                await conn.set_autocommit(before)


def is_async(db: object) -> bool:
    """Tell the two worlds apart; anything that is neither a connection nor a pool is a TypeError."""
    if isinstance(db, Connection):
        return False
    if isinstance(db, AsyncConnection):
        return True
    lend = getattr(db, "connection", None)
    if not callable(lend):
        raise TypeError(f"a psycopg connection or pool comes first, not {type(db).__name__}")
    # contextlib's decorators keep the function they wrap: a generator for a pool, an async one for an async pool.
    return inspect.isasyncgenfunction(inspect.unwrap(lend))


class Operation(Protocol[P, T]):
    """A function of the database: give it a connection or a pool first, and await it if that is async."""

    @property
    def call(self) -> Callable[P, Call[T]]:
        """The pure function behind it, which sends nothing."""
        ...

    @overload
    def __call__(self, db: Database, /, *args: P.args, **kwargs: P.kwargs) -> T: ...
    @overload
    def __call__(self, db: AsyncDatabase, /, *args: P.args, **kwargs: P.kwargs) -> Coroutine[Any, Any, T]: ...


class _Bound(Generic[P, T]):
    """An operation made of a function that builds a call."""

    def __init__(self, build: Callable[P, Call[T]]) -> None:
        update_wrapper(self, build)
        self.call = build

    @property
    def __signature__(self) -> inspect.Signature:
        return _with_db(self.call)

    def __call__(self, db: Any, /, *args: P.args, **kwargs: P.kwargs) -> Any:
        call = self.call(*args, **kwargs)
        return run_async(db, call) if is_async(db) else run(db, call)

    def __repr__(self) -> str:
        return f"<operation {getattr(self.call, '__qualname__', self.call)}>"


def operation(build: Callable[P, Call[T]]) -> Operation[P, T]:
    """Make a function that builds a call one that takes a database first and runs it."""
    return _Bound(build)


class method(Generic[Owner, P, T]):
    """The same for methods: each access gives the operation of that object."""

    def __init__(self, build: Callable[Concatenate[Owner, P], Call[T]]) -> None:
        self.build = build
        self.__doc__ = build.__doc__

    def __set_name__(self, owner: type[object], name: str) -> None:
        self.name = name

    @overload
    def __get__(self, owner: None, kind: type[Owner]) -> "method[Owner, P, T]": ...
    @overload
    def __get__(self, owner: Owner, kind: type[Owner]) -> Operation[P, T]: ...
    def __get__(self, owner: Owner | None, kind: type[Owner]) -> "Operation[P, T] | method[Owner, P, T]":
        if owner is None:
            return self
        bound: Operation[P, T] = operation(self.build.__get__(owner, kind))
        owner.__dict__[self.name] = bound
        return bound


def _with_db(build: Callable[..., Any]) -> inspect.Signature:
    signature = inspect.signature(build)
    db = inspect.Parameter("db", inspect.Parameter.POSITIONAL_ONLY)
    (result,) = get_args(signature.return_annotation)
    return signature.replace(parameters=[db, *signature.parameters.values()], return_annotation=result)
