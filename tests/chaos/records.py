"""Writes of users and aims themselves."""

from collections.abc import Callable
from typing import Any

import useraim
from tests.chaos.writer import Write, Writer
from useraim import AlreadyExists, CountBetween, EditAim, NewAim, NewUser, NotFound, RuleBroken

# Called here in either world, which their types keep apart.
aims: Any = useraim.aims
users: Any = useraim.users

Choice = Callable[[Writer], Write | None]


def create_users(w: Writer) -> Write | None:
    if w.is_full(True):
        return None
    mark, after = w.mark(), w.estate.copy()
    new = [w.new_user(mark) for _ in range(w.random.randint(1, 3))]
    after.people.update((_id(one), mark) for one in new)
    if len(new) == 1:
        (one,) = new
        return Write(
            "users.create", lambda db: users.create(db, email=one.email, name=one.name, id=one.id), after,
            lambda told: told.id == one.id,
        )  # fmt: skip
    return Write(
        "users.create_many", lambda db: users.create_many(db, new), after,
        lambda told: [user.id for user in told] == [one.id for one in new],
    )  # fmt: skip


def create_aims(w: Writer) -> Write | None:
    if w.is_full(False):
        return None
    mark, after = w.mark(), w.estate.copy()
    new = [w.new_aim(mark) for _ in range(w.random.randint(1, 3))]
    after.goals.update((_id(one), mark) for one in new)
    if len(new) == 1:
        (one,) = new
        return Write(
            "aims.create",
            lambda db: aims.create(db, title=one.title, description=one.description, id=one.id),
            after,
            lambda told: told.id == one.id,
        )
    return Write(
        "aims.create_many", lambda db: aims.create_many(db, new), after,
        lambda told: [aim.id for aim in told] == [one.id for one in new],
    )  # fmt: skip


def _id(one: NewUser | NewAim) -> Any:
    return one.id


def create_a_taken_user(w: Writer) -> Write:
    taken = w.one(w.estate.people)
    new = [w.new_user(w.mark()), NewUser(w.new_user("").email, "taken", id=taken)]
    return Write(
        "users.create_many", lambda db: users.create_many(db, new), w.estate, lambda _: False, (AlreadyExists,)
    )


def rename(w: Writer) -> Write:
    user, mark, after = w.one(w.estate.people), w.mark(), w.estate.copy()
    after.people[user] = mark
    email = w.new_user(mark).email
    return Write(
        "users.update", lambda db: users.update(db, user, name=mark, email=email), after,
        lambda told: (told.name, told.email) == (mark, email),
    )  # fmt: skip


def retitle(w: Writer) -> Write:
    aim, mark, after = w.one(w.estate.goals), w.mark(), w.estate.copy()
    after.goals[aim] = mark
    return Write("aims.update", lambda db: aims.update(db, aim, title=mark), after, lambda told: told.title == mark)


def rename_nobody(w: Writer) -> Write:
    nobody = w.new_user("").id
    assert nobody
    return Write("users.update", lambda db: users.update(db, nobody, name="x"), w.estate, lambda _: False, (NotFound,))


def delete_users(w: Writer) -> Write | None:
    gone, after = w.some(w.estate.people, 1)[:2], w.estate.copy()
    if len(w.estate.people) < 5:
        return None
    after.drop_people(gone)
    if len(gone) == 1:
        return Write("users.delete", lambda db: users.delete(db, gone[0]), after, lambda told: told is True)
    return Write("users.delete_many", lambda db: users.delete_many(db, gone), after, lambda told: [*told] == gone)


def delete_aims(w: Writer) -> Write | None:
    gone, after = w.some(w.estate.goals, 1)[:2], w.estate.copy()
    if len(w.estate.goals) < 6:
        return None
    after.drop_goals(gone)
    if len(gone) == 1:
        return Write("aims.delete", lambda db: aims.delete(db, gone[0]), after, lambda told: told is True)
    return Write("aims.delete_many", lambda db: aims.delete_many(db, gone), after, lambda told: [*told] == gone)


def delete_under_a_rule(w: Writer) -> Write:
    """Nobody of its users may be left without an aim: refused where somebody would."""
    aim, after = w.one(w.estate.goals), w.estate.copy()
    left = [len(w.estate.of(user)) for user in w.estate.users_of(aim)]
    must = CountBetween(at_least=2)
    if any(count - 1 < 2 for count in left):
        return Write(
            "aims.delete", lambda db: aims.delete(db, aim, must=must), w.estate, lambda _: False, (RuleBroken,)
        )
    if len(w.estate.goals) < 6:
        return retitle(w)
    after.drop_goals([aim])
    return Write("aims.delete", lambda db: aims.delete(db, aim, must=must), after, lambda told: told is True)


def edit_far(w: Writer) -> Write | None:
    """`direct_control` that only edits, and deletes nothing."""
    user, mark, after = w.one(w.estate.people), w.mark(), w.estate.copy()
    linked = w.estate.of(user)
    if not linked or not all(aim in after.goals for aim in linked):
        return None
    after.goals.update(dict.fromkeys(linked, mark))
    items = [EditAim(aim, title=mark) for aim in linked]
    return Write(
        "users.aims.direct_control", lambda db: users.aims.direct_control(db, user, items), after,
        lambda told: set(told.updated) == set(linked),
    )  # fmt: skip


RECORDS: list[Choice] = [
    create_users, create_aims, create_a_taken_user, rename, retitle, rename_nobody, delete_users, delete_aims,
    delete_under_a_rule, edit_far,
]  # fmt: skip
