"""Rules, and what Python says of them; writes, and how to make them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from tests.ends import NOON, Attributes, End, ids
from tests.worlds import World
from useraim.values import AllOf, AnyOf, Condition, CountBetween, Exactly, Link, LinkFilter, NoneOf

OWNERS = LinkFilter(roles=["owner"])
Links = Mapping[UUID, Attributes]


def rules(far: list[Any]) -> list[Condition[Any]]:
    """Of every kind, with and without a filter; some hold before and after, some only before or after."""
    by_ids: list[Any] = [AnyOf, AllOf, NoneOf, Exactly]
    some = [far[:1], far[:2], far[:3], far[3:4], far[2:5], []]
    counts = [(1, None), (2, 2), (3, 3), (0, 2), (0, 0), (4, 9), (0, None)]
    return [
        *(kind(which, link) for kind in by_ids for which in some for link in (None, OWNERS)),
        *(CountBetween(low, high, link) for low, high in counts for link in (None, OWNERS)),
    ]


def counted(rule: Any, links: Links) -> set[UUID]:
    """The far ids that a rule looks at."""
    return {id for id, (role, *_) in links.items() if rule.link is None or role == "owner"}


def holds(rule: Any, links: Links) -> bool:
    present = counted(rule, links)
    match rule:
        case CountBetween(low, high):
            return low <= len(present) <= (len(present) if high is None else high)
        case _:
            named = {record.id for record in rule.ids}
    match rule:
        case AnyOf():
            return bool(named & present)
        case AllOf():
            return named <= present
        case NoneOf():
            return not named & present
        case _:
            return named == present


@dataclass(frozen=True)
class Write:
    """A writing method and its arguments after the source."""

    method: str
    arguments: tuple[Any, ...]
    keywords: dict[str, Any]

    def __call__(self, call: World, end: End, source: Any, **demanded: Any) -> Any:
        return call(getattr(end.relation, self.method), source, *self.arguments, **self.keywords, **demanded)


def writes(end: End, far: list[Any]) -> dict[str, Write]:
    """Every writing method, on links of which the first three are there."""
    mixed = [far[0], Link(far[1], role="owner"), Link(far[3], role="owner"), far[4]]
    return {
        "append": Write("append", (mixed,), {}),
        "append, updating": Write("append", (mixed,), {"on_match": "update"}),
        "append with a role": Write("append", (far[2:4],), {"role": "owner", "on_match": "update"}),
        "replace": Write("replace", (mixed,), {}),
        "replace, ignoring": Write("replace", (mixed,), {"on_match": "ignore"}),
        "replace by nothing": Write("replace", ([],), {}),
        "update": Write("update", ([Link(far[0], role="member"), Link(far[1], role="owner")],), {}),
        "update with a role": Write("update", (far[:3],), {"role": "owner"}),
        "remove": Write("remove", ([far[0], far[4]],), {}),
        "clear": Write("clear", (), {}),
        "create": Write("create", ([end.new("made"), end.new("also")],), {"role": "owner"}),
        "create, plainly": Write("create", ([end.new("plain")],), {}),
        "direct control": Write("direct_control", ([far[0], end.edit(far[1], "edited"), end.new("new")],), {}),
    }


NAMES = [
    "append", "append, updating", "append with a role", "replace", "replace, ignoring", "replace by nothing", "update",
    "update with a role", "remove", "clear", "create", "create, plainly", "direct control",
]  # fmt: skip
VERSIONED = [name for name in NAMES if not name.startswith("create")]


def held(call: World, end: End, source: Any, far: list[Any]) -> Links:
    """Link the first three: an owner and two members."""
    links = [Link(far[0], role="owner", permissions=["p"], joined_at=NOON), Link(far[1]), Link(far[2], joined_at=NOON)]
    call(end.relation.append, source, links)
    assert set(end.links(call, source)) == set(ids(far[:3]))
    return end.links(call, source)


def outcome(call: World, end: End, source: Any, write: Write) -> Links:
    """What the write leaves when nobody demands anything; it is undone."""
    call.execute("SAVEPOINT before")
    write(call, end, source)
    after = end.links(call, source)
    call.execute("ROLLBACK TO before")
    return after
