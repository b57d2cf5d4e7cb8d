"""The relation of users and aims, declared: two tables and the join table. A new column is added here."""

from typing import Final

from useraim import validate
from useraim.core.ordering import CREATED_AT, Key
from useraim.core.pypika import folded
from useraim.ids import AimId, UserId
from useraim.relation.declaration import JoinTable, Table
from useraim.values import Aim, EditAim, EditUser, NewAim, NewUser, User

USERS: Final[Table[UserId, User, NewUser, EditUser]] = Table(
    name="users",
    row=User,
    new=NewUser,
    edit=EditUser,
    given={"name": lambda value, field: validate.text(value, field, 200), "email": validate.email},
    orders={"created_at": CREATED_AT, "name": Key("name", "text"), "email": Key("email", "text", folded)},
    label="name",
    lock="useraim_lock_user",
    lock_many="useraim_lock_users",
    unique="email",
)

AIMS: Final[Table[AimId, Aim, NewAim, EditAim]] = Table(
    name="aims",
    row=Aim,
    new=NewAim,
    edit=EditAim,
    given={
        "title": lambda value, field: validate.text(value, field, 500),
        "description": lambda value, field: validate.text(value, field, 20_000, blank=True),
    },
    orders={"created_at": CREATED_AT, "title": Key("title", "text")},
    label="title",
    lock="useraim_lock_aim",
    lock_many="useraim_lock_aims",
)

USER_AIMS: Final = JoinTable(
    name="user_aims",
    keys={USERS: "user_id", AIMS: "aim_id"},
    locks={USERS: "useraim_lock_user_links", AIMS: "useraim_lock_aim_links"},
    stored_with=USERS,
)
