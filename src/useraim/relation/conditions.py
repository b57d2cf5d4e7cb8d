"""Conditions as SQL: what `LinkFilter` and the conditions on the other end ask of the links.

Each filter has a *shape*, hashable, by which statements are rendered once, and *parameters*, bound at each call.
Of the forms that mean the same, these are the ones that Citus accepts for a reference table like `aims` as well.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal, NamedTuple, TypeAlias, cast

from useraim.core import pypika
from useraim.core.adapt import TextArray, UuidArray
from useraim.core.pypika import Q, among, count, exists, negate, param, same
from useraim.errors import InvalidValue
from useraim.ids import in_key_order
from useraim.relation.declaration import AnyTable, Ends
from useraim.values import AllOf, AnyOf, Condition, CountBetween, Exactly, LinkFilter, NoneOf

LinkShape: TypeAlias = tuple[str, ...]
Kind: TypeAlias = Literal["any", "all", "none", "exactly", "count", "at most"]

MOST = 20
"""Conditions of one call: the server plans them in under 0.1 s, 100 of a kind in up to a second, 200 in seconds."""

_ARRAYS = ("roles", "permissions")


class Shape(NamedTuple):
    """What one condition renders to."""

    kind: Kind
    link: LinkShape


def link_shape(link: LinkFilter | None) -> LinkShape:
    """Name the parts of a filter that are given."""
    if link is None:
        return ()
    if not isinstance(link, LinkFilter):  # pyright: ignore[reportUnnecessaryIsInstance] - callers without a type checker
        raise InvalidValue("link", "a LinkFilter is needed")
    parts = ("roles", "permissions", "joined_from", "joined_before")
    return tuple(part for part in parts if getattr(link, part) is not None)


def link_criteria(
    links: Any, shape: LinkShape, prefix: str = "link_", through: Callable[[Any], Any] = same
) -> list[Any]:
    """Render a filter on the links, a table or alias; `through` is the function of joined_at that is indexed."""
    joined_at = through(links.joined_at)
    criteria: dict[str, Callable[[str], Any]] = {
        "roles": lambda name: pypika.among_texts(links.role, name),
        "permissions": lambda name: pypika.contains(links.permissions, name),
        "joined_from": lambda name: joined_at >= through(param(name, "timestamptz")),
        "joined_before": lambda name: joined_at < through(param(name, "timestamptz")),
    }
    return [criteria[part](prefix + part) for part in shape]


_COLUMN = {"roles": "role", "permissions": "permissions", "joined_from": "joined_at", "joined_before": "joined_at"}


def attributes(shapes: Iterable[Shape]) -> list[str]:
    """Name the attributes of links that the filters of conditions look at."""
    return sorted({_COLUMN[part] for shape in shapes for part in shape.link})


def link_parameters(link: LinkFilter | None, prefix: str = "link_") -> dict[str, object]:
    """Bind a filter's values."""
    if link is None:
        return {}
    values: dict[str, Any] = {part: getattr(link, part) for part in link_shape(link)}
    return {prefix + part: TextArray(value) if part in _ARRAYS else value for part, value in values.items()}


class Bound(NamedTuple):
    """Conditions to hold, those left out that hold for everybody, what they render to, and their values."""

    conditions: tuple[Condition[Any], ...]
    shapes: tuple[Shape, ...]
    parameters: dict[str, object]


def bound(far: AnyTable, given: list[Any], field: str) -> Bound:
    """Check conditions on the far end and bind their values."""
    if len(given) > MOST:
        raise InvalidValue(field, f"at most {MOST} conditions are possible; a condition takes any number of ids")
    held, shapes, parameters = list[Condition[Any]](), list[Shape](), dict[str, object]()
    for condition in given:
        prefix = f"{field}{len(shapes)}_"
        kind, values = _bind(condition, far, field)
        link = link_shape(condition.link)
        if kind is not None:
            held.append(condition)
            shapes.append(Shape(kind, link))
            parameters |= {prefix + name: value for name, value in values.items()}
            parameters |= link_parameters(condition.link, prefix)
    return Bound(tuple(held), tuple(shapes), parameters)


def _bind(condition: object, far: AnyTable, field: str) -> tuple[Kind | None, Mapping[str, object]]:
    match condition:
        case CountBetween(at_least, at_most):
            return _bind_count(at_least, at_most)
        case AnyOf() | AllOf() | NoneOf() | Exactly():
            ids = UuidArray(in_key_order(far.ids(cast("AnyOf[Any]", condition).ids, field)))
            values = {"ids": ids, "count": len(ids)}
            match condition:
                case AnyOf():
                    return "any", {"ids": ids}
                case AllOf():
                    return ("all", values) if ids else (None, {})
                case NoneOf():
                    return ("none", {"ids": ids}) if ids else (None, {})
                case Exactly():
                    return ("exactly", values) if ids else ("at most", {"at_most": 0})
        case _:
            raise InvalidValue(field, f"{type(condition).__name__} is not a condition")


def _bind_count(at_least: int, at_most: int | None) -> tuple[Kind | None, Mapping[str, object]]:
    if at_least:
        return "count", {"at_least": at_least, "at_most": 2**62 if at_most is None else at_most}
    return (None, {}) if at_most is None else ("at most", {"at_most": at_most})


class Links(NamedTuple):
    """Where conditions look for links: a table or a part of the statement, its columns, and the table of those asked.

    `by_row`, where Citus can: a page then reads what it shows.
    """

    table: str
    asked_id: str
    far_id: str
    asked: str
    by_row: bool


def of(ends: Ends) -> Links:
    """Look in the join table."""
    near = ends.join.stored_with is ends.source
    return Links(ends.join.name, ends.source_id, ends.far_id, ends.source.name, near)


def criterion(rows: Any, links: Links, shape: Shape, prefix: str) -> Any:
    """Render a condition on `rows`, a table or an alias of it."""
    held = pypika.table(links.table)
    asked = held.field(links.asked_id)
    some = Q.from_(held).select(asked)
    for part in link_criteria(held, shape.link, prefix):
        some = some.where(part)
    linked = some.where(among(held.field(links.far_id), prefix + "ids"))
    number = param(prefix + "count", "bigint")
    match shape.kind:
        case "any":
            return rows.id.isin(linked)
        case "all":
            return rows.id.isin(linked.groupby(asked).having(count == number))
        case "none":
            return _absent(rows, links, asked, linked)
        case "exactly":
            total = some.where(asked.isin(linked)).groupby(asked).having(count == number)
            return rows.id.isin(linked.groupby(asked).having(count == number)) & rows.id.isin(total)
        case "count":
            between = count.between(param(prefix + "at_least", "bigint"), param(prefix + "at_most", "bigint"))
            return _present(rows, links, asked, some.groupby(asked).having(between))
        case "at most":
            over = some.groupby(asked).having(count > param(prefix + "at_most", "bigint"))
            return _absent(rows, links, asked, over)


def _present(rows: Any, links: Links, asked: Any, some: Any) -> Any:
    return exists(some.where(asked == rows.id)) if links.by_row else rows.id.isin(some)


def _absent(rows: Any, links: Links, asked: Any, some: Any) -> Any:
    if links.by_row:
        return negate(exists(some.where(asked == rows.id)))
    return rows.id.isin(Q.from_(links.asked).select("id").except_of(some))
