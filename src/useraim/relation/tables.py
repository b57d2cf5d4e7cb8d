"""The three tables: their columns, what can be given, searched and ordered by. A new column is added here."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any, Final, Generic, NamedTuple, TypeVar
from uuid import UUID

from useraim import validate
from useraim.core.ordering import CREATED_AT, Key
from useraim.core.pypika import folded
from useraim.core.pypika import table as rows_of
from useraim.ids import distinct
from useraim.values import Aim, User, UserAim

R = TypeVar("R", bound=User | Aim)


@dataclass(frozen=True, slots=True, eq=False)
class Table(Generic[R]):
    """One end of the relation."""

    name: str
    row: type[R]
    link: str
    """The column of user_aims that refers to this table."""
    given: Mapping[str, Callable[[object, str], str]]
    """The columns that callers give, and what checks each."""
    orders: Mapping[str, Key]
    label: str
    """The column that people know a record by."""
    unique: str | None = None
    """The column that is unique without regard to case."""

    @property
    def columns(self) -> tuple[str, ...]:
        """All columns, in the order of the dataclass's fields."""
        return columns(self.row)

    def listed(self, alias: str = "") -> str:
        """List the columns in SQL."""
        return ", ".join(f"{alias}.{name}" if alias else name for name in self.columns)

    def unique_of(self, alias: str) -> str:
        """Spell the unique column of an alias in SQL, as it is compared."""
        return str(folded(rows_of(self.name, alias).field(self.unique)))

    def id(self, value: object, field: str = "id") -> UUID:
        """Accept an id or the record itself."""
        if type(value) is UUID:
            return value
        return value.id if isinstance(value, self.row) else validate.uuid(value, field)

    def ids(self, values: object, field: str = "ids") -> list[UUID]:
        """Accept any collection of ids or records; duplicates count once."""
        given = validate.collection(values, field)
        if set(map(type, given)) != {UUID}:
            given = [self.id(value, field) for value in given]
        return distinct(given)

    def check(self, given: Mapping[str, object]) -> dict[str, object]:
        """Check values for columns; those not given are left out."""
        return {name: self.given[name](value, name) for name, value in given.items() if value is not validate.UNSET}


def columns(row: type[Any]) -> tuple[str, ...]:
    """List a dataclass's columns: one list for SELECT, RETURNING and constructor."""
    return tuple(field.name for field in fields(row))


USERS: Final = Table(
    name="users",
    row=User,
    link="user_id",
    given={"name": lambda value, field: validate.text(value, field, 200), "email": validate.email},
    orders={"created_at": CREATED_AT, "name": Key("name", "text"), "email": Key("email", "text", folded)},
    label="name",
    unique="email",
)

AIMS: Final = Table(
    name="aims",
    row=Aim,
    link="aim_id",
    given={
        "title": lambda value, field: validate.text(value, field, 500),
        "description": lambda value, field: validate.text(value, field, 20_000, blank=True),
    },
    orders={"created_at": CREATED_AT, "title": Key("title", "text")},
    label="title",
)

LINK_COLUMNS: Final = columns(UserAim)[2:]


class Ends(NamedTuple):
    """The relation as seen from one end."""

    source: Table[Any]
    far: Table[Any]

    @property
    def name(self) -> str:
        """Name it as its callers do: `users.aims`."""
        return f"{self.source.name}.{self.far.name}"

    @property
    def user(self) -> str:
        """Spell the user of a wanted link in SQL."""
        return "%(source)s::uuid" if self.source is USERS else "w.user_id"

    @property
    def aim(self) -> str:
        """Spell the aim of a wanted link in SQL."""
        return "%(source)s::uuid" if self.source is AIMS else "w.aim_id"
