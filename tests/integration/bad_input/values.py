"""Values that are wrong on purpose."""

from datetime import UTC, datetime, timedelta, timezone
from enum import Enum, StrEnum
from types import MappingProxyType
from typing import Any
from uuid import UUID

import pytest

from tests.ends import NOON
from tests.worlds import World
from useraim import InvalidValue, aims, user_aims, users
from useraim.values import Link, LinkFilter, NewAim, NewUser, NewUserAim, User

ID: Any = UUID(int=1)
OTHER: Any = UUID(int=2)
ANA: Any = User(ID, "Ana", "ana@example.org", NOON, NOON)

# Without types: everything here is wrong on purpose.
Users: Any = users
Aims: Any = aims
UserAims: Any = user_aims
NewUsers: Any = NewUser
NewAims: Any = NewAim
Links: Any = Link
Rows: Any = NewUserAim
Filters: Any = LinkFilter


class Plain(Enum):
    OWNER = "owner"


class Number(Enum):
    ONE = 1


class Spelt(StrEnum):
    OWNER = "owner"


class Mixed(str, Enum):  # noqa: UP042 - the spelling before StrEnum, still widespread
    OWNER = "owner"


class MixedNumber(str, Enum):  # noqa: UP042
    ONE = 1


class Text(str):
    __slots__ = ()


NOT_TEXT: list[Any] = [None, 1, b"bytes", ["list"], Plain.OWNER, Number.ONE, object()]
UNSTORABLE: list[Any] = ["a\0b", "\0", "a\ud800b", "\udfff"]
BLANK = ["", " ", "\t\n", "\u3000"]
NOT_IDS: list[Any] = [
    None, 1, b"1" * 16, "", "x", "1234", str(ID)[:-1], f"{ID}0", f" {ID}", f"urn:uu\u0131d:{ID}",
    1.5, (ID,), Plain.OWNER,
]  # fmt: skip
NOT_COLLECTIONS: list[Any] = [
    None, "text", b"bytes", 5, ID, {}, {ID: "owner"}, {"owner": True}, MappingProxyType({ID: "owner"}),
]  # fmt: skip
NOT_TIMES: list[Any] = [
    None, "2024-01-01", 0, NOON.date(), NOON.replace(tzinfo=None), datetime(1899, 12, 31, 23, 59, 59, tzinfo=UTC),
    datetime(1900, 1, 1, tzinfo=timezone(timedelta(hours=1))), datetime.min.replace(tzinfo=UTC),
    datetime(9999, 12, 31, 23, tzinfo=timezone(timedelta(hours=-2))),
    datetime.min.replace(tzinfo=timezone(timedelta(hours=2))),
]  # fmt: skip
NOT_LIMITS: list[Any] = [0, -1, 1001, True, "5", 5.0, None, 2**70]
NOT_ORDERS: list[Any] = ["", "-", "id", "Name", "--name", "name ", "name desc", "name; --", None, 1, ["name"]]
NOT_MATCHES: list[Any] = ["", "Ignore", "replace", None, True]
NOT_EMAILS = ["@", "a@", "@b", "ab", "@@", "a" * 318 + "@bc"]


def refused(world: World, field: str, operation: Any, /, *args: Any, **kwargs: Any) -> None:
    with pytest.raises(InvalidValue) as caught:
        world(operation, *args, **kwargs)
    assert caught.value.field == field
    assert isinstance(caught.value, ValueError)
    assert str(caught.value).startswith(f"{field}: ")
    assert len(str(caught.value)) < 200
