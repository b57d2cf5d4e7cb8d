"""Frames of Arrow as memberships to write: checked and packed by the column, without an object for each value.

pyarrow is imported here, and this module only by a load of a frame.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from importlib import import_module
from itertools import islice, repeat
from struct import Struct
from typing import Any, Final

from useraim.core.adapt import pack_text, pack_texts, pack_time
from useraim.errors import InvalidValue
from useraim.relation.attributes import ATTRIBUTES
from useraim.relation.declaration import AnyTable
from useraim.relation.incoming import KEYS, Chunk, Pack, at_row, known, packed_bytes, packed_ids, packed_texts
from useraim.relation.tables import USER_AIMS

_pa: Final[Any] = import_module("pyarrow")  # which has no types to check against
_compute: Final[Any] = import_module("pyarrow.compute")
_is: Final = _pa.types
_MICROSECONDS: Final = Struct("!iq")
_UNIX: Final = datetime(1970, 1, 1, tzinfo=UTC)
_FROM_UNIX: Final = 946_684_800_000_000  # microseconds until 2000, from which PostgreSQL counts
_NO_CODE, _NO_TIME = -1, -(2**63)  # in place of NULL
_NULL: Final = pack_time(None)


def chunks(frame: object, most: int) -> Iterator[Chunk]:
    """Read a frame, at most so many rows at a time; a NULL leaves its attribute out."""
    before = 0
    for batch in _batches(frame):
        for start in range(0, batch.num_rows, most):
            part = batch.slice(start, most)
            yield Chunk(part.num_rows, _located(part, before))
            before += part.num_rows


def _batches(frame: object) -> Iterator[Any]:
    try:
        reader = _pa.RecordBatchReader.from_stream(frame)
    except _pa.ArrowInvalid as error:
        raise InvalidValue("rows", f"no frame: {error!s:.100}") from None
    names = reader.schema.names
    known(names)
    if len(set(names)) < len(names) or not set(KEYS) <= set(names):
        raise InvalidValue("rows", f"a frame is needed that has {' and '.join(KEYS)}, and no column twice")
    yield from reader


def _located(batch: Any, before: int) -> list[Pack]:
    try:
        return _checked(batch)
    except InvalidValue:
        for n in range(batch.num_rows):
            try:
                _checked(batch.slice(n, 1))
            except InvalidValue as error:
                raise at_row(error, before + n) from None
        raise


def _checked(batch: Any) -> list[Pack]:
    columns = dict(zip(batch.schema.names, batch.columns, strict=True))
    given = {name for name, column in columns.items() if column.null_count < len(column)}
    return [_ids(table, columns[key], key) for table, key in USER_AIMS.keys.items()] + [
        _PACK[attribute.type](columns[name], name) if name in given else _nothing
        for name, attribute in ATTRIBUTES.items()
    ]


def _nothing(_: str) -> Iterable[bytes]:
    return repeat(_NULL)


def _ids(table: AnyTable, column: Any, field: str) -> Pack:
    plain = column.storage if isinstance(column, _pa.ExtensionArray) else column
    if _is_any(_BINARY, plain.type):
        packed = _packed_together(plain.cast(_pa.binary()), b"", 16, packed_bytes)
    elif _is_any(_TEXT, plain.type):
        packed = _packed_together(plain.cast(_pa.string()), "", 36, packed_texts)
    else:
        packed = None
    ids = packed or packed_ids(table, plain.to_pylist(), field)
    return lambda _: ids


def _packed_together(
    column: Any, between: bytes | str, length: int, pack: Callable[[Any], list[bytes] | None]
) -> list[bytes] | None:
    """Pack values of one length as one; None where one is NULL or of another length."""
    lengths = _compute.min_max(_compute.binary_length(column)).as_py()
    if column.null_count or set(lengths.values()) != {length}:
        return None
    whole = _pa.ListArray.from_arrays([0, len(column)], column)
    return pack(_compute.binary_join(whole, between)[0].as_py())


def _texts(column: Any, name: str) -> Pack:
    codes, values = _coded(column, name)
    check = ATTRIBUTES[name].check
    checked = {code: check(values[code], name) for code in set(codes) if code != _NO_CODE}

    def pack(encoding: str) -> Iterable[bytes]:
        once = {code: pack_text(checked.get(code), encoding) for code in set(codes)}
        return map(once.__getitem__, codes)

    return pack


def _lists(column: Any, name: str) -> Pack:
    if not _is_any(_LISTS, column.type):
        raise InvalidValue(name, f"lists of texts are needed, not {column.type}")
    codes, values = _coded(column.flatten(), name)
    rest, values = iter(codes), [*values, None]  # which stands last, where -1 finds it
    lengths = _numbers(_compute.list_value_length(column), _NO_CODE)
    lists = [None if length < 0 else tuple(islice(rest, length)) for length in lengths]
    check = ATTRIBUTES[name].check
    checked = {own: check([values[code] for code in own], name) for own in set(lists) if own is not None}

    def pack(encoding: str) -> Iterable[bytes]:
        once = {own: pack_texts(checked[own] if own is not None else None, encoding) for own in set(lists)}
        return map(once.__getitem__, lists)

    return pack


def _times(column: Any, name: str) -> Pack:
    if not _is.is_timestamp(column.type):
        raise InvalidValue(name, f"timestamps are needed, not {column.type}")
    if column.type.tz is None:
        raise InvalidValue(name, "has no time zone")
    try:  # nanoseconds are cut off: PostgreSQL has none
        times = column.cast(_pa.timestamp("us", "UTC"), safe=column.type.unit != "ns")
    except _pa.ArrowInvalid:
        raise InvalidValue(name, "outside the years 1900 to 9999") from None
    numbers = _numbers(times, _NO_TIME)
    given = set(numbers) - {_NO_TIME}
    for number in (min(given), max(given)):
        ATTRIBUTES[name].check(_moment(number, name), name)
    return lambda _: [_NULL if n == _NO_TIME else _MICROSECONDS.pack(8, n - _FROM_UNIX) for n in numbers]


def _moment(number: int, name: str) -> datetime:
    try:
        return _UNIX + timedelta(microseconds=number)
    except OverflowError:
        raise InvalidValue(name, "outside the years 1900 to 9999") from None


def _coded(column: Any, name: str) -> tuple[list[int], list[str | None]]:
    """Give the place of each text among the different ones, -1 for NULL, and these."""
    kind = column.type.value_type if _is.is_dictionary(column.type) else column.type
    if not len(column):
        return [], []
    if not _is_any(_TEXT, kind):
        raise InvalidValue(name, f"text is needed, not {kind}")
    coded = column.dictionary_encode()
    return _numbers(coded.indices, _NO_CODE), coded.dictionary.to_pylist()


def _numbers(column: Any, null: int) -> list[int]:
    numbers = column.cast(_pa.int64()).fill_null(null)
    memory = memoryview(numbers.buffers()[1]).cast("q")
    return memory[numbers.offset : numbers.offset + len(numbers)].tolist()


def _is_any(kinds: Iterable[Callable[[Any], bool]], kind: Any) -> bool:
    return any(is_one(kind) for is_one in kinds)


_BINARY: Final = (_is.is_fixed_size_binary, _is.is_binary, _is.is_large_binary, _is.is_binary_view)
_TEXT: Final = (_is.is_string, _is.is_large_string, _is.is_string_view)
_LISTS: Final = (_is.is_list, _is.is_large_list, _is.is_fixed_size_list)
_PACK: Final[Mapping[str, Callable[[Any, str], Pack]]] = {"text": _texts, "text[]": _lists, "timestamptz": _times}
