"""Sync and async from one body: a generator yields what to call, and is sent the result, awaited or not."""

import inspect
from collections.abc import Awaitable, Callable, Generator
from typing import Any, TypeAlias, TypeVar

from psycopg import AsyncConnection

T = TypeVar("T")
Thunk: TypeAlias = Callable[[], Any]
Steps: TypeAlias = Generator[Thunk, Any, T]


def called(thunk: Thunk) -> Any:
    return thunk()


async def awaited(thunk: Thunk) -> Any:
    value = thunk()
    return await value if inspect.isawaitable(value) else value


def drive(steps: Steps[T], call: Callable[[Thunk], Any] = called) -> T:
    sent: Any = None
    failure: BaseException | None = None
    while True:
        try:
            thunk = steps.send(sent) if failure is None else steps.throw(failure)
        except StopIteration as end:
            result: T = end.value
            return result
        sent, failure = None, None
        try:
            sent = call(thunk)
        except BaseException as error:
            failure = error


async def drive_async(steps: Steps[T], call: Callable[[Thunk], Awaitable[Any]] = awaited) -> T:
    sent: Any = None
    failure: BaseException | None = None
    while True:
        try:
            thunk = steps.send(sent) if failure is None else steps.throw(failure)
        except StopIteration as end:
            result: T = end.value
            return result
        sent, failure = None, None
        try:
            sent = await call(thunk)
        except BaseException as error:
            failure = error


def work(steps: Callable[[Any], Steps[Any]]) -> Any:
    """Make steps what `transaction.run` calls, in the world of the connection."""

    def called_with(conn: Any) -> Any:
        return drive_async(steps(conn)) if isinstance(conn, AsyncConnection) else drive(steps(conn))

    return called_with


def listed(stream: Any) -> Any:
    """Draw all of a stream."""
    if not hasattr(stream, "__anext__"):
        return list(stream)

    async def drawn() -> list[Any]:
        return [one async for one in stream]

    return drawn()
