"""What frames hold, as plain rows."""

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any, cast

from useraim import Frame

Row = dict[str, Any]


def rows(*frames: Frame) -> list[Row]:
    """The rows of frames, lists as tuples."""
    return [
        {name: tuple(cast("list[str]", value)) if isinstance(value, list) else value for name, value in row.items()}
        for frame in frames
        for row in frame.table.to_pylist()
    ]


def by(keys: Iterable[str], rows: Iterable[Row]) -> list[Row]:
    """Rows in the order of their keys."""
    names = tuple(keys)
    return sorted(rows, key=lambda row: [row[name] for name in names])


def fields(values: Iterable[Any]) -> list[Row]:
    """What the values of other reads hold."""
    return [asdict(value) for value in values]
