"""Orderings: keys that rows are sorted by, and the place of a row among them, for pages that start anywhere."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple
from uuid import UUID

from useraim import validate
from useraim.core.pypika import Tuple, direction, param, same
from useraim.errors import InvalidValue


class Key(NamedTuple):
    """A part of an ordering: a column, its type, and the function of it that is compared, if not itself."""

    column: str
    type: str
    through: Callable[[Any], Any] = same

    def term(self, rows: Any) -> Any:
        """Render the key of a table or alias."""
        return self.through(rows.field(self.column))

    def placeholder(self, name: str) -> Any:
        """Render a place to compare with."""
        return self.through(param(name, self.type))

    def read(self, text: str) -> Any:
        """Read a key back from a cursor; `ValueError` for what is no key of this type."""
        return _READ[self.type](text)


def _moment(text: str) -> datetime:
    value = datetime.fromisoformat(text)
    if value.tzinfo != UTC:
        raise ValueError("not in UTC")
    return value


def _label(text: str) -> str:
    if len(text) > _LONGEST:
        raise ValueError("longer than any label")
    return text


_LONGEST = 500  # characters of a title
_READ: Mapping[str, Callable[[str], Any]] = {"timestamptz": _moment, "uuid": UUID, "text": _label}

ID = Key("id", "uuid")
CREATED_AT = Key("created_at", "timestamptz")


def parse(order_by: object, choices: Mapping[str, Key]) -> tuple[str, bool]:
    """Split `-name` into the name and whether it descends; only names in the closed list pass."""
    if not isinstance(order_by, str):
        raise InvalidValue("order_by", "text is needed")
    name = order_by.removeprefix("-")
    return validate.choice(name, "order_by", tuple(choices)), name != order_by


def sort(query: Any, terms: Sequence[Any], *, descending: bool = False) -> Any:
    """Order a query by all terms, in the same direction."""
    return query.orderby(*terms, order=direction(descending))


def seek(query: Any, terms: Sequence[Any], keys: Sequence[Key], *, descending: bool, start: str) -> Any:
    """Order a query, start it at a place, and limit it: one index scan where an index has the ordering.

    `start`: the `start` or the `end`, `after` a place or `before` it; from the end and before, rows come nearest first.
    """
    backwards = descending is not (start in {"before", "end"})
    if start in {"after", "before"}:
        here = Tuple(*terms)
        place = Tuple(*(key.placeholder(f"place_{n}") for n, key in enumerate(keys)))
        query = query.where(here < place if backwards else here > place)
    return sort(query, terms, descending=backwards).limit(param("limit", "bigint"))
