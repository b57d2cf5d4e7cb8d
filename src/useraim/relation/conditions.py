"""Conditions as SQL: what `LinkFilter` and the conditions on the other end ask of the links.

Each filter has a *shape*, hashable, by which statements are rendered once, and *parameters*, bound at each call.
Of the forms that mean the same, these are the ones that Citus accepts for a reference table like `aims` as well.
"""

from collections.abc import Callable, Mapping
from typing import Any, Literal, NamedTuple, TypeAlias, cast

from useraim import validate
from useraim.core import pypika
from useraim.core.adapt import TextArray, UuidArray
from useraim.core.pypika import Q, among, count, exists, negate, param, same
from useraim.errors import InvalidValue
from useraim.ids import in_key_order
from useraim.relation.declaration import AnyTable, Ends
from useraim.values import AllOf, AnyOf, CountBetween, Exactly, LinkFilter, NoneOf

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


def link_parameters(link: LinkFilter | None, prefix: str = "link_") -> dict[str, object]:
    """Bind a filter's values."""
    values: dict[str, Any] = {part: getattr(link, part) for part in link_shape(link)}
    return {prefix + part: TextArray(value) if part in _ARRAYS else value for part, value in values.items()}


def conditions(ends: Ends, where: object) -> tuple[tuple[Shape, ...], dict[str, object]]:
    """Check conditions on the far end; those that hold for everybody are left out."""
    shapes: list[Shape] = []
    parameters: dict[str, object] = {}
    given = validate.collection(where, "where")
    if len(given) > MOST:
        raise InvalidValue("where", f"at most {MOST} conditions are possible; a condition takes any number of ids")
    for condition in given:
        prefix = f"where{len(shapes)}_"
        kind, values = _bind(condition, ends.far)
        if kind is not None:
            shapes.append(Shape(kind, link_shape(condition.link)))
            parameters |= {prefix + name: value for name, value in values.items()}
            parameters |= link_parameters(condition.link, prefix)
    return tuple(shapes), parameters


def _bind(condition: object, far: AnyTable) -> tuple[Kind | None, Mapping[str, object]]:
    match condition:
        case CountBetween(at_least, at_most):
            return _bind_count(at_least, at_most)
        case AnyOf() | AllOf() | NoneOf() | Exactly():
            ids = UuidArray(in_key_order(far.ids(cast("AnyOf[Any]", condition).ids, "where")))
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
            raise InvalidValue("where", f"{type(condition).__name__} is not a condition")


def _bind_count(at_least: int, at_most: int | None) -> tuple[Kind | None, Mapping[str, object]]:
    if at_least:
        return "count", {"at_least": at_least, "at_most": 2**62 if at_most is None else at_most}
    return (None, {}) if at_most is None else ("at most", {"at_most": at_most})


def criterion(rows: Any, ends: Ends, shape: Shape, prefix: str) -> Any:
    """Render a condition on `rows`, the table of the source or an alias of it."""
    of = pypika.table(ends.join.name)
    link = of.field(ends.source_id)
    links = Q.from_(of).select(link)
    for part in link_criteria(of, shape.link, prefix):
        links = links.where(part)
    linked = links.where(among(of.field(ends.far_id), prefix + "ids"))
    number = param(prefix + "count", "bigint")
    match shape.kind:
        case "any":
            return rows.id.isin(linked)
        case "all":
            return rows.id.isin(linked.groupby(link).having(count == number))
        case "none":
            return _absent(rows, ends, link, linked)
        case "exactly":
            total = links.where(link.isin(linked)).groupby(link).having(count == number)
            return rows.id.isin(linked.groupby(link).having(count == number)) & rows.id.isin(total)
        case "count":
            between = count.between(param(prefix + "at_least", "bigint"), param(prefix + "at_most", "bigint"))
            return _present(rows, ends, link, links.groupby(link).having(between))
        case "at most":
            over = links.groupby(link).having(count > param(prefix + "at_most", "bigint"))
            return _absent(rows, ends, link, over)


def _present(rows: Any, ends: Ends, link: Any, links: Any) -> Any:
    """Hold for rows that `links` names, looked up row by row where Citus can: a page then reads what it shows."""
    if ends.join.stored_with is ends.source:
        return exists(links.where(link == rows.id))
    return rows.id.isin(links)


def _absent(rows: Any, ends: Ends, link: Any, links: Any) -> Any:
    if ends.join.stored_with is ends.source:
        return negate(exists(links.where(link == rows.id)))
    return rows.id.isin(Q.from_(ends.source.name).select("id").except_of(links))
