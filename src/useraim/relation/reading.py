"""Reads of the relation: each function builds the call of one method of `ManyToMany`."""

from collections.abc import Callable, Iterable
from functools import cache, lru_cache
from typing import Any, NamedTuple, cast
from uuid import UUID

from useraim import validate
from useraim.core import ordering
from useraim.core.adapt import UuidArray
from useraim.core.clauses import columns, from_file
from useraim.core.ordering import Key
from useraim.core.pypika import (
    Q,
    among,
    coalesce,
    direction,
    param,
    row_number,
    table,
)
from useraim.core.rows import MakeRow, maker, whole
from useraim.core.statement import Call, Statement, nothing
from useraim.page import Page, Place, Window
from useraim.relation import conditions
from useraim.relation.conditions import LinkShape
from useraim.relation.declaration import AnyTable, Ends
from useraim.values import Linked, LinkFilter

_ON_LINK = {"joined_at": Key("joined_at", "timestamptz"), "role": Key("role", "text")}
_LINKED = cast("type[Linked[Any]]", Linked)
_make_linked = maker(_LINKED)
_LAST = 2**62  # twice that is the largest bigint


class Order(NamedTuple):
    """An ordering of links: by a column of the link or of the far record."""

    name: str
    descending: bool


class Limits(NamedTuple):
    """Which of the links of each source: those after `offset`, up to the `last`-th."""

    offset: int
    last: int | None

    @property
    def limited(self) -> bool:
        """Say whether these are not simply all."""
        return self.offset > 0 or self.last is not None

    @property
    def parameters(self) -> dict[str, object]:
        """Bind the limits, if there are any."""
        return {"offset": self.offset, "last": self.last} if self.limited else {}


def order(ends: Ends, order_by: object) -> Order:
    """Check the name of an ordering."""
    return _order(ends, order_by) if isinstance(order_by, str) else Order(*ordering.parse(order_by, _orders(ends)))


@lru_cache
def _order(ends: Ends, order_by: str) -> Order:
    return Order(*ordering.parse(order_by, _orders(ends)))


@lru_cache
def _orders(ends: Ends) -> dict[str, Key]:
    return {**_ON_LINK, "created_at": ends.far.orders["created_at"], ends.far.label: ends.far.orders[ends.far.label]}


def limits(limit: object, offset: object) -> Limits:
    """Check how many links are asked for, after how many."""
    skipped = validate.number(offset, "offset", 0, _LAST)
    return Limits(skipped, None if limit is None else skipped + validate.number(limit, "limit", 0, _LAST))


def of(ends: Ends, source: UUID, link: LinkFilter | None, by: Order, within: Limits) -> Call[list[Linked[Any]]]:
    """Read the links of one source."""
    statement = _of(ends, conditions.link_shape(link), by, within.limited)
    return statement.call(list, {"source": source, **conditions.link_parameters(link), **within.parameters})


def load(
    ends: Ends, sources: list[Any], link: LinkFilter | None, by: Order, within: Limits
) -> Call[dict[Any, list[Linked[Any]]]]:
    """Read the links of many sources, and each far record once."""
    make = _record_maker(ends.far)
    of_record = _width(ends)

    def read(rows: list[tuple[Any, ...]]) -> dict[Any, list[Linked[Any]]]:
        result: dict[Any, list[Linked[Any]]] = {source: [] for source in sources}
        add = {source.int.to_bytes(16): linked.append for source, linked in result.items()}
        found: dict[bytes, Any] = {}
        for row in rows:
            if row[0] is None:
                record = make(row[of_record:])
                found[record.id.int.to_bytes(16)] = record
            # On a cluster each part of a statement has a snapshot of its own: what vanished took its links along.
            elif record := found.get(row[1]):
                add[row[0]](_make_linked((record, *row[2:of_record])))
        return result

    parameters = {"sources": UuidArray(sources), **conditions.link_parameters(link), **within.parameters}
    return (
        _load(ends, conditions.link_shape(link), by, within.limited).call(read, parameters, refuses=False)
        if sources
        else nothing({})
    )


def page(ends: Ends, source: UUID, link: LinkFilter | None, by: Order, asked: Window) -> Call[Page[Linked[Any]]]:
    """Read one page of the links of one source."""
    statement = _page(ends, conditions.link_shape(link), by, asked.direction)
    parameters = {"source": source, **conditions.link_parameters(link), **asked.parameters}
    return statement.call(lambda rows: asked.page(rows, place_by(ends, by)), parameters, refuses=False)


@lru_cache
def place_by(ends: Ends, by: Order) -> Callable[[Linked[Any]], Place]:
    """Give the function that tells the place of a row."""
    on_link, key = _key(ends, by.name)
    if on_link:
        return lambda row: (getattr(row, key.column), row.record.id)
    return lambda row: (getattr(row.record, key.column), row.record.id)


@lru_cache
def keys(ends: Ends, by: Order) -> tuple[Key, Key]:
    """Give the keys that links are ordered by."""
    return _key(ends, by.name)[1], Key(ends.far_id, "uuid")


def scope(ends: Ends, source: UUID, link: LinkFilter | None, by: Order) -> str:
    """Name what a cursor belongs to: the relation and its source, the ordering and the filter."""
    filtered = "" if link is None else repr(sorted(conditions.link_parameters(link).items()))
    return f"{_ordered(ends, by)} {source.int} {filtered}"


@lru_cache
def _ordered(ends: Ends, by: Order) -> str:
    return f"{ends.name} {by}"


def _key(ends: Ends, name: str) -> tuple[bool, Key]:
    return (True, _ON_LINK[name]) if name in _ON_LINK else (False, ends.far.orders[name])


def links_of(ends: Ends) -> tuple[Any, Any, Any]:
    """Name the links, and their columns for the source and the far end."""
    links = table(ends.join.name, "m")
    return links, links.field(ends.source_id), links.field(ends.far_id)


def _width(ends: Ends) -> int:
    """Count what is in front of the columns of a record in a row of load: both ids, and the attributes."""
    return 2 + len(ends.join.attributes)


def _terms(ends: Ends, far: Any, by: Order) -> tuple[Any, Any]:
    on_link, key = _key(ends, by.name)
    links, _, far_id = links_of(ends)
    return key.term(links if on_link else far), far_id


def _linked(ends: Ends, link: LinkShape) -> tuple[Any, Any]:
    far = table(ends.far.name, "f")
    links, source_id, far_id = links_of(ends)
    query = Q.from_(links).join(far).on(far.id == far_id)
    query = query.select(
        *(links.field(name) for name in ends.join.attributes), *(far.field(name) for name in ends.far.columns)
    )
    return far, filtered(query.where(source_id == param("source")), links, link)


def filtered(query: Any, links: Any, link: LinkShape) -> Any:
    """Add what the filter lets through, as conditions on the links."""
    for part in conditions.link_criteria(links, link):
        query = query.where(part)
    return query


def _linked_maker(ends: Ends) -> MakeRow[Linked[Any]]:
    return maker(_LINKED, record=ends.far.row)


@lru_cache(maxsize=256)
def _of(ends: Ends, link: LinkShape, by: Order, limited: bool) -> Statement[Linked[Any]]:
    far, query = _linked(ends, link)
    query = ordering.sort(query, _terms(ends, far, by), descending=by.descending)
    if limited:
        query = query.limit(param("last", "bigint") - param("offset", "bigint")).offset(param("offset", "bigint"))
    return Statement(f"{ends.name}.of", query, _linked_maker(ends))


@lru_cache(maxsize=256)
def _page(ends: Ends, link: LinkShape, by: Order, direction: str) -> Statement[Linked[Any]]:
    far, query = _linked(ends, link)
    terms = _terms(ends, far, by)
    query = ordering.seek(query, terms, keys(ends, by), descending=by.descending, start=direction)
    return Statement(f"{ends.name}.page", query, _linked_maker(ends))


@lru_cache(maxsize=256)
def _load(ends: Ends, link: LinkShape, by: Order, limited: bool) -> Statement[tuple[Any, ...]]:
    far = table(ends.far.name, "f")
    rows, source_id, far_id = links_of(ends)
    links = Q.from_(rows)
    if not _key(ends, by.name)[0]:
        links = links.join(far).on(far.id == far_id)
    links = filtered(links.where(among(source_id, "sources")), rows, link)
    terms = _terms(ends, far, by)
    listed = (ends.source_id, ends.far_id, *ends.join.attributes)
    links = links.select(*(rows.field(name) for name in listed))
    query = from_file(
        "links/load.sql",
        links=str(_part(links, listed, source_id, terms, by) if limited else links.select(terms[0].as_("place"))),
        attributes=columns(ends.join.attributes),
        no_attributes=_nulls(ends.join.attributes),
        far=ends.far.name,
        columns=ends.far.listed(),
        no_columns=_nulls(ends.far.columns),
        number=str(_width(ends) + 1),
        direction="DESC" if by.descending and not limited else "ASC",
    )
    return Statement(f"{ends.name}.load", query, whole)


def _part(links: Any, listed: tuple[str, ...], source_id: Any, terms: Any, by: Order) -> Any:
    """Number the links of each source, and take those within the limits."""
    numbered = links.select(row_number().over(source_id).orderby(*terms, order=direction(by.descending)).as_("place"))
    numbered = numbered.as_("n")
    some = (numbered.place > param("offset", "bigint")) & (
        numbered.place <= coalesce(param("last", "bigint"), numbered.place)
    )
    return Q.from_(numbered).select(*(numbered.field(name) for name in (*listed, "place"))).where(some)


def _nulls(names: Iterable[str]) -> str:
    return columns("NULL" for _ in names)


@cache
def _record_maker(far: AnyTable) -> MakeRow[Any]:
    return maker(far.row)
