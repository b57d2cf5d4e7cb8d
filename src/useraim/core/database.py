"""What a call is made on: a connection or a pool, sync or async, and either of them with settings."""

from collections.abc import AsyncGenerator, Generator, Mapping
from contextlib import (
    AbstractAsyncContextManager,
    AbstractContextManager,
    asynccontextmanager,
    contextmanager,
)
from typing import Any, Final, Generic, Protocol, TypeAlias, TypeVar

from psycopg import AsyncConnection, Connection

from useraim.core.adapt import TextArray
from useraim.core.pypika import Arrays, Q, function
from useraim.core.statement import Call, Statement, nothing

DB = TypeVar("DB")


class Pool(Protocol):
    """What is used of `psycopg_pool.ConnectionPool`."""

    def connection(self) -> AbstractContextManager[Connection[Any]]:
        """Lend a connection."""
        ...

    def check(self) -> None:
        """Replace the connections that are dead."""
        ...


class AsyncPool(Protocol):
    """What is used of `psycopg_pool.AsyncConnectionPool`."""

    def connection(self) -> AbstractAsyncContextManager[AsyncConnection[Any]]:
        """Lend a connection."""
        ...

    async def check(self) -> None:
        """Replace the connections that are dead."""
        ...


class _Scope(Generic[DB]):
    """A database, and settings for the transaction of everything that is run through it."""

    __slots__ = ("db", "setting", "settings")

    def __init__(self, db: DB, settings: Mapping[str, str]) -> None:
        self.db = db
        self.settings = dict(settings)
        arrays = {"names": TextArray(settings), "settings": TextArray(settings.values())}
        self.setting: Call[Any] = _SETTING.call(len, arrays) if settings else nothing(None)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {', '.join(self.settings)} of {self.db!r}>"  # values may be secrets


class Scoped(_Scope[Connection[Any] | Pool]):
    """What `scoped` gives for a connection or a pool."""

    __slots__ = ()


class AsyncScoped(_Scope[AsyncConnection[Any] | AsyncPool]):
    """What `scoped` gives for an async connection or pool."""

    __slots__ = ()


Database: TypeAlias = Connection[Any] | Pool | Scoped
AsyncDatabase: TypeAlias = AsyncConnection[Any] | AsyncPool | AsyncScoped

_GIVEN: Any = Arrays("s", name="text[]", setting="text[]")
_SETTING: Final = Statement(
    "scoped",
    lambda: Q.from_(_GIVEN).select(function("pg_catalog.set_config", _GIVEN.name, _GIVEN.setting, True)),
    tuple,
)


@contextmanager
def connection(db: Database) -> Generator[Connection[Any], None, None]:
    """Give the connection itself, or one of the pool's; settings are left to whoever uses it."""
    db = db.db if isinstance(db, Scoped) else db
    if isinstance(db, Connection):
        yield db
        return
    with db.connection() as conn:
        yield conn


@asynccontextmanager
async def async_connection(db: AsyncDatabase) -> AsyncGenerator[AsyncConnection[Any], None]:
    """Do what `connection` does, for async connections and pools."""
    db = db.db if isinstance(db, AsyncScoped) else db
    if isinstance(db, AsyncConnection):
        yield db
        return
    async with db.connection() as conn:
        yield conn


def given(db: object) -> object:
    """Give the connection or pool that a scoped database is made of, or what is none itself."""
    return db.db if isinstance(db, Scoped | AsyncScoped) else db


def setting_of(db: object) -> Call[Any]:
    """Give the call that sets what a scoped database is set to; of any other, one that sends nothing."""
    return db.setting if isinstance(db, Scoped | AsyncScoped) else nothing(None)


def is_async(db: object) -> bool:
    """Tell the two worlds apart; anything that is neither a connection nor a pool is a TypeError."""
    if isinstance(db, Connection):
        return False
    if isinstance(db, AsyncConnection):
        return True
    if isinstance(db, Scoped | AsyncScoped):
        return isinstance(db, AsyncScoped)
    lend = getattr(db, "connection", None)
    if not callable(lend):
        raise TypeError(f"a psycopg connection or pool comes first, not {type(db).__name__}")
    return hasattr(lend(), "__aenter__")  # nothing is lent before that is entered
