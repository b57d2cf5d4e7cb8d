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

    def rows(self, rows: list[Any]) -> list[Any]:
        """Give rows to load the shape this contender takes; not timed."""


WHERE = {  # in the order of the report
    "psycopg": "raw_psycopg.Psycopg",
    "again": "raw_psycopg.Again",
    "locked": "raw_psycopg.Locked",
    "libpq": "libpq_calls.Libpq",
    "useraim": "with_useraim.Useraim",
    "useraim_async": "with_useraim.UseraimAsync",
    "psycopg_async": "raw_psycopg_async.PsycopgAsync",
    "asyncpg": "raw_asyncpg.Asyncpg",
    "core": "sqlalchemy_core.Core",
    "orm": "sqlalchemy_orm.Orm",
    "django": "django_orm.Django",
}
LABELS = {
    "psycopg": "psycopg by hand",
    "again": "the same code again",
    "locked": "psycopg, lock + change in an explicit transaction",
    "libpq": "libpq by hand, blocking",
    "useraim": "useraim",
    "useraim_async": "useraim, async",
    "psycopg_async": "psycopg by hand, async",
    "asyncpg": "asyncpg by hand",
    "core": "SQLAlchemy Core",
    "orm": "SQLAlchemy ORM",
    "django": "Django",
}
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
