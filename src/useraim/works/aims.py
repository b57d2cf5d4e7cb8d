"""Aims. Each function takes a connection or a pool first; with an async one, await it."""

from typing import Final

from useraim.core.operation import operation
from useraim.core.statement import Call
from useraim.ids import AimId
from useraim.relation.records import Records
from useraim.relation.relationship import ManyToMany
from useraim.relation.tables import AIMS, USER_AIMS, USERS
from useraim.validate import UNSET, Unset
from useraim.values import Aim, AimRef, NewAim

_RECORDS: Final = Records(USER_AIMS, AIMS, USERS)

users: Final = ManyToMany(USER_AIMS, AIMS, USERS)
"""The users of aims: the relation with an aim as its source."""

get = _RECORDS.get
find = _RECORDS.find
find_many = _RECORDS.find_many
exists = _RECORDS.exists
create_many = _RECORDS.create_many
delete = _RECORDS.delete
delete_many = _RECORDS.delete_many
page = _RECORDS.page
count = _RECORDS.count
stream = _RECORDS.stream
frame = _RECORDS.frame
frames = _RECORDS.frames


@operation
def create(*, title: str, description: str = "", id: AimId | None = None) -> Call[Aim]:
    """Create an aim; `AlreadyExists` when the id is taken."""
    return _RECORDS.creation_of_one(NewAim(title, description, id))


@operation
def update(id: AimRef, *, title: str | Unset = UNSET, description: str | Unset = UNSET) -> Call[Aim]:
    """Change what is given, and `updated_at` only if a value really changes; return the aim as it is then.

    Raises `NotFound`.
    """
    return _RECORDS.change(id, title=title, description=description)
