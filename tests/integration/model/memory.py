"""A model of both relations in memory: what calls return, what they refuse, what they leave."""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias, TypeVar
from uuid import UUID

from tests.ends import USERS_AIMS, End
from useraim import AlreadyExists, BrokenReference, InvalidValue, NotFound
from useraim.values import Changes

T = TypeVar("T")
Pair: TypeAlias = tuple[Any, Any]
Given: TypeAlias = Mapping[str, Any]
Attributes: TypeAlias = dict[str, Any]
NEWLY = "as the database has it"
"""The model's joined_at of a new link until the table is read."""


class Refused(Exception):
    """What the model expects to be raised: the class, and what it names."""

    def __init__(self, kind: type[Exception], *named: object) -> None:
        super().__init__(kind, *named)
        self.expected: tuple[Any, ...] = (kind, *named)


def by_key(ids: Any) -> tuple[Any, ...]:
    return tuple(sorted(ids))


def named_by(error: Exception) -> tuple[object, ...]:
    match error:
        case BrokenReference():
            return (BrokenReference, by_key(error.users), by_key(error.aims))
        case NotFound() | AlreadyExists():
            return (type(error), error.table, by_key(error.ids))
        case _:
            return (type(error),)


def attempt(expected: Callable[[], T]) -> tuple[T | None, tuple[Any, ...] | None]:
    """What the model gives, or refuses."""
    try:
        return expected(), None
    except Refused as refused:
        return None, refused.expected


class Model:
    """The two tables of records, with their labels, and the links, as the contract has them."""

    def __init__(self) -> None:
        self.records: dict[str, dict[UUID, str]] = {"user_id": {}, "aim_id": {}}
        self.links: dict[Pair, Attributes] = {}

    def of(self, end: End, source: Any) -> dict[Any, Attributes]:
        side = 0 if end is USERS_AIMS else 1
        return {pair[1 - side]: link for pair, link in self.links.items() if pair[side] == source}

    def check(self, pairs: list[Pair]) -> None:
        gone_users = {user for user, _ in pairs} - {None, *self.records["user_id"]}
        gone_aims = {aim for _, aim in pairs} - {None, *self.records["aim_id"]}
        if gone_users or gone_aims:
            raise Refused(BrokenReference, by_key(gone_users), by_key(gone_aims))

    def put(self, wanted: dict[Pair, Given], on_match: str) -> dict[Pair, str]:
        if on_match == "error" and (held := [pair for pair in wanted if pair in self.links]):
            raise Refused(AlreadyExists, "user_aims", by_key(held))
        return {pair: self.put_one(pair, given, on_match) for pair, given in wanted.items()}

    def put_one(self, pair: Pair, given: Given, on_match: str) -> str:
        if pair not in self.links:
            self.links[pair] = {"role": "member", "permissions": (), "joined_at": NEWLY, **given}
            return "added"
        if on_match == "ignore" or self.links[pair] == {**self.links[pair], **given}:
            return "unchanged"
        self.links[pair].update(given)
        return "updated"

    def create(self, pair: Pair, given: Given) -> None:
        self.check([pair])
        self.put({pair: given}, "error")

    def relate(
        self, end: End, source: Any, wanted: dict[Any, Given], on_match: str, *, replacing: bool = False
    ) -> Changes:
        if not (wanted or replacing):
            return Changes()
        self.check([end.pair(source, None), *(end.pair(None, far) for far in wanted)])
        try:
            outcomes = self.put({end.pair(source, far): given for far, given in wanted.items()}, on_match)
        except Refused as refused:
            kind, table, pairs = refused.expected
            raise Refused(kind, table, by_key(self.far(end, pair) for pair in pairs)) from None
        removed = self.unlink(end, source, set(self.of(end, source)) - set(wanted)) if replacing else ()
        return changes({self.far(end, pair): outcome for pair, outcome in outcomes.items()}, removed)

    def update(self, end: End, source: Any, wanted: dict[Any, Given]) -> Changes:
        absent = [far for far in wanted if end.pair(source, far) not in self.links]
        if absent:
            raise Refused(NotFound, "user_aims", by_key(absent))
        return changes({far: self.put_one(end.pair(source, far), given, "update") for far, given in wanted.items()}, ())

    def unlink(self, end: End, source: Any, far: set[Any]) -> tuple[Any, ...]:
        return by_key(one for one in far if self.links.pop(end.pair(source, one), None))

    def delete(self, column: str, id: Any) -> bool:
        side = 0 if column == "user_id" else 1
        self.links = {pair: link for pair, link in self.links.items() if pair[side] != id}
        return self.records[column].pop(id, None) is not None

    def merge(self, old: Any, new: Any) -> Changes:
        if old == new:
            raise Refused(InvalidValue)
        self.check([(old, None), (new, None)])
        moved = self.of(USERS_AIMS, old)
        added = {aim: link for aim, link in moved.items() if (new, aim) not in self.links}
        self.links.update({(new, aim): link for aim, link in added.items()})
        self.unlink(USERS_AIMS, old, set(moved))
        return Changes(by_key(added), (), by_key(set(moved) - set(added)))

    def direct_control(self, end: End, source: Any, created: dict[Any, str], kept: dict[Any, str | None]) -> Changes:
        self.check([end.pair(source, None), *(end.pair(None, far) for far in kept)])
        held, records = set(self.of(end, source)), self.records[end.far_id]
        if absent := set(kept) - held:
            raise Refused(NotFound, "user_aims", by_key(absent))
        edited = tuple(far for far, label in kept.items() if label is not None and label != records[far])
        records.update({far: kept[far] or "" for far in edited})
        removed = by_key(far for far in held - set(kept) if self.delete(end.far_id, far))
        for far, label in created.items():
            records[far] = label
            self.put_one(end.pair(source, far), {}, "error")
        return Changes(tuple(created), edited, tuple(far for far in kept if far not in edited), removed)

    @staticmethod
    def far(end: End, pair: Pair) -> Any:
        return pair[1] if end is USERS_AIMS else pair[0]


def changes(outcomes: dict[Any, str], removed: tuple[Any, ...]) -> Changes:
    named = {kind: tuple(one for one, outcome in outcomes.items() if outcome == kind) for kind in OUTCOMES}
    return Changes(**named, removed=removed)


OUTCOMES = ["added", "updated", "unchanged"]
