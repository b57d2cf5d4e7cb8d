"""Rules of a write: conditions that must hold for the source afterwards, and the version that the caller has seen.

The write itself checks them, under the lock on the source: of callers who all give the rule, none can break it.
"""

from collections.abc import Callable
from functools import cache
from typing import Any, Final, NamedTuple
from uuid import UUID

from useraim import validate
from useraim.core.clauses import from_file, listed
from useraim.core.pypika import Q, coalesce, count, function, negate, param, table
from useraim.core.rows import single
from useraim.core.statement import Call, Statement, first
from useraim.errors import Conflict, Error, RuleBroken
from useraim.ids import in_key_order
from useraim.relation import conditions
from useraim.relation.conditions import Links, Shape
from useraim.relation.declaration import AnyTable, Ends
from useraim.values import AllOf, AnyOf, Condition, CountBetween, Exactly, NoneOf

_KINDS: Final = (AnyOf, AllOf, NoneOf, Exactly, CountBetween)


class Demand(NamedTuple):
    """What a statement has to check: of which it is rendered once for all values."""

    shapes: tuple[Shape, ...] = ()
    versioned: bool = False


class Rules(NamedTuple):
    """What a caller demands of one write."""

    conditions: tuple[Condition[Any], ...]
    demand: Demand
    parameters: dict[str, object]

    def __bool__(self) -> bool:
        return self.demand != NOTHING

    def refusal(self, rows: list[tuple[str, UUID]]) -> Error | None:
        """Say which rule a row names as broken, or that the version is another one; None if no row does."""
        words = [(reason.split(" "), key) for reason, key in rows]
        for (reason, *rest), _ in words:
            if reason == "version":
                return Conflict("the links are no longer as they were seen", rest[0])
        broken = [(int(rest[0]), int(rest[1]), key) for (reason, *rest), key in words if reason == "rule"]
        if not broken:
            return None
        number, links, _ = min(broken)
        ids = in_key_order(key for which, _, key in broken if which == number)
        return RuleBroken(self.conditions[number], links, tuple(ids))


NOTHING: Final = Demand()
NO_RULES: Final = Rules((), NOTHING, {})


def rules(far: AnyTable, must: object, if_version: object = None) -> Rules:
    """Check what a caller demands: one condition or several on the far end, and a version or None."""
    if must == () and if_version is None:
        return NO_RULES
    given: list[Any] = [must] if isinstance(must, _KINDS) else validate.collection(must, "must")
    held, shapes, parameters = conditions.bound(far, given, "must")
    if if_version is not None:
        parameters["if_version"] = validate.plain_text(if_version, "if_version")
    return Rules(held, Demand(shapes, if_version is not None), parameters)


def slots(
    ends: Ends, demand: Demand, path: str, values: Callable[[list[str]], str] = listed, *, asked: str, **parts: str
) -> dict[str, str]:
    """Fill the slots `ahead`, by a file of sql/rules/, and `broken`; `asked` is the end that has the rules.

    `values` lists attributes of links as they will be.
    """
    if demand == NOTHING:
        return {"ahead": "", "broken": ""}
    attributes = conditions.attributes(demand.shapes)
    parts = {**ends.slots, **parts, "attributes": listed(attributes), "values": values(attributes)}
    near, far = (ends.source_id, ends.far_id) if asked == "source" else (ends.far_id, ends.source_id)
    # A deletion asks of many records: row by row that would go through all that is left for each of them.
    links = Links("after", near, far, "ruled", by_row=asked == "source")
    broken = [_broken(number, links, shape) for number, shape in enumerate(demand.shapes)]
    if demand.versioned:
        broken.append(from_file("rules/version.sql", version=_version_query(ends)))
    ahead = from_file(path, **parts) + "\n" if demand.shapes else ""
    return {"ahead": ahead, "broken": "\n".join(broken)}


def _broken(number: int, links: Links, shape: Shape) -> str:
    after, ruled, prefix = table(links.table), table("ruled", "r"), f"must{number}_"
    asked = after.field(links.asked_id)
    counted = Q.from_(after).select(asked.as_("id"), count.as_("links")).groupby(asked)
    for part in conditions.link_criteria(after, shape.link, prefix):
        counted = counted.where(part)
    counted = counted.as_("c")
    reason = function("pg_catalog.concat", f"rule {number} ", coalesce(counted.links, 0))
    holds = conditions.criterion(ruled, links, shape, prefix)
    rule = Q.from_(ruled).left_join(counted).on(counted.id == ruled.id).select(reason, ruled.id).where(negate(holds))
    return from_file("rules/broken.sql", rule=str(rule))


def holding(ends: Ends, source: UUID, demanded: Rules) -> tuple[Call[Any], ...]:
    """Lock the source against new links, and all its links, where a version is demanded.

    Who is adding or changing one is waited for, and what came of it is then seen.
    """
    if not demanded.demand.versioned:
        return ()
    return hold_row(ends).call(len, {"id": source}), _hold_links(ends).call(len, {"source": source})


@cache
def hold_row(ends: Ends) -> Statement[int]:
    """Render the lock of a row of the source that lets nobody link it."""
    rows = table(ends.source.name)
    query = Q.from_(rows).select(1).where(rows.id == param("id")).for_update()
    return Statement(f"{ends.name} (hold_row)", query, single)


@cache
def _hold_links(ends: Ends) -> Statement[int]:
    links = Q.select(function(ends.join.holds[ends.source], param("source")).as_("id")).as_("h")
    return Statement(f"{ends.name} (hold)", Q.from_(links).select(count), single)


def version(ends: Ends, source: UUID) -> Call[str]:
    """Read the version of the links of a source."""
    return _version(ends).call(first, {"source": source})


@cache
def _version(ends: Ends) -> Statement[str]:
    return Statement(f"{ends.name}.version", _version_query(ends), single)


def _version_query(ends: Ends) -> str:
    return from_file("links/version.sql", **ends.slots, digested=ends.join.attributes.digested("m"))
