"""Writes of the relation: each function builds the call of one method of `ManyToMany`."""

from collections.abc import Iterable
from functools import cache
from typing import Any, TypeAlias, cast
from uuid import UUID

from useraim import validate
from useraim.core.adapt import TextArray, UuidArray
from useraim.core.pypika import Q, among, param, table
from useraim.core.rows import single, whole
from useraim.core.statement import Call, Statement, assigned, differs, from_file, listed, nothing, rows_from
from useraim.errors import AlreadyExists, BrokenReference, Error, NotFound
from useraim.ids import in_key_order
from useraim.relation import memberships
from useraim.relation.creating import creation_arrays, creation_statement, creations, refuse_taken
from useraim.relation.memberships import ATTRIBUTES, Given, Shape
from useraim.relation.tables import LINK_COLUMNS, USERS, Ends
from useraim.values import Changes, Link, Linked

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
            far, attributes = cast("Any", link).id, {**defaults, **memberships.given_by(link)}
        key = ends.far.id(far, "links")
        checked.setdefault(key.int, (key, attributes))
    return checked


def put(ends: Ends, source: UUID, links: Wanted, on_match: str, *, replacing: bool) -> Call[Changes]:
    """Link what is wanted and, replacing, unlink all else under a lock on the source."""
    validate.choice(on_match, "on_match", ("ignore", "update", "error"))
    if not (links or replacing):
        return nothing(Changes())

    def read(rows: list[tuple[str, UUID]]) -> Changes:
        if rows and rows[0][0] in {"source", "far", "held"}:
            raise _refusal(ends, rows)
        return _changes(_ids(links), rows)

    keys, given, arrays = _arrays(links)

    def far_ids(error: Error) -> Error:
        # Lost to another append of the same links, which only the constraint sees: it names pairs.
        if isinstance(error, AlreadyExists) and error.constraint == "user_aims_pkey":
            named = {key for pair in error.ids for key in cast("tuple[UUID, UUID]", pair)}
            return AlreadyExists(error.constraint, tuple(key for key in _ids(links) if key in named))
        return error

    call = (
        _put(ends, given, on_match, replacing).call(read, {"source": source, "far": keys, **arrays}).or_raise(far_ids)
    )
    # An update locks links that exist: beside a replace, which first writes and then removes, that could deadlock.
    return call.under(lock(ends, source)) if replacing or (on_match == "update" and given) else call


def lock(ends: Ends, source: UUID) -> Call[int]:
    """Hold off other writers of the source's whole set, but not of its single links, until the transaction ends.

    A statement of its own: the next one then sees what the writer before has left. One statement alone, its lock in
    a CTE, sees the table as it was before it waited: it left the union of two sets in 134 of 150 races.
    """
    return _lock(ends).call(len, {"source": source})


def update(ends: Ends, source: UUID, links: Wanted) -> Call[Changes]:
    """Change attributes of existing links."""
    if not links:
        return nothing(Changes())

    def read(rows: list[tuple[str, UUID]]) -> Changes:
        if rows and rows[0][0] == "absent":
            raise NotFound("user_aims", _in_order(_ids(links), rows))
        return _changes(_ids(links), rows)

    keys, given, arrays = _arrays(links)
    # A link that another transaction is just removing would be passed over, and taken for one that needs no change.
    held = _lock_links(ends).call(len, {"source": source, "far": keys})
    return _update(ends, given).call(read, {"source": source, "far": keys, **arrays}).by_key().under(held)


def remove(ends: Ends, source: UUID, ids: list[UUID] | None) -> Call[Changes]:
    """Unlink some far records, or (None) all."""
    if ids == []:
        return nothing(Changes())
    far = {} if ids is None else {"far": UuidArray(ids)}

    def read(rows: list[UUID]) -> Changes:
        return Changes(removed=tuple(in_key_order(rows)))

    return _remove(ends, everything=ids is None).call(read, {"source": source, **far}).under(lock(ends, source))


def create(ends: Ends, new: type[object], source: UUID, values: list[Any], given: Given) -> Call[list[Linked[Any]]]:
    """Create far records and link them."""
    records = creations(ends.far, new, values)
    width = 2 + len(ends.far.columns)

    def read(rows: list[tuple[Any, ...]]) -> list[Linked[Any]]:
        if rows and rows[0][0] == "source":
            raise _refusal(ends, [("source", source)])
        refuse_taken(rows)
        linked = {row[2]: Linked(ends.far.row(*row[2:width]), *row[width:]) for row in rows}
        return [linked[key] for key in records]

    if not records:
        return nothing([])
    parameters = {"source": source, **creation_arrays(ends.far, records), **memberships.bound(given)}
    return _create(ends, tuple(given)).call(read, parameters)


def direct_control(ends: Ends, new: type[object], edit: type[Any], source: UUID, items: list[Any]) -> Call[Changes]:
    """Make the linked far records exactly these, under a lock on the source."""
    kept: dict[UUID, dict[str, object]] = {}
    order: dict[UUID, None] = {}
    fresh = creations(ends.far, new, [item for item in items if isinstance(item, new)])
    ids = iter(fresh)
    for item in items:
        if isinstance(item, new):
            order[next(ids)] = None
            continue
        is_edit = isinstance(item, edit)
        key = ends.far.id(item.id if is_edit else item, "items")
        order[key] = None
        kept.setdefault(key, ends.far.check({name: getattr(item, name) for name in ends.far.given}) if is_edit else {})
    if both := tuple(key for key in fresh if key in kept):
        raise AlreadyExists(f"{ends.far.name}_pkey", both)

    def read(rows: list[tuple[str, UUID]]) -> Changes:
        if rows and rows[0][0] not in {"added", "updated", "removed"}:
            raise _refusal(ends, rows, order)
        return _changes(order, rows)

    edits = {f"kept_{name}": TextArray(row.get(name) for row in kept.values()) for name in ends.far.given}  # type: ignore[misc]
    parameters = {"source": source, "kept": UuidArray(kept), **edits, **creation_arrays(ends.far, fresh)}
    # As in `update`: a record that another transaction is just deleting would be passed over.
    edited = in_key_order(key for key, row in kept.items() if row)
    rows = [_lock_far(ends).call(len, {"ids": UuidArray(edited)})] if edited else []
    return _direct_control(ends).call(read, parameters).under(lock(ends, source), *rows)


def _arrays(links: Wanted) -> tuple[UuidArray, Shape, dict[str, object]]:
    ordered = [links[number] for number in sorted(links)]
    given = [attributes for _, attributes in ordered]
    shape = memberships.shape(given)
    return UuidArray(key for key, _ in ordered), shape, memberships.arrays(given, shape)


def _ids(links: Wanted) -> list[UUID]:
    return [key for key, _ in links.values()]


def _changes(wanted: Iterable[UUID], rows: list[tuple[str, UUID]]) -> Changes:
    outcomes = {key.int: outcome for outcome, key in rows}
    sets: dict[str, list[UUID]] = {"added": [], "updated": [], "unchanged": []}
    for key in wanted:
        sets[outcomes.get(key.int, "unchanged")].append(key)
    removed = in_key_order(key for outcome, key in rows if outcome == "removed")
    return Changes(tuple(sets["added"]), tuple(sets["updated"]), tuple(sets["unchanged"]), tuple(removed))


def _in_order(wanted: Iterable[UUID], rows: list[tuple[str, UUID]]) -> tuple[UUID, ...]:
    named = {key for _, key in rows}
    return tuple(key for key in wanted if key in named)


def _refusal(ends: Ends, rows: list[tuple[str, UUID]], order: Iterable[UUID] = ()) -> Error:
    by_reason: dict[str, list[UUID]] = {}
    for reason, key in rows:
        by_reason.setdefault(reason, []).append(key)
    source, far = tuple(by_reason.pop("source", ())), tuple(in_key_order(by_reason.pop("far", ())))
    if source or far:
        return BrokenReference(source, far) if ends.source is USERS else BrokenReference(far, source)
    if absent := by_reason.pop("absent", None):
        return NotFound("user_aims", tuple(key for key in order if key in set(absent)))
    if held := by_reason.pop("held", None):
        return AlreadyExists("user_aims_pkey", tuple(in_key_order(held)))
    constraint, ids = next(iter(by_reason.items()))
    return AlreadyExists(constraint, tuple(in_key_order(set(ids))))


@cache
def _put(ends: Ends, given: Shape, on_match: str, replacing: bool) -> Statement[tuple[Any, ...]]:
    source, far = ends
    keys = memberships.Keys(
        name=f"{ends.name}.{'replace' if replacing else 'append'}",
        columns=far.link,
        arrays=("%(far)s::uuid[]",),
        user=ends.user,
        aim=ends.aim,
        missing=(
            f"SELECT 'source', %(source)s::uuid"
            f" WHERE NOT EXISTS (SELECT 1 FROM {source.name} WHERE id = %(source)s FOR KEY SHARE)\n"
            "    UNION ALL\n"
            f"    SELECT 'far', w.{far.link} FROM wanted w LEFT JOIN {far.name} f ON f.id = w.{far.link}"
            " WHERE f.id IS NULL"
        ),
        held=(
            f"SELECT 'held', m.{far.link} FROM user_aims m"
            f" WHERE m.{source.link} = %(source)s AND m.{far.link} = ANY (%(far)s::uuid[])"
        ),
    )
    removed = (
        f"DELETE FROM user_aims m WHERE {source.link} = %(source)s\n"
        f"        AND NOT EXISTS (SELECT 1 FROM wanted w WHERE w.{far.link} = m.{far.link})\n"
        f"        AND NOT EXISTS (SELECT 1 FROM refused)\n    RETURNING {far.link}"
    )
    return memberships.put(keys, given, on_match, removed if replacing else "")


@cache
def _lock(ends: Ends) -> Statement[object]:
    query = f"SELECT useraim_lock_{'user' if ends.source is USERS else 'aim'}(%(source)s)"
    return Statement(f"{ends.name} (lock)", query, single)


@cache
def _lock_links(ends: Ends) -> Statement[object]:
    one = "user" if ends.source is USERS else "aim"
    query = f"SELECT useraim_lock_{one}_links(%(source)s, %(far)s::uuid[])"
    return Statement(f"{ends.name} (lock_links)", query, single)


@cache
def _lock_far(ends: Ends) -> Statement[object]:
    return Statement(f"{ends.name} (lock_far)", f"SELECT useraim_lock_{ends.far.name}(%(ids)s::uuid[])", single)


@cache
def _update(ends: Ends, given: Shape) -> Statement[tuple[Any, ...]]:
    new = {name: f"w.{name}" if every else f"coalesce(w.{name}, m.{name})" for name, every in given}
    query = from_file(
        "update_links.sql",
        source_id=ends.source.link,
        far_id=ends.far.link,
        names=listed(new),
        casts=listed(f"w.{name}::{ATTRIBUTES[name].type}" for name in new),
        arrays=rows_from("%(far)s::uuid[]", *memberships.array_params(new)),
        changes=assigned(new) or f"{ends.far.link} = m.{ends.far.link}",
        differs=differs("m", new),
    )
    return Statement(f"{ends.name}.update", query, whole)


@cache
def _remove(ends: Ends, *, everything: bool) -> Statement[UUID]:
    links = table("user_aims")
    query = Q.from_(links).delete().where(links.field(ends.source.link) == param("source"))
    if not everything:
        query = query.where(among(links.field(ends.far.link), "far"))
    return Statement(f"{ends.name}.{'clear' if everything else 'remove'}", query.returning(ends.far.link), single)


@cache
def _create(ends: Ends, given: tuple[str, ...]) -> Statement[tuple[Any, ...]]:
    source, far = ends
    names = listed(given)
    values = listed(f"%({name})s::{ATTRIBUTES[name].type}" for name in given)
    user, aim, users = _created(ends, "a")
    attributes = listed(f"m.{name}" for name in LINK_COLUMNS)
    return creation_statement(
        far,
        f"{ends.name}.create",
        refused="\n    UNION ALL\n    SELECT 'source', %(source)s::uuid"
        f" WHERE NOT EXISTS (SELECT 1 FROM {source.name} WHERE id = %(source)s FOR KEY SHARE)",
        linked=f""",
linked AS (
    INSERT INTO user_aims AS m (user_id, aim_id{names}) SELECT {user}, {aim}{values} FROM added a {users} ORDER BY a.id
    RETURNING m.{far.link}{attributes}
)""",
        source=f"(added a JOIN linked m ON m.{far.link} = a.id)",
        also=attributes,
    )


@cache
def _direct_control(ends: Ends) -> Statement[tuple[Any, ...]]:
    source, far = ends
    given = tuple(far.given)
    edited = {name: f"coalesce(k.{name}, f.{name})" for name in given}
    user, aim, users = _created(ends, "c")
    query = from_file(
        "direct_control.sql",
        source=source.name,
        source_id=source.link,
        far=far.name,
        far_id=far.link,
        given=", ".join(given),
        kept=rows_from("%(kept)s::uuid[]", *(f"%(kept_{name})s::text[]" for name in given)),
        new=rows_from("%(ids)s::uuid[]", *(f"%(new_{name})s::text[]" for name in given)),
        taken=from_file(
            "taken_or_edited.sql", far=far.name, unique=far.unique, theirs=far.unique_of("f"), ours=far.unique_of("w")
        )
        if far.unique
        else "",
        changes=assigned(edited),
        differs=differs("f", edited),
        user=user,
        aim=aim,
        users=users,
    )
    return Statement(f"{ends.name}.direct_control", query, whole)


def _created(ends: Ends, rows: str) -> tuple[str, str, str]:
    """Spell user and aim of links to records that the same statement creates, and the join that gives the user."""
    if ends.source is USERS:
        return "u.id", f"{rows}.id", "JOIN users u ON u.id = %(source)s"
    return f"{rows}.id", "%(source)s::uuid", ""
