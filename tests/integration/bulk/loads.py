"""Loads and dumps in both worlds, and files to load."""

import io
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import psycopg
import pytest

from tests.worlds import World
from useraim import InvalidValue, bulk
from useraim.bulk import BulkResult

Pair = tuple[UUID, UUID]
JOINED = datetime(2020, 2, 29, 12, 0, 0, 123456, tzinfo=UTC)


def load(call: World, rows: Any, **options: Any) -> BulkResult:
    if isinstance(call.db, psycopg.Connection):
        return bulk.load(call.db, rows, **options)
    return call.runner.run(bulk.load(call.db, rows, **options))


def dump(call: World, **options: Any) -> bytes:
    file = io.BytesIO()
    dump_to(call, file, **options)
    return file.getvalue()


def dump_to(call: World, file: Any, **options: Any) -> None:
    if isinstance(call.db, psycopg.Connection):
        bulk.dump(call.db, file, **options)
    else:
        call.runner.run(bulk.dump(call.db, file, **options))


def table(call: World) -> list[tuple[Any, ...]]:
    return call.execute("SELECT user_id, aim_id, role, permissions, joined_at FROM user_aims ORDER BY user_id, aim_id")


HEADER = "user_id,aim_id,role,permissions,joined_at"


def record(pair: Pair, role: str = "", permissions: str = "", joined_at: str = "") -> str:
    return f"{pair[0]},{pair[1]},{role},{permissions},{joined_at}\n"


def csv_file(*lines: str, header: str = HEADER) -> io.BytesIO:
    return io.BytesIO("".join((f"{header}\n", *lines)).encode())


def refused(call: World, rows: Any) -> str:
    """Why rows are not loaded, and that nothing of them is."""
    with pytest.raises(InvalidValue) as caught:
        load(call, rows)
    assert caught.value.field == "rows"
    assert call.execute("SELECT count(*), to_regclass('useraim_stage') FROM user_aims") == [(0, None)]
    return caught.value.reason


def refs(pair: Pair) -> tuple[Any, Any]:
    return pair
