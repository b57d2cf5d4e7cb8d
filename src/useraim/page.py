"""Pages by keyset: `Page`, and the cursors that name a place in an ordering."""

from binascii import a2b_base64, b2a_base64
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, Generic, NamedTuple, TypeAlias, TypeVar

from useraim import validate
from useraim.core.ordering import Key
from useraim.errors import InvalidCursor, InvalidValue
from useraim.values import refuse_assignment

T = TypeVar("T")

Place: TypeAlias = tuple[Any, ...]
"""The keys of a row in an ordering: times, ids, texts."""

MOST = 1_000
_APART = "\0"  # no text in PostgreSQL contains it
_SEAL = 9  # bytes; with the seal in front, base64 needs no padding there


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some rows of an ordering, and opaque cursors to the rows after and before them (None: there are none)."""

    items: list[T]
    next: str | None
    previous: str | None

    def __iter__(self) -> Iterator[T]:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)


Page.__setattr__ = refuse_assignment  # type: ignore[method-assign]


class Window(NamedTuple):
    """Which rows of an ordering are asked for: `limit` of them after a place or the start, or before it or the end."""

    scope: str
    limit: int
    place: Place | None
    backward: bool

    @property
    def direction(self) -> str:
        """Name the shape of the statement: from an end, or from a place on, either way."""
        if self.place is None:
            return "end" if self.backward else "start"
        return "before" if self.backward else "after"

    @property
    def parameters(self) -> dict[str, object]:
        """Bind one row more than asked for, which tells whether there are further ones."""
        place = {f"place_{n}": value for n, value in enumerate(self.place or ())}
        return {"limit": self.limit + 1, **place}

    def page(self, rows: list[T], place_of: Callable[[T], Place]) -> Page[T]:
        """Turn the rows read into a page."""
        more = len(rows) > self.limit
        items = rows[: self.limit]
        if self.backward:
            items.reverse()
        if not items:
            return Page(items, None, None)
        onward = more or self.backward
        back = more if self.backward else self.place is not None
        return Page(
            items,
            seal(place_of(items[-1]), self.scope) if onward else None,
            seal(place_of(items[0]), self.scope) if back else None,
        )


def window(scope: str, keys: Sequence[Key], limit: object, after: object, before: object) -> Window:
    """Check the arguments of a page; `scope` names the function, ordering and filter a cursor belongs to."""
    checked = validate.number(limit, "limit", 1, MOST)
    if after is not None and before is not None:
        raise InvalidValue("before", "after and before exclude each other")
    if before is not None:
        return Window(scope, checked, unseal(before, "before", scope, keys), backward=True)
    return Window(scope, checked, None if after is None else unseal(after, "after", scope, keys), backward=False)


def seal(place: Place, scope: str) -> str:
    """Write a place as a cursor that only the same function, ordering and filter accepts."""
    body = _APART.join(map(_spelt, place)).encode()
    return _armoured(_digest(body, scope) + body)


def unseal(cursor: object, field: str, scope: str, keys: Sequence[Key]) -> Place:
    """Read the place back; what is not sealed for this scope, or names no place in it, is `InvalidCursor`."""
    if not isinstance(cursor, str):
        raise InvalidCursor(field, "not a cursor")
    try:
        raw = a2b_base64(cursor.replace("-", "+").replace("_", "/") + "=" * (-len(cursor) % 4), strict_mode=True)
    except ValueError:
        raise InvalidCursor(field, "not a cursor") from None
    body = raw[_SEAL:]
    if raw[:_SEAL] != _digest(body, scope) or _armoured(raw) != cursor:
        raise InvalidCursor(field, "damaged, or of another function, ordering or filter")
    # The seal finds mistakes, not malice: it has no secret.
    try:
        return tuple(key.read(text) for key, text in zip(keys, body.decode().split(_APART), strict=True))
    except ValueError:
        raise InvalidCursor(field, "names no place") from None


def _spelt(key: object) -> str:
    return key.isoformat() if isinstance(key, datetime) else str(key)


def _armoured(raw: bytes) -> str:
    return b2a_base64(raw, newline=False).decode().rstrip("=").replace("+", "-").replace("/", "_")


def _digest(body: bytes, scope: str) -> bytes:
    digest: bytes = _blake2b()(scope.encode() + b"\0" + body, digest_size=_SEAL).digest()
    return digest


@cache
def _blake2b() -> Callable[..., Any]:
    from hashlib import blake2b  # loads OpenSSL, which not every program that imports this package needs

    return blake2b
