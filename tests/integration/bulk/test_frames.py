"""Frames of Arrow as rows: whatever type a column has, written as the values with the same fields would be."""

import subprocess
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from importlib import import_module
from typing import Any
from uuid import UUID

import pytest

from tests.ends import shown
from tests.integration.bulk.loads import JOINED, Pair, load, table
from tests.worlds import World
from useraim import InvalidValue, NewUserAim, user_aims
from useraim.bulk import BulkResult, Rejected

arrow: Any = import_module("pyarrow")  # which has no types to check against
frames: Any = import_module("polars")
Columns = dict[str, Any]

ID_TYPES: Mapping[str, Callable[[list[UUID]], Any]] = {
    "uuid": lambda ids: arrow.array(ids, arrow.uuid()),
    "binary of 16": lambda ids: arrow.array([id.bytes for id in ids], arrow.binary(16)),
    "binary": lambda ids: arrow.array([id.bytes for id in ids]),
    "large binary": lambda ids: arrow.array([id.bytes for id in ids], arrow.large_binary()),
    "binary view": lambda ids: arrow.array([id.bytes for id in ids], arrow.binary_view()),
    "text": lambda ids: arrow.array(list(map(str, ids))),
    "large text": lambda ids: arrow.array(list(map(str, ids)), arrow.large_string()),
    "text view": lambda ids: arrow.array(list(map(str, ids)), arrow.string_view()),
    "text of other spelling": lambda ids: arrow.array([f"{{{id.hex.upper()}}}" for id in ids]),
    "text of different spellings": lambda ids: arrow.array([str(id) if n % 2 else id.hex for n, id in enumerate(ids)]),
    "dictionary": lambda ids: arrow.array(list(map(str, ids))).dictionary_encode(),
}
TEXT_TYPES: Mapping[str, Any] = {
    "text": arrow.string(),
    "large text": arrow.large_string(),
    "text view": arrow.string_view(),
    "dictionary": arrow.dictionary(arrow.int8(), arrow.string()),
}
LIST_TYPES: Mapping[str, Any] = {
    "list": arrow.list_(arrow.string()),
    "large list": arrow.large_list(arrow.large_string()),
    "list of views": arrow.large_list(arrow.string_view()),
    "list of dictionary": arrow.list_(arrow.dictionary(arrow.int32(), arrow.string())),
}
ROLES = ["owner", None, "s€cond", "owner", 'th"ird']
PERMISSIONS = [["read", "a,b"], [], None, ["é"], ["read", "a,b"]]
TIMES = [JOINED, None, JOINED + timedelta(days=9), datetime(1900, 1, 1, tzinfo=UTC), datetime.max.replace(tzinfo=UTC)]


def ids(pairs: list[Pair], kind: str = "uuid") -> Columns:
    users, goals = map(list, zip(*pairs, strict=True))
    return {"user_id": ID_TYPES[kind](users), "aim_id": ID_TYPES[kind](goals)}


def frame(columns: Columns) -> Any:
    return arrow.table(columns)


def given(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if value is not None}


def same_as_values(call: World, pairs: list[Pair], rows: Any, **columns: list[Any]) -> None:
    """A frame does what the values do, whose attributes are those that are not NULL."""
    names = list(columns)
    several = zip(*columns.values(), strict=True) if columns else [()] * len(pairs)
    values = [
        NewUserAim(*pair, **given(dict(zip(names, own, strict=True))))  # type: ignore[arg-type]
        for pair, own in zip(pairs, several, strict=True)
    ]
    by_value = load(call, values), table(call)
    call.execute("DELETE FROM user_aims")
    assert (load(call, rows), table(call)) == by_value


@pytest.mark.parametrize("kind", ID_TYPES)
def test_ids_of_any_type(call: World, pairs: list[Pair], kind: str) -> None:
    same_as_values(call, pairs, frame(ids(pairs, kind)))


@pytest.mark.parametrize("kind", TEXT_TYPES)
def test_texts_of_any_type(call: World, pairs: list[Pair], kind: str) -> None:
    columns = {**ids(pairs[:5]), "role": arrow.array(ROLES, TEXT_TYPES[kind])}
    same_as_values(call, pairs[:5], frame(columns), role=ROLES)


@pytest.mark.parametrize("kind", LIST_TYPES)
def test_lists_of_any_type(call: World, pairs: list[Pair], kind: str) -> None:
    plain = arrow.array(PERMISSIONS, arrow.list_(arrow.string()))
    columns = {**ids(pairs[:5]), "permissions": plain.cast(LIST_TYPES[kind])}
    same_as_values(call, pairs[:5], frame(columns), permissions=PERMISSIONS)


def test_lists_of_one_length(call: World, pairs: list[Pair]) -> None:
    lists = [["a", "b"], None, ["c", "d"]]
    columns = {**ids(pairs[:3]), "permissions": arrow.array(lists, arrow.list_(arrow.string(), 2))}
    same_as_values(call, pairs[:3], frame(columns), permissions=lists)


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "+05:30"])
def test_times_of_any_zone(call: World, pairs: list[Pair], zone: str) -> None:
    columns = {**ids(pairs[:5]), "joined_at": arrow.array(TIMES, arrow.timestamp("us", zone))}
    same_as_values(call, pairs[:5], frame(columns), joined_at=TIMES)


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_times_of_any_unit_are_cut_off_after_microseconds(call: World, pairs: list[Pair], unit: str) -> None:
    numbers = arrow.array([1_700_000_000_123_456_789 // {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}[unit]])
    load(call, frame({**ids(pairs[:1]), "joined_at": numbers.cast(arrow.timestamp(unit, "UTC"))}))
    parts = {"s": 0, "ms": 123_000, "us": 123_456, "ns": 123_456}
    assert table(call)[0][4] == datetime.fromtimestamp(1_700_000_000, UTC) + timedelta(microseconds=parts[unit])


def test_a_frame_of_polars_in_any_order_of_columns(call: World, pairs: list[Pair]) -> None:
    columns: Columns = {
        "joined_at": TIMES,
        "permissions": PERMISSIONS,
        "aim_id": [str(goal) for _, goal in pairs[:5]],
        "role": frames.Series(ROLES, dtype=frames.Categorical),
        "user_id": [user.bytes for user, _ in pairs[:5]],
    }
    same_as_values(call, pairs[:5], frames.DataFrame(columns), role=ROLES, permissions=PERMISSIONS, joined_at=TIMES)


def test_a_column_of_nothing_leaves_its_attribute_out(call: World, pairs: list[Pair]) -> None:
    nothing = {name: arrow.nulls(len(pairs)) for name in ("role", "permissions", "joined_at")}
    same_as_values(call, pairs, frame({**ids(pairs), **nothing}))


def test_null_keeps_what_a_link_has(call: World, pairs: list[Pair]) -> None:
    load(call, [NewUserAim(*pair, role="old", permissions=["p"], joined_at=JOINED) for pair in pairs[:2]])  # type: ignore[arg-type]
    columns = {**ids(pairs[:2]), "role": arrow.array([None, "new"]), "permissions": arrow.array([["q"], None])}
    assert load(call, frame(columns), on_match="update") == BulkResult(0, 2, 0, [])
    assert {(role, tuple(given), at) for _, _, role, given, at in table(call)} == {
        ("old", ("q",), JOINED),
        ("new", ("p",), JOINED),
    }


def test_slices_and_batches_are_read_from_where_they_begin(call: World, pairs: list[Pair]) -> None:
    roles = [f"role {n}" for n in range(200)]
    lists = [[f"p{n}"] * (n % 3) for n in range(200)]
    whole = frame({**ids(pairs, "text"), "role": arrow.array(roles), "permissions": arrow.array(lists)})
    batches = [batch for start in range(0, 200, 7) for batch in whole.slice(start, 7).to_batches()]
    rows = arrow.Table.from_batches(batches[1:]).slice(3)
    same_as_values(call, pairs[10:], rows, role=roles[10:], permissions=lists[10:])


def test_many_rows_of_a_frame_are_sent_part_by_part(call: World, pairs: list[Pair]) -> None:
    told: list[int] = []
    nobody = UUID(int=5)
    rows = frame(ids([*pairs * 40, (nobody, pairs[0][1])]))
    result = load(call, rows, on_broken="skip", progress=told.append)
    assert result == BulkResult(200, 0, 0, [Rejected(8_000, (nobody, pairs[0][1]), "no such user")])
    assert (told[0], told[-1], len(told) > 3) == (0, 8_001, True)


def test_a_frame_without_rows_is_no_work(call: World) -> None:
    assert load(call, frame(ids([(UUID(int=1), UUID(int=2))])).slice(1)) == BulkResult(0, 0, 0, [])


NO_FRAMES: list[tuple[str, Any]] = [
    ("rows", {"user_id": ["a"]}),
    ("aims", {"user_id": ["a"], "aim_id": ["b"], "aims": [1]}),
    ("user_id", {"user_id": [None], "aim_id": [str(UUID(int=1))]}),
    ("user_id", {"user_id": [1], "aim_id": [str(UUID(int=1))]}),
    ("user_id", {"user_id": ["x" * 36], "aim_id": [str(UUID(int=1))]}),
    ("aim_id", {"user_id": [str(UUID(int=1))], "aim_id": [b"short"]}),
]


@pytest.mark.parametrize(("field", "columns"), NO_FRAMES, ids=shown)
def test_frames_of_other_columns_are_refused(call: World, field: str, columns: Columns) -> None:
    with pytest.raises(InvalidValue) as caught:
        load(call, frame(columns))
    assert caught.value.field == field


def test_frames_with_a_column_twice_and_series_are_refused(call: World) -> None:
    column = arrow.array([str(UUID(int=1))])
    twice = arrow.Table.from_arrays([column] * 3, names=["user_id", "aim_id", "aim_id"])
    for rows in (twice, frames.Series([1, 2])):
        with pytest.raises(InvalidValue) as caught:
            load(call, rows)
        assert caught.value.field == "rows"


BAD: list[tuple[str, Any, Any]] = [
    *[("role", bad, None) for bad in ("", " ", "a\0b", "x" * 101)],
    ("role", 5, arrow.int64()),
    ("role", b"owner", None),
    ("role", "\0", TEXT_TYPES["dictionary"]),
    *[("permissions", bad, None) for bad in ([""], ["a", None], ["a\0"], ["x" * 101], [5])],
    ("permissions", "{a}", None),
    ("permissions", ["a"], arrow.list_view(arrow.string())),
    ("joined_at", datetime(2024, 1, 1), None),
    ("joined_at", datetime(1899, 12, 31, 23, tzinfo=UTC), None),
    ("joined_at", "2024-01-01T00:00:00Z", None),
    ("joined_at", JOINED.date(), None),
    ("joined_at", 2**62, arrow.timestamp("us", "UTC")),
    ("joined_at", 2**62, arrow.timestamp("s", "UTC")),
]


@pytest.mark.parametrize(("name", "value", "kind"), BAD, ids=shown)
def test_a_bad_value_is_named_with_its_row(call: World, pairs: list[Pair], name: str, value: Any, kind: Any) -> None:
    columns = {**ids(pairs[:3]), name: arrow.array([None, None, value], kind)}
    with pytest.raises(InvalidValue, match=r"\(row at index 2\)") as caught:
        load(call, frame(columns))
    assert caught.value.field == name
    assert call(user_aims.count) == 0


def test_a_category_that_no_row_has_is_no_bad_value(call: World, pairs: list[Pair]) -> None:
    coded = arrow.DictionaryArray.from_arrays(arrow.array([1, 1]), arrow.array(["\0", "owner"]))
    same_as_values(call, pairs[:2], frame({**ids(pairs[:2]), "role": coded}), role=["owner"] * 2)


def test_pyarrow_is_imported_by_who_loads_a_frame() -> None:
    code = "import sys, useraim.bulk; sys.exit('pyarrow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0


def test_what_is_missing_without_pyarrow_is_said() -> None:
    code = """
import sys
sys.modules["pyarrow"] = None
from useraim.relation import stage
class Frame:
    def __arrow_c_stream__(self, requested_schema=None): ...
try:
    stage.checked(Frame())
except ModuleNotFoundError as error:
    sys.exit("useraim[arrow]" not in str(error))
sys.exit("nothing was said")
"""
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0
