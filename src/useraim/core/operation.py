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
from itertools import chain
from typing import (
    Any,
    Concatenate,
    Generic,
    ParamSpec,
    Protocol,
    TypeAlias,
    TypeVar,
    get_args,
    get_type_hints,
    overload,
)

import psycopg
from psycopg import AsyncConnection, Connection
from psycopg.pq import PipelineStatus

from useraim.core.pipeline import AsyncPipelineCursor, Exchange, PipelineCursor, refuse_busy, settle
from useraim.core.statement import Call
from useraim.errors import translate
from useraim.validate import UNSET

P = ParamSpec("P")
T = TypeVar("T")
Owner = TypeVar("Owner")


_TRIES = 5
"""How often a call that is a transaction by itself is sent while others' transactions get in its way."""


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
    """Send the call's statements and read its result: one round trip and, on autocommit or a pool, one transaction.

    One that the server ends for a deadlock or for a snapshot that is too old is sent again, up to five times in all.
    """
    if not call.steps:
        return call.read([])
    if isinstance(db, Connection):
        return call.read(_results(db, call, autocommit=db.autocommit))
    with db.connection() as conn:
        results = _results(conn, call, autocommit=True)
    return call.read(results)


async def run_async(db: AsyncDatabase, call: Call[T]) -> T:
    """Do what `run` does, on an async connection or pool."""
    if not call.steps:
        return call.read([])
    if isinstance(db, AsyncConnection):
        return call.read(await _results_async(db, call, autocommit=db.autocommit))
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
    exchange = Exchange(conn, call.steps)
    try:
        with conn.lock:
            alone = conn.pgconn.pipeline_status == PipelineStatus.OFF
            if alone:
                refuse_busy(conn.pgconn)
                _drive(conn, exchange, autocommit)
        if not alone:
            return _queued(conn, call)
        if exchange.may_start_again and tries > 1:
            return _results(conn, call, autocommit=autocommit, tries=tries - 1)
        exchange.raise_failure(conn)
    except psycopg.Error as error:
        if known := translate(error):
            raise call.error(known) from error
        raise
    return exchange.rows()


async def _results_async(
    conn: AsyncConnection[Any], call: Call[Any], *, autocommit: bool, tries: int = _TRIES
) -> list[list[Any]]:
    exchange = Exchange(conn, call.steps)
    try:
        async with conn.lock:
            alone = conn.pgconn.pipeline_status == PipelineStatus.OFF
            if alone:
                refuse_busy(conn.pgconn)
                await _drive_async(conn, exchange, autocommit)
        if not alone:
            return await _queued_async(conn, call)
        if exchange.may_start_again and tries > 1:
            return await _results_async(conn, call, autocommit=autocommit, tries=tries - 1)
        exchange.raise_failure(conn)
    except psycopg.Error as error:
        if known := translate(error):
            raise call.error(known) from error
        raise
    return exchange.rows()


def _drive(conn: Connection[Any], exchange: Exchange, autocommit: bool) -> None:
    try:
        _wait(conn, exchange, autocommit)
    except BaseException:  # once more, for what interrupts the settling itself: a second Ctrl-C
        settle(conn.pgconn)
        raise


def _wait(conn: Connection[Any], exchange: Exchange, autocommit: bool) -> None:
    try:
        conn.wait(exchange.generate(conn, autocommit=autocommit))
    except BaseException:
        settle(conn.pgconn)
        raise


async def _drive_async(conn: AsyncConnection[Any], exchange: Exchange, autocommit: bool) -> None:
    try:
        await _wait_async(conn, exchange, autocommit)
    except BaseException:
        settle(conn.pgconn)
        raise


async def _wait_async(conn: AsyncConnection[Any], exchange: Exchange, autocommit: bool) -> None:
    try:
        await conn.wait(exchange.generate(conn, autocommit=autocommit))
    except BaseException:
        settle(conn.pgconn)
        raise


def _queued(conn: Connection[Any], call: Call[Any]) -> list[list[Any]]:
    """Queue the statements in the caller's pipeline, of which they are some of many, and wait for their results."""
    cursors = [PipelineCursor(conn) for _ in call.steps]
    for cursor, (statement, parameters) in zip(cursors, call.steps, strict=True):
        cursor.execute(statement.sql, parameters, prepare=False, binary=True)
    rows = [cursor.fetchall() for cursor in cursors]
    return [[statement.row(row) for row in some] for (statement, _), some in zip(call.steps, rows, strict=True)]


async def _queued_async(conn: AsyncConnection[Any], call: Call[Any]) -> list[list[Any]]:
    cursors = [AsyncPipelineCursor(conn) for _ in call.steps]
    for cursor, (statement, parameters) in zip(cursors, call.steps, strict=True):
        await cursor.execute(statement.sql, parameters, prepare=False, binary=True)
    rows = [await cursor.fetchall() for cursor in cursors]
    return [[statement.row(row) for row in some] for (statement, _), some in zip(call.steps, rows, strict=True)]


@contextmanager
def connection(db: Database) -> Generator[Connection[Any], None, None]:
    """Give the connection itself, or one of the pool's."""
    if isinstance(db, Connection):
        yield db
        return
    with db.connection() as conn:
        yield conn


@asynccontextmanager
async def async_connection(db: AsyncDatabase) -> AsyncGenerator[AsyncConnection[Any], None]:
    """Do what `connection` does, for async connections and pools."""
    if isinstance(db, AsyncConnection):
        yield db
        return
    async with db.connection() as conn:
        yield conn


def is_async(db: object) -> bool:
    """Tell the two worlds apart; anything that is neither a connection nor a pool is a TypeError."""
    if isinstance(db, Connection):
        return False
    if isinstance(db, AsyncConnection):
        return True
    lend = getattr(db, "connection", None)
    if not callable(lend):
        raise TypeError(f"a psycopg connection or pool comes first, not {type(db).__name__}")
    return hasattr(lend(), "__aenter__")  # nothing is lent before that is entered


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
    parameters = [db, *chain.from_iterable(map(_named, signature.parameters.values()))]
    return signature.replace(parameters=parameters, return_annotation=result)


def _named(parameter: inspect.Parameter) -> list[inspect.Parameter]:
    """Name each keyword of a TypedDict, as help() and editors show them."""
    if parameter.kind is not inspect.Parameter.VAR_KEYWORD:
        return [parameter]
    (keywords,) = get_args(parameter.annotation)
    return [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=UNSET, annotation=kind)
        for name, kind in get_type_hints(keywords).items()
    ]
