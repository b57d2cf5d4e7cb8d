"""Checks of arguments, made before any SQL: each returns the value to store or raises `InvalidValue`."""

import re
from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime
from enum import Enum
from typing import Any, Final, TypeVar, cast
from uuid import UUID

from useraim.errors import InvalidValue

T = TypeVar("T")

_UUID_TEXT = re.compile(r"(?:urn:uuid:)?\{?[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}\}?", re.IGNORECASE | re.ASCII)
_FIRST_YEAR: Final = datetime(1900, 1, 1, tzinfo=UTC)
_MAX_BIGINT: Final = 2**63 - 1
_COLLECTIONS: Final = frozenset([list, tuple])
_NO_COLLECTIONS: Any = (str, bytes, bytearray, Mapping)


class Unset(Enum):
    """The type of `UNSET`, the value of an argument that was not given."""

    # Libraries that read JSON by annotation look members up by value, and write the value into schemas: so it can be
    # written, but is none that JSON spells.
    UNSET = b"\0"

    def __repr__(self) -> str:
        return self.name


UNSET: Final = Unset.UNSET


def uuid(value: object, field: str) -> UUID:
    """Accept a UUID or its text in any spelling."""
    if isinstance(value, UUID):
        return value
    if not isinstance(value, str):
        raise InvalidValue(field, f"a UUID is needed, not {_kind(value)}")
    if not _UUID_TEXT.fullmatch(value):
        raise InvalidValue(field, "not the text of a UUID")
    return UUID(value.lower())


def plain_text(value: object, field: str) -> str:
    """Accept text that PostgreSQL can hold: no NUL, no lone surrogate; an Enum only if it is a `str` as well."""
    if not isinstance(value, str):
        raise InvalidValue(field, f"text is needed, not {_kind(value)}")
    if "\0" in value:
        raise InvalidValue(field, "contains a NUL character")
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise InvalidValue(field, "contains a lone surrogate") from None
    return value if type(value) is str else str.__str__(value.value if isinstance(value, Enum) else value)


def text(value: object, field: str, limit: int, *, blank: bool = False) -> str:
    """Accept text of at most `limit` characters that is not blank, unless `blank` is allowed."""
    checked = plain_text(value, field)
    if len(checked) > limit:
        raise InvalidValue(field, f"longer than {limit} characters")
    if not blank and not checked.strip():
        raise InvalidValue(field, "blank")
    return checked


def email(value: object, field: str = "email") -> str:
    """Accept 3 to 320 characters with an `@` inside."""
    checked = text(value, field, 320)
    if "@" not in checked[1:-1]:
        raise InvalidValue(field, "an @ is needed inside")
    return checked


def role(value: object, field: str = "role") -> str:
    """Accept 1 to 100 characters, not blank."""
    return text(value, field, 100)


def permissions(value: object, field: str = "permissions") -> tuple[str, ...]:
    """Accept any collection of texts of 1 to 100 characters; a set, which has no order, is sorted."""
    checked = tuple(_permission(one, field) for one in collection(value, field))
    return tuple(sorted(checked)) if isinstance(value, set | frozenset) else checked


def moment(value: object, field: str) -> datetime:
    """Accept an aware datetime of the years 1900 to 9999 and return it in UTC."""
    if not isinstance(value, datetime):
        raise InvalidValue(field, f"a datetime is needed, not {_kind(value)}")
    if value.utcoffset() is None:
        raise InvalidValue(field, "has no time zone")
    try:
        in_utc = value.astimezone(UTC)
    except OverflowError:
        raise InvalidValue(field, "outside the years 1900 to 9999") from None
    if in_utc < _FIRST_YEAR:
        raise InvalidValue(field, "outside the years 1900 to 9999")
    return in_utc


def collection(value: object, field: str) -> list[Any]:
    """Consume any iterable once, but no bare text and no mapping."""
    if type(value) in _COLLECTIONS:  # nearly always; the check below asks abstract classes, which is Python code
        return [*cast("list[Any]", value)]
    if isinstance(value, _NO_COLLECTIONS) or not isinstance(value, Iterable):
        wrong = f"a collection is needed, not {_kind(value)}"
        raise InvalidValue(field, f"{wrong}, whose values would be lost" if isinstance(value, Mapping) else wrong)
    return [*value]


def number(value: object, field: str, low: int, high: int = _MAX_BIGINT) -> int:
    """Accept an int from `low` to `high`."""
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise InvalidValue(field, f"a whole number of at least {low} and at most {high} is needed")
    return int(value)


def choice(value: object, field: str, choices: Collection[str]) -> str:
    """Accept one of the names in a closed list."""
    if isinstance(value, str) and value in choices:
        return str(value)
    raise InvalidValue(field, f"one of {', '.join(choices)} is needed")


def _permission(value: object, field: str) -> str:
    checked = text(value, field, 100, blank=True)
    if not checked:
        raise InvalidValue(field, "contains an empty permission")
    return checked


def _kind(value: object) -> str:
    return "None" if value is None else f"{type(value).__name__}"


def wrong(field: str, expected: type[object], value: object) -> InvalidValue:
    """Give the error for a value of another class than the one needed."""
    return InvalidValue(field, f"a {expected.__name__} is needed, not {_kind(value)}")
