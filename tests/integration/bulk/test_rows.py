"""Rows to load: what becomes of each, and which are refused."""

import time
import tracemalloc
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from tests.integration.bulk.loads import JOINED, Pair, load, refs, refused, table
from tests.integration.bulk.others import in_world
from tests.worlds import World
from useraim import AlreadyExists, BrokenReference, InvalidValue, NewUserAim, aims, bulk, user_aims, users
from useraim.bulk import BulkResult, Rejected


def test_every_distinct_pair_is_counted_by_its_outcome(call: World, pairs: list[Pair]) -> None:
    assert load(call, pairs[:150]) == BulkResult(150, 0, 0, [])
    assert load(call, [*pairs, *pairs[:20]]) == BulkResult(50, 0, 150, [])
    assert call(user_aims.count) == 200


def test_rows_without_attributes_get_the_defaults(call: World, pairs: list[Pair]) -> None:
    load(call, pairs[:1])
    (row,) = table(call)
    assert row[2:4] == ("member", [])


def test_attributes_are_written_as_given(call: World, pairs: list[Pair]) -> None:
    awkward = ['a"b', "c,d", "{e}", "f\\g", "", "ü€𝄞"]
    with pytest.raises(InvalidValue):
        load(call, [NewUserAim(*refs(pairs[0]), permissions=awkward)])
    awkward.remove("")
    load(call, [NewUserAim(*refs(pairs[0]), role="ö", permissions=awkward, joined_at=JOINED)])
    (row,) = call(user_aims.page).items
    assert (row.role, row.permissions, row.joined_at) == ("ö", tuple(awkward), JOINED)


def test_the_first_of_rows_with_the_same_pair_counts(call: World, pairs: list[Pair]) -> None:
    rows = [NewUserAim(*refs(pairs[0]), role=role) for role in ("first", "second")]
    assert load(call, rows) == BulkResult(1, 0, 0, [])
    assert call(user_aims.get, *refs(pairs[0])).role == "first"


def test_the_first_of_rows_with_the_same_pair_counts_where_some_rows_leave_the_role(
    call: World, pairs: list[Pair]
) -> None:
    load(call, pairs)
    rows = [NewUserAim(*refs(pair), role=role) for role in ("first", *"abcdefgh") for pair in pairs[1:]]
    assert load(call, [pairs[0], *rows], on_match="update") == BulkResult(0, 199, 1, [])
    assert {row.role for row in call(user_aims.find_many, [refs(pair) for pair in pairs[1:]]) if row} == {"first"}


def test_update_takes_what_is_given_and_keeps_the_rest(call: World, pairs: list[Pair]) -> None:
    load(call, [NewUserAim(*refs(pair), role="old", permissions=["p"]) for pair in pairs[:3]])
    rows = [
        NewUserAim(*refs(pairs[0]), role="new"),
        NewUserAim(*refs(pairs[1]), permissions=["q"]),
        pairs[2],
        pairs[3],
    ]
    assert load(call, rows, on_match="update") == BulkResult(1, 2, 1, [])
    assert load(call, rows, on_match="update") == BulkResult(0, 0, 4, [])
    found = [
        row and (row.role, row.permissions) for row in call(user_aims.find_many, [refs(pair) for pair in pairs[:4]])
    ]
    assert found == [("new", ("p",)), ("old", ("q",)), ("old", ("p",)), ("member", ())]


def test_uniform_updates_are_counted_and_unchanged_rows_not_rewritten(call: World, pairs: list[Pair]) -> None:
    load(call, [NewUserAim(*refs(pair), role="old") for pair in pairs])
    before = call.execute("SELECT user_id, aim_id, ctid::text FROM user_aims ORDER BY 1, 2")
    rows = [NewUserAim(*refs(pair), role="new" if n < 7 else "old") for n, pair in enumerate(pairs)]
    assert load(call, rows, on_match="update") == BulkResult(0, 7, 193, [])
    after = call.execute("SELECT user_id, aim_id, ctid::text FROM user_aims ORDER BY 1, 2")
    assert sum(old != new for old, new in zip(before, after, strict=True)) == 7


def test_existing_pairs_can_be_refused_all_of_them_named(call: World, pairs: list[Pair]) -> None:
    load(call, pairs[:2])
    with pytest.raises(AlreadyExists) as caught:
        load(call, pairs[:5], on_match="error")
    assert set(caught.value.ids) == set(pairs[:2])
    assert call(user_aims.count) == 2


def test_missing_users_and_aims_are_all_named_and_nothing_is_written(call: World, pairs: list[Pair]) -> None:
    nobody, nothing = uuid4(), uuid4()
    with pytest.raises(BrokenReference) as caught:
        load(call, [*pairs, (nobody, pairs[0][1]), (nobody, nothing), (pairs[0][0], nothing)])
    assert (caught.value.users, caught.value.aims) == ((nobody,), (nothing,))
    assert call(user_aims.count) == 0


def test_rows_that_name_missing_ones_can_be_left_out_and_are_reported(call: World, pairs: list[Pair]) -> None:
    nobody, nothing = uuid4(), uuid4()
    rows = [pairs[0], (nobody, pairs[0][1]), pairs[1], (nobody, nothing), (pairs[0][0], nothing), pairs[0]]
    assert load(call, rows, on_broken="skip") == BulkResult(
        2,
        0,
        0,
        [
            Rejected(1, (nobody, pairs[0][1]), "no such user"),
            Rejected(3, (nobody, nothing), "no such user and no such aim"),
            Rejected(4, (pairs[0][0], nothing), "no such aim"),
        ],
    )


def test_progress_is_told_as_rows_go_out(call: World, pairs: list[Pair]) -> None:
    told: list[int] = []
    load(call, pairs * 30, progress=told.append)
    assert told == sorted(told)
    assert told[-1] == 6_000
    assert len(told) > 3


def test_nothing_to_load_is_no_work(call: World) -> None:
    assert load(call, []) == BulkResult(0, 0, 0, [])


@pytest.mark.parametrize("rows", ["text", b"bytes", 5, [("a",)], [("x", "y")], [None]])
def test_bad_rows_are_refused_and_nothing_stays_behind(call: World, rows: Any) -> None:
    call.execute("SAVEPOINT before")
    with pytest.raises(InvalidValue):
        load(call, rows)
    assert call.execute("SELECT to_regclass('useraim_stage')") == [(None,)]


def test_a_bad_row_after_many_good_ones_leaves_nothing_behind(call: World, pairs: list[Pair]) -> None:
    def rows() -> Iterator[Any]:
        yield from pairs * 20
        yield NewUserAim(*refs(pairs[0]), role="\0")

    with pytest.raises(InvalidValue):
        load(call, rows())
    assert call(user_aims.count) == 0


def test_two_loads_in_one_transaction_use_one_stage_after_the_other(call: World, pairs: list[Pair]) -> None:
    assert load(call, pairs[:10]).added == 10
    assert load(call, pairs[:20]).added == 10
    assert call.execute("SELECT to_regclass('useraim_stage')") == [(None,)]


def test_text_that_the_client_encoding_cannot_say_is_refused(call: World, pairs: list[Pair]) -> None:
    call.execute("SET LOCAL client_encoding = 'LATIN1'")
    load(call, [NewUserAim(*refs(pairs[0]), role="ü")])
    assert call(user_aims.get, *refs(pairs[0])).role == "ü"
    call.execute("DELETE FROM user_aims")
    assert "client_encoding" in refused(call, [NewUserAim(*refs(pairs[0]), role="€")])


def test_a_bad_row_is_named_by_its_index(call: World, pairs: list[Pair]) -> None:
    with pytest.raises(InvalidValue) as caught:
        load(call, [*(pairs * 15), NewUserAim(*refs(pairs[0]), role=" "), pairs[0]])
    assert (caught.value.field, caught.value.reason) == ("role", "blank (row at index 3000)")


def test_memory_stays_bounded(database: str) -> None:
    with psycopg.connect(database, autocommit=True) as conn:
        person = users.create(conn, email="a@example.org", name="A")
        goal = aims.create(conn, title="Run")
        tracemalloc.start()
        try:
            assert bulk.load(conn, ((person.id, goal.id) for _ in range(200_000))).added == 1
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert peak < 3_000_000


def test_many_rejected_rows_take_no_longer_than_others(database: str, world: str) -> None:
    with psycopg.connect(database, autocommit=True) as conn:
        person = users.create(conn, email="a@example.org", name="A")
    rows = [(person.id, uuid4()) for _ in range(20_000)]
    start = time.monotonic()
    result = in_world(world, database, rows, on_broken="skip")
    assert [row.pair for row in result.rejected] == rows
    assert [row.index for row in result.rejected] == list(range(20_000))
    assert time.monotonic() - start < 10
