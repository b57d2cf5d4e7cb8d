"""What reads shall give, from the plain table, filtered and sorted in Python."""

from datetime import datetime, timedelta
from typing import Any, cast

from tests.ends import NOON, End
from tests.worlds import World
from useraim.values import Linked, LinkFilter

LABELS = ["b", "a", "B", "A", "ä", "Z", "z", "é", "e", "10", "9", " x", "-y", "b", "a b", "ab"]
KEYS = ["joined_at", "role", "created_at", "label"]
LINKS = [
    None,
    LinkFilter(),
    LinkFilter(roles=["r0", "r2"]),
    LinkFilter(roles=[]),
    LinkFilter(permissions=["p"]),
    LinkFilter(permissions=["p", "q"]),
    LinkFilter(permissions=[]),
    LinkFilter(joined_from=NOON + timedelta(hours=1)),
    LinkFilter(joined_before=NOON + timedelta(hours=1)),
    LinkFilter(["r1"], ["p"], NOON, NOON + timedelta(hours=2)),
]


def attributes(n: int) -> tuple[str, list[str], datetime]:
    """Few different ones, so that there are many ties."""
    return f"r{n % 4}", ["p", "q", "r"][: n % 4], NOON + timedelta(hours=n % 3)


class Expected:
    """What reads shall give, from the plain table, filtered and sorted in Python."""

    def __init__(self, call: World, end: End, far: list[Any]) -> None:
        self.call, self.end = call, end
        self.records = {one.id: one for one in far}
        # Names are in the order of the server's collation.
        ranked = call.execute(
            "SELECT label, dense_rank() OVER (ORDER BY label) FROM unnest(%s::text[]) AS l (label)",
            [[end.labelled(one) for one in far]],
        )
        self.ranks: dict[str, int] = dict(cast("Any", ranked))

    def of(self, source: Any, order_by: str = "joined_at", link: LinkFilter | None = None) -> list[Linked[Any]]:
        rows = [Linked(self.records[id], *attributes) for id, attributes in self.end.links(self.call, source).items()]
        key, descending = order_by.removeprefix("-"), order_by.startswith("-")
        return sorted(
            (row for row in rows if passes(row, link)),
            key=lambda row: (self.key(row, key), row.record.id),
            reverse=descending,
        )

    def key(self, row: Linked[Any], name: str) -> Any:
        if name == "created_at":
            return row.record.created_at
        return getattr(row, name) if name in {"joined_at", "role"} else self.ranks[self.end.labelled(row.record)]


def passes(row: Linked[Any], link: LinkFilter | None) -> bool:
    if link is None:
        return True
    return (
        (link.roles is None or row.role in link.roles)
        and set(link.permissions or ()) <= set(row.permissions)
        and (link.joined_from is None or row.joined_at >= link.joined_from)
        and (link.joined_before is None or row.joined_at < link.joined_before)
    )


def orders(end: End) -> list[str]:
    keys = [end.label if key == "label" else key for key in KEYS]
    return [sign + key for key in keys for sign in ("", "-")]
