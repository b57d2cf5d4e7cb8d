"""Users, aims and who shares which: a raw-SQL data-access layer for a many-to-many relation on PostgreSQL."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from useraim import errors
from useraim.accounts import user_aims, users
from useraim.batch import AsyncScoped, Plan, Scoped, batch, explain, preview, scoped
from useraim.core.frame import Frame
from useraim.core.statement import Call
from useraim.errors import (
    AlreadyExists,
    BrokenReference,
    Conflict,
    Error,
    InvalidCursor,
    InvalidValue,
    NotFound,
    RuleBroken,
    SchemaOutOfDate,
)
from useraim.ids import AimId, UserId
from useraim.page import Page
from useraim.relation.relationship import ManyToMany
from useraim.validate import UNSET, Unset
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
    "UNSET",
    "Aim",
    "AimId",
    "AllOf",
    "AlreadyExists",
    "AnyOf",
    "AsyncScoped",
    "BrokenReference",
    "BulkResult",
    "Call",
    "Changes",
    "Conflict",
    "CountBetween",
    "EditAim",
    "EditUser",
    "Error",
    "Exactly",
    "Frame",
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
    "Plan",
    "Rejected",
    "RuleBroken",
    "SchemaOutOfDate",
    "Scoped",
    "Unset",
    "User",
    "UserAim",
    "UserId",
    "aims",
    "batch",
    "bulk",
    "errors",
    "explain",
    "preview",
    "scoped",
    "transaction",
    "user_aims",
    "users",
]

if TYPE_CHECKING:
    from useraim import bulk, transaction
    from useraim.bulk import BulkResult, Rejected

    __version__: str
else:

    def __getattr__(name: str) -> Any:
        # Looked up when asked for: few ask for the version, which is read from the disk, or load in bulk.
        if name in {"bulk", "transaction"}:
            return import_module(f"useraim.{name}")
        if name in {"BulkResult", "Rejected"}:
            return getattr(import_module("useraim.bulk"), name)
        if name != "__version__":
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from importlib.metadata import version

        return version(__name__)

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})
