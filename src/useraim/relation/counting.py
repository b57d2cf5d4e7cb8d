"""What is asked about the links of many sources without reading them: how many, whether, and which all have."""

from functools import lru_cache
from struct import Struct
from typing import Any
from uuid import UUID

from useraim.core.adapt import UuidArray
from useraim.core.pypika import Q, among, among_rows, exists, followed_by, function, param, table
from useraim.core.pypika import count as size
from useraim.core.rows import maker, single, whole
from useraim.core.statement import Call, Statement, first, nothing
from useraim.relation import conditions
from useraim.relation.conditions import LinkShape
from useraim.relation.declaration import Ends
from useraim.relation.reading import filtered, links_of
from useraim.values import LinkFilter

_COUNTED = Struct("!16sq")


def count(ends: Ends, sources: list[Any], link: LinkFilter | None) -> Call[dict[Any, int]]:
    """Count links of many sources."""
    statement = _count(ends, conditions.link_shape(link))
    parameters = {"sources": UuidArray(sources), **conditions.link_parameters(link)}

    def read(rows: list[bytes | None]) -> dict[Any, int]:
        counts: dict[bytes, int] = dict(_COUNTED.iter_unpack(rows[0] or b""))
        return {source: counts.get(source.int.to_bytes(16), 0) for source in sources}

    return statement.call(read, parameters, refuses=False) if sources else nothing({})


def count_by_role(ends: Ends, sources: list[Any]) -> Call[dict[Any, dict[str, int]]]:
    """Count links of many sources, role by role."""

    def read(rows: list[tuple[Any, str, int]]) -> dict[Any, dict[str, int]]:
        counts: dict[Any, dict[str, int]] = {source: {} for source in sources}
        for source, role, links in rows:
            counts[source][role] = links
        return counts

    if not sources:
        return nothing({})
    return _count_by_role(ends).call(read, {"sources": UuidArray(sources)}, refuses=False)


def has(ends: Ends, source: UUID, far: UUID, link: LinkFilter | None) -> Call[bool]:
    """Say whether a link exists."""
    shape = conditions.link_shape(link)
    parameters: dict[str, object] = {"source": source, "far": far}
    return _has(ends, shape).call(first, parameters | conditions.link_parameters(link) if shape else parameters)


def common(ends: Ends, sources: list[UUID], link: LinkFilter | None) -> Call[list[Any]]:
    """Read the far records that all of the sources are linked to."""
    parameters = {"sources": UuidArray(sources), "count": len(sources), **conditions.link_parameters(link)}
    return _common(ends, conditions.link_shape(link)).call(list, parameters) if sources else nothing([])


@lru_cache(maxsize=256)
def _count(ends: Ends, link: LinkShape) -> Statement[bytes | None]:
    links, source_id, _ = links_of(ends)
    query = Q.from_(links).select(source_id.as_("id"), size.as_("links")).where(among(source_id, "sources"))
    counted = filtered(query, links, link).groupby(source_id).as_("c")
    # All in one value: a row for each would take the client as long as the counting.
    one = followed_by(function("pg_catalog.uuid_send", counted.id), function("pg_catalog.int8send", counted.links))
    return Statement(f"{ends.name}.count", Q.from_(counted).select(function("pg_catalog.string_agg", one, "")), single)


@lru_cache
def _count_by_role(ends: Ends) -> Statement[tuple[Any, str, int]]:
    links, source_id, _ = links_of(ends)
    query = Q.from_(links).select(source_id, links.role, size).where(among(source_id, "sources"))
    query = query.groupby(source_id, links.role).orderby(source_id, links.role)
    return Statement(f"{ends.name}.count_by_role", query, whole)


@lru_cache(maxsize=256)
def _has(ends: Ends, link: LinkShape) -> Statement[bool]:
    links, source_id, far_id = links_of(ends)
    one = (source_id == param("source")) & (far_id == param("far"))
    query = Q.select(exists(filtered(Q.from_(links).select(1).where(one), links, link)))
    return Statement(f"{ends.name}.has", query, single)


@lru_cache(maxsize=256)
def _common(ends: Ends, link: LinkShape) -> Statement[Any]:
    links, far = table(ends.join.name), table(ends.far.name)
    key = links.field(ends.far_id)
    held = Q.from_(links).select(key).where(among(links.field(ends.source_id), "sources"))
    held = filtered(held, links, link).groupby(key).having(size == param("count", "bigint"))
    query = Q.from_(far).select(*ends.far.columns).where(among_rows(far.id, held))
    query = query.orderby(far.field(ends.far.label), far.id)
    return Statement(f"{ends.name}.common", query, maker(ends.far.row))
