"""Streams: iterators over more rows than there should be here at once.

Over a connection they read page after page, and hold neither a transaction nor the connection meanwhile. Over a pool
they hold a connection of their own until they end, and read the rows of one query.
"""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import aclosing, closing
from typing import Any, Concatenate, Generic, NamedTuple, ParamSpec, Protocol, TypeVar, overload

from psycopg import AsyncConnection, Connection

from useraim.core.chunks import CHUNKED, chunks, chunks_async
from useraim.core.database import AsyncDatabase, Database, async_connection, connection, given, setting_of
from useraim.core.operation import Bound, each
from useraim.core.running import run, run_async
from useraim.core.statement import Call
from useraim.page import MOST, Page, Place, Window

P = ParamSpec("P")
T = TypeVar("T")
Owner = TypeVar("Owner")

_SCOPE = "stream"


class Paged(NamedTuple, Generic[T]):
    """What a stream reads: pages, and the place of a row among them, of values that Python orders as SQL does.

    The call for a page is of one statement, whose parameter `limit` is the number of rows to read.
    """

    page: Callable[[Window], Call[Page[T]]]
    place: Callable[[T], Place]
    descending: bool = False

    def start(self) -> Call[Page[T]]:
        """Read the first page."""
        return self.page(Window(_SCOPE, MOST, None, backward=False))

    def end(self) -> Call[Page[T]]:
        """Read the last row."""
        return self.page(Window(_SCOPE, 1, None, backward=True))

    def after(self, read: Page[T]) -> Call[Page[T]]:
        """Read the page after one that was read."""
        return self.page(Window(_SCOPE, MOST, self.place(read.items[-1]), backward=False))

    def whole(self) -> Call[Any]:
        """Read all rows at once."""
        ((statement, parameters),) = self.start().steps
        return statement.call(list, {**parameters, "limit": None})  # LIMIT NULL is no limit

    def until(self, last: list[T], read: Page[T]) -> Page[T]:
        """Leave out what comes behind the last row there was: without that, a reader who adds rows would never end."""
        end = self.place(last[-1])
        if not read.items or not self._behind(read.items[-1], end):
            return read
        return Page([row for row in read.items if not self._behind(row, end)], None, None)

    def _behind(self, row: T, end: Place) -> bool:
        return self.place(row) < end if self.descending else self.place(row) > end


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


def _rows(db: Database, paged: Paged[T]) -> Iterator[T]:
    return pages(db, paged) if isinstance(given(db), Connection) else held(db, paged)


def _rows_async(db: AsyncDatabase, paged: Paged[T]) -> AsyncIterator[T]:
    return pages_async(db, paged) if isinstance(given(db), AsyncConnection) else held_async(db, paged)


def pages(db: Database, paged: Paged[T]) -> Iterator[T]:
    """Read page after page."""
    page = run(db, paged.start())
    ends = run(db, paged.end()) if page.next else page
    last = ends.items or page.items
    while True:
        yield from page.items
        if page.next is None:
            return
        more = paged.after(page)
        del page  # before the next one comes
        page = paged.until(last, run(db, more))


async def pages_async(db: AsyncDatabase, paged: Paged[T]) -> AsyncIterator[T]:
    """Do what `pages` does, on an async connection."""
    page = await run_async(db, paged.start())
    ends = await run_async(db, paged.end()) if page.next else page
    last = ends.items or page.items
    while True:
        for row in page.items:
            yield row
        if page.next is None:
            return
        more = paged.after(page)
        del page
        page = paged.until(last, await run_async(db, more))


def held(db: Database, paged: Paged[T], *, chunked: bool = CHUNKED) -> Iterator[T]:
    """Read all rows by one query, on a connection that is borrowed meanwhile."""
    call = paged.whole().under(setting_of(db))
    with connection(db) as conn, closing(chunks(conn, call, chunked=chunked)) as some:
        for rows in some:
            yield from rows


async def held_async(db: AsyncDatabase, paged: Paged[T], *, chunked: bool = CHUNKED) -> AsyncIterator[T]:
    """Do what `held` does, on an async pool."""
    call = paged.whole().under(setting_of(db))
    async with async_connection(db) as conn, aclosing(chunks_async(conn, call, chunked=chunked)) as some:
        async for rows in some:
            for row in rows:
                yield row


def stream_operation(build: Callable[P, Paged[T]]) -> Stream[P, T]:
    """Make a function that builds the calls for pages a stream of their rows."""

    def first_page(*args: P.args, **kwargs: P.kwargs) -> Call[Page[T]]:
        return build(*args, **kwargs).start()

    return Bound(build, first_page, _rows, _rows_async)


def stream_method(build: Callable[Concatenate[Owner, P], Paged[T]]) -> each[Owner, Stream[P, T]]:
    """Make a method that builds the calls for pages a stream of their rows, on each object."""
    return each(build, stream_operation)
