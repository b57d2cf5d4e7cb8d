"""Writes of links: each function builds the call of one method of `ManyToMany`."""

from collections.abc import Callable, Collection, Iterable
from functools import cache, lru_cache, partial
from typing import Any, Final, TypeAlias, cast
from uuid import UUID

from useraim import validate
from useraim.core.adapt import UuidArray
from useraim.core.clauses import columns, existing, from_file, listed, literal, rows_from
from useraim.core.pypika import Q, among, function, param, table
from useraim.core.rows import single, whole
from useraim.core.statement import UNWRITTEN, Call, Statement, nothing
from useraim.errors import AlreadyExists, BrokenReference, Conflict, Error, NotFound
from useraim.ids import in_key_order
from useraim.relation.attributes import Given, Shape, given_by
from useraim.relation.declaration import Ends
from useraim.relation.rules import Demand, Rules, holding, slots
from useraim.values import ON_MATCH, Changes, Link

OUTCOMES: Final = frozenset(["added", "updated", "removed"])
"""What became of links and far records: any other first row says what stands against the write."""

Wanted: TypeAlias = dict[int, tuple[UUID, Given]]
"""Far ids and the attributes given for their links, by number, as the hash of a UUID is a call of Python code."""


def wanted(ends: Ends, links: object, defaults: Given) -> Wanted:
    """Check links to write; attributes that a link does not give come from `defaults`; the first of equals counts."""
    given = validate.collection(links, "links")
    if not any(issubclass(kind, Link) for kind in set(map(type, given))):
        return {key.int: (key, defaults) for key in ends.far.ids(given, "links")}
    checked: Wanted = {}
    for link in given:
        far, attributes = link, defaults
        if isinstance(link, Link):
            far, attributes = cast("Any", link).id, {**defaults, **given_by(link)}
        key = ends.far.id(far, "links")
        checked.setdefault(key.int, (key, attributes))
    return checked


def put(ends: Ends, source: UUID, links: Wanted, on_match: str, demanded: Rules, *, replacing: bool) -> Call[Changes]:
    """Link what is wanted and, replacing, unlink all else under a lock on the source."""
    validate.choice(on_match, "on_match", ON_MATCH)
    if not (links or replacing):
        return nothing(Changes())

    keys, given, arrays = _arrays(ends, links)

    def far_ids(error: Error) -> Error:
        # Lost to another append of the same links, which only the constraint sees: it names pairs.
        if isinstance(error, AlreadyExists) and error.constraint == ends.join.pkey:
            named = {key for pair in error.ids for key in cast("tuple[UUID, UUID]", pair)}
            return AlreadyExists(error.constraint, tuple(key for key in _ids(links) if key in named), ends.join.name)
        return error

    statement = _put(ends, given, on_match, replacing, demanded.demand)
    parameters = {"source": source, "far": keys, **arrays, **demanded.parameters}
    call = statement.call(told(ends, demanded, _ids(links)), parameters, refuses=UNWRITTEN).or_raise(far_ids)
    # An update locks links that exist: beside a replace, which first writes and then removes, that could deadlock.
    alone = replacing or (on_match == "update" and given) or demanded
    return call.under(lock(ends, source), *holding(ends, source, demanded)) if alone else call


def lock(ends: Ends, source: UUID) -> Call[int]:
    """Hold off other writers of the source's whole set, but not of its single links, until the transaction ends.

    A statement of its own: the next one then sees what the writer before has left. One statement alone, its lock in
    a CTE, sees the table as it was before it waited: it left the union of two sets in 134 of 150 races.
    """
    return _lock(ends).call(len, {"source": source})


def update(ends: Ends, source: UUID, links: Wanted, demanded: Rules) -> Call[Changes]:
    """Change attributes of existing links."""
    if not links:
        return nothing(Changes())

    keys, given, arrays = _arrays(ends, links)
    # A link that another transaction is just removing would be passed over, and taken for one that needs no change.
    held = _lock_links(ends).call(len, {"source": source, "far": keys})
    parameters = {"source": source, "far": keys, **arrays, **demanded.parameters}
    return (
        _update(ends, given, demanded.demand)
        .call(told(ends, demanded, _ids(links)), parameters, refuses=UNWRITTEN)
        .by_key()
        .under(held, *holding(ends, source, demanded))
    )


def remove(ends: Ends, source: UUID, ids: list[UUID] | None, demanded: Rules) -> Call[Changes]:
    """Unlink some far records, or (None) all."""
    if ids == []:
        return nothing(Changes())
    parameters = {"source": source, "far": UuidArray(ids or ()), **demanded.parameters}
    if demanded:
        ruled = _remove_ruled(ends, ids is None, demanded.demand)
        call = ruled.call(told(ends, demanded), parameters, refuses=UNWRITTEN)
        return call.under(lock(ends, source), *holding(ends, source, demanded))

    def read(rows: list[UUID]) -> Changes:
        return Changes(removed=tuple(in_key_order(rows)))

    return _remove(ends, ids is None).call(read, parameters, refuses=False).under(lock(ends, source))


def _arrays(ends: Ends, links: Wanted) -> tuple[UuidArray, Shape, dict[str, object]]:
    ordered = [links[number] for number in sorted(links)]
    given = [attributes for _, attributes in ordered]
    shape = ends.join.attributes.shape(given)
    return UuidArray(key for key, _ in ordered), shape, ends.join.attributes.arrays(given, shape)


def _ids(links: Wanted) -> list[UUID]:
    return [key for key, _ in links.values()]


def told(ends: Ends, demanded: Rules, wanted: Collection[UUID] = ()) -> Callable[[list[tuple[str, UUID]]], Changes]:
    """Give what reads the answer to a write: what became of what was wanted, or what stands against it."""

    def read(rows: list[tuple[str, UUID]]) -> Changes:
        if rows and rows[0][0] not in OUTCOMES:
            raise refusal(ends, rows, demanded, wanted)
        return changes(wanted, rows)

    return read


def changes(wanted: Iterable[UUID], rows: list[tuple[str, UUID]]) -> Changes:
    """Sort what was wanted by what became of it; what no row names is unchanged."""
    outcomes = {key.int: outcome for outcome, key in rows}
    sets: dict[str, list[UUID]] = {"added": [], "updated": [], "unchanged": []}
    for key in wanted:
        sets[outcomes.get(key.int, "unchanged")].append(key)
    removed = in_key_order(key for outcome, key in rows if outcome == "removed")
    return Changes(tuple(sets["added"]), tuple(sets["updated"]), tuple(sets["unchanged"]), tuple(removed))


def refusal(ends: Ends, rows: list[tuple[str, UUID]], demanded: Rules, order: Iterable[UUID] = ()) -> Error:
    """Say what stands against a write: rows are (reason, id)."""
    by_reason: dict[str, list[UUID]] = {}
    for reason, key in rows:
        by_reason.setdefault(reason, []).append(key)
    source, far = tuple(by_reason.pop("source", ())), tuple(in_key_order(by_reason.pop("far", ())))
    if source or far:
        return BrokenReference(**{ends.source.name: source, ends.far.name: far})
    broken = demanded.refusal(rows) if demanded else None
    if isinstance(broken, Conflict):
        return broken
    if absent := by_reason.pop("absent", None):
        return NotFound(ends.join.name, tuple(key for key in order if key in set(absent)))
    if held := by_reason.pop("held", None):
        return AlreadyExists(ends.join.pkey, tuple(in_key_order(held)), ends.join.name)
    taken = [(reason, ids) for reason, ids in by_reason.items() if " " not in reason]
    if broken and not taken:
        return broken
    ((constraint, ids), *_) = taken
    return ends.far.taken(constraint, tuple(in_key_order(set(ids))))


@lru_cache(maxsize=512)
def _put(ends: Ends, given: Shape, on_match: str, replacing: bool, demand: Demand) -> Statement[tuple[Any, ...]]:
    taking = on_match == "update"
    query = from_file(
        "links/put.sql",
        **_written(ends, given, taking=taking) | ({"conflict": ""} if on_match == "error" else {}),
        refusing=literal(on_match == "error"),
        replacing=literal(replacing),
        **_resulting(ends, given, demand, taking=taking, replacing=replacing),
    )
    return Statement(f"{ends.name}.{'replace' if replacing else 'append'}", query, whole)


def _written(ends: Ends, given: Shape, *, taking: bool) -> dict[str, str]:
    """The slots of rows to write: what is given, and what becomes of a row that exists."""
    attributes, names = ends.join.attributes, [name for name, _ in given]
    near = ends.join.stored_with is ends.source
    far = f"w.{ends.far_id}"
    new = {name: _new(ends, name, every=every) for name, every in given} if taking else {}
    return {
        **ends.slots,
        "names": listed(names),
        "casts": attributes.casts(names),
        "values": attributes.new_values(given),
        "arrays": rows_from("%(far)s::uuid[]", *attributes.array_params(names)),
        "stored_key": "%(source)s::uuid" if near else far,
        "other": far if near else "%(source)s::uuid",
        "conflict": existing(columns(ends.join.keys.values()), new),
    }


def _resulting(ends: Ends, given: Shape, demand: Demand, *, taking: bool, replacing: bool) -> dict[str, str]:
    values = partial(ends.join.attributes.resulting, given=[name for name, _ in given], taking=taking)
    return slots(ends, demand, "rules/put.sql", values, asked="source", replacing=literal(replacing))


def _new(ends: Ends, name: str, *, every: bool) -> str:
    if every:
        return f"excluded.{name}"
    arrays = rows_from("%(far)s::uuid[]", *ends.join.attributes.array_params([name]))
    return from_file("on_match/given_or_held.sql", keys=ends.far_id, held=f"m.{ends.far_id}", name=name, arrays=arrays)


@cache
def _lock(ends: Ends) -> Statement[object]:
    return Statement(f"{ends.name} (lock)", Q.select(function(ends.source.lock, param("source"))), single)


@cache
def _lock_links(ends: Ends) -> Statement[object]:
    lock = function(ends.join.locks[ends.source], param("source"), param("far", "uuid[]"))
    return Statement(f"{ends.name} (lock_links)", Q.select(lock), single)


@lru_cache(maxsize=512)
def _update(ends: Ends, given: Shape, demand: Demand) -> Statement[tuple[Any, ...]]:
    resulting = _resulting(ends, given, demand, taking=True, replacing=False)
    query = from_file("links/update.sql", **_written(ends, given, taking=True), **resulting)
    return Statement(f"{ends.name}.update", query, whole)


@cache
def _remove(ends: Ends, everything: bool) -> Statement[UUID]:
    links = table(ends.join.name)
    query = Q.from_(links).delete().where(links.field(ends.source_id) == param("source"))
    if not everything:
        query = query.where(among(links.field(ends.far_id), "far"))
    return Statement(_name_of_remove(ends, everything), query.returning(ends.far_id), single)


@lru_cache(maxsize=512)
def _remove_ruled(ends: Ends, everything: bool, demand: Demand) -> Statement[tuple[str, UUID]]:
    parts = {"everything": literal(everything)}
    ruled = slots(ends, demand, "rules/remove.sql", listed, asked="source", **parts)
    query = from_file("links/remove.sql", **ends.slots, **parts, **ruled)
    return Statement(_name_of_remove(ends, everything), query, whole)


def _name_of_remove(ends: Ends, everything: bool) -> str:
    return f"{ends.name}.{'clear' if everything else 'remove'}"
