"""What a row of a result becomes: its only value, its tuple, or frozen dataclasses, made without their constructors."""

from collections.abc import Callable
from dataclasses import fields
from operator import itemgetter
from typing import Any, Final, TypeAlias, TypeVar, cast

T = TypeVar("T")

MakeRow: TypeAlias = Callable[[Any], T]
"""What psycopg calls with the tuple of a row's values."""

single: Final[MakeRow[Any]] = itemgetter(0)
whole: Final[MakeRow[Any]] = tuple


def maker(kind: type[T], **parts: type[object]) -> MakeRow[T]:
    """Make frozen, slotted dataclasses of rows that hold their fields in order.

    A field named in `parts` is itself such a dataclass, whose columns come after those of `kind`:
    `maker(Linked, record=Aim)` reads a link's attributes, then the aim.

    The constructor of a frozen dataclass sets each field by a call around its own `__setattr__`: 1.6 µs for a user
    in a link. Here the fields of an ordinary object with the same slots are set by one unpacking, and then it becomes
    of its class: 0.4 µs.
    """
    kinds = {"value": kind, **parts}
    own = [f"value.{field.name}" for field in fields(cast("Any", kind)) if field.name not in parts]
    of_parts = [f"{name}.{field.name}" for name, part in parts.items() for field in fields(cast("Any", part))]
    lines = [
        "def make(row):",
        *(f"    {name} = blank_{name}()" for name in kinds),
        f"    {', '.join(own + of_parts)}, = row",
        *(f"    value.{name} = {name}" for name in parts),
        *(f"    {name}.__class__ = kind_{name}" for name in kinds),
        "    return value",
    ]
    names: dict[str, Any] = {f"kind_{name}": part for name, part in kinds.items()}
    names |= {f"blank_{name}": _blank(part) for name, part in kinds.items()}
    exec("\n".join(lines), names)  # as dataclasses writes a constructor
    return cast("MakeRow[T]", names["make"])


def _blank(kind: type[object]) -> type[object]:
    # The same bases and slots in the same order make the same layout, without which __class__ could not be set.
    names = tuple(field.name for field in fields(cast("Any", kind)))
    generic = {"__orig_bases__": vars(kind).get("__orig_bases__", ())}
    return type(kind.__name__, kind.__bases__, {"__slots__": names, **generic})
