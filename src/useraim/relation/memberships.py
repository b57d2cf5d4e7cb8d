"""Attributes of memberships: what is given, how it travels as arrays, and the one statement that puts memberships."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import chain
from typing import Any, Final, NamedTuple, TypeAlias

from useraim import validate
from useraim.core.adapt import TextArray, TimeArray
from useraim.core.rows import whole
from useraim.core.statement import Statement, assigned, differs, from_file, listed, rows_from
from useraim.validate import UNSET, Unset

Given: TypeAlias = Mapping[str, Any]
"""The attributes given for one membership, checked."""
Shape: TypeAlias = tuple[tuple[str, bool], ...]
"""Which attributes some rows give, and whether every row gives it."""


class Attribute(NamedTuple):
    """A column of user_aims beside its key: how it is checked, and how a list of it is sent."""

    check: Callable[[object, str], Any]
    type: str
    default: str
    """The column's default as in the migration, for rows that leave it out where others give it."""
    array: Callable[[Iterable[Any]], list[Any]]
    array_type: str


def _literals(values: Iterable[tuple[str, ...] | None]) -> TextArray:
    # An array of arrays of different length does not exist in SQL: each travels as its text.
    return TextArray(
        None if value is None else _literal_once(value) if len(value) <= FEW else _literal(value) for value in values
    )


def _literal(texts: tuple[str, ...]) -> str:
    quoted = ('"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"' for text in texts)
    return "{" + ",".join(quoted) + "}"


FEW: Final = 10
"""Lists of no more permissions are worth keeping: longer ones take memory, and hardly recur."""
_literal_once = lru_cache(maxsize=1024)(_literal)


ATTRIBUTES: Final[Mapping[str, Attribute]] = {
    "role": Attribute(validate.role, "text", "'member'", TextArray, "text[]"),
    "permissions": Attribute(validate.permissions, "text[]", "'{}'", _literals, "text[]"),
    "joined_at": Attribute(validate.moment, "timestamptz", "now()", TimeArray, "timestamptz[]"),
}


_NOTHING: Final[Given] = {}
_SEQUENCES: Final = {list, tuple}
_PLAIN: Final = {str, Unset}
_OTHERS: Final = tuple(ATTRIBUTES.keys() - {"role", "permissions", "joined_at"})


def check(given: Mapping[str, object]) -> Given:
    """Check attributes given as keywords; UNSET counts as not given."""
    if unknown := given.keys() - ATTRIBUTES.keys():
        raise TypeError(f"got an unexpected keyword argument {min(unknown)!r}")
    return _check(**given) if given else _NOTHING


def given_by(row: Any) -> Given:
    """Check the attributes that a value, one of very many, gives."""
    given = _check_few(row.role, row.permissions, row.joined_at)
    return {**given, **_check(**{name: getattr(row, name) for name in _OTHERS})} if _OTHERS else given


def _check_few(role: object, permissions: Any, joined_at: object) -> Given:
    if role is permissions is joined_at is UNSET:
        return _NOTHING
    texts = () if permissions is UNSET else permissions
    if type(texts) in _SEQUENCES and len(texts) <= FEW and {type(role), *map(type, texts)} <= _PLAIN:
        given = _check_once(role, UNSET if permissions is UNSET else tuple(texts))
    else:
        given = _check(role=role, permissions=permissions)
    return given if joined_at is UNSET else {**given, **_check(joined_at=joined_at)}


@lru_cache(maxsize=1024)
def _check_once(role: object, permissions: object) -> Given:
    # Many memberships have few roles and lists of permissions.
    return _check(role=role, permissions=permissions)


def _check(**given: object) -> Given:
    return {name: ATTRIBUTES[name].check(value, name) for name, value in given.items() if value is not UNSET}


def bound(given: Given) -> dict[str, Any]:
    """Bind the attributes of one membership."""
    return {name: TextArray(value) if ATTRIBUTES[name].type == "text[]" else value for name, value in given.items()}


def shape(rows: Sequence[Given]) -> Shape:
    """Tell which attributes occur in the rows, and whether in all of them."""
    if not any(rows):
        return ()
    counts = Counter(chain.from_iterable(rows))
    return tuple((name, counts[name] == len(rows)) for name in ATTRIBUTES if counts[name])


def arrays(rows: Sequence[Given], given: Shape) -> dict[str, object]:
    """Turn rows into one array an attribute; NULL where a row leaves it out."""
    return {name: ATTRIBUTES[name].array([row.get(name) for row in rows]) for name, _ in given}


class Keys(NamedTuple):
    """How a put names its pairs: by two arrays, or by a source and an array of far ids."""

    name: str
    columns: str
    arrays: tuple[str, ...]
    user: str
    aim: str
    missing: str
    held: str


def put(keys: Keys, given: Shape, on_match: str, removed: str = "") -> Statement[tuple[Any, ...]]:
    """Render the statement that writes memberships and says what became of each.

    Rows: ('added' | 'updated' | 'removed', key …), or, and then nothing is written, what stands against it:
    ('users' | 'aims' | 'source' | 'far' | 'held', key …).
    """
    names = [name for name, _ in given]
    update = on_match == "update" and names
    query = from_file(
        "put.sql",
        keys=keys.columns,
        names=listed(names),
        casts=listed(f"w.{name}::{ATTRIBUTES[name].type}" for name in names),
        arrays=rows_from(*keys.arrays, *array_params(names)),
        refused=keys.missing + (f"\n    UNION ALL\n    {keys.held}" if on_match == "error" else ""),
        user=keys.user,
        aim=keys.aim,
        values=listed(value(name, every=every) for name, every in given),
        order=", ".join(f"w.{key}" for key in keys.columns.split(", ")),
        conflict="" if on_match == "error" else "ON CONFLICT (user_id, aim_id) DO " + (
            _update(keys, given) if update else "NOTHING"
        ),
        returned=", ".join(f"m.{key}" for key in keys.columns.split(", ")),
        removed=removed and f"removed AS (\n    {removed}\n),",
        also=removed and f"UNION ALL\nSELECT 'removed', {keys.columns} FROM removed",
    )  # fmt: skip
    return Statement(keys.name, query, whole)


def value(name: str, *, every: bool, alias: str = "w") -> str:
    """Render an attribute of a new row, with the column's default where rows may leave it out."""
    return f"{alias}.{name}" if every else f"coalesce({alias}.{name}, {ATTRIBUTES[name].default})"


def _update(keys: Keys, given: Shape) -> str:
    return update_set({name: _new(keys, name, every=every) for name, every in given})


def update_set(new: Mapping[str, str]) -> str:
    """Render DO UPDATE for those rows in which a new value differs; the others are not written at all."""
    return f"UPDATE SET {assigned(new)}\n    WHERE {differs('m', new)}"


def _new(keys: Keys, name: str, *, every: bool) -> str:
    if every:
        return f"excluded.{name}"
    # Where only some rows give the attribute, the others keep theirs; the subquery is hashed once, not run a row.
    key = ", ".join(f"m.{key}" for key in keys.columns.split(", "))
    # It reads the arrays again, as Citus lets it refer to parameters, but to no CTE.
    arrays = rows_from(*keys.arrays, *array_params([name]))
    gave = f"SELECT {keys.columns} FROM {arrays} AS g ({keys.columns}, given) WHERE given IS NOT NULL"
    return f"CASE WHEN ({key}) IN ({gave}) THEN excluded.{name} ELSE m.{name} END"


def array_params(names: Iterable[str]) -> Iterator[str]:
    """Render the parameters of attributes as arrays."""
    return (f"%({name})s::{ATTRIBUTES[name].array_type}" for name in names)
