"""Pairs of a user and an aim: checked, bound, and the statements on memberships that are named by them."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache, lru_cache
from typing import Any, Final, TypeAlias, cast
from uuid import UUID

from useraim import validate
from useraim.core import ordering
from useraim.core.adapt import UuidArray
from useraim.core.clauses import assigned, differs, existing, from_file, listed, literal, rows_from
from useraim.core.clauses import columns as list_columns
from useraim.core.ordering import Key
from useraim.core.pypika import Arrays, Q, false, function, in_utc, param, table
from useraim.core.pypika import count as number
from useraim.core.rows import maker, single, whole
from useraim.core.statement import Statement
from useraim.errors import InvalidValue
from useraim.relation import conditions
from useraim.relation.attributes import Shape
from useraim.relation.declaration import columns as columns_of
from useraim.relation.incoming import Incoming
from useraim.relation.tables import AIMS, USER_AIMS, USERS
from useraim.validate import Unset
from useraim.values import AimRef, NewUserAim, Pair, Texts, UserAim, UserRef

PairRef: TypeAlias = tuple[UserRef, AimRef]
Row: TypeAlias = (
    NewUserAim
    | UserAim
    | PairRef
    | tuple[UserRef, AimRef, str | Unset]
    | tuple[UserRef, AimRef, str | Unset, Texts | Unset]
    | tuple[UserRef, AimRef, str | Unset, Texts | Unset, datetime | Unset]
    | Mapping[str, object]
)
"""A membership to write: tuples and mappings give the fields of `NewUserAim`, in its order or by name."""


def key_of(user: object, aim: object) -> Pair:
    """Accept the ids of a user and an aim, or the records themselves."""
    return USERS.id(user, "user_id"), AIMS.id(aim, "aim_id")


def _pair(given: object) -> Pair:
    match given:
        case UserAim():
            return given.user_id, given.aim_id
        case tuple() | list() if len(two := cast("Sequence[object]", given)) == 2:
            return key_of(two[0], two[1])
        case _:
            raise InvalidValue("pairs", "a pair of a user and an aim is needed")


def checked(pairs: object) -> list[Pair]:
    """Check pairs, in the order given."""
    return [_pair(one) for one in validate.collection(pairs, "pairs")]


def one(pair: Pair) -> dict[str, object]:
    """Bind one pair."""
    return {"user_id": pair[0], "aim_id": pair[1]}


def arrays(keys: Sequence[Pair]) -> dict[str, object]:
    """Bind pairs as one array a side."""
    return {"user_ids": UuidArray(user for user, _ in keys), "aim_ids": UuidArray(aim for _, aim in keys)}


def columns(rows: Incoming, order: Sequence[int]) -> tuple[Shape, dict[str, object]]:
    """Bind those rows that have these places, in this order, as one array a side and one an attribute."""
    users, aims = rows.ids
    parameters: dict[str, object] = {
        "user_ids": UuidArray(users[n] for n in order),
        "aim_ids": UuidArray(aims[n] for n in order),
    }
    given = {name: [column[n] for n in order] for name, column in rows.attributes.items()}
    shape = tuple((name, None not in column) for name, column in given.items())
    parameters.update((name, _ATTRIBUTES[name].array(column)) for name, column in given.items())
    return shape, parameters


KEYS: Final = (Key("joined_at", "timestamptz", in_utc), Key("user_id", "uuid"), Key("aim_id", "uuid"))
MAKE: Final = maker(UserAim)

_COLUMNS: Final = columns_of(UserAim)
_LISTED: Final = list_columns(_COLUMNS)
_RETURNED: Final = list_columns(_COLUMNS, "m")
_ATTRIBUTES: Final = USER_AIMS.attributes
_rows: Final = table("user_aims")
_one: Final = (_rows.user_id == param("user_id")) & (_rows.aim_id == param("aim_id"))
_wanted: Final = Arrays("w", user_id="uuid[]", aim_id="uuid[]")
_found: Final = table("user_aims", "m")

GET: Final = Statement("user_aims.get", lambda: Q.from_(_rows).select(*_COLUMNS).where(_one), MAKE)
FIND_MANY: Final = Statement(
    "user_aims.find_many",
    lambda: (
        Q.from_(_wanted)
        .join(_found)
        .on((_found.user_id == _wanted.user_id) & (_found.aim_id == _wanted.aim_id))
        .select(*(_found.field(name) for name in _COLUMNS))
    ),
    MAKE,
)
DELETE: Final = Statement("user_aims.delete", lambda: Q.from_(_rows).delete().where(_one).returning("user_id"), single)
DELETE_MANY: Final[Statement[Pair]] = Statement(
    "user_aims.delete_many", lambda: from_file("pairs/delete_many.sql"), whole
)
LOCK_USER: Final = Statement("user_aims.merge (lock)", lambda: Q.select(function(USERS.lock, param("id"))), single)
MERGE: Final[Statement[tuple[str, UUID]]] = Statement(
    "user_aims.merge",
    lambda: from_file("pairs/merge.sql", names=listed(_ATTRIBUTES), values=listed(f"w.{name}" for name in _ATTRIBUTES)),
    whole,
)


@cache
def put(given: Shape, on_match: str) -> Statement[tuple[Any, ...]]:
    """Render the statement that writes memberships and says what became of each.

    Rows: ('added' | 'updated', user, aim), or, and then nothing is written, ('users' | 'aims' | 'held', user, aim).
    """
    names = [name for name, _ in given]
    new = {name: _new(name, every=every) for name, every in given} if on_match == "update" else {}
    query = from_file(
        "pairs/put.sql",
        names=listed(names),
        casts=_ATTRIBUTES.casts(names),
        values=_ATTRIBUTES.new_values(given),
        arrays=rows_from("%(user_ids)s::uuid[]", "%(aim_ids)s::uuid[]", *_ATTRIBUTES.array_params(names)),
        refusing=literal(on_match == "error"),
        conflict="" if on_match == "error" else existing("user_id, aim_id", new),
    )
    return Statement("user_aims.put_many", query, whole)


def _new(name: str, *, every: bool) -> str:
    if every:
        return f"excluded.{name}"
    arrays = rows_from("%(user_ids)s::uuid[]", "%(aim_ids)s::uuid[]", *_ATTRIBUTES.array_params([name]))
    return from_file(
        "on_match/given_or_held.sql", keys="user_id, aim_id", held="m.user_id, m.aim_id", name=name, arrays=arrays
    )


@cache
def create(given: tuple[str, ...]) -> Statement[tuple[Any, ...]]:
    """Render the statement that links one pair with the attributes given."""
    values = listed(_ATTRIBUTES.params(given).values())
    query = from_file("pairs/create.sql", names=listed(given), values=values, columns=_LISTED)
    return Statement("user_aims.create", query, whole)


@cache
def update(given: tuple[str, ...]) -> Statement[tuple[bool, UserAim]]:
    """Render the change of the attributes given, if the role is still `if_role`, or that is NULL."""
    if not given:
        return Statement("user_aims.update", Q.from_(_rows).select(false, *_COLUMNS).where(_one), _changed)
    new = _ATTRIBUTES.params(given)
    return _changing("update", changes=assigned(new), differs=differs("h", new))


def _changed(row: tuple[Any, ...]) -> tuple[bool, UserAim]:
    return row[0], MAKE(row[1:])


def _changing(name: str, **slots: str) -> Statement[tuple[bool, UserAim]]:
    def query() -> str:
        return from_file(f"pairs/{name}.sql", columns=_LISTED, returned=_RETURNED, **slots)

    return Statement(f"user_aims.{name}", query, _changed)


GRANT: Final = _changing("grant")
REVOKE: Final = _changing("revoke")


@lru_cache(maxsize=256)
def page(link: tuple[str, ...], descending: bool, direction: str) -> Statement[UserAim]:
    """Render a page of all memberships by joined_at."""
    query = _filtered(Q.from_(_rows).select(*_COLUMNS), link)
    terms = [key.term(_rows) for key in KEYS]
    query = ordering.seek(query, terms, KEYS, descending=descending, start=direction)
    return Statement("user_aims.page", query, MAKE)


@lru_cache(maxsize=256)
def count(link: tuple[str, ...]) -> Statement[int]:
    """Render the number of memberships that a filter lets through."""
    return Statement("user_aims.count", _filtered(Q.from_(_rows).select(number), link), single)


def _filtered(query: Any, link: tuple[str, ...]) -> Any:
    for part in conditions.link_criteria(_rows, link, through=in_utc):
        query = query.where(part)
    return query
