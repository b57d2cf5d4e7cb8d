"""Bulk load and dump: COPY into a stage, then one INSERT … SELECT."""

import asyncio
import csv
import io
import tracemalloc
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg_pool import ConnectionPool

from tests.worlds import World
from useraim import (
    AlreadyExists,
    BrokenReference,
    InvalidValue,
    LinkFilter,
    NewAim,
    NewUser,
    NewUserAim,
    aims,
    bulk,
    user_aims,
    users,
)
from useraim.bulk import BulkResult, Rejected

Pair = tuple[UUID, UUID]
JOINED = datetime(2020, 2, 29, 12, 0, 0, 123456, tzinfo=UTC)


def load(call: World, rows: Any, **options: Any) -> BulkResult:
    if isinstance(call.db, psycopg.Connection):
        return bulk.load(call.db, rows, **options)
    return call.runner.run(bulk.load(call.db, rows, **options))


def dump(call: World, **options: Any) -> bytes:
    file = io.BytesIO()
    if isinstance(call.db, psycopg.Connection):
        bulk.dump(call.db, file, **options)
    else:
        call.runner.run(bulk.dump(call.db, file, **options))
    return file.getvalue()


def table(call: World) -> list[tuple[Any, ...]]:
    return call.execute("SELECT user_id, aim_id, role, permissions, joined_at FROM user_aims ORDER BY user_id, aim_id")


@pytest.fixture
def pairs(call: World) -> list[Pair]:
    people = call(users.create_many, [NewUser(f"p{n}@example.org", f"P{n}") for n in range(40)])
    goals = call(aims.create_many, [NewAim(f"Goal {n}") for n in range(5)])
    return [(person.id, goal.id) for person in people for goal in goals]


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
        load(call, [NewUserAim(*_refs(pairs[0]), permissions=awkward)])
    awkward.remove("")
    load(call, [NewUserAim(*_refs(pairs[0]), role="ö", permissions=awkward, joined_at=JOINED)])
    (row,) = call(user_aims.page).items
    assert (row.role, row.permissions, row.joined_at) == ("ö", tuple(awkward), JOINED)


def test_the_first_of_rows_with_the_same_pair_counts(call: World, pairs: list[Pair]) -> None:
    rows = [NewUserAim(*_refs(pairs[0]), role=role) for role in ("first", "second")]
    assert load(call, rows) == BulkResult(1, 0, 0, [])
    assert call(user_aims.get, *_refs(pairs[0])).role == "first"


def test_update_takes_what_is_given_and_keeps_the_rest(call: World, pairs: list[Pair]) -> None:
    load(call, [NewUserAim(*_refs(pair), role="old", permissions=["p"]) for pair in pairs[:3]])
    rows = [
        NewUserAim(*_refs(pairs[0]), role="new"),
        NewUserAim(*_refs(pairs[1]), permissions=["q"]),
        pairs[2],
        pairs[3],
    ]
    assert load(call, rows, on_match="update") == BulkResult(1, 2, 1, [])
    assert load(call, rows, on_match="update") == BulkResult(0, 0, 4, [])
    found = [
        row and (row.role, row.permissions) for row in call(user_aims.find_many, [_refs(pair) for pair in pairs[:4]])
    ]
    assert found == [("new", ("p",)), ("old", ("q",)), ("old", ("p",)), ("member", ())]


def test_uniform_updates_are_counted_and_unchanged_rows_not_rewritten(call: World, pairs: list[Pair]) -> None:
    load(call, [NewUserAim(*_refs(pair), role="old") for pair in pairs])
    before = call.execute("SELECT user_id, aim_id, ctid::text FROM user_aims ORDER BY 1, 2")
    rows = [NewUserAim(*_refs(pair), role="new" if n < 7 else "old") for n, pair in enumerate(pairs)]
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
        yield NewUserAim(*_refs(pairs[0]), role="\0")

    with pytest.raises(InvalidValue):
        load(call, rows())
    assert call(user_aims.count) == 0


def test_two_loads_in_one_transaction_use_one_stage_after_the_other(call: World, pairs: list[Pair]) -> None:
    assert load(call, pairs[:10]).added == 10
    assert load(call, pairs[:20]).added == 10
    assert call.execute("SELECT to_regclass('useraim_stage')") == [(None,)]


def test_a_dump_is_csv_with_a_header_and_times_in_utc(call: World, pairs: list[Pair]) -> None:
    call.execute("SET LOCAL TimeZone = 'Asia/Kolkata'")
    call.execute("SET LOCAL DateStyle = 'German'")
    load(call, [NewUserAim(*_refs(pairs[0]), role='r"x', permissions=["a,b", "c"], joined_at=JOINED)])
    rows = list(csv.DictReader(io.StringIO(dump(call).decode())))
    assert rows == [
        {
            "user_id": str(pairs[0][0]),
            "aim_id": str(pairs[0][1]),
            "role": 'r"x',
            "permissions": '{"a,b",c}',
            "joined_at": "2020-02-29T12:00:00.123456Z",
        }
    ]


def test_a_dump_can_be_loaded_again(call: World, pairs: list[Pair]) -> None:
    load(call, [NewUserAim(*_refs(pair), role=f"r{n % 3}", permissions=[f"p{n % 2}"]) for n, pair in enumerate(pairs)])
    before, file = table(call), dump(call)
    call.execute("DELETE FROM user_aims")
    assert load(call, io.BytesIO(file)) == BulkResult(200, 0, 0, [])
    assert table(call) == before


def test_a_dump_may_be_filtered(call: World, pairs: list[Pair]) -> None:
    load(call, [NewUserAim(*_refs(pair), role=f"r{n % 4}", joined_at=JOINED) for n, pair in enumerate(pairs)])
    assert dump(call, link=LinkFilter(roles=["r1"], joined_from=JOINED)).count(b"\n") == 51


def test_a_file_may_have_fewer_columns_in_another_order(call: World, pairs: list[Pair]) -> None:
    text = f"role,aim_id,user_id\nboss,{pairs[0][1]},{pairs[0][0]}\n,{pairs[1][1]},{pairs[1][0]}\n"
    assert load(call, io.BytesIO(text.encode())).added == 2
    assert [row[2] for row in table(call)] == ["boss", "member"]


@pytest.mark.parametrize("text", ["", "x,y\n1,2\n", "user_id,aim_id\nx,y\n", "user_id,aim_id,user_id\n"])
def test_a_file_that_is_no_dump_is_refused(call: World, text: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        load(call, io.BytesIO(text.encode()))
    assert caught.value.field == "rows"


def test_a_pool_commits_the_load(database: str) -> None:
    with ConnectionPool(database, min_size=1, max_size=1) as pool:
        person = users.create(pool, email="a@example.org", name="A")
        goal = aims.create(pool, title="Run")
        assert bulk.load(pool, [(person.id, goal.id)]).added == 1
        assert user_aims.count(pool) == 1


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


def test_async_iterables_are_consumed(database: str) -> None:
    async def main() -> BulkResult:
        async with await psycopg.AsyncConnection.connect(database, autocommit=True) as conn:
            person = await users.create(conn, email="a@example.org", name="A")
            goals = await aims.create_many(conn, [NewAim(f"{n}") for n in range(3)])

            async def rows() -> AsyncIterator[tuple[Any, Any]]:
                for goal in goals:
                    yield person.id, goal.id

            return await bulk.load(conn, rows())

    assert asyncio.run(main()) == BulkResult(3, 0, 0, [])


def test_cancelling_a_load_leaves_nothing_behind(database: str) -> None:
    async def main() -> tuple[int, object]:
        async with await psycopg.AsyncConnection.connect(database, autocommit=True) as conn:
            person = await users.create(conn, email="a@example.org", name="A")
            goal = await aims.create(conn, title="Run")
            started = asyncio.Event()

            async def rows() -> AsyncIterator[tuple[Any, Any]]:
                while True:
                    yield person.id, goal.id
                    started.set()
                    await asyncio.sleep(0)

            task = asyncio.create_task(bulk.load(conn, rows()))
            await started.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            cursor = await conn.execute("SELECT to_regclass('useraim_stage')")
            return await user_aims.count(conn), await cursor.fetchone()

    assert asyncio.run(main()) == (0, (None,))


def test_losing_the_connection_leaves_nothing_behind(database: str) -> None:
    with psycopg.connect(database, autocommit=True) as admin, psycopg.connect(database, autocommit=True) as conn:
        person = users.create(conn, email="a@example.org", name="A")
        goal = aims.create(conn, title="Run")

        def rows() -> Iterator[tuple[Any, Any]]:
            for n in range(100_000):
                if n == 50_000:
                    admin.execute("SELECT pg_terminate_backend(%s)", [conn.info.backend_pid])
                yield person.id, goal.id

        with pytest.raises(psycopg.OperationalError):
            bulk.load(conn, rows())
        assert user_aims.count(admin) == 0


def _refs(pair: Pair) -> tuple[Any, Any]:
    return pair
