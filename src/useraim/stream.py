"""Streams: iterators that read page after page, and hold neither rows nor a transaction nor a connection meanwhile."""

from collections.abc import AsyncIterator, Callable, Iterator
from functools import update_wrapper
from typing import Any, Concatenate, Generic, ParamSpec, Protocol, TypeVar, overload

from useraim.operation import AsyncDatabase, Database, is_async, run, run_async
from useraim.page import MOST, Page, Window, unseal
from useraim.statement import Call

P = ParamSpec("P")
T = TypeVar("T")
Owner = TypeVar("Owner")

_SCOPE = "stream"


class Stream(Protocol[P, T]):
    """A function of the database that gives an iterator, async if the connection or pool is."""

    @property
    def call(self) -> Callable[P, Call[Page[T]]]:
        """The pure function behind it: the call for the first page."""
        ...

    @overload
    def __call__(self, db: Database, /, *args: P.args, **kwargs: P.kwargs) -> Iterator[T]: ...
    @overload
    def __call__(self, db: AsyncDatabase, /, *args: P.args, **kwargs: P.kwargs) -> AsyncIterator[T]: ...


class _Bound(Generic[P, T]):
    def __init__(self, build: Callable[P, Callable[[Window], Call[Page[T]]]]) -> None:
        update_wrapper(self, build)
        self.build = build

    def call(self, *args: P.args, **kwargs: P.kwargs) -> Call[Page[T]]:
        return self.build(*args, **kwargs)(_chunk(None))

    def __call__(self, db: Any, /, *args: P.args, **kwargs: P.kwargs) -> Any:
        pages = self.build(*args, **kwargs)
        return _rows_async(db, pages) if is_async(db) else _rows(db, pages)


def _rows(db: Database, pages: Callable[[Window], Call[Page[T]]]) -> Iterator[T]:
    cursor: str | None = None
    while True:
        page = run(db, pages(_chunk(cursor)))
        yield from page.items
        cursor = page.next
        if cursor is None:
            return


async def _rows_async(db: AsyncDatabase, pages: Callable[[Window], Call[Page[T]]]) -> AsyncIterator[T]:
    cursor: str | None = None
    while True:
        page = await run_async(db, pages(_chunk(cursor)))
        for row in page.items:
            yield row
        cursor = page.next
        if cursor is None:
            return


def _chunk(cursor: str | None) -> Window:
    return Window(_SCOPE, MOST, None if cursor is None else unseal(cursor, "after", _SCOPE), backward=False)


class stream_method(Generic[Owner, P, T]):
    """Make a method that builds the calls for pages a stream of their rows."""

    def __init__(self, build: Callable[Concatenate[Owner, P], Callable[[Window], Call[Page[T]]]]) -> None:
        self.build = build
        self.__doc__ = build.__doc__

    @overload
    def __get__(self, owner: None, kind: type[Owner]) -> "stream_method[Owner, P, T]": ...
    @overload
    def __get__(self, owner: Owner, kind: type[Owner]) -> Stream[P, T]: ...
    def __get__(self, owner: Owner | None, kind: type[Owner]) -> "Stream[P, T] | stream_method[Owner, P, T]":
        return self if owner is None else _Bound(self.build.__get__(owner, kind))


def stream_operation(build: Callable[P, Callable[[Window], Call[Page[T]]]]) -> Stream[P, T]:
    """Make a function that builds the calls for pages a stream of their rows."""
    return _Bound(build)
