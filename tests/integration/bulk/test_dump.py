"""Dumps, and what they wrote loaded again."""

import csv
import io
from datetime import timedelta

import pytest

from tests.integration.bulk.loads import JOINED, Pair, dump, dump_to, load, refs, table
from tests.worlds import World
from useraim import InvalidValue, LinkFilter, NewUserAim
from useraim.bulk import BulkResult


def test_a_dump_is_csv_with_a_header_and_times_in_utc(call: World, pairs: list[Pair]) -> None:
    call.execute("SET LOCAL TimeZone = 'Asia/Kolkata'")
    call.execute("SET LOCAL DateStyle = 'German'")
    load(call, [NewUserAim(*refs(pairs[0]), role='r"x', permissions=["a,b", "c"], joined_at=JOINED)])
    (row,) = csv.DictReader(io.StringIO(dump(call).decode()))
    assert (
        row.items()
        >= {
            "user_id": str(pairs[0][0]),
            "aim_id": str(pairs[0][1]),
            "role": 'r"x',
            "permissions": '{"a,b",c}',
            "joined_at": "2020-02-29T12:00:00.123456Z",
        }.items()
    )


def test_a_dump_can_be_loaded_again(call: World, pairs: list[Pair]) -> None:
    load(call, [NewUserAim(*refs(pair), role=f"r{n % 3}", permissions=[f"p{n % 2}"]) for n, pair in enumerate(pairs)])
    before, file = table(call), dump(call)
    call.execute("DELETE FROM user_aims")
    assert load(call, io.BytesIO(file)) == BulkResult(200, 0, 0, [])
    assert table(call) == before


def test_a_dump_may_be_filtered(call: World, pairs: list[Pair]) -> None:
    load(call, [NewUserAim(*refs(pair), role=f"r{n % 4}", joined_at=JOINED) for n, pair in enumerate(pairs)])
    assert dump(call, link=LinkFilter(roles=["r1"], joined_from=JOINED)).count(b"\n") == 51


def test_what_a_dump_wrote_loads_unchanged_whatever_the_settings(call: World, pairs: list[Pair]) -> None:
    awkward = ['a"b', "c,d", "{e}", "f\\g", "ü€𝄞", "NULL", "null", " ", "\n", "\r\n", "\\.", "'"]
    rows = [
        NewUserAim(
            *refs(pair), role=awkward[n % 7], permissions=awkward[: n % 13], joined_at=JOINED + timedelta(n * 999)
        )
        for n, pair in enumerate(pairs)
    ]
    load(call, rows)
    before = table(call)
    for settings in ("TimeZone = 'Asia/Kolkata'", "DateStyle = 'German'", "client_encoding = 'LATIN9'"):
        call.execute(f"SET LOCAL {settings}")
        file = dump(call)
        call.execute("DELETE FROM user_aims")
        call.execute("SET LOCAL client_encoding = 'UTF8'")
        assert load(call, io.BytesIO(file)) == BulkResult(200, 0, 0, [])
        call.execute("SET LOCAL DateStyle = 'ISO'")
        assert table(call) == before


def test_a_dump_needs_a_file_of_bytes(call: World) -> None:
    for file in (io.StringIO(), None):
        with pytest.raises(InvalidValue) as caught:
            dump_to(call, file)
        assert caught.value.field == "file"
