"""The operations that meet: each is named, and a function that gives its call.

There are two sides, as two callers have different values in mind, of the same rows.
"""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from tests.schedules.program import READ_COMMITTED, Program
from tests.schedules.world import A1, A2, A3, A4, A5, A6, A7, U1, U2, U3, U4, U5, U6, U7
from useraim import aims, user_aims, users
from useraim.core.statement import Call
from useraim.values import AllOf, CountBetween, EditAim, EditUser, NewAim, NewUser, NewUserAim


class Named(NamedTuple):
    """An operation with its arguments."""

    name: str
    make: Callable[[], Call[Any]]

    def program(self, level: str = READ_COMMITTED) -> Program:
        return Program(self.name, self.make(), level)


def function(name: str) -> str:
    """Give the function of a named operation, without what tells its arguments: `users.aims.append`."""
    return name.partition(" (")[0]


class Side(NamedTuple):
    """What one of the callers has in mind."""

    label: str
    aims: list[Any]
    users: list[Any]
    pairs: list[Any]
    user: Any
    """One that it changes or deletes."""
    aim: Any
    new_user: NewUser
    new_users: list[NewUser]
    new_aims: list[NewAim]
    merged: tuple[Any, Any]


MINE = Side(
    label="mine",
    aims=[A2, A3],
    users=[U1, U3],
    pairs=[(U1, A2), (U1, A3), (U2, A2)],
    user=U1,
    aim=A2,
    new_user=NewUser("new@x.org", "mine", U4),
    new_users=[NewUser("new@x.org", "mine", U4), NewUser("e6@x.org", "mine", U6)],
    new_aims=[NewAim("mine", id=A5), NewAim("mine", id=A6)],
    merged=(U1, U2),
)
THEIRS = Side(
    label="theirs",
    aims=[A4, A3],
    users=[U2, U3],
    pairs=[(U2, A3), (U1, A3), (U1, A2)],
    user=U2,
    aim=A1,
    new_user=NewUser("NEW@x.org", "theirs", U5),
    new_users=[NewUser("e6@x.org", "theirs", U5), NewUser("new@x.org", "theirs", U7)],
    new_aims=[NewAim("theirs", id=A6), NewAim("theirs", id=A7)],
    merged=(U2, U1),
)
THIRDS = Side(
    label="third's",
    aims=[A1, A4],
    users=[U2, U1],
    pairs=[(U1, A4), (U1, A3), (U2, A2)],
    user=U3,
    aim=A2,
    new_user=NewUser("new@X.org", "third's", U6),
    new_users=[NewUser("e6@x.org", "third's", U6), NewUser("e7@x.org", "third's", U7)],
    new_aims=[NewAim("third's", id=A7)],
    merged=(U2, U1),
)
HOTTEST = (
    "users.aims.append (update)",
    "users.aims.replace",
    "users.aims.remove",
    "aims.users.replace (role)",
    "user_aims.put_many (update)",
    "users.delete",
)


def hottest(side: Side) -> list[Named]:
    """The writes that services call most, and those that get most in each other's way."""
    return [one for one in writes(side) if one.name in HOTTEST]


def writes(side: Side) -> list[Named]:
    """Every operation that writes, as this side calls it. All have the user u1, the aim a2 and this link in common."""
    return [*_users(side), *_aims(side), *_user_aims(side), *_users_aims(side), *_aims_users(side), *_ruled(side)]


def _ruled(side: Side) -> Iterator[Named]:
    """Writes under a rule or for a version: to be named here when there are such keywords."""
    yield from ()


def _users(side: Side) -> Iterator[Named]:
    new = side.new_user
    yield Named("users.create", lambda: users.create.call(email=new.email, name=new.name, id=new.id))
    yield Named("users.create_many", lambda: users.create_many.call(side.new_users))
    yield Named("users.ensure", lambda: users.ensure.call(email=new.email, name=new.name))
    yield Named("users.ensure (there)", lambda: users.ensure.call(email="e1@x.org", name=side.label))
    yield Named("users.update (name)", lambda: users.update.call(U1, name=side.label))
    yield Named("users.update (email)", lambda: users.update.call(side.user, email=new.email))
    yield Named("users.delete", lambda: users.delete.call(U1))
    yield Named("users.delete_many", lambda: users.delete_many.call(side.users))


def _aims(side: Side) -> Iterator[Named]:
    yield Named("aims.create", lambda: aims.create.call(title=side.label, id=A6))
    yield Named("aims.create_many", lambda: aims.create_many.call(side.new_aims))
    yield Named("aims.update", lambda: aims.update.call(A2, title=side.label))
    yield Named("aims.delete", lambda: aims.delete.call(A2))
    yield Named("aims.delete_many", lambda: aims.delete_many.call([*side.aims, A2]))


def _user_aims(side: Side) -> Iterator[Named]:
    rows = [NewUserAim(user, aim, role=side.label) for user, aim in side.pairs]
    yield Named("user_aims.create", lambda: user_aims.create.call(U1, A3, role=side.label))
    yield Named("user_aims.update", lambda: user_aims.update.call(U1, A2, role=side.label))
    yield Named("user_aims.update (if_role)", lambda: user_aims.update.call(U1, A2, if_role="member", role=side.label))
    yield Named("user_aims.grant", lambda: user_aims.grant.call(U1, A2, [side.label, "both"]))
    yield Named("user_aims.revoke", lambda: user_aims.revoke.call(U1, A1, ["read"]))
    yield Named("user_aims.delete", lambda: user_aims.delete.call(U1, A2))
    yield Named("user_aims.delete_many", lambda: user_aims.delete_many.call(side.pairs))
    yield Named("user_aims.put_many", lambda: user_aims.put_many.call(rows))
    yield Named("user_aims.put_many (update)", lambda: user_aims.put_many.call(rows, on_match="update"))
    yield Named("user_aims.put_many (error)", lambda: user_aims.put_many.call(rows[1:2], on_match="error"))
    yield Named("user_aims.merge", lambda: user_aims.merge.call(*side.merged))


def _users_aims(side: Side) -> Iterator[Named]:
    edits = [EditAim(A2, title=side.label), A1]
    yield from _links("users.aims", users.aims, U1, side.aims, [A2, A1], side)
    yield Named("users.aims.create", lambda: users.aims.create.call(U1, side.new_aims))
    yield Named("users.aims.direct_control", lambda: users.aims.direct_control.call(U1, [A2, *side.new_aims]))
    yield Named("users.aims.direct_control (drop)", lambda: users.aims.direct_control.call(U1, [A1]))
    yield Named("users.aims.direct_control (edit)", lambda: users.aims.direct_control.call(U1, edits))


def _aims_users(side: Side) -> Iterator[Named]:
    edits = [EditUser(U1, name=side.label), U2]
    yield from _links("aims.users", aims.users, A2, side.users, [U2, U1], side)
    yield Named("aims.users.create", lambda: aims.users.create.call(A2, side.new_users))
    yield Named("aims.users.direct_control", lambda: aims.users.direct_control.call(A2, [U1, *side.new_users]))
    yield Named("aims.users.direct_control (drop)", lambda: aims.users.direct_control.call(A2, [U2]))
    yield Named("aims.users.direct_control (edit)", lambda: aims.users.direct_control.call(A2, edits))


def _links(name: str, ends: Any, source: Any, far: list[Any], held: list[Any], side: Side) -> Iterator[Named]:
    role = {"role": side.label}
    yield Named(f"{name}.append", lambda: ends.append.call(source, far))
    yield Named(f"{name}.append (update)", lambda: ends.append.call(source, far, on_match="update", **role))
    yield Named(f"{name}.append (error)", lambda: ends.append.call(source, far[1:], on_match="error"))
    yield Named(f"{name}.replace", lambda: ends.replace.call(source, far))
    yield Named(f"{name}.replace (role)", lambda: ends.replace.call(source, far, **role))
    yield Named(f"{name}.remove", lambda: ends.remove.call(source, [*far, held[0]]))
    yield Named(f"{name}.clear", lambda: ends.clear.call(source))
    yield Named(f"{name}.update", lambda: ends.update.call(source, held, **role))


def of_the_middle() -> Named:
    """What holds the middle one of the rows that the wide ones write, so that they stop on their way."""
    return Named("user_aims.update (held)", lambda: user_aims.update.call(U1, A2, role="held"))


def wide(side: Side) -> list[Named]:
    """Writes of several rows each, among them the middle one and others on both sides of it."""
    return [*_wide_by_pair(side), *_wide_by_end("users.aims", users.aims, U1, [A3, A2, A1], side),
            *_wide_by_end("aims.users", aims.users, A2, [U3, U2, U1], side)]  # fmt: skip


def _wide_by_pair(side: Side) -> Iterator[Named]:
    pairs = [(U1, A1), (U1, A2), (U2, A2), (U2, A3)]
    rows = [NewUserAim(user, aim, role=side.label) for user, aim in (pairs if side is MINE else reversed(pairs))]
    yield Named("user_aims.put_many (update, wide)", lambda: user_aims.put_many.call(rows, on_match="update"))
    yield Named("user_aims.delete_many (wide)", lambda: user_aims.delete_many.call(pairs))
    yield Named("user_aims.merge (wide)", lambda: user_aims.merge.call(*side.merged))
    yield Named("users.delete_many (wide)", lambda: users.delete_many.call([U1, U2]))
    yield Named("aims.delete_many (wide)", lambda: aims.delete_many.call([A3, A2, A1]))


def _wide_by_end(name: str, ends: Any, source: Any, far: list[Any], side: Side) -> Iterator[Named]:
    role = {"role": side.label}
    yield Named(f"{name}.append (update, wide)", lambda: ends.append.call(source, far, on_match="update", **role))
    yield Named(f"{name}.replace (role, wide)", lambda: ends.replace.call(source, far[:2], **role))
    yield Named(f"{name}.remove (wide)", lambda: ends.remove.call(source, far))
    yield Named(f"{name}.clear (wide)", lambda: ends.clear.call(source))
    yield Named(f"{name}.update (wide)", lambda: ends.update.call(source, far[1:], **role))
    yield Named(f"{name}.direct_control (wide)", lambda: ends.direct_control.call(source, [far[1], *_new(ends, side)]))


def _new(ends: Any, side: Side) -> list[Any]:
    return list(side.new_aims) if ends is users.aims else list(side.new_users)


def reads() -> list[Named]:
    """Every operation that reads in one statement."""
    return [*_read_records(), *_read_links("users.aims", users.aims, U1, U2, A2),
            *_read_links("aims.users", aims.users, A2, A3, U1), *_read_user_aims()]  # fmt: skip


def _read_records() -> Iterator[Named]:
    yield Named("users.get", lambda: users.get.call(U1))
    yield Named("users.find_many", lambda: users.find_many.call([U2, U1]))
    yield Named("users.exists", lambda: users.exists.call(U1))
    yield Named("users.find_by_email", lambda: users.find_by_email.call("new@x.org"))
    yield Named("users.page", lambda: users.page.call(where=[AllOf([A2])], order_by="name"))
    yield Named("users.count", lambda: users.count.call(where=[CountBetween(2)]))
    yield Named("users.similar", lambda: users.similar.call(U1))
    yield Named("users.suggest_aims", lambda: users.suggest_aims.call(U1))
    yield Named("aims.get", lambda: aims.get.call(A2))
    yield Named("aims.find_many", lambda: aims.find_many.call([A2, A6]))
    yield Named("aims.page", lambda: aims.page.call(where=[CountBetween(1)], search="T"))
    yield Named("aims.count", aims.count.call)


def _read_links(name: str, ends: Any, source: Any, other: Any, far: Any) -> Iterator[Named]:
    yield Named(f"{name}.of", lambda: ends.of.call(source))
    yield Named(f"{name}.load", lambda: ends.load.call([source, other]))
    yield Named(f"{name}.page", lambda: ends.page.call(source, limit=1))
    yield Named(f"{name}.count", lambda: ends.count.call([source, other]))
    yield Named(f"{name}.count_by_role", lambda: ends.count_by_role.call([source, other]))
    yield Named(f"{name}.has", lambda: ends.has.call(source, far))
    yield Named(f"{name}.common", lambda: ends.common.call([source, other]))


def _read_user_aims() -> Iterator[Named]:
    yield Named("user_aims.get", lambda: user_aims.get.call(U1, A2))
    yield Named("user_aims.find_many", lambda: user_aims.find_many.call([(U1, A2), (U1, A3)]))
    yield Named("user_aims.page", user_aims.page.call)
    yield Named("user_aims.count", user_aims.count.call)
