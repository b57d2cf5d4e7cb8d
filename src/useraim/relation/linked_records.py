"""Writes of far records together with their links: `create` and `direct_control` of `ManyToMany`."""

from functools import cache, lru_cache, partial
from typing import Any, NamedTuple, cast
from uuid import UUID

from useraim.core.adapt import TextArray, UuidArray
from useraim.core.clauses import assigned, columns, differs, from_file, listed, rows_from
from useraim.core.pypika import Q, function, param
from useraim.core.rows import single, whole
from useraim.core.statement import UNWRITTEN, Call, Statement, nothing
from useraim.ids import in_key_order
from useraim.relation.attributes import Given
from useraim.relation.creating import Creations, creation_arrays, creations, unique_slots
from useraim.relation.declaration import AnyTable, Ends
from useraim.relation.rules import Demand, Rules, holding, slots
from useraim.relation.writing import lock, refusal, told
from useraim.values import Changes, Linked


def create(ends: Ends, source: UUID, values: list[Any], given: Given, demanded: Rules) -> Call[list[Linked[Any]]]:
    """Create far records and link them."""
    records = creations(ends.far, values)
    width = 2 + len(ends.far.columns)

    def read(rows: list[tuple[Any, ...]]) -> list[Linked[Any]]:
        if rows and rows[0][0] is not None:
            raise refusal(ends, [(row[0], row[1]) for row in rows], demanded)
        linked = {row[2]: Linked(ends.far.row(*row[2:width]), *row[width:]) for row in rows}
        return [linked[key] for key in records]

    if not records:
        return nothing([])
    arrays, attributes = creation_arrays(ends.far, records), ends.join.attributes.bound(given)
    parameters = {"source": source, **arrays, **attributes, **demanded.parameters}
    call = _create(ends, tuple(given), demanded.demand).call(read, parameters, refuses=UNWRITTEN)
    return call.under(lock(ends, source)) if demanded else call


class _Items(NamedTuple):
    """Far records to have: those to create, what is edited of those to keep, and all ids in input order."""

    fresh: Creations
    kept: dict[UUID, dict[str, object]]
    order: dict[UUID, None]


def direct_control(ends: Ends, source: UUID, items: list[Any], demanded: Rules) -> Call[Changes]:
    """Make the linked far records exactly these, under a lock on the source."""
    fresh, kept, order = _items(ends.far, items)

    edits: dict[str, object] = {
        f"kept_{name}": TextArray(cast("Any", row.get(name)) for row in kept.values()) for name in ends.far.given
    }
    arrays = {"kept": UuidArray(kept), **edits, **creation_arrays(ends.far, fresh)}
    parameters = {"source": source, **arrays, **demanded.parameters}
    # As in `update`: a record that another transaction is just deleting would be passed over.
    edited = in_key_order(key for key, row in kept.items() if row)
    rows = [_lock_far(ends).call(len, {"ids": UuidArray(edited)})] if edited else []
    call = _direct_control(ends, demanded.demand).call(told(ends, demanded, order), parameters, refuses=UNWRITTEN)
    return call.under(lock(ends, source), *holding(ends, source, demanded), *rows)


def _items(far: AnyTable, items: list[Any]) -> _Items:
    sorted_out = _Items(creations(far, [item for item in items if isinstance(item, far.new)]), {}, {})
    fresh, kept, order = sorted_out
    ids = iter(fresh)
    for item in items:
        if isinstance(item, far.new):
            order[next(ids)] = None
        else:
            key, edit = _kept(far, item)
            kept.setdefault(key, edit)
            order[key] = None
    if both := tuple(key for key in fresh if key in kept):
        raise far.taken(f"{far.name}_pkey", both)
    return sorted_out


def _kept(far: AnyTable, item: Any) -> tuple[UUID, dict[str, object]]:
    """Check a record to keep: its id, and the columns that an edit of it gives."""
    if isinstance(item, far.edit):
        edit: Any = item
        return far.id(edit.id, "items"), far.check({name: getattr(edit, name) for name in far.given})
    return far.id(item, "items"), {}


@cache
def _lock_far(ends: Ends) -> Statement[object]:
    query = Q.select(function(ends.far.lock_many, param("ids", "uuid[]")))
    return Statement(f"{ends.name} (lock_far)", query, single)


@lru_cache(maxsize=512)
def _create(ends: Ends, given: tuple[str, ...], demand: Demand) -> Statement[tuple[Any, ...]]:
    attributes, far = ends.join.attributes, ends.far
    query = from_file(
        "links/create.sql",
        **ends.slots,
        given=columns(far.given),
        columns=far.listed(),
        added=far.listed("a"),
        names=listed(given),
        values=listed(attributes.params(given).values()),
        linked=listed(f"m.{name}" for name in attributes),
        arrays=rows_from("%(ids)s::uuid[]", *(f"%(new_{name})s::text[]" for name in far.given)),
        **unique_slots(far, "t", "n"),
        **slots(ends, demand, "rules/create.sql", partial(attributes.new, given=given), asked="source"),
    )
    return Statement(f"{ends.name}.create", query, whole)


@lru_cache(maxsize=512)
def _direct_control(ends: Ends, demand: Demand) -> Statement[tuple[Any, ...]]:
    far = ends.far
    edited = {name: f"coalesce(k.{name}, f.{name})" for name in far.given}
    query = from_file(
        "links/direct_control.sql",
        **ends.slots,
        hold=ends.join.holds[ends.source],
        given=columns(far.given),
        kept=rows_from("%(kept)s::uuid[]", *(f"%(kept_{name})s::text[]" for name in far.given)),
        new=rows_from("%(ids)s::uuid[]", *(f"%(new_{name})s::text[]" for name in far.given)),
        changes=assigned(edited),
        differs=differs("f", edited),
        unique=far.unique or far.label,
        **unique_slots(far, "f", "w"),
        **slots(ends, demand, "rules/direct_control.sql", partial(ends.join.attributes.new, given=()), asked="source"),
    )
    return Statement(f"{ends.name}.direct_control", query, whole)
