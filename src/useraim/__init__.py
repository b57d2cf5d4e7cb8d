"""Users, aims and who shares which: a raw-SQL data-access layer for a many-to-many relation on PostgreSQL."""

from useraim import bulk, errors, transaction
from useraim.accounts import user_aims, users
from useraim.bulk import BulkResult, Rejected
from useraim.errors import (
    AlreadyExists,
    BrokenReference,
    Conflict,
    Error,
    InvalidCursor,
    InvalidValue,
    NotFound,
    SchemaOutOfDate,
)
from useraim.ids import AimId, UserId
from useraim.page import Page
from useraim.relationship import ManyToMany
from useraim.values import (
    Aim,
    AllOf,
    AnyOf,
    Changes,
    CountBetween,
    EditAim,
    EditUser,
    Exactly,
    Link,
    Linked,
    LinkFilter,
    NewAim,
    NewUser,
    NewUserAim,
    NoneOf,
    User,
    UserAim,
)
from useraim.works import aims

__all__ = [
    "Aim",
    "AimId",
    "AllOf",
    "AlreadyExists",
    "AnyOf",
    "BrokenReference",
    "BulkResult",
    "Changes",
    "Conflict",
    "CountBetween",
    "EditAim",
    "EditUser",
    "Error",
    "Exactly",
    "InvalidCursor",
    "InvalidValue",
    "Link",
    "LinkFilter",
    "Linked",
    "ManyToMany",
    "NewAim",
    "NewUser",
    "NewUserAim",
    "NoneOf",
    "NotFound",
    "Page",
    "Rejected",
    "SchemaOutOfDate",
    "User",
    "UserAim",
    "UserId",
    "aims",
    "bulk",
    "errors",
    "transaction",
    "user_aims",
    "users",
]
