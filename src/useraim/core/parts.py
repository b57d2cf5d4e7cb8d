"""Parts: iterators over the results of one call after another, each going on where the last one ended."""

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Concatenate, Generic, NamedTuple, ParamSpec, Protocol, TypeVar, overload

from useraim.core.database import AsyncDatabase, Database
from useraim.core.operation import Bound, each
from useraim.core.running import run, run_async
from useraim.core.statement import Call

P = ParamSpec("P")
T = TypeVar("T")
Owner = TypeVar("Owner")


class Parts(NamedTuple, Generic[T]):
    """The call for the first part, and the one for what comes after a part, None if it was the last; none is empty."""

    start: Call[T]
    after: Callable[[T], Call[T] | None]


class InParts(Protocol[P, T]):
    """A function of the database that gives an iterator of parts, async if the connection or pool is."""

    @property
    def call(self) -> Callable[P, Call[T]]:
        """The pure function behind it: the call for the first part."""
        ...

    @overload
    def __call__(self, db: Database, /, *args: P.args, **kwargs: P.kwargs) -> Iterator[T]: ...
    @overload
    def __call__(self, db: AsyncDatabase, /, *args: P.args, **kwargs: P.kwargs) -> AsyncIterator[T]: ...


def _parts(db: Database, parts: Parts[T]) -> Iterator[T]:
    call: Call[T] | None = parts.start
    while call is not None:
        part = run(db, call)
        call = parts.after(part)
        if part:
            yield part
        del part  # before the next one comes


async def _parts_async(db: AsyncDatabase, parts: Parts[T]) -> AsyncIterator[T]:
    call: Call[T] | None = parts.start
    while call is not None:
        part = await run_async(db, call)
        call = parts.after(part)
        if part:
            yield part
        del part


def parts_operation(build: Callable[P, Parts[T]]) -> InParts[P, T]:
    """Make a function that builds the calls for parts an operation that gives one after the other."""

    def first_part(*args: P.args, **kwargs: P.kwargs) -> Call[T]:
        return build(*args, **kwargs).start

    return Bound(build, first_part, _parts, _parts_async)


def parts_method(build: Callable[Concatenate[Owner, P], Parts[T]]) -> each[Owner, InParts[P, T]]:
    """Make a method that builds the calls for parts an operation of each object."""
    return each(build, parts_operation)
