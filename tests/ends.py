"""Both ends of a relation from one test body."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeAlias
from uuid import UUID

from team_users import TEAM_USERS, TEAMS, EditTeam, NewTeam, members, teams, teams_of

from tests.worlds import World
from useraim import BrokenReference, aims, users
from useraim.ids import AimId, UserId, new_id
from useraim.relation import USERS, ManyToMany, Records
from useraim.values import EditAim, EditUser, NewAim, NewUser

Attributes: TypeAlias = tuple[str, tuple[str, ...], datetime]

NOON = datetime(2024, 5, 17, 12, tzinfo=UTC)
NOBODY = UserId(UUID(int=1))
NOTHING = AimId(UUID(int=2))


def new_record(table: str, label: str, id: Any = None) -> Any:
    """A record to create."""
    if table == "users":
        return NewUser(f"{label}@example.org", label, id)
    return NewAim(label, id=id) if table == "aims" else NewTeam(label, id)


@dataclass(frozen=True)
class End:
    """A relation seen from one end: `users.aims` has a user as its source and aims at the far end."""

    name: str
    relation: ManyToMany[Any, Any, Any, Any, Any, Any]
    sources: Any
    far: Any
    source_id: str
    far_id: str
    label: str
    join: str = "user_aims"

    @property
    def source_table(self) -> str:
        return self.name.split(".")[0]

    @property
    def far_table(self) -> str:
        return self.name.split(".")[1]

    def new(self, label: str, id: UUID | None = None) -> Any:
        """A far record to create."""
        return new_record(self.far_table, label, id)

    def edit(self, record: Any, label: str) -> Any:
        """A change to a far record."""
        if self.far_table == "users":
            return EditUser(record, name=label)
        return EditAim(record, title=label) if self.far_table == "aims" else EditTeam(record, name=label)

    def labelled(self, record: Any) -> str:
        """The name of a user or a team, the title of an aim."""
        return str(getattr(record, self.label))

    def make_sources(self, call: World, count: int) -> list[Any]:
        return _make(call, self.sources, self.source_table, count)

    def make_far(self, call: World, count: int) -> list[Any]:
        return _make(call, self.far, self.far_table, count)

    def pair(self, source: Any, far: Any) -> tuple[Any, Any]:
        """The user and the aim, in this order."""
        return (source, far) if self.sources is users else (far, source)

    def missing(self, error: BrokenReference) -> tuple[tuple[UUID, ...], tuple[UUID, ...]]:
        """The missing ids of the source's side and of the far one."""
        return error.missing.get(self.source_table, ()), error.missing.get(self.far_table, ())

    def links(self, call: World, source: Any) -> dict[UUID, Attributes]:
        """The links of a source as the table has them."""
        rows = call.execute(
            f"SELECT {self.far_id}, role, permissions, joined_at FROM {self.join} WHERE {self.source_id} = %s",
            [source.id],
        )
        return {far: (role, tuple(permissions), joined_at) for far, role, permissions, joined_at in rows}

    def versions(self, call: World, source: Any) -> dict[UUID, tuple[str, str]]:
        """What changes whenever a row is rewritten: its place, and the transaction that wrote it."""
        rows = call.execute(
            f"SELECT {self.far_id}, ctid::text, xmin::text FROM {self.join} WHERE {self.source_id} = %s", [source.id]
        )
        return {far: (place, writer) for far, place, writer in rows}


USERS_AIMS = End("users.aims", users.aims, users, aims, "user_id", "aim_id", "title")
AIMS_USERS = End("aims.users", aims.users, aims, users, "aim_id", "user_id", "name")
ENDS = [USERS_AIMS, AIMS_USERS]
TEAM_ENDS = [
    End("teams.users", members, teams, users, "team_id", "user_id", "name", "team_users"),
    End("users.teams", teams_of, Records(TEAM_USERS, USERS, TEAMS), teams, "user_id", "team_id", "name", "team_users"),
]
"""Those of examples/teams, a relation of one's own."""


def new(repository: Any, label: str, id: Any = None) -> Any:
    return new_record("aims" if repository is aims else "users", label, id)


def make(call: World, repository: Any, count: int) -> list[Any]:
    """Create records, in an order that is not the one of their ids."""
    return _make(call, repository, "aims" if repository is aims else "users", count)


def _make(call: World, repository: Any, table: str, count: int) -> list[Any]:
    keys = [new_id() for _ in range(count)]
    made: list[Any] = call(repository.create_many, [new_record(table, f"n-{key}", key) for key in keys])
    return made[::2] + made[1::2][::-1]


def ids(records: Iterable[Any]) -> tuple[UUID, ...]:
    return tuple(record.id for record in records)


def shown(value: object) -> str:
    """Name a value in the id of a test, the same in every process."""
    return re.sub(r" at 0x[0-9a-f]+", "", ascii(value))
