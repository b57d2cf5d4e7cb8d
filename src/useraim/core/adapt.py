"""How values travel: one map of adapters for this package's own cursors, so that the caller's adapters neither
disturb it nor are touched by it.

Arrays are packed in binary at once: psycopg's own list dumper goes through a Python call an element.
Times come back in UTC, whatever the session's time zone; permissions as tuples, equal short ones as one shared object.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from functools import cache, lru_cache
from struct import Struct
from typing import Any, Final, cast
from uuid import UUID

import psycopg
from psycopg.abc import AdaptContext, Buffer
from psycopg.abc import Loader as LoaderProtocol
from psycopg.adapt import AdaptersMap, Dumper, Loader
from psycopg.pq import Format
from psycopg.types.uuid import UUIDBinaryLoader

_UUID, _UUID_ARRAY, _TEXT, _TEXT_ARRAY, _TIMESTAMPTZ, _TIMESTAMPTZ_ARRAY = 2950, 2951, 25, 1009, 1184, 1185
_HEAD = Struct("!iiIii")  # dimensions, has NULLs, element's oid, length, lower bound
_LENGTH = Struct("!i")
_MICROSECONDS = Struct("!iq")
# What is kept is bounded in number and size: 1 MB at most a cache of ASCII.
_MOST: Final = 1024
_SHORT: Final = 100  # characters, as roles and permissions have at most
_SHORT_ARRAY: Final = 1000  # bytes
_NULL: Final = _LENGTH.pack(-1)
_EPOCH: Final = datetime(2000, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


class UuidArray(list[UUID]):
    """A parameter of type `uuid[]`."""


class TextArray(list[str | None]):
    """A parameter of type `text[]`."""


class TimeArray(list[datetime | None]):
    """A parameter of type `timestamptz[]`."""


class _UuidArrayDumper(Dumper):
    format = Format.BINARY
    oid = _UUID_ARRAY

    def dump(self, obj: UuidArray) -> Buffer:
        return pack_ids(obj)


class _TextArrayDumper(Dumper):
    format = Format.BINARY
    oid = _TEXT_ARRAY

    def __init__(self, cls: type, context: AdaptContext | None = None) -> None:
        super().__init__(cls, context)
        self.encoding = _encoding(context)

    def dump(self, obj: TextArray) -> Buffer:
        return _array(_TEXT, len(obj), map(_packed(self.encoding).__getitem__, obj))


class _TimeArrayDumper(Dumper):
    format = Format.BINARY
    oid = _TIMESTAMPTZ_ARRAY

    def dump(self, obj: TimeArray) -> Buffer:
        return _array(_TIMESTAMPTZ, len(obj), map(pack_time, obj))


def _array(oid: int, length: int, elements: Iterable[bytes]) -> bytes:
    # The flag says that NULLs may occur; the server looks at each element's length all the same.
    head = _HEAD.pack(1, 1, oid, length, 1) if length else _HEAD.pack(0, 0, oid, 0, 0)[:12]
    return head + b"".join(elements)


def pack_ids(value: UUID | UuidArray) -> bytes:
    """Pack an id or an array of ids."""
    if type(value) is UUID:
        return value.int.to_bytes(16)
    ids = cast("UuidArray", value)
    return _array(_UUID, len(ids), [b"\0\0\0\x10" + one.int.to_bytes(16) for one in ids])


_IDS: Final = {UUID: _UUID, UuidArray: _UUID_ARRAY}


@lru_cache
def ids_only(kinds: tuple[type, ...]) -> tuple[tuple[int, ...], list[Format]] | None:
    """Give the types and formats of parameters that are ids or arrays of ids, which most calls have; of others None."""
    types = tuple(_IDS[kind] for kind in kinds if kind in _IDS)
    return (types, [Format.BINARY] * len(types)) if len(types) == len(kinds) else None


class _Packed(dict[str | None, bytes]):
    """Texts with their length in front, and NULL for None: looking up a packed one calls no Python code."""

    def __init__(self, encoding: str) -> None:
        self.encoding = encoding

    def __missing__(self, text: str | None) -> bytes:
        if text is None:
            return self.setdefault(None, _NULL)
        encoded = text.encode(self.encoding)
        packed = _LENGTH.pack(len(encoded)) + encoded
        if len(text) <= _SHORT:
            if len(self) >= _MOST:
                self.clear()
            self[text] = packed
        return packed


_packed = cache(_Packed)


def pack_text(value: str | None, encoding: str) -> bytes:
    """Pack a text, or None as NULL, with its length in front."""
    return _packed(encoding)[value]


def pack_texts(value: tuple[str, ...] | None, encoding: str) -> bytes:
    """Pack an array of texts, or None as NULL, with its length in front."""
    if value is None:
        return _NULL
    packed = _array(_TEXT, len(value), map(_packed(encoding).__getitem__, value))
    return _LENGTH.pack(len(packed)) + packed


def pack_time(value: datetime | None) -> bytes:
    """Pack a time, or None as NULL, with its length in front."""
    return _NULL if value is None else _MICROSECONDS.pack(8, (value - _EPOCH) // _MICROSECOND)


class _Texts(dict[Buffer, tuple[str, ...]]):
    """Arrays of texts by their packed form: looking one up, memoryview or bytes, calls no Python code."""

    def __init__(self, encoding: str) -> None:
        self.encoding = encoding

    def __missing__(self, packed: Buffer) -> tuple[str, ...]:
        data = bytes(packed)
        texts: list[str] = []
        position = 20
        while position < len(data):
            start = position + 4
            position = start + _LENGTH.unpack_from(data, position)[0]
            texts.append(data[start:position].decode(self.encoding))
        if len(data) > _SHORT_ARRAY:
            return tuple(texts)
        if len(self) >= _MOST:
            self.clear()
        return self.setdefault(data, tuple(texts))


_texts = cache(_Texts)


class _TextArrayLoader(Loader):
    format = Format.BINARY

    def __init__(self, oid: int, context: AdaptContext | None = None) -> None:
        super().__init__(oid, context)
        self.texts = _texts(_encoding(context))
        self.load = self.texts.__getitem__  # type: ignore[assignment, method-assign]  # no frame of Python a row

    def load(self, data: Buffer) -> tuple[str, ...]:
        return self.texts[data]


def _encoding(context: AdaptContext | None) -> str:
    if context is None or context.connection is None:
        return "utf-8"
    # Asking the info object takes longer than the rest of a small call, and the answer is nearly always the same.
    is_utf8 = context.connection.pgconn.parameter_status(b"client_encoding") == b"UTF8"
    return "utf-8" if is_utf8 else context.connection.info.encoding


def _utc_loader(oid: int, _: AdaptContext | None = None) -> LoaderProtocol:
    # Without a connection to ask for its time zone psycopg's own loader answers in UTC.
    return _TIMES(oid)


def _adapters() -> AdaptersMap:
    adapters = AdaptersMap(psycopg.adapters)
    adapters.register_dumper(UuidArray, _UuidArrayDumper)
    adapters.register_dumper(TextArray, _TextArrayDumper)
    adapters.register_dumper(TimeArray, _TimeArrayDumper)
    adapters.register_loader("uuid", UUIDBinaryLoader)
    adapters.register_loader(_TEXT_ARRAY, _TextArrayLoader)
    # psycopg's loader is final in its C form, so it cannot be subclassed: it is wrapped by a function in its place.
    _utc_loader.format = Format.BINARY  # type: ignore[attr-defined]
    adapters.register_loader("timestamptz", cast("type[LoaderProtocol]", _utc_loader))
    return adapters


class Context:
    """What psycopg asks for adapters and, where the encoding is not UTF-8, for the connection."""

    __slots__ = ("adapters", "connection")

    def __init__(self, adapters: AdaptersMap, connection: Any) -> None:
        self.adapters: AdaptersMap = adapters
        self.connection: Any = connection


_TIMES = cast("type[LoaderProtocol]", psycopg.adapters.get_loader(_TIMESTAMPTZ, Format.BINARY))
ADAPTERS: Final = _adapters()
