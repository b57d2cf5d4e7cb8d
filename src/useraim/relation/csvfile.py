"""Memberships in a file of CSV, by the same rules as those given as values; what is wrong is named with its line."""

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from functools import lru_cache
from typing import IO, Any, Final

from useraim import validate
from useraim.errors import InvalidValue
from useraim.relation.attributes import ATTRIBUTES, Attribute
from useraim.relation.incoming import KEYS

_BLOCK: Final = 64 * 1024
_LONGEST: Final = 16 * 1024 * 1024  # of a record: a quote that is never closed shall not read the whole file
_FIELD: Final = re.compile(r'(?:"([^"]*+(?:""[^"]*+)*+)"|([^",]*+))(,|\Z)')
_SHORT: Final = 200
_BLANK: Final = " \t\n\r\v\f"
_ELEMENT: Final = re.compile(
    rf'[{_BLANK}]*+(?:"((?:[^"\\]++|\\.)*+)"[{_BLANK}]*+|([^",{{}}\\]++))(,|\Z)', re.DOTALL
)  # fmt: skip
_ESCAPED: Final = re.compile(r"\\(.)", re.DOTALL)


def memberships(file: IO[bytes]) -> Iterator[Mapping[str, object]]:
    """Read the ids of each record and the attributes it gives: an empty value, without quotes, gives none."""
    records = _records(file)
    line, header = next(records, (1, list[str | None]()))
    names = [name or "" for name in header]
    if len(set(names)) != len(names) or not set(KEYS) <= set(names) <= {*KEYS, *ATTRIBUTES}:
        raise _wrong(line, f"a header of CSV with user_id, aim_id and any of {', '.join(ATTRIBUTES)} is needed")
    for line, values in records:
        if len(values) != len(names):
            raise _wrong(line, f"{len(names)} values are needed, not {len(values)}")
        try:
            given = {
                name: _READ[name](text, name) for name, text in zip(names, values, strict=True) if text is not None
            }
        except InvalidValue as error:
            raise _wrong(line, f"{error.field}: {error.reason}") from None
        for key in KEYS:
            if key not in given:
                raise _wrong(line, f"{key}: a UUID is needed")
        yield given


def _time(text: str, field: str) -> datetime:
    # No other spelling: what 03/04/24 and `now` mean depends on settings and on the day.
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise InvalidValue(field, "a time of ISO 8601 with its zone is needed") from None


def _texts(text: str, field: str) -> list[str]:
    # As PostgreSQL spells an array: {plain,"quoted, with \"escapes\""}
    if not (text[:1] == "{" and text[-1:] == "}"):
        raise InvalidValue(field, "an array as {one,two} is needed")
    inside, texts, position, more = text[1:-1], list[str](), 0, ","
    while more and inside.strip(_BLANK):
        found = _ELEMENT.match(inside, position)
        if not found or (found[2] or "").strip(_BLANK).upper() == "NULL":
            raise InvalidValue(field, "an array as {one,two} without NULL is needed")
        quoted, plain, more = found.groups()
        texts.append(plain.strip(_BLANK) if quoted is None else _ESCAPED.sub(r"\1", quoted))
        position = found.end()
    return texts


_PARSE: Final[Mapping[str, Callable[[str, str], object]]] = {
    "text": lambda text, _: text,
    "text[]": _texts,
    "timestamptz": _time,
}


def _reader(attribute: Attribute) -> Callable[[str, str], Any]:
    parse, check = _PARSE[attribute.type], attribute.check

    def read(text: str, name: str) -> Any:
        return check(parse(text, name), name)

    return read if attribute.type == "timestamptz" else _cached(read)


def _cached(read: Callable[[str, str], Any]) -> Callable[[str, str], Any]:
    """Keep what short texts mean: many memberships have few users, aims, roles and lists of permissions."""
    short = lru_cache(maxsize=4096)(read)
    return lambda text, name: (short if len(text) < _SHORT else read)(text, name)


_READ: Final[Mapping[str, Callable[[str, str], Any]]] = {
    **dict.fromkeys(KEYS, _cached(validate.uuid)),
    **{name: _reader(attribute) for name, attribute in ATTRIBUTES.items()},
}


def _records(file: IO[bytes]) -> Iterator[tuple[int, list[str | None]]]:
    """Give the line on which each record begins, and its values: None for an empty one without quotes."""
    begin, parts, size, quotes = 1, list[bytes](), 0, 0
    for number, line in enumerate(_lines(file), 1):
        begin = begin if parts else number
        parts.append(line)
        size += len(line)
        quotes += line.count(b'"')
        if quotes % 2 == 0:
            yield begin, _values(b"\n".join(parts), begin)
            parts, size, quotes = [], 0, 0
        elif size > _LONGEST:  # a line break inside quotes belongs to the value
            break
    if parts:
        raise _wrong(begin, "a quoted value has no end")


def _lines(file: IO[bytes]) -> Iterator[bytes]:
    rest, number = b"", 0
    while block := file.read(_BLOCK):
        if not isinstance(block, bytes):  # pyright: ignore[reportUnnecessaryIsInstance] - a file opened for text
            break
        *lines, rest = (rest + block).split(b"\n")
        yield from lines
        number += len(lines)
        if len(rest) > _LONGEST:
            raise _wrong(number + 1, "a line has no end")
    if block != b"":
        raise InvalidValue("rows", "a file opened for reading bytes is needed")
    if rest:
        yield rest


def _values(record: bytes, line: int) -> list[str | None]:
    try:
        text = record.removesuffix(b"\r").decode("utf-8-sig" if line == 1 else "utf-8")
    except UnicodeDecodeError:
        raise _wrong(line, "not UTF-8") from None
    if '"' not in text:
        return [value or None for value in text.split(",")]
    values: list[str | None] = []
    position, more = 0, ","
    while more:
        found = _FIELD.match(text, position)
        if not found:
            raise _wrong(line, "a quote is not at the beginning or end of a value, nor doubled")
        quoted, plain, more = found.groups()
        values.append((plain or None) if quoted is None else quoted.replace('""', '"'))
        position = found.end()
    return values


def _wrong(line: int, reason: str) -> InvalidValue:
    return InvalidValue("rows", f"line {line}: {reason}")
