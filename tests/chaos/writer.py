"""What a worker may do next is chosen from what it owns; each write says beforehand what will be there after it."""

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar
from uuid import uuid4

from tests.chaos.estate import Estate, Pair
from useraim import AimId, Changes, Error, NewAim, NewUser, UserId, aims, users

T = TypeVar("T")
SEATS = 6
Check = Callable[[Any], bool]


class Shared(NamedTuple):
    """What all workers write to: aims they link their users to, pairs they leave marks on, and an aim of few seats."""

    aims: list[AimId]
    pairs: list[Pair]
    seats: AimId


@dataclass
class Write:
    """One operation: how it is sent, what is there once it is done, and what may refuse it."""

    name: str
    send: Callable[[Any], Any]
    after: Estate
    is_told: Check = lambda _: True
    refused_by: tuple[type[Error], ...] = ()
    may_be_done_twice: bool = False


class Side(NamedTuple):
    """One end of the relation: a source, and far records of the worker's that it may be linked to."""

    is_users: bool
    source: Any
    far: list[Any]

    @property
    def name(self) -> str:
        return "users.aims" if self.is_users else "aims.users"

    @property
    def relation(self) -> Any:
        return users.aims if self.is_users else aims.users

    def pair(self, far: Any) -> Pair:
        return (self.source, far) if self.is_users else (far, self.source)

    def linked(self, estate: Estate) -> list[Any]:
        there: list[Any] = estate.of(self.source) if self.is_users else estate.users_of(self.source)
        return there

    def changes(self, before: Estate, after: Estate) -> Check:
        """Hold what the write tells to what it does."""
        far = {*self.linked(before), *self.linked(after)}
        old = {one: before.links.get(self.pair(one)) for one in far}
        new = {one: after.links.get(self.pair(one)) for one in far}
        added = {one for one in far if old[one] is None}
        removed = {one for one in far if new[one] is None}
        updated = {one for one in far - added - removed if old[one] != new[one]}

        def is_told(told: Changes) -> bool:
            return (set(told.added), set(told.removed), set(told.updated)) == (added, removed, updated)

        return is_told


class Writer:
    """A worker's choices."""

    def __init__(self, estate: Estate, shared: Shared, choices: random.Random) -> None:
        self.estate = estate
        self.shared = shared
        self.random = choices
        self.marks = 0

    def mark(self) -> str:
        self.marks += 1
        return f"{self.estate.number}.{self.marks}"

    def some(self, of: Iterable[T], at_least: int = 0) -> list[T]:
        """Choose some, in any order."""
        there = list(of)
        return self.random.sample(there, self.random.randint(min(at_least, len(there)), len(there)))

    def one(self, of: Iterable[T]) -> T:
        return self.random.choice(list(of))

    def side(self, *, whole: bool = False) -> Side:
        """Choose a source: for writes of a whole set, one that nobody else links."""
        if self.random.random() < 0.6:
            return Side(True, self.one(self.estate.people), [*self.estate.goals, *self.shared.aims])
        source = self.one(self.estate.goals if whole else [*self.estate.goals, *self.shared.aims])
        return Side(False, source, list(self.estate.people))

    def new_user(self, mark: str) -> NewUser:
        return NewUser(f"{self.estate.number}.{uuid4().hex}@chaos.org", mark, id=UserId(uuid4()))

    def new_aim(self, mark: str) -> NewAim:
        return NewAim(mark, str(self.estate.number), id=AimId(uuid4()))

    @property
    def is_rich(self) -> bool:
        return len(self.estate.people) >= 2 and len(self.estate.goals) >= 2

    def is_full(self, people: bool) -> bool:
        """Estates stay small, so that what is read of them is read fast."""
        return len(self.estate.people) >= 6 if people else len(self.estate.goals) >= 10

    def every_pair(self) -> list[Pair]:
        return [(user, aim) for user in self.estate.people for aim in (*self.estate.goals, *self.shared.aims)]
