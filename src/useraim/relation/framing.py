"""Frames of memberships, links and records: which columns they have, and the statements, rendered once a shape."""

from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from typing import Any, NamedTuple, TypeAlias

from useraim import validate
from useraim.core import frame, ordering
from useraim.core.adapt import UuidArray
from useraim.core.frame import Frame
from useraim.core.ordering import Key
from useraim.core.parts import Parts
from useraim.core.pypika import Q, among, by_itself, in_utc, table
from useraim.core.rows import whole
from useraim.core.statement import Call, Statement, nothing
from useraim.relation import conditions, finding
from useraim.relation.conditions import LinkShape
from useraim.relation.declaration import AnyTable, Ends, JoinTable
from useraim.relation.finding import Filter
from useraim.values import LinkFilter

SIZE = 16_384
"""Rows of a part: of memberships about 1.5 MB, of which a few copies are here while one is read."""
_MOST = 1_048_576

Packing: TypeAlias = Callable[[str], Statement[tuple[Any, ...]]]
"""Renders the statement for all rows, for those at the `start`, or for those `after` a place."""


class Asked(NamedTuple):
    """What frames are asked of: the statements, their columns with types, those that are the key, and values."""

    packing: Packing
    columns: Mapping[str, str]
    keys: tuple[str, ...]
    parameters: Mapping[str, object]
    nothing: bool = False
    """Say that there is nothing to ask."""

    def whole(self) -> Call[Frame]:
        """Read all rows."""
        return self._call("", {})

    def parts(self, size: object) -> Parts[Frame]:
        """Read rows by key, `size` at once."""
        limit = validate.number(size, "size", 1, _MOST)

        def after(part: Frame) -> Call[Frame] | None:
            if len(part) < limit:
                return None
            places = {f"place_{n}": part.table[key][-1].as_py() for n, key in enumerate(self.keys)}
            return self._call("after", {"limit": limit, **places})

        return Parts(self._call("start", {"limit": limit}), after)

    def _call(self, start: str, parameters: Mapping[str, object]) -> Call[Frame]:
        if self.nothing:
            return nothing(frame.empty(self.columns))
        read = frame.unpacking(self.columns)
        return self.packing(start).call(read, {**self.parameters, **parameters}, refuses=False)


def memberships(join: JoinTable, link: LinkFilter | None) -> Asked:
    """Ask for the links that a filter lets through."""
    packing = partial(_memberships, join, conditions.link_shape(link))
    return Asked(packing, _of_links(join), tuple(join.keys.values()), conditions.link_parameters(link))


def links(ends: Ends, sources: list[Any], link: LinkFilter | None) -> Asked:
    """Ask for the links of sources, each with its far record."""
    parameters = {"sources": UuidArray(sources), **conditions.link_parameters(link)}
    packing = partial(_links, ends, conditions.link_shape(link))
    return Asked(packing, _of_ends(ends), (ends.source_id, ends.far_id), parameters, not sources)


def records(ends: Ends, where: object, search: object) -> Asked:
    """Ask for the records for which conditions hold."""
    shape, parameters = finding.asked(ends, where, search)
    return Asked(partial(_records, ends, shape), _of_record(ends.source), ("id",), parameters)


def _of_links(join: JoinTable) -> dict[str, str]:
    keys = dict.fromkeys(join.keys.values(), "uuid")
    return {**keys, **{name: attribute.type for name, attribute in join.attributes.items()}}


def _of_record(table: AnyTable) -> dict[str, str]:
    kinds = {"id": "uuid", **dict.fromkeys(table.given, "text")}
    return {name: kinds.get(name, "timestamptz") for name in table.columns}


def _of_far(ends: Ends) -> dict[str, str]:
    return {name: kind for name, kind in _of_record(ends.far).items() if name != "id"}


def _of_ends(ends: Ends) -> dict[str, str]:
    return {ends.source_id: "uuid", ends.far_id: "uuid", **_of_links(ends.join), **_of_far(ends)}


@lru_cache(maxsize=256)
def _memberships(join: JoinTable, link: LinkShape, start: str) -> Statement[tuple[Any, ...]]:
    rows = table(join.name, "m")
    query = Q.from_(rows)
    for part in conditions.link_criteria(rows, link, through=in_utc):
        query = query.where(part)
    return _statement(join.name, query, {rows: _of_links(join)}, [rows.field(key) for key in join.keys.values()], start)


@lru_cache(maxsize=256)
def _links(ends: Ends, link: LinkShape, start: str) -> Statement[tuple[Any, ...]]:
    rows, far = table(ends.join.name, "m"), table(ends.far.name, "f")
    source_id, far_id = rows.field(ends.source_id), rows.field(ends.far_id)
    query = Q.from_(rows).join(far).on(far.id == far_id).where(among(source_id, "sources"))
    for part in conditions.link_criteria(rows, link):
        query = query.where(part)
    own = {ends.source_id: "uuid", ends.far_id: "uuid", **_of_links(ends.join)}
    return _statement(ends.name, query, {rows: own, far: _of_far(ends)}, [source_id, far_id], start)


@lru_cache(maxsize=256)
def _records(ends: Ends, shape: Filter, start: str) -> Statement[tuple[Any, ...]]:
    rows = table(ends.source.name)
    query = finding.filtered(Q.from_(rows), rows, ends, shape)
    return _statement(ends.source.name, query, {rows: _of_record(ends.source)}, [rows.id], start)


def _statement(
    name: str, query: Any, columns: Mapping[Any, Mapping[str, str]], keys: list[Any], start: str
) -> Statement[tuple[Any, ...]]:
    for rows, kinds in columns.items():
        query = query.select(*(frame.prepared(rows.field(one), kind).as_(one) for one, kind in kinds.items()))
    if start:
        uuids = [Key(key.name, "uuid") for key in keys]
        query = ordering.seek(query, keys, uuids, descending=False, start=start)
    else:
        query = by_itself(query)
    kinds = {one: kind for some in columns.values() for one, kind in some.items()}
    return Statement(f"{name}.frame{start and 's'}", frame.packing(query, kinds), whole)
