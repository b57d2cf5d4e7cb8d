"""Attributes of links: how each is checked, travels as an array, and stands in a statement."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import chain
from typing import Any, Final, NamedTuple, TypeAlias

from useraim import validate
from useraim.core.adapt import TextArray, TimeArray
from useraim.core.clauses import listed
from useraim.validate import UNSET, Unset

Given: TypeAlias = Mapping[str, Any]
"""The attributes given for one membership, checked."""
Shape: TypeAlias = tuple[tuple[str, bool], ...]
"""Which attributes some rows give, and whether every row gives it."""

_NOTHING: Final[Given] = {}


class Attribute(NamedTuple):
    """A column of a join table beside its key: how it is checked, and how a list of it is sent."""

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


class Columns(dict[str, Attribute]):
    """The columns of a join table beside its key."""

    def check(self, given: Mapping[str, object]) -> Given:
        """Check attributes given as keywords; UNSET counts as not given."""
        if not given:
            return _NOTHING
        if unknown := given.keys() - self.keys():
            raise TypeError(f"got an unexpected keyword argument {min(unknown)!r}")
        return {name: self[name].check(value, name) for name, value in given.items() if value is not UNSET}

    def bound(self, given: Given) -> dict[str, Any]:
        """Bind the attributes of one link."""
        return {name: TextArray(value) if self[name].type == "text[]" else value for name, value in given.items()}

    def shape(self, rows: Sequence[Given]) -> Shape:
        """Tell which attributes occur in the rows, and whether in all of them."""
        if not any(rows):
            return ()
        counts = Counter(chain.from_iterable(rows))
        return tuple((name, counts[name] == len(rows)) for name in self if counts[name])

    def arrays(self, rows: Sequence[Given], given: Shape) -> dict[str, object]:
        """Turn rows into one array an attribute; NULL where a row leaves it out."""
        return {name: self[name].array([row.get(name) for row in rows]) for name, _ in given}

    def array_params(self, names: Iterable[str]) -> Iterator[str]:
        """Render the parameters of attributes as arrays."""
        return (f"%({name})s::{self[name].array_type}" for name in names)

    def params(self, names: Iterable[str]) -> dict[str, str]:
        """Render the parameters of the attributes of one link."""
        return {name: f"%({name})s::{self[name].type}" for name in names}

    def casts(self, names: Iterable[str]) -> str:
        """List wanted attributes, each of the type of its column."""
        return listed(f"w.{name}::{self[name].type}" for name in names)

    def new_values(self, given: Shape, alias: str = "w") -> str:
        """List the attributes of new rows, with the column's default where rows may leave one out."""
        return listed(
            f"{alias}.{name}" if every else f"coalesce({alias}.{name}, {self[name].default})" for name, every in given
        )

    def resulting(self, names: Iterable[str], given: Iterable[str], *, taking: bool) -> str:
        """List attributes that links `m` will have when `w` is written: what is wanted is taken, or only if new."""
        wanted = set(given)

        def resulting(name: str) -> str:
            both = [f"w.{name}", f"m.{name}"] if name in wanted else [f"m.{name}"]
            return f"coalesce({', '.join(both if taking else both[::-1])}, {self[name].default})"

        return listed(map(resulting, names))

    def new(self, names: Iterable[str], given: Iterable[str]) -> str:
        """List attributes of links that are created all alike."""
        params = self.params(given)
        return listed(params.get(name, self[name].default) for name in names)

    def digested(self, alias: str) -> str:
        """List the attributes spelt without regard to the session's settings."""
        return listed(
            f"extract(epoch FROM {alias}.{name})" if attribute.type == "timestamptz" else f"{alias}.{name}"
            for name, attribute in self.items()
        )


ATTRIBUTES: Final = Columns(
    {
        "role": Attribute(validate.role, "text", "'member'", TextArray, "text[]"),
        "permissions": Attribute(validate.permissions, "text[]", "'{}'", _literals, "text[]"),
        "joined_at": Attribute(validate.moment, "timestamptz", "now()", TimeArray, "timestamptz[]"),
    }
)
"""Those of every relation of this package: the values that name a link have just these."""


_SEQUENCES: Final = {list, tuple}
_PLAIN: Final = {str, Unset}
_OTHERS: Final = tuple(ATTRIBUTES.keys() - {"role", "permissions", "joined_at"})


def given_by(row: Any) -> Given:
    """Check the attributes that a value, one of very many, gives."""
    given = _check_few(row.role, row.permissions, row.joined_at)
    return {**given, **ATTRIBUTES.check({name: getattr(row, name) for name in _OTHERS})} if _OTHERS else given


def _check_few(role: object, permissions: Any, joined_at: object) -> Given:
    if role is permissions is joined_at is UNSET:
        return _NOTHING
    texts = () if permissions is UNSET else permissions
    if type(texts) in _SEQUENCES and len(texts) <= FEW and {type(role), *map(type, texts)} <= _PLAIN:
        given = _check_once(role, UNSET if permissions is UNSET else tuple(texts))
    else:
        given = ATTRIBUTES.check({"role": role, "permissions": permissions})
    return given if joined_at is UNSET else {**given, **ATTRIBUTES.check({"joined_at": joined_at})}


@lru_cache(maxsize=1024)
def _check_once(role: object, permissions: object) -> Given:
    # Many memberships have few roles and lists of permissions.
    return ATTRIBUTES.check({"role": role, "permissions": permissions})
