"""Finding records: by conditions on their links, by text, page by page; the statements, rendered once a shape."""

from functools import lru_cache
from typing import Any, TypeAlias

from useraim import validate
from useraim.core import ordering
from useraim.core.ordering import ID
from useraim.core.pypika import Q, any_of, count, param
from useraim.core.pypika import table as rows_of
from useraim.core.rows import maker, single
from useraim.core.statement import Statement
from useraim.relation import conditions
from useraim.relation.conditions import Shape
from useraim.relation.declaration import Ends

Filter: TypeAlias = tuple[tuple[Shape, ...], bool]
"""The shapes of the conditions, and whether text is searched."""


def asked(ends: Ends, where: object, search: object) -> tuple[Filter, dict[str, object]]:
    """Check conditions and text to search for, and bind their values."""
    _, shapes, parameters = conditions.bound(ends.far, validate.collection(where, "where"), "where")
    if search is None:
        return (shapes, False), parameters
    return (shapes, True), parameters | {"pattern": _pattern(validate.plain_text(search, "search"))}


@lru_cache(maxsize=256)
def page_of(ends: Ends, shape: Filter, order: str, descending: bool, direction: str) -> Statement[Any]:
    """Render a page of records."""
    table = ends.source
    rows = rows_of(table.name)
    keys = (table.orders[order], ID)
    query = filtered(Q.from_(rows).select(*table.columns), rows, ends, shape)
    terms = [key.term(rows) for key in keys]
    query = ordering.seek(query, terms, keys, descending=descending, start=direction)
    return Statement(f"{table.name}.page", query, maker(table.row))


@lru_cache(maxsize=256)
def count_of(ends: Ends, shape: Filter) -> Statement[int]:
    """Render the number of records."""
    rows = rows_of(ends.source.name)
    return Statement(f"{ends.source.name}.count", filtered(Q.from_(rows).select(count), rows, ends, shape), single)


def filtered(query: Any, rows: Any, ends: Ends, shape: Filter) -> Any:
    """Leave those rows of a query for which the conditions hold and whose text matches."""
    asked, searched = shape
    for number, condition in enumerate(asked):
        query = query.where(conditions.criterion(rows, conditions.of(ends), condition, f"where{number}_"))
    if searched:
        pattern = param("pattern")
        query = query.where(any_of(rows.field(name).ilike(pattern) for name in ends.source.given))
    return query


def _pattern(search: str) -> str:
    escaped = search.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%"
