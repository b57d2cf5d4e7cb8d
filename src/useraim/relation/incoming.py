"""Memberships to write as callers have them, taken apart into columns and checked by the column, not by the row."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from datetime import UTC, datetime
from itertools import chain
from operator import attrgetter
from typing import Any, Final, NamedTuple, TypeAlias
from uuid import UUID

from useraim.errors import InvalidValue
from useraim.relation.attributes import ATTRIBUTES
from useraim.relation.declaration import AnyTable
from useraim.relation.tables import USER_AIMS
from useraim.validate import UNSET
from useraim.values import NewUserAim, UserAim

_Take: TypeAlias = Callable[[Any], tuple[object, ...]]
CheckIds: TypeAlias = Callable[[AnyTable, Sequence[Any], str], Sequence[Any]]

KEYS: Final = tuple(USER_AIMS.keys.values())
FIELDS: Final = (*KEYS, *ATTRIBUTES)
_BLANK: Final = dict.fromkeys(FIELDS, UNSET)
_REST: Final = {given: (UNSET,) * (len(FIELDS) - given) for given in range(len(KEYS), len(FIELDS) + 1)}
_LENGTH: Final = b"\0\0\0\x10"
_UUIDS: Final = re.compile(r"(?:[0-9A-Fa-f]{8}-(?:[0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12})*+")


Pack: TypeAlias = Callable[[str], Iterable[bytes]]
"""Packs a column that was checked for an encoding, each value with its length in front."""


class Chunk(NamedTuple):
    """Rows that were checked, to be sent together: how many, the ids of each side, and each attribute."""

    size: int
    columns: Sequence[Pack]


class Incoming(NamedTuple):
    """Rows as columns: the ids of each side, and the attributes that any row gives, None where one leaves them out."""

    ids: Sequence[Sequence[Any]]
    attributes: Mapping[str, Sequence[Any]]


def columns(rows: Sequence[object], check_ids: CheckIds, before: int = 0) -> Incoming:
    """Check rows, before which came so many others; what is wrong is named with the index of its row."""
    taken = _taken(rows, before)
    try:
        return _checked(taken, check_ids)
    except InvalidValue:
        for n, row in enumerate(taken, before):
            try:
                _checked([row], check_ids)
            except InvalidValue as error:
                raise at_row(error, n) from None
        raise


def at_row(error: InvalidValue, index: int) -> InvalidValue:
    """Say in which row of the input it is."""
    return InvalidValue(error.field, f"{error.reason} (row at index {index})")


def uuids(table: AnyTable, column: Sequence[Any], field: str) -> Sequence[UUID]:
    """Accept ids or records."""
    return column if _all_are(UUID, column) else [table.id(value, field) for value in column]


def packed_ids(table: AnyTable, column: Sequence[Any], field: str) -> list[bytes]:
    """Accept ids or records, and pack each with its length in front."""
    if _all_are(str, column) and set(map(len, column)) == {36} and (packed := packed_texts("".join(column))):
        return packed
    return [_LENGTH + one.int.to_bytes(16) for one in uuids(table, column, field)]


def packed_texts(texts: str) -> list[bytes] | None:
    """Pack ids whose texts of 36 characters stand one after the other; None where one is spelt in another way."""
    return packed_bytes(bytes.fromhex(texts.replace("-", ""))) if _UUIDS.fullmatch(texts) else None


def packed_bytes(data: bytes) -> list[bytes]:
    """Pack ids whose bytes stand one after the other."""
    return [_LENGTH + data[start : start + 16] for start in range(0, len(data), 16)]


def known(names: Iterable[object]) -> None:
    """Refuse a name that is none of a membership's."""
    for name in names:
        if name not in _BLANK:
            raise InvalidValue(f"{name!s:.100}", f"a membership has only {', '.join(FIELDS)}")


def _of_tuple(row: Sequence[object]) -> tuple[object, ...]:
    if len(row) not in _REST:
        wanted = f"{', '.join(KEYS)} and, in this order, any of {', '.join(ATTRIBUTES)} are needed"
        raise InvalidValue("rows", f"{wanted}, not {len(row)} values")
    return (*row, *_REST[len(row)])


def _of_mapping(row: Mapping[Any, object]) -> tuple[object, ...]:
    whole = {**_BLANK, **row}
    if len(whole) > len(FIELDS):
        known(whole)
    return tuple(whole.values())


_of_value: Final[_Take] = attrgetter(*FIELDS)
_TAKE: Final[Mapping[Any, _Take]] = {
    NewUserAim: _of_value,
    UserAim: _of_value,
    tuple: _of_tuple,
    list: _of_tuple,
    dict: _of_mapping,
    Mapping: _of_mapping,
}


def _of_any(row: Any) -> tuple[object, ...]:
    for kind, take in _TAKE.items():
        if isinstance(row, kind):
            return take(row)
    raise InvalidValue("rows", f"a membership is needed, not {type(row).__name__}")


def _take_for(kinds: Set[Any]) -> _Take:
    (kind, *others) = kinds or {object}
    return _of_any if others else _TAKE.get(kind, _of_any)


def _taken(rows: Sequence[object], before: int) -> list[tuple[object, ...]]:
    """Give each row all fields, UNSET for those that it leaves out."""
    taken: list[tuple[object, ...]] = []
    try:
        taken.extend(map(_take_for(set(map(type, rows))), rows))
    except InvalidValue as error:
        raise at_row(error, before + len(taken)) from None
    return taken


def _checked(taken: Sequence[tuple[object, ...]], check_ids: CheckIds) -> Incoming:
    fields = dict(zip(FIELDS, zip(*taken, strict=True), strict=True))
    ids = [check_ids(table, fields[key], key) for table, key in USER_AIMS.keys.items()]
    checked = {name: _attribute(name, fields[name]) for name in ATTRIBUTES}
    return Incoming(ids, {name: column for name, column in checked.items() if column})


def _attribute(name: str, column: Sequence[object]) -> Sequence[Any]:
    given = [value for value in column if value is not UNSET]
    checked = _values(name, given)
    if len(given) in {0, len(column)}:
        return checked
    rest = iter(checked)
    return [None if value is UNSET else next(rest) for value in column]


def _values(name: str, values: Sequence[Any]) -> Sequence[Any]:
    kind, check = ATTRIBUTES[name].type, ATTRIBUTES[name].check
    if kind == "text[]" and set(map(type, values)) <= {list, tuple}:
        values = list(map(tuple, values))
    if not _PLAIN[kind](values):
        return [check(value, name) for value in values]
    # What is plain is stored as it is: then it will do to check each of the different values, and of times the ends.
    for value in _DIFFERENT[kind](values):
        check(value, name)
    return values


def _all_are(kind: type[object], values: Iterable[object]) -> bool:
    return set(map(type, values)) <= {kind}


def _texts_of_text(values: Sequence[Any]) -> bool:
    return _all_are(tuple, values) and _all_are(str, chain.from_iterable(values))


def _times_in_utc(values: Sequence[Any]) -> bool:
    return _all_are(datetime, values) and all(value.tzinfo is UTC for value in values)


def _ends(values: Sequence[Any]) -> set[Any]:
    return {min(values), max(values)} if values else set()


_PLAIN: Final[Mapping[str, Callable[[Sequence[Any]], bool]]] = {
    "text": lambda values: _all_are(str, values),
    "text[]": _texts_of_text,
    "timestamptz": _times_in_utc,
}
_DIFFERENT: Final[Mapping[str, Callable[[Sequence[Any]], set[Any]]]] = {
    "text": set,
    "text[]": set,
    "timestamptz": _ends,
}
