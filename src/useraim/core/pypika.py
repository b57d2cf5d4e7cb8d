"""PyPika, as far as it is used. Its types lose the dialect after the first call, so it is untyped here and nowhere
else: a real server PREPAREs every statement in the tests instead.

Values are never rendered, only `param`s; builders are used once from start to end, since copies share state.
"""

from typing import Any

import pypika
from pypika import analytics, enums, functions, queries, terms
from pypika.dialects import PostgreSQLQuery

Q: Any = PostgreSQLQuery
Tuple: Any = pypika.Tuple
any_of: Any = pypika.Criterion.any
cast: Any = functions.Cast
coalesce: Any = functions.Coalesce
count: Any = functions.Count("*")
count_of: Any = functions.Count
exists: Any = terms.ExistsCriterion
false: Any = terms.ValueWrapper(False)
negate: Any = pypika.Not
row_number: Any = analytics.RowNumber


def function(name: str, *arguments: Any) -> Any:
    """Call a function of the database."""
    return terms.Function(name, *arguments)


def as_text(term: Any) -> Any:
    """Spell a value as PostgreSQL does."""
    return cast(term, "text")


def same(term: Any) -> Any:
    """Compare a term itself."""
    return term


def folded(term: Any) -> Any:
    """Compare a text without regard to case, by the expression that the unique index is built on.

    ASCII letters alike in every database, Turkish ones too; all others as the database's own locale has it.
    """
    return _Lower(_Lower(term, "C"), "default")


class _Lower(functions.Lower):
    """`lower`, by the rules of a collation."""

    def __init__(self, term: Any, collation: str) -> None:
        super().__init__(term)
        self.collation = collation

    def get_special_params_sql(self, **_: Any) -> str:
        """Follow the only argument."""
        return f'COLLATE "{self.collation}"'


def in_utc(term: Any) -> Any:
    """Compare a time by the expression that its index over all memberships is built on."""
    return function("timezone", "UTC", term)


def table(name: str, alias: str | None = None, schema: str | None = None) -> Any:
    """Name a table whose attributes are its columns."""
    return pypika.Table(name, schema=schema, alias=alias)


class Arrays(queries.Selectable):
    """Several arrays of one length as the columns of a table."""

    def __init__(self, alias: str, **columns: str) -> None:
        """Take the columns, and the type of the array that is sent for each."""
        super().__init__(alias)
        self.columns = columns

    def get_sql(self, **_: Any) -> str:
        """Render it: `unnest` of several arrays is syntax, and no function that a schema could have."""
        arrays = ", ".join(str(param(f"{name}s", kind)) for name, kind in self.columns.items())
        return f'unnest({arrays}) AS "{self.alias}" ({", ".join(self.columns)})'


def param(name: str, cast_to: str = "") -> Any:
    """Stand for a value that is sent apart from the SQL."""
    return pypika.Parameter(f"%({name})s{cast_to and '::' + cast_to}")


def among(term: Any, name: str) -> Any:
    """Compare an id with an array of any length, also none, in one parameter."""
    return term == function("ANY", param(name, "uuid[]"))


def array(rows: Any) -> Any:
    """Make an array of what a query gives."""
    return function("ARRAY", rows)


def among_rows(term: Any, rows: Any) -> Any:
    """Compare an id with those that a query gives, as one array: that leaves the planner no join to choose wrongly."""
    return term == function("ANY", array(rows))


def among_texts(term: Any, name: str) -> Any:
    """Compare a text with an array of any length."""
    return term == function("ANY", param(name, "text[]"))


def contains(term: Any, name: str) -> Any:
    """Ask an array of texts for all elements of another."""
    return terms.BasicCriterion(_at_least, term, param(name, "text[]"))


def followed_by(term: Any, other: Any) -> Any:
    """Put one value behind another."""
    return terms.BasicCriterion(_behind, term, other)


class _Operator(enums.Comparator):
    """Of PostgreSQL's own: one that another schema has for exactly these types would be preferred."""

    contains = " OPERATOR(pg_catalog.@>) "
    followed_by = " OPERATOR(pg_catalog.||) "


_at_least: Any = _Operator.contains
_behind: Any = _Operator.followed_by


def by_itself(query: Any) -> Any:
    """Keep the planner from merging a query into the one around it, which computes columns wherever it uses them.

    Spelt as a number it would be cast to bigint, and the planner would not see that none is left out: no workers then.
    """
    return query.offset(pypika.Parameter("'0'"))


def to_char_utc(term: Any) -> Any:
    """Spell a time in ISO 8601 and UTC, whatever the session's settings."""
    return function("to_char", in_utc(term), 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')


def direction(descending: bool) -> Any:
    """Name the direction of a sort."""
    return pypika.Order.desc if descending else pypika.Order.asc
