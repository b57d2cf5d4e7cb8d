"""A relation of one's own: teams of users, with all that the relation of users and aims has."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final, NewType
from uuid import UUID

from useraim import UNSET, Unset, validate
from useraim.relation import CREATED_AT, USERS, JoinTable, Key, ManyToMany, Records, Table

TeamId = NewType("TeamId", UUID)


@dataclass(frozen=True, slots=True)
class Team:
    """A row of teams."""

    id: TeamId
    name: str
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class NewTeam:
    """A team to create."""

    name: str
    id: TeamId | None = None


@dataclass(frozen=True, slots=True)
class EditTeam:
    """A change to a team."""

    id: TeamId | Team
    name: str | Unset = UNSET


TEAMS: Final[Table[TeamId, Team, NewTeam, EditTeam]] = Table(
    name="teams",
    row=Team,
    new=NewTeam,
    edit=EditTeam,
    given={"name": lambda value, field: validate.text(value, field, 200)},
    orders={"created_at": CREATED_AT, "name": Key("name", "text")},
    label="name",
    lock="lock_team",
    lock_many="lock_teams",
)
TEAM_USERS: Final = JoinTable(
    name="team_users",
    keys={TEAMS: "team_id", USERS: "user_id"},
    locks={TEAMS: "lock_links_of_team", USERS: "lock_teams_of_user"},
    stored_with=USERS,
)

teams: Final = Records(TEAM_USERS, TEAMS, USERS)
members: Final = ManyToMany(TEAM_USERS, TEAMS, USERS)
teams_of: Final = ManyToMany(TEAM_USERS, USERS, TEAMS)
