"""What a call is made on: a connection or a pool, sync or async."""

from collections.abc import AsyncGenerator, Generator
from contextlib import (
    AbstractAsyncContextManager,
    AbstractContextManager,
    asynccontextmanager,
    contextmanager,
)
from typing import Any, Protocol, TypeAlias

from psycopg import AsyncConnection, Connection


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


Database: TypeAlias = Connection[Any] | Pool
AsyncDatabase: TypeAlias = AsyncConnection[Any] | AsyncPool


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
