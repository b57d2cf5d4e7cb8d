"""The values that go in and come out: frozen records, links with their attributes, changes, filters and conditions."""

from collections.abc import Iterable, Sequence, Set
from dataclasses import FrozenInstanceError, dataclass
from datetime import datetime
from typing import Any, Final, Generic, Literal, TypeAlias, TypedDict, TypeVar, get_args
from uuid import UUID

from useraim import validate
from useraim.ids import AimId, UserId
from useraim.validate import UNSET, Unset

OnMatch: TypeAlias = Literal["ignore", "update", "error"]
ON_MATCH: Final = get_args(OnMatch)
Pair: TypeAlias = tuple[UUID, UUID]
Outcome: TypeAlias = Literal["added", "updated", "unchanged"]
Texts: TypeAlias = Sequence[str] | Set[str]
"""Roles or permissions. Any iterable will do, but of `Iterable` pydantic makes an iterator that checks nothing yet, and
`Collection` it refuses."""

R_co = TypeVar("R_co", covariant=True)
Ref_co = TypeVar("Ref_co", covariant=True)


@dataclass(frozen=True, slots=True)
class User:
    """A person. The e-mail address is kept as spelt and compared without regard to case."""

    id: UserId
    name: str
    email: str
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Aim:
    """A goal that users share."""

    id: AimId
    title: str
    description: str
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class UserAim:
    """A membership: one user shares one aim, with the attributes of that link."""

    user_id: UserId
    aim_id: AimId
    role: str
    permissions: tuple[str, ...]
    joined_at: datetime


UserRef: TypeAlias = UserId | User
AimRef: TypeAlias = AimId | Aim


@dataclass(frozen=True, slots=True)
class NewUser:
    """A user to create; without an id it gets a time-ordered one."""

    email: str
    name: str
    id: UserId | None = None


@dataclass(frozen=True, slots=True)
class NewAim:
    """An aim to create; without an id it gets a time-ordered one."""

    title: str
    description: str = ""
    id: AimId | None = None


@dataclass(frozen=True, slots=True)
class EditUser:
    """Changes to a linked user, for `direct_control`; what is not given stays."""

    id: UserRef
    name: str | Unset = UNSET
    email: str | Unset = UNSET


@dataclass(frozen=True, slots=True)
class EditAim:
    """Changes to a linked aim, for `direct_control`; what is not given stays."""

    id: AimRef
    title: str | Unset = UNSET
    description: str | Unset = UNSET


class Attributes(TypedDict, total=False):
    """The attributes of a membership, as keywords of the functions that write one."""

    role: str | Unset
    permissions: Texts | Unset
    joined_at: datetime | Unset


@dataclass(frozen=True, slots=True)
class NewUserAim:
    """A membership to write; an attribute that is not given is treated as in `Link`."""

    user_id: UserRef
    aim_id: AimRef
    role: str | Unset = UNSET
    permissions: Texts | Unset = UNSET
    joined_at: datetime | Unset = UNSET

    def __post_init__(self) -> None:
        _draw_permissions(self)


@dataclass(frozen=True, slots=True)
class Link(Generic[Ref_co]):
    """The far end of a link and its attributes.

    An attribute that is not given is left alone on an existing link and gets the database's default on a new one.
    """

    id: Ref_co
    role: str | Unset = UNSET
    permissions: Texts | Unset = UNSET
    joined_at: datetime | Unset = UNSET

    def __post_init__(self) -> None:
        _draw_permissions(self)


def _draw_permissions(value: "NewUserAim | Link[Any]") -> None:
    # The value may be used again; an iterator would then be at its end, and take all permissions away.
    given: Any = value.permissions
    if hasattr(given, "__next__"):  # as `Iterator` asks, which takes longer
        object.__setattr__(value, "permissions", tuple(given))


@dataclass(frozen=True, slots=True)
class Linked(Generic[R_co]):
    """A far record together with the attributes of the link to it."""

    record: R_co
    role: str
    permissions: tuple[str, ...]
    joined_at: datetime


@dataclass(frozen=True, slots=True)
class Changes:
    """What a write did to the links of its source, by far id in input order (`removed`: by id); true if anything.

    The ids are those of the far end, users or aims: functions of either accept them.
    """

    added: tuple[Any, ...] = ()
    updated: tuple[Any, ...] = ()
    unchanged: tuple[Any, ...] = ()
    removed: tuple[Any, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.added or self.updated or self.removed)


@dataclass(frozen=True, slots=True)
class LinkFilter:
    """Memberships with any of the roles, all of the permissions, and `joined_from <= joined_at < joined_before`."""

    roles: Texts | None = None
    permissions: Texts | None = None
    joined_from: datetime | None = None
    joined_before: datetime | None = None

    def __post_init__(self) -> None:
        for name in ("roles", "permissions"):
            given = getattr(self, name)
            if given is not None:
                texts = [validate.plain_text(one, name) for one in validate.collection(given, name)]
                object.__setattr__(self, name, tuple(sorted(set(texts))))
        for name in ("joined_from", "joined_before"):
            given = getattr(self, name)
            if given is not None:
                object.__setattr__(self, name, validate.moment(given, name))


@dataclass(frozen=True, slots=True)
class _OfIds(Generic[Ref_co]):
    ids: Iterable[Ref_co]
    link: LinkFilter | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "ids", tuple(validate.collection(self.ids, "ids")))


class AnyOf(_OfIds[Ref_co]):
    """Linked to at least one of the ids; of none of them: nobody."""

    __slots__ = ()


class AllOf(_OfIds[Ref_co]):
    """Linked to every one of the ids; to no ids at all: everybody."""

    __slots__ = ()


class NoneOf(_OfIds[Ref_co]):
    """Linked to not one of the ids; of no ids: everybody."""

    __slots__ = ()


class Exactly(_OfIds[Ref_co]):
    """Linked to these ids and to no others; `Exactly([])`: those without links."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class CountBetween:
    """Having between `at_least` and `at_most` links; None: no upper bound."""

    at_least: int = 0
    at_most: int | None = None
    link: LinkFilter | None = None

    def __post_init__(self) -> None:
        validate.number(self.at_least, "at_least", 0)
        if self.at_most is not None:
            validate.number(self.at_most, "at_most", 0)


def refuse_assignment(value: object, name: str, _: object) -> None:
    """Keep a frozen value as it is."""
    raise FrozenInstanceError(f"cannot assign to field {name!r}")


for _generic in (Link, Linked, _OfIds):
    # `Link[AimId](…)` tries to note its type on the value. Until Python 3.12 dataclasses that are frozen and slotted
    # answer with a TypeError, which typing does not expect.
    _generic.__setattr__ = refuse_assignment  # type: ignore[method-assign]

Condition: TypeAlias = AnyOf[Ref_co] | AllOf[Ref_co] | NoneOf[Ref_co] | Exactly[Ref_co] | CountBetween
Must: TypeAlias = Condition[Ref_co] | Iterable[Condition[Ref_co]]
"""One rule or several."""
