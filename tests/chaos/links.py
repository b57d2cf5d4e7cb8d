"""Writes of links, by either end and by pair."""

from typing import Any

import useraim
from tests.chaos.writer import SEATS, Side, Write, Writer
from useraim import AlreadyExists, Conflict, CountBetween, EditAim, EditUser, Link, NewUserAim, NotFound, RuleBroken

# Called here in either world, which their types keep apart.
aims: Any = useraim.aims
user_aims: Any = useraim.user_aims
users: Any = useraim.users


def append(w: Writer) -> Write:
    side, mark, on_match = w.side(), w.mark(), w.one(("ignore", "ignore", "update", "error"))
    some, after = w.some(side.far, 1), w.estate.copy()
    for far in some:
        there = after.links.get(side.pair(far))
        if there is None or on_match == "update":
            after.links[side.pair(far)] = (mark, there[1] if there else ())
    refused = on_match == "error" and any(side.pair(far) in w.estate.links for far in some)

    def send(db: Any) -> Any:
        return side.relation.append(db, side.source, some, role=mark, on_match=on_match)

    if refused:
        return Write(f"{side.name}.append", send, w.estate, lambda _: False, (AlreadyExists,))
    return Write(f"{side.name}.append", send, after, side.changes(w.estate, after))


def replace(w: Writer) -> Write:
    side, mark, permit = w.side(whole=True), w.mark(), w.random.random() < 0.5
    some, after = w.some(side.far), w.estate.copy()
    for far in side.linked(after):
        if far not in some:
            del after.links[side.pair(far)]
    for far in some:
        there = after.links.get(side.pair(far))
        after.links[side.pair(far)] = (mark, (mark,) if permit else there[1] if there else ())
    links = [Link(far, role=mark, permissions=[mark]) if permit else Link(far, role=mark) for far in some]
    return Write(
        f"{side.name}.replace",
        lambda db: side.relation.replace(db, side.source, links),
        after,
        side.changes(w.estate, after),
    )


def remove(w: Writer) -> Write:
    side = w.side()
    some, after = w.some(side.far, 1), w.estate.copy()
    for far in some:
        after.links.pop(side.pair(far), None)
    return Write(
        f"{side.name}.remove",
        lambda db: side.relation.remove(db, side.source, some),
        after,
        side.changes(w.estate, after),
    )


def clear(w: Writer) -> Write:
    side, after = w.side(whole=True), w.estate.copy()
    for far in side.linked(after):
        del after.links[side.pair(far)]
    return Write(
        f"{side.name}.clear", lambda db: side.relation.clear(db, side.source), after, side.changes(w.estate, after)
    )


def update(w: Writer) -> Write:
    side, mark = w.side(), w.mark()
    some, after = w.some(side.linked(w.estate)), w.estate.copy()
    for far in some:
        after.links[side.pair(far)] = (mark, (mark, "x"))

    def send(db: Any) -> Any:
        return side.relation.update(db, side.source, some, role=mark, permissions=[mark, "x"])

    return Write(f"{side.name}.update", send, after, side.changes(w.estate, after))


def create(w: Writer) -> Write | None:
    side, mark = w.side(), w.mark()
    if w.is_full(not side.is_users):
        return None
    new: Any = [w.new_aim(mark) if side.is_users else w.new_user(mark) for _ in range(w.random.randint(1, 2))]
    after = w.estate.copy()
    for one in new:
        (after.goals if side.is_users else after.people)[one.id] = mark
        after.links[side.pair(one.id)] = (mark, ())
    return Write(
        f"{side.name}.create",
        lambda db: side.relation.create(db, side.source, new, role=mark),
        after,
        lambda told: [one.record.id for one in told] == [one.id for one in new],
    )


def direct_control(w: Writer) -> Write | None:
    """What is linked and not mentioned is deleted: only where all of it is the worker's own."""
    side, mark, after = w.side(whole=True), w.mark(), w.estate.copy()
    records: Any = after.goals if side.is_users else after.people
    linked = side.linked(after)
    if not all(far in records for far in linked) or len(records) - len(linked) < 2:
        return None
    kept = w.some(linked)
    edited = [far for far in kept if w.random.random() < 0.5]
    new: Any = [w.new_aim(mark) if side.is_users else w.new_user(mark)] if not w.is_full(not side.is_users) else []
    (after.drop_goals if side.is_users else after.drop_people)([far for far in linked if far not in kept])
    records = after.goals if side.is_users else after.people
    records.update(dict.fromkeys(edited, mark))
    for one in new:
        records[one.id] = mark
        after.links[side.pair(one.id)] = ("member", ())
    items = [*new, *(_edit(side, far, mark) if far in edited else far for far in kept)]
    return Write(
        f"{side.name}.direct_control",
        lambda db: side.relation.direct_control(db, side.source, items),
        after,
        lambda told: (set(told.updated), len(told.removed)) == (set(edited), len(linked) - len(kept)),
    )


def _edit(side: Side, far: Any, mark: str) -> EditAim | EditUser:
    return EditAim(far, title=mark) if side.is_users else EditUser(far, name=mark)


def take_a_seat(w: Writer) -> Write:
    """An aim of few seats, which every worker wants for all of its users."""
    mark, after = w.mark(), w.estate.copy()
    some = w.some(w.estate.people, 1)
    for user in some:
        after.links.setdefault((user, w.shared.seats), (mark, ()))
    must = CountBetween(at_most=SEATS)
    return Write(
        "aims.users.append",
        lambda db: aims.users.append(db, w.shared.seats, some, role=mark, must=must),
        after,
        refused_by=(RuleBroken,),
    )


def leave_the_seats(w: Writer) -> Write:
    after = w.estate.copy()
    for user in w.estate.people:
        after.links.pop((user, w.shared.seats), None)
    return Write("aims.users.remove", lambda db: aims.users.remove(db, w.shared.seats, list(w.estate.people)), after)


def create_pair(w: Writer) -> Write:
    pair, mark, after = (w.one(w.estate.people), w.one(w.estate.goals)), w.mark(), w.estate.copy()
    if pair in w.estate.links:
        return Write(
            "user_aims.create", lambda db: user_aims.create(db, *pair), w.estate, lambda _: False, (AlreadyExists,)
        )
    after.links[pair] = (mark, ())
    return Write(
        "user_aims.create", lambda db: user_aims.create(db, *pair, role=mark), after, lambda told: told.role == mark
    )


def update_pair(w: Writer) -> Write:
    mark, after = w.mark(), w.estate.copy()
    if not w.estate.links:
        pair = (w.one(w.estate.people), w.one(w.estate.goals))
        return Write(
            "user_aims.update", lambda db: user_aims.update(db, *pair, role=mark), after, lambda _: False, (NotFound,)
        )
    pair = w.one(w.estate.links)
    role, permissions = w.estate.links[pair]
    if w.random.random() < 0.2:
        stale = f"{role}?"
        return Write(
            "user_aims.update", lambda db: user_aims.update(db, *pair, role=mark, if_role=stale), after,
            lambda _: False, (Conflict,),
        )  # fmt: skip
    after.links[pair] = (mark, permissions)
    return Write(
        "user_aims.update", lambda db: user_aims.update(db, *pair, role=mark, if_role=role), after,
        lambda told: told.role == mark,
    )  # fmt: skip


def delete_pair(w: Writer) -> Write:
    pair, after = (w.one(w.estate.people), w.one(w.estate.goals)), w.estate.copy()
    was = after.links.pop(pair, None) is not None
    return Write("user_aims.delete", lambda db: user_aims.delete(db, *pair), after, lambda told: told == was)


def delete_pairs(w: Writer) -> Write:
    gone, after = w.some(w.estate.links), w.estate.copy()
    for pair in gone:
        del after.links[pair]
    return Write(
        "user_aims.delete_many", lambda db: user_aims.delete_many(db, gone), after, lambda told: [*told] == gone
    )


def put_pairs(w: Writer) -> Write:
    mark, on_match, after = w.mark(), w.one(("ignore", "update")), w.estate.copy()
    pairs = w.some(w.every_pair(), 1)
    told = ["unchanged" if on_match == "ignore" and pair in after.links else _told(pair, after.links) for pair in pairs]
    for pair, outcome in zip(pairs, told, strict=True):
        if outcome != "unchanged":
            after.links[pair] = (mark, (mark,))
    rows = [NewUserAim(*pair, role=mark, permissions=[mark]) for pair in pairs]
    return Write(
        "user_aims.put_many", lambda db: user_aims.put_many(db, rows, on_match=on_match), after, lambda got: got == told
    )


def _told(pair: Any, links: Any) -> str:
    return "updated" if pair in links else "added"


def grant(w: Writer) -> Write:
    """A mark on a membership that all workers grant and revoke theirs on: no update may be lost."""
    pair, mark, after = w.one(w.shared.pairs), w.mark(), w.estate.copy()
    after.marks.add((pair, mark))
    return Write(
        "user_aims.grant", lambda db: user_aims.grant(db, *pair, [mark]), after, lambda told: mark in told.permissions
    )


def revoke(w: Writer) -> Write:
    pair, after = w.one(w.shared.pairs), w.estate.copy()
    ours = [mark for one, mark in w.estate.marks if one == pair]
    after.marks = {one for one in after.marks if one[0] != pair}
    return Write(
        "user_aims.revoke", lambda db: user_aims.revoke(db, *pair, ours), after,
        lambda told: not {*ours} & {*told.permissions},
    )  # fmt: skip


def merge(w: Writer) -> Write | None:
    if len(w.estate.people) < 2:
        return None
    (old, new), after = w.random.sample(list(w.estate.people), 2), w.estate.copy()
    for aim in w.estate.of(old):
        after.links.setdefault((new, aim), after.links[old, aim])
        del after.links[old, aim]
    moved = {aim for aim in w.estate.of(old) if (new, aim) not in w.estate.links}
    return Write(
        "user_aims.merge", lambda db: user_aims.merge(db, old, new), after, lambda told: set(told.added) == moved
    )


def retitle(w: Writer) -> Write:
    """A record that all workers change and nobody owns: it holds others up, and is not looked at."""
    aim, mark = w.one(w.shared.aims), w.mark()
    return Write("aims.update", lambda db: aims.update(db, aim, title=mark), w.estate.copy())


def meet(w: Writer) -> Write:
    """A user whom all workers want to be there, once."""
    name = f"shared{w.random.randrange(50)}@chaos.org"
    return Write("users.ensure", lambda db: users.ensure(db, email=name, name="Shared"), w.estate.copy())


LINKS = [
    append, append, replace, replace, remove, clear, update, create, direct_control, take_a_seat, leave_the_seats,
    create_pair, update_pair, delete_pair, delete_pairs, put_pairs, put_pairs, grant, grant, revoke, merge, retitle,
    meet,
]  # fmt: skip
