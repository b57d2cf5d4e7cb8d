"""What can go wrong, in the words of the relation; every other database error passes through untouched."""

import re
from collections.abc import Callable
from typing import Final, TypeAlias
from uuid import UUID

import psycopg

_SHOWN = 3
_RETRYABLE = frozenset([
    "40001", "40P01",  # serialization failure, deadlock
    "08000", "08001", "08003", "08004", "08006", "57P05",  # connection lost or refused; ended by the server while idle
    "08P01",  # what PgBouncer says when its server is down
    "57P01", "57P02", "57P03",  # server going down, or not up yet
    "25006",  # still read-only after a failover
])  # fmt: skip
_UNDONE = frozenset(["40001", "40P01"])
# Operational errors without SQLSTATE that are no lost connection: what follows another failure, a request to cancel
# that was not answered in time, a pool that is closed for good. (By name: psycopg_pool need not be installed.)
_NO_LOSS = frozenset(["PipelineAborted", "CancellationTimeout", "PoolClosed"])
# Citus leaves diag empty and appends the number of the shard to the constraint's name.
_VIOLATION = re.compile(r'violates (?:unique|foreign key|check) constraint "(.+?)(?:_\d{6,})?"')
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


Meaning: TypeAlias = "Callable[[tuple[UUID, ...]], Error]"
"""What a violated constraint means: the error made of the ids that the server names."""
BY_CONSTRAINT: Final[dict[str, Meaning]] = {}
"""What each constraint means; declaring a join table adds those of its tables."""


class Error(Exception):
    """Base of all errors of this package."""

    index: int | None = None
    """Which call of a `batch` raised it, counted from 0."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self)!r})"


class NotFound(Error):
    """Rows that had to be there are not; `.ids` names all of them."""

    def __init__(self, table: str, ids: tuple[object, ...]) -> None:
        super().__init__(table, ids)
        self.table = table
        self.ids = ids

    def __str__(self) -> str:
        return f"not found in {self.table}: {_some(self.ids)}"


class AlreadyExists(Error):
    """A unique constraint would not hold; `.ids` names the rows that are in the way, as far as they are known."""

    def __init__(self, constraint: str, ids: tuple[object, ...] = (), table: str | None = None) -> None:
        super().__init__(constraint, ids, table)
        self.constraint = constraint
        self.ids = ids
        self.table = table or constraint.removesuffix("_pkey").removesuffix("_email_key")

    def __str__(self) -> str:
        return f"already exists ({self.constraint}): {_some(self.ids)}"


class BrokenReference(Error):
    """A link needs both its ends; `.users` and `.aims` name all that do not exist, `.missing` those of any table."""

    def __init__(self, users: tuple[UUID, ...] = (), aims: tuple[UUID, ...] = (), **others: tuple[UUID, ...]) -> None:
        super().__init__(users, aims)
        self.missing = {"users": users, "aims": aims, **others}

    @property
    def users(self) -> tuple[UUID, ...]:
        """Users that do not exist."""
        return self.missing["users"]

    @property
    def aims(self) -> tuple[UUID, ...]:
        """Aims that do not exist."""
        return self.missing["aims"]

    def __str__(self) -> str:
        sides = [f"{side} {_some(ids)}" for side, ids in self.missing.items() if ids]
        return f"no such {' and no such '.join(sides) or 'user or aim'}"


class InvalidValue(Error, ValueError):
    """An argument that cannot be stored or asked for; `.field` names it."""

    def __init__(self, field: str, reason: str = "not valid") -> None:
        super().__init__(field, reason)
        self.field = field
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.field}: {self.reason}"


class InvalidCursor(InvalidValue):
    """A page cursor that is damaged, or made by another function, ordering or filter."""


class Conflict(Error):
    """What is stored is not as the caller expected; nothing was changed. `.version`, of links, is the present one."""

    def __init__(self, message: str = "", version: str | None = None) -> None:
        super().__init__(message, version)
        self.version = version

    def __str__(self) -> str:
        return str(self.args[0])


class RuleBroken(Error):
    """A rule that was given with `must=` would not hold; nothing was changed.

    `.rule` is the condition, `.count` the number of links that there would have been, of those that the rule counts;
    `.ids` are all records for which it would not hold, and the number is that of the one with the fewest.
    """

    def __init__(self, rule: object, count: int, ids: tuple[UUID, ...] = ()) -> None:
        super().__init__(rule, count, ids)
        self.rule = rule
        self.count = count
        self.ids = ids

    def __str__(self) -> str:
        return f"{type(self.rule).__name__} would not hold with {self.count} links, for {_some(self.ids)}"


class SchemaOutOfDate(Error):
    """The database lacks migrations that this version of the package needs, or has other ones."""


def is_retryable(error: BaseException) -> bool:
    """Say whether the same transaction, started again on a good connection, may succeed."""
    if not isinstance(error, psycopg.Error):
        return False
    if error.sqlstate is not None:
        return error.sqlstate in _RETRYABLE or _lost_worker(error)
    # Failures to connect and broken connections carry no SQLSTATE; a pool that is exhausted is one of them too.
    return isinstance(error, psycopg.OperationalError) and type(error).__name__ not in _NO_LOSS


def is_undone(error: psycopg.Error) -> bool:
    """Say whether this failure of COMMIT itself tells that nothing is stored; a lost connection does not."""
    return error.sqlstate in _UNDONE or _lost_worker(error)


def _lost_worker(error: psycopg.Error) -> bool:
    # Citus has no SQLSTATE of its own for it. It is said before any worker has been told to commit.
    return error.sqlstate == "XX000" and "failure on connection marked as essential" in str(error)


def translate(error: psycopg.Error) -> Error | None:
    """Give our error for a violated constraint, None for any other failure.

    Statements find expected failures by themselves: what arrives here lost a race, or broke a CHECK of the schema.
    """
    constraint = _constraint(error)
    make = BY_CONSTRAINT.get(constraint) if constraint else None
    return make(tuple(UUID(text) for text in _UUID.findall(error.diag.message_detail or ""))) if make else None


def _constraint(error: psycopg.Error) -> str | None:
    if error.diag.constraint_name:
        return error.diag.constraint_name
    found = _VIOLATION.search(str(error))
    return found[1] if found else None


def _some(ids: tuple[object, ...]) -> str:
    shown = ", ".join(_name(one) for one in ids[:_SHOWN])
    return f"{shown} and {len(ids) - _SHOWN} more" if len(ids) > _SHOWN else shown or "unknown"


def _name(one: object) -> str:
    return f"({', '.join(map(str, one))})" if isinstance(one, tuple) else str(one)  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
