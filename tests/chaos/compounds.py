"""Writes of several operations, which are one: batches, transactions, bulk loads; and those that keep nothing."""

from typing import Any

import useraim
from tests.chaos.either import Steps, work
from tests.chaos.writer import Write, Writer
from useraim import NewUserAim

# Called here in either world, which their types keep apart.
user_aims: Any = useraim.user_aims
users: Any = useraim.users
batch: Any = useraim.batch
preview: Any = useraim.preview
run: Any = useraim.transaction.run
load: Any = useraim.bulk.load


def batched(w: Writer) -> Write:
    user, other, mark, after = w.one(w.estate.people), w.one(w.estate.people), w.mark(), w.estate.copy()
    goals = w.some(w.estate.goals)
    after.people[other] = mark
    for aim in after.of(user):
        del after.links[user, aim]
    after.links.update(dict.fromkeys([(user, aim) for aim in goals], (mark, (mark,))))
    calls = [
        users.update.call(other, name=mark),
        users.aims.clear.call(user),
        users.aims.append.call(user, goals, role=mark, permissions=[mark]),
        users.aims.count.call([user]),
    ]
    return Write("batch", lambda db: batch(db, *calls), after, lambda told: told[-1] == {user: len(goals)})


def refused_batch(w: Writer) -> Write:
    user, mark, nobody = w.one(w.estate.people), w.mark(), w.new_user("").id
    assert nobody
    calls = [users.update.call(user, name=mark), users.aims.clear.call(user), users.get.call(nobody)]
    return Write("batch", lambda db: batch(db, *calls), w.estate, lambda _: False, (useraim.NotFound,))


def transaction(w: Writer) -> Write:
    """Decide by what is read; its COMMIT may be lost, and is only repeated where that is said."""
    user, other, mark, after = w.one(w.estate.people), w.one(w.estate.people), w.mark(), w.estate.copy()
    goals = w.some([*w.estate.goals, *w.shared.aims])
    for aim in after.of(user):
        if aim not in goals:
            del after.links[user, aim]
    for aim in goals:
        after.links[user, aim] = (mark, (mark,))
    after.people[other] = mark

    def steps(conn: Any) -> Steps[Any]:
        version = yield lambda: users.aims.version(conn, user)
        yield lambda: users.aims.replace(conn, user, goals, role=mark, permissions=[mark], if_version=version)
        renamed = yield lambda: users.update(conn, other, name=mark)
        return renamed.name

    twice = w.random.random() < 0.5
    return Write(
        "transaction.run", lambda db: run(db, work(steps), idempotent=twice), after, lambda told: told == mark,
        may_be_done_twice=twice,
    )  # fmt: skip


def loaded(w: Writer) -> Write:
    mark, after = w.mark(), w.estate.copy()
    pairs = w.some(w.every_pair(), 1)
    rows = [NewUserAim(*pair, role=mark, permissions=[mark]) for pair in pairs]
    after.links.update(dict.fromkeys(pairs, (mark, (mark,))))
    added = sum(pair not in w.estate.links for pair in pairs)
    return Write(
        "bulk.load", lambda db: load(db, rows, on_match="update"), after,
        lambda told: (told.added, told.updated) == (added, len(pairs) - added),
    )  # fmt: skip


def previewed(w: Writer) -> Write:
    user, goals, mark = w.one(w.estate.people), w.some(w.estate.goals), w.mark()
    calls = [users.aims.replace.call(user, goals, role=mark), users.delete.call(user)]
    if w.estate.links:
        calls.append(user_aims.delete_many.call(list(w.estate.links)))
    call = w.one(calls)
    return Write("preview", lambda db: preview(db, call), w.estate.copy())


COMPOUNDS = [batched, batched, refused_batch, transaction, transaction, loaded, previewed]
