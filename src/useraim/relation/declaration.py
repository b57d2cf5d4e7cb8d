"""What a relation is declared with: its two tables, the join table between them, and how it looks from one end."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any, Generic, NamedTuple, Protocol, TypeAlias, TypeVar
from uuid import UUID

from useraim import errors, validate
from useraim.core import clauses
from useraim.core.ordering import Key
from useraim.core.pypika import folded, param
from useraim.core.pypika import table as rows_of
from useraim.ids import distinct
from useraim.relation.attributes import ATTRIBUTES, Columns


class Record(Protocol):
    """A row of a table at one end: it has an id of its own, and the time it was created."""

    @property
    def id(self) -> Any:
        """The primary key."""
        ...

    @property
    def created_at(self) -> datetime:
        """The default order."""
        ...


Id = TypeVar("Id", bound=UUID)
R = TypeVar("R", bound=Record)
New = TypeVar("New")
Edit = TypeVar("Edit")


@dataclass(frozen=True, slots=True, eq=False)
class Table(Generic[Id, R, New, Edit]):
    """One end of a relation: a table `name (id uuid, …, created_at, updated_at)` and the values for its rows.

    Its constraints are named `<name>_pkey`, `<name>_<unique>_key` and `<name>_<column>_check`.
    """

    name: str
    row: type[R]
    new: type[New]
    """A row to create: an id or None, and the columns that are given."""
    edit: type[Edit]
    """A change to a row: its id, and what is given of the columns, else UNSET."""
    given: Mapping[str, Callable[[object, str], str]]
    """The columns that callers give, and what checks each."""
    orders: Mapping[str, Key]
    label: str
    """The column that people know a record by."""
    lock: str
    """The function of the migrations that locks one row."""
    lock_many: str
    """The one that locks many rows in the order given."""
    unique: str | None = None
    """The column that is unique without regard to case."""

    @property
    def columns(self) -> tuple[str, ...]:
        """All columns, in the order of the dataclass's fields."""
        return columns(self.row)

    def listed(self, alias: str = "") -> str:
        """List the columns in SQL."""
        return clauses.columns(self.columns, alias)

    @property
    def unique_key(self) -> str:
        """The constraint of the unique column; where there is none, the label stands in."""
        return f"{self.name}_{self.unique or self.label}_key"

    def compared(self, alias: str) -> str:
        """Spell the unique column of an alias in SQL as it is compared; where there is none, the label stands in."""
        return str(folded(rows_of(self.name, alias).field(self.unique or self.label)))

    @property
    def given_compared(self) -> str:
        """Spell the value given for that column as it is compared."""
        return str(folded(param(self.unique or self.label, "text")))

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

    def taken(self, constraint: str, ids: tuple[UUID, ...]) -> errors.AlreadyExists:
        """Say that rows hold what a constraint allows once."""
        return errors.AlreadyExists(constraint, ids, self.name)


AnyTable: TypeAlias = Table[Any, Any, Any, Any]


def columns(row: type[Any]) -> tuple[str, ...]:
    """List a dataclass's columns: one list for SELECT, RETURNING and constructor."""
    return tuple(column.name for column in fields(row))


@dataclass(frozen=True, slots=True, eq=False)
class JoinTable:
    """The table of links between two others: `name (key, key, attributes …)`.

    Its constraints are named `<name>_pkey`, `<name>_<key>_fkey` and `<name>_<attribute>_check`; declaring it tells what
    an error of each of them, and of those of its two tables, means.
    """

    name: str
    keys: Mapping[AnyTable, str]
    """The column that refers to each of the two tables, in the order of the primary key."""
    locks: Mapping[AnyTable, str]
    """The function of the migrations that locks a row of each table, and links of it."""
    holds: Mapping[AnyTable, str]
    """The one that locks all links of a row, and returns the far ids of those that are there then."""
    stored_with: AnyTable
    """The table whose rows a cluster keeps links with: what is inserted joins it."""
    attributes: Columns = field(default_factory=lambda: ATTRIBUTES)

    def __post_init__(self) -> None:
        errors.BY_CONSTRAINT.update(self._constraints())

    @property
    def pkey(self) -> str:
        """The constraint that a pair is linked once."""
        return f"{self.name}_pkey"

    def _constraints(self) -> dict[str, errors.Meaning]:
        meanings: dict[str, errors.Meaning] = {
            self.pkey: lambda ids: errors.AlreadyExists(self.pkey, (ids,) if ids else (), self.name)
        }
        for table, key in self.keys.items():
            meanings[f"{self.name}_{key}_fkey"] = _broken(table)
            meanings[f"{table.name}_pkey"] = _taken(table, f"{table.name}_pkey")
            meanings[table.unique_key] = _held(table)
        for name, columns in [(self.name, self.attributes), *((table.name, table.given) for table in self.keys)]:
            meanings |= {f"{name}_{column}_check": _refused(column) for column in columns}
        return meanings


def _broken(table: AnyTable) -> errors.Meaning:
    return lambda ids: errors.BrokenReference(**{table.name: ids})


def _taken(table: AnyTable, constraint: str) -> errors.Meaning:
    return lambda ids: table.taken(constraint, ids)


def _held(table: AnyTable) -> errors.Meaning:
    # The server tells the value, in which there may be ids that are none of the table's.
    return lambda _: table.taken(table.unique_key, ())


def _refused(column: str) -> errors.Meaning:
    return lambda _: errors.InvalidValue(column, "refused by the schema")


class Ends(NamedTuple):
    """A relation as seen from one end."""

    join: JoinTable
    source: AnyTable
    far: AnyTable

    @property
    def name(self) -> str:
        """Name it as its callers do: `users.aims`."""
        return f"{self.source.name}.{self.far.name}"

    @property
    def source_id(self) -> str:
        """The column of the join table that refers to the source."""
        return self.join.keys[self.source]

    @property
    def far_id(self) -> str:
        """The column of the join table that refers to the far record."""
        return self.join.keys[self.far]

    @property
    def slots(self) -> dict[str, str]:
        """The names that the files of sql/links/ have slots for."""
        near = self.join.stored_with is self.source
        stored, other = (self.source, self.far) if near else (self.far, self.source)
        return {
            "join": self.join.name,
            "keys": ", ".join(self.join.keys.values()),
            "source": self.source.name,
            "source_id": self.source_id,
            "far": self.far.name,
            "far_id": self.far_id,
            "stored": stored.name,
            "stored_id": self.join.keys[stored],
            "other_id": self.join.keys[other],
        }
