"""Every case of a link asked for: what is there, what is given, what it shall be."""

from collections.abc import Iterable
from datetime import datetime, timedelta, timezone
from typing import Any, NamedTuple
from uuid import UUID

from tests.ends import NOON, Attributes, End
from tests.worlds import World
from useraim.values import Link

LATER = NOON + timedelta(days=1)
TOKYO = timezone(timedelta(hours=9))
HELD: Attributes = ("a", ("p",), NOON)
"""The attributes of links that are there before."""


def now(call: World) -> datetime:
    moment: datetime = call.execute("SELECT now()")[0][0]
    return moment


def hold(call: World, end: End, source: Any, records: list[Any]) -> None:
    """Link records with the attributes `HELD`."""
    role, permissions, joined_at = HELD
    call(end.relation.append, source, records, role=role, permissions=permissions, joined_at=joined_at)


def assert_named(named: Iterable[Any], expected: Iterable[UUID]) -> None:
    """All are named, each once."""
    assert sorted(named) == sorted(expected)


class Case(NamedTuple):
    """A link asked for: whether it is there, what it gives, what it shall be (None: as by default), and the outcome."""

    held: bool
    given: dict[str, Any]
    role: str
    permissions: tuple[str, ...]
    joined_at: datetime | None
    outcome: str

    def expected(self, now: datetime) -> Attributes:
        return self.role, self.permissions, self.joined_at or now


CASES = [
    Case(False, {}, "member", (), None, "added"),
    Case(False, {"role": "b"}, "b", (), None, "added"),
    Case(False, {"permissions": ["x", "y"]}, "member", ("x", "y"), None, "added"),
    Case(False, {"permissions": []}, "member", (), None, "added"),
    Case(False, {"joined_at": LATER}, "member", (), LATER, "added"),
    Case(False, {"role": "b", "permissions": ("q",), "joined_at": LATER}, "b", ("q",), LATER, "added"),
    Case(True, {}, *HELD, "unchanged"),
    Case(True, {"role": "a"}, *HELD, "unchanged"),
    Case(True, {"role": "b"}, "b", ("p",), NOON, "updated"),
    Case(True, {"permissions": ["p"]}, *HELD, "unchanged"),
    Case(True, {"permissions": ["p", "p"]}, "a", ("p", "p"), NOON, "updated"),
    Case(True, {"permissions": ['"quoted, \\ and spaced"', "NULL", "{}"]}, "a",
         ('"quoted, \\ and spaced"', "NULL", "{}"), NOON, "updated"),
    Case(True, {"permissions": ()}, "a", (), NOON, "updated"),
    Case(True, {"joined_at": NOON.astimezone(TOKYO)}, *HELD, "unchanged"),
    Case(True, {"joined_at": LATER}, "a", ("p",), LATER, "updated"),
    Case(True, {"role": "a", "permissions": ["p"], "joined_at": NOON}, *HELD, "unchanged"),
    Case(True, {"role": "a", "permissions": ["p"], "joined_at": LATER}, "a", ("p",), LATER, "updated"),
]  # fmt: skip
UPDATES = [case for case in CASES if case.held]


def case_name(case: Case) -> str:
    return f"{'held' if case.held else 'new'} {'+'.join(case.given) or 'plain'} {case.outcome}"


class Mix(NamedTuple):
    """All cases at once: the records of each, those held that are not named, and the links to ask for."""

    source: Any
    records: list[Any]
    aside: list[Any]
    links: list[Any]

    def named(self, *outcomes: str, cases: list[Case]) -> tuple[UUID, ...]:
        return tuple(record.id for record, case in zip(self.records, cases, strict=True) if case.outcome in outcomes)


def mix(call: World, end: End, source: Any, cases: list[Case]) -> Mix:
    records, aside = end.make_far(call, len(cases)), end.make_far(call, 3)
    hold(call, end, source, [record for record, case in zip(records, cases, strict=True) if case.held] + aside)
    links: list[Any] = [Link(record, **case.given) for record, case in zip(records, cases, strict=True)]
    # Named once more, with other attributes: the first counts.
    return Mix(source, records, aside, [*links, *(Link(record.id, role="twice") for record in records)])


def expectation(mixed: Mix, cases: list[Case], now: datetime) -> dict[UUID, Attributes]:
    return {record.id: case.expected(now) for record, case in zip(mixed.records, cases, strict=True)}
