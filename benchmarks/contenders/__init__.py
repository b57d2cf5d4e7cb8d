"""The contenders: one module each, one method an operation, every library in its own idiom at its best.

A method that is missing leaves its operation out. Async contenders return awaitables from the same methods.
"""

from collections.abc import Iterator
from importlib import import_module
from typing import Any, Protocol


class Contender(Protocol):
    """Opened once a run; its methods are named after the operations and take their arguments."""

    asynchronous: bool

    def open(self, conninfo: str) -> Any:
        """Connect."""

    def close(self) -> Any:
        """Disconnect."""


WHERE = {  # in the order of the report
    "psycopg": "raw_psycopg.Psycopg",
    "again": "raw_psycopg.Again",
    "libpq": "libpq_calls.Libpq",
    "locked": "noted.Locked",
    "apart": "noted.Apart",
    "chunked": "noted.Chunked",
    "fetched": "noted.Fetched",
    "useraim_apart": "noted.UseraimApart",
    "useraim_pages": "noted.UseraimPages",
    "useraim": "with_useraim.Useraim",
    "useraim_async": "with_useraim.UseraimAsync",
    "psycopg_async": "raw_psycopg_async.PsycopgAsync",
    "asyncpg": "raw_asyncpg.Asyncpg",
    "adbc": "arrow_adbc.Adbc",
    "aiosql": "aiosql_files.Aiosql",
    "sqlspec": "sqlspec_psycopg.SqlspecPsycopg",
    "sqlspec_asyncpg": "sqlspec_asyncpg.SqlspecAsyncpg",
    "core": "sqlalchemy_core.Core",
    "orm": "sqlalchemy_orm.Orm",
    "sqlmodel": "sqlmodel_orm.Sqlmodel",
    "django": "django_orm.Django",
    "piccolo": "piccolo_orm.Piccolo",
}
LABELS = {
    "psycopg": "psycopg by hand",
    "again": "the same code again",
    "locked": "psycopg, lock + change in an explicit transaction",
    "libpq": "libpq by hand, blocking",
    "apart": "psycopg, one call after another",
    "chunked": "psycopg, stream in chunks of 1,000",
    "fetched": "psycopg, all fetched at once",
    "useraim_apart": "useraim, one call after another",
    "useraim_pages": "useraim, page after page on a connection",
    "useraim": "useraim",
    "useraim_async": "useraim, async",
    "psycopg_async": "psycopg by hand, async",
    "asyncpg": "asyncpg by hand",
    "adbc": "ADBC",
    "aiosql": "aiosql",
    "sqlspec": "sqlspec, psycopg",
    "sqlspec_asyncpg": "sqlspec, asyncpg",
    "core": "SQLAlchemy Core",
    "orm": "SQLAlchemy ORM",
    "sqlmodel": "SQLModel",
    "django": "Django",
    "piccolo": "Piccolo",
}
BUILDERS = ["core", "orm", "sqlmodel", "django", "piccolo"]  # they build the SQL; all others are given it
NOTED = [
    "locked",
    "apart",
    "chunked",
    "fetched",
    "useraim_apart",
    "useraim_pages",
]  # one operation each, said below tables
BASE = "psycopg"  # all ratios are to this one


def create(name: str) -> Contender:
    module, _, kind = WHERE[name].partition(".")
    contender: Contender = getattr(import_module(f"{__name__}.{module}"), kind)()
    return contender


def available(names: list[str], left_out: list[str]) -> Iterator[tuple[str, Contender]]:
    """Those whose packages are installed; the others get a line in `left_out`."""
    for name in names:
        try:
            yield name, create(name)
        except ImportError as error:
            say(left_out, f"{LABELS[name]}: {error.msg.partition(' (')[0]}")


def say(left_out: list[str], line: str) -> None:
    """Once."""
    if line not in left_out:
        left_out.append(line)
