"""Frames: rows as Arrow columns, which the server packs, so that the client has nothing to do with each row.

A column of a result is one value of bytes: Arrow's own layout but for the order of bytes, and with the lengths of texts
in place of their offsets. What can be done in SQL to a column is done in a part of the statement, once a row.
"""

import sys
from array import array
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Any, Final, NamedTuple

from psycopg.adapt import Transformer
from psycopg.pq import Format

from useraim.core.pypika import Q, as_text, count, function
from useraim.errors import Error

_TEXT_ARRAY: Final = 1009
_EPOCH: Final = 946_684_800_000_000  # from 1970, which Arrow counts from, to 2000, microseconds


@dataclass(frozen=True, slots=True, repr=False)
class Frame:
    """Rows as Arrow columns, for anything that speaks the Arrow PyCapsule protocol: polars, pandas, duckdb, pyarrow.

    Ids are of the type `arrow.uuid`, times of microseconds in UTC, permissions lists of texts. `len` is the number of
    rows.
    """

    table: Any
    """The `pyarrow.Table`."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the columns, in order."""
        return tuple(self.table.column_names)

    def __repr__(self) -> str:
        return f"<Frame of {len(self)} rows: {', '.join(self.columns)}>"

    def __len__(self) -> int:
        return int(self.table.num_rows)

    def __arrow_c_schema__(self) -> object:
        return self.table.schema.__arrow_c_schema__()

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self.table.__arrow_c_stream__(requested_schema)


class Kind(NamedTuple):
    """A type of columns: how SQL prepares one for packing, how it is packed, and what is made of that."""

    prepared: Callable[[Any], Any]
    packed: Callable[[Any], list[Any]]
    unpacked: Callable[..., Any]


def arrow(module: str = "pyarrow") -> Any:
    """Import pyarrow, or a module of it, or say how to get it."""
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError("frames need pyarrow: pip install 'useraim[arrow]'", name=error.name) from error


def packing(rows: Any, columns: Mapping[str, str]) -> Any:
    """Render the query that packs the rows of another one, whose columns have these types and are prepared for it."""
    part = rows.as_("r")
    return Q.from_(part).select(
        count, *(packed for name, kind in columns.items() for packed in _kind(kind).packed(part.field(name)))
    )


def prepared(term: Any, kind: str) -> Any:
    """Prepare a column of a type for packing."""
    return _kind(kind).prepared(term)


def unpacking(columns: Mapping[str, str]) -> Callable[[list[tuple[Any, ...]]], Frame]:
    """Give what makes a frame of the only row of such a query."""
    pyarrow = arrow()

    def read(rows: list[tuple[Any, ...]]) -> Frame:
        n, *packed = rows[0]
        values = iter(packed)
        arrays: list[Any] = []
        for name, kind in columns.items():
            parts = [next(values) or b"" for _ in range(_parts(kind))]
            arrays.append(_column(name, n, _kind(kind).unpacked(*parts)))
        return Frame(pyarrow.Table.from_arrays(arrays, names=list(columns)))

    return read


def empty(columns: Mapping[str, str]) -> Frame:
    """Make a frame without rows."""
    return unpacking(columns)([(0, *[b""] * sum(map(_parts, columns.values())))])


def _column(name: str, n: int, values: Any) -> Any:
    # Aggregates pass over NULL: all values behind it would be another row's.
    if len(values) != n:
        raise Error(f"{name} holds NULL, which no frame can show")
    return values


def _kind(name: str) -> Kind:
    return _KINDS.get(name, _ANY)


@cache
def _parts(kind: str) -> int:
    return len(_kind(kind).packed(None))


def _joined(term: Any) -> Any:
    return function("pg_catalog.string_agg", term, "")


def _sent(send: str) -> Callable[[Any], list[Any]]:
    return lambda term: [_joined(function(f"pg_catalog.{send}", term))]


def _utf8(term: Any) -> Any:
    # Whatever the encodings of the database and of the client: Arrow's texts are UTF-8.
    return function("pg_catalog.convert_to", as_text(term), "UTF8")


def _texts_packed(term: Any) -> list[Any]:
    length = function("pg_catalog.octet_length", term)
    return [_joined(term), _joined(function("pg_catalog.int4send", length))]


def _numbers(code: str, data: bytes) -> "array[int]":
    numbers = array(code, data)
    if sys.byteorder == "little":
        numbers.byteswap()
    return numbers


def _wrapped(kind: Any, length: int, *buffers: Any) -> Any:
    pyarrow = arrow()
    return pyarrow.Array.from_buffers(kind, length, [None, *map(pyarrow.py_buffer, buffers)])


def _uuids(data: bytes) -> Any:
    pyarrow = arrow()
    return pyarrow.ExtensionArray.from_storage(pyarrow.uuid(), _wrapped(pyarrow.binary(16), len(data) // 16, data))


def _times(data: bytes) -> Any:
    pyarrow, numbers = arrow(), _numbers("q", data)
    moved = arrow("pyarrow.compute").add(_wrapped(pyarrow.int64(), len(numbers), numbers), _EPOCH)
    return moved.cast(pyarrow.timestamp("us", "UTC"))


def _texts(data: bytes, lengths: bytes) -> Any:
    pyarrow, numbers = arrow(), _numbers("i", bytes(4) + lengths)
    offsets = arrow("pyarrow.compute").cumulative_sum(_wrapped(pyarrow.int32(), len(numbers), numbers))
    return _wrapped(pyarrow.string(), len(numbers) - 1, offsets.buffers()[1], data)


def _lists(data: bytes, lengths: bytes) -> Any:
    """Make lists of arrays as PostgreSQL spells them: few are different, and each of these is read once."""
    pyarrow = arrow()
    spelt = _texts(data, lengths).dictionary_encode()
    different = _read_lists(spelt.dictionary.cast(pyarrow.binary()).to_pylist())
    return pyarrow.array(different, pyarrow.list_(pyarrow.string())).take(spelt.indices)


def _read_lists(spelt: Sequence[bytes]) -> list[Any]:
    load = Transformer().get_loader(_TEXT_ARRAY, Format.TEXT).load
    return [load(one) for one in spelt]


def _same(term: Any) -> Any:
    return term


_ANY: Final = Kind(_utf8, _texts_packed, _texts)
"""Any other type arrives as text, as PostgreSQL spells it."""
_KINDS: Final = {
    "uuid": Kind(_same, _sent("uuid_send"), _uuids),
    "timestamptz": Kind(_same, _sent("timestamptz_send"), _times),
    "text[]": Kind(_utf8, _texts_packed, _lists),
}
