"""What can go wrong, in the words of the relation; every other database error passes through untouched."""

import re
from collections.abc import Callable
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


class Error(Exception):
    """Base of all errors of this package."""

    index: int | None = None
    """Which call of a `batch` raised it, counted from 0."""


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
    """A membership needs its user and its aim; `.users` and `.aims` name all that do not exist."""

    def __init__(self, users: tuple[UUID, ...] = (), aims: tuple[UUID, ...] = ()) -> None:
        super().__init__(users, aims)
        self.users = users
        self.aims = aims

    def __str__(self) -> str:
        sides = [f"{side} {_some(ids)}" for side, ids in (("users", self.users), ("aims", self.aims)) if ids]
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
    """The row is no longer as the caller expected; nothing was changed."""


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
    make = _BY_CONSTRAINT.get(constraint) if constraint else None
    return make(tuple(UUID(text) for text in _UUID.findall(error.diag.message_detail or ""))) if make else None


def _constraint(error: psycopg.Error) -> str | None:
    if error.diag.constraint_name:
        return error.diag.constraint_name
    found = _VIOLATION.search(str(error))
    return found[1] if found else None


def _invalid(field: str) -> Callable[[tuple[UUID, ...]], Error]:
    return lambda _: InvalidValue(field, "refused by the schema")


_BY_CONSTRAINT: dict[str, Callable[[tuple[UUID, ...]], Error]] = {
    "users_pkey": lambda ids: AlreadyExists("users_pkey", ids),
    "users_email_key": lambda _: AlreadyExists("users_email_key"),
    "aims_pkey": lambda ids: AlreadyExists("aims_pkey", ids),
    "user_aims_pkey": lambda ids: AlreadyExists("user_aims_pkey", (ids,) if ids else ()),
    "user_aims_user_id_fkey": lambda ids: BrokenReference(users=ids),
    "user_aims_aim_id_fkey": lambda ids: BrokenReference(aims=ids),
    "users_name_check": _invalid("name"),
    "users_email_check": _invalid("email"),
    "aims_title_check": _invalid("title"),
    "aims_description_check": _invalid("description"),
    "user_aims_role_check": _invalid("role"),
    "user_aims_permissions_check": _invalid("permissions"),
    "user_aims_joined_at_check": _invalid("joined_at"),
}


def _some(ids: tuple[object, ...]) -> str:
    shown = ", ".join(_name(one) for one in ids[:_SHOWN])
    return f"{shown} and {len(ids) - _SHOWN} more" if len(ids) > _SHOWN else shown or "unknown"


def _name(one: object) -> str:
    return f"({', '.join(map(str, one))})" if isinstance(one, tuple) else str(one)  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
