"""Bulk load and dump: COPY into a stage, then one INSERT … SELECT."""

import asyncio
import csv
import io
import linecache
import signal
import sys
import threading
import time
import tracemalloc
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime, timedelta
from types import FrameType
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg.pq import TransactionStatus
from psycopg_pool import AsyncConnectionPool, ConnectionPool

from tests.worlds import World
from useraim import (
    AimId,
    AlreadyExists,
    BrokenReference,
    InvalidValue,
    LinkFilter,
    NewAim,
    NewUser,
    NewUserAim,
    UserId,
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
    _dump(call, file, **options)
    return file.getvalue()


def _dump(call: World, file: Any, **options: Any) -> None:
    if isinstance(call.db, psycopg.Connection):
        bulk.dump(call.db, file, **options)
    else:
        call.runner.run(bulk.dump(call.db, file, **options))


def table(call: World) -> list[tuple[Any, ...]]:
    return call.execute("SELECT user_id, aim_id, role, permissions, joined_at FROM user_aims ORDER BY user_id, aim_id")


@pytest.fixture(autouse=True)
def deadline() -> Iterator[None]:
    """A test that waits for ever fails."""

    def fail(_: int, __: FrameType | None) -> None:
        raise TimeoutError("this test waits for longer than a minute")

    before = signal.signal(signal.SIGALRM, fail)
    signal.alarm(60)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


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


@pytest.mark.parametrize(
    ("spelt", "meant"),
    [
        ("2024-01-02T03:04:05Z", datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC)),
        ("2024-01-02 03:04:05+00", datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC)),
        ("2024-01-02 03:04:05.678901-05:30", datetime(2024, 1, 2, 8, 34, 5, 678901, tzinfo=UTC)),
    ],
)
@pytest.mark.parametrize(
    "settings", ["TimeZone = 'Asia/Tokyo'", "DateStyle = 'SQL, DMY'", "IntervalStyle = 'sql_standard'"]
)
def test_times_in_a_file_mean_the_same_whatever_the_settings(
    call: World, pairs: list[Pair], spelt: str, meant: datetime, settings: str
) -> None:
    call.execute(f"SET LOCAL {settings}")
    load(call, csv_file(record(pairs[0], joined_at=spelt)))
    assert call(user_aims.get, *_refs(pairs[0])).joined_at == meant


@pytest.mark.parametrize(
    "spelt",
    [
        "2024-01-02 03:04:05",
        "2024-01-02",
        "02/03/2024 04:05:06Z",
        "now",
        "yesterday",
        "infinity",
        "-infinity",
        "epoch",
        "Tue Jan 02 03:04:05 2024 UTC",
        "2024-01-02 03:04:05 Asia/Tokyo",
        "1899-12-31T23:59:59Z",
        '""',
    ],
)
def test_times_in_a_file_that_could_mean_several_are_refused(call: World, pairs: list[Pair], spelt: str) -> None:
    reason = refused(call, csv_file(record(pairs[0]), record(pairs[1], joined_at=spelt)))
    assert reason.startswith("line 3: joined_at: ")


def test_a_file_opened_for_text_is_refused(call: World, pairs: list[Pair]) -> None:
    for text in ("", HEADER + "\n" + record(pairs[0])):
        assert "reading bytes" in refused(call, io.StringIO(text))


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "latin-1"])
def test_a_file_of_another_encoding_is_refused(call: World, pairs: list[Pair], encoding: str) -> None:
    text = f"{HEADER}\n{record(pairs[0])}{record(pairs[1], role='übe')}"
    assert "not UTF-8" in refused(call, io.BytesIO(text.encode(encoding)))


def test_bytes_that_are_not_utf_8_are_named_with_their_line(call: World, pairs: list[Pair]) -> None:
    lines = [HEADER.encode() + b"\n", *(record(pair, role='"two\nlines"').encode() for pair in pairs)]
    lines[100] = lines[100].replace(b"two", b"\xff")
    assert refused(call, io.BytesIO(b"".join(lines))).startswith("line 200: not UTF-8")


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("\\.\n", "5 values are needed, not 1"),
        ('"\\."\n', "5 values are needed, not 1"),
        ("\\.,,,,\n", "user_id: "),
        ("\n", "5 values are needed, not 1"),
        (",,,,\n", "user_id: "),
        ("{user},,,,\n", "aim_id: "),
        ("{user},{aim},\0,,\n", "role: contains a NUL"),
        ('{user},{aim},"",,\n', "role: blank"),
        ("{user},{aim}, ,,\n", "role: blank"),
        ("{user},{aim},,,,\n", "5 values are needed, not 6"),
        ('{user},{aim},a"b,,\n', "a quoted value has no end"),
        ('{user},{aim},a"b",,\n', "a quote is not at"),
        ('{user},{aim},"a"b,,\n', "a quote is not at"),
        ('{user},{aim},"a,,\n', "a quoted value has no end"),
        ("{user},{aim},,a,\n", "permissions: "),
        ('{user},{aim},,"{{a,}}",\n', "permissions: "),
        ('{user},{aim},,"{{a,null}}",\n', "permissions: "),
        ('{user},{aim},,"{{a}}{{b}}",\n', "permissions: "),
        ('{user},{aim},,"{{{{a}},{{b}}}}",\n', "permissions: "),
        ('{user},{aim},,"[0:0]={{a}}",\n', "permissions: "),
        ('{user},{aim},,"{{""""}}",\n', "permissions: "),
    ],
)
def test_a_bad_line_is_named_and_no_row_of_the_file_is_loaded(
    call: World, pairs: list[Pair], line: str, reason: str
) -> None:
    lines = [record(pairs[0]), line.format(user=pairs[1][0], aim=pairs[1][1]), record(pairs[2])]
    assert refused(call, csv_file(*lines)).startswith(f"line 3: {reason}")


@pytest.mark.parametrize(
    ("spelt", "meant"),
    [
        ("{}", ()),
        ("{ }", ()),
        ("{a}", ("a",)),
        ('"{a, b c ,d}"', ("a", "b c", "d")),
        ('"{""NULL"",""a,b"",""c\\""d"",""e\\\\f"", ""{g}"" ,"" h ""}"', ("NULL", "a,b", 'c"d', "e\\f", "{g}", " h ")),
        ('"{""two\nlines""}"', ("two\nlines",)),
    ],
)
def test_permissions_in_a_file_are_spelt_as_an_array(
    call: World, pairs: list[Pair], spelt: str, meant: tuple[str, ...]
) -> None:
    load(call, csv_file(record(pairs[0], permissions=spelt)))
    assert call(user_aims.get, *_refs(pairs[0])).permissions == meant
    call.execute("DELETE FROM user_aims")
    array = next(csv.reader(io.StringIO(spelt, newline="")))[0]
    call.execute("INSERT INTO user_aims (user_id, aim_id, permissions) VALUES (%s, %s, %s::text[])", [*pairs[0], array])
    assert call(user_aims.get, *_refs(pairs[0])).permissions == meant


def test_a_file_may_have_a_byte_order_mark_other_line_ends_and_no_last_one(call: World, pairs: list[Pair]) -> None:
    text = f'\ufeff"user_id","aim_id",role\r\n"{pairs[0][0]}",{pairs[0][1]},"a\r\nb"\r\n{pairs[1][0]},{pairs[1][1]},c'
    assert load(call, io.BytesIO(text.encode())).added == 2
    assert [row[2] for row in table(call)] == ["a\r\nb", "c"]


@pytest.mark.parametrize("size", [1, 7, 64])
def test_a_file_may_be_read_in_pieces_of_any_size(call: World, pairs: list[Pair], size: int) -> None:
    class Pieces(io.BytesIO):
        def read(self, _: int | None = -1) -> bytes:
            return super().read(size)

    lines = (record(pair, role='"ü\n"', permissions='"{a,b}"') for pair in pairs)
    assert load(call, Pieces(b"\xef\xbb\xbf" + csv_file(*lines).getvalue())).added == 200
    assert {row[2] for row in table(call)} == {"ü\n"}


def test_a_file_without_an_end_of_line_or_of_a_quote_is_refused_in_bounded_memory(call: World) -> None:
    class Endless(io.BytesIO):
        def __init__(self, start: bytes, more: bytes) -> None:
            super().__init__(start)
            self.more = more

        def read(self, size: int | None = -1) -> bytes:
            return super().read(size) or self.more

    assert "no end" in refused(call, Endless(b"", b"x" * 500_000))
    assert "no end" in refused(call, Endless(b'user_id,aim_id\n"', b"x\n" * 250_000))


def test_what_a_dump_wrote_loads_unchanged_whatever_the_settings(call: World, pairs: list[Pair]) -> None:
    awkward = ['a"b', "c,d", "{e}", "f\\g", "ü€𝄞", "NULL", "null", " ", "\n", "\r\n", "\\.", "'"]
    rows = [
        NewUserAim(
            *_refs(pair), role=awkward[n % 7], permissions=awkward[: n % 13], joined_at=JOINED + timedelta(n * 999)
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


def test_text_that_the_client_encoding_cannot_say_is_refused(call: World, pairs: list[Pair]) -> None:
    call.execute("SET LOCAL client_encoding = 'LATIN1'")
    load(call, [NewUserAim(*_refs(pairs[0]), role="ü")])
    assert call(user_aims.get, *_refs(pairs[0])).role == "ü"
    call.execute("DELETE FROM user_aims")
    assert "client_encoding" in refused(call, [NewUserAim(*_refs(pairs[0]), role="€")])


def test_a_bad_row_is_named_by_its_index(call: World, pairs: list[Pair]) -> None:
    with pytest.raises(InvalidValue) as caught:
        load(call, [*(pairs * 15), NewUserAim(*_refs(pairs[0]), role=" "), pairs[0]])
    assert (caught.value.field, caught.value.reason) == ("role", "blank (row at index 3000)")


def test_a_dump_needs_a_file_of_bytes(call: World) -> None:
    for file in (io.StringIO(), None):
        with pytest.raises(InvalidValue) as caught:
            _dump(call, file)
        assert caught.value.field == "file"


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
            async with asyncio.timeout(20):
                await asyncio.wait([task, asyncio.ensure_future(started.wait())], return_when=asyncio.FIRST_COMPLETED)
            assert not task.done(), task
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
                    admin.execute("SELECT pg_terminate_backend(%s::int)", [conn.info.backend_pid])
                yield person.id, goal.id

        with pytest.raises(psycopg.OperationalError):
            bulk.load(conn, rows())
        assert user_aims.count(admin) == 0


# Others at work meanwhile.


def in_world(world: str, database: str, rows: Any, **options: Any) -> BulkResult:
    """Load on an autocommit connection of its own."""

    async def main() -> BulkResult:
        async with await psycopg.AsyncConnection.connect(database, autocommit=True) as conn:
            return await bulk.load(conn, rows, **options)

    if world == "async":
        return asyncio.run(main())
    with psycopg.connect(database, autocommit=True) as conn:
        return bulk.load(conn, rows, **options)


WAITING = "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"


def beside(database: str, load: Callable[[], BulkResult], *waits: Callable[[], object]) -> BulkResult:
    """Start a load; each time it waits for a lock, do the next thing that makes it go on."""
    outcomes: list[BulkResult] = []
    failures: list[Exception] = []

    def run() -> None:
        try:
            outcomes.append(load())
        except Exception as error:
            failures.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    with psycopg.connect(database, autocommit=True) as watch:
        for go_on in waits:
            until = time.monotonic() + 20
            while not watch.execute(WAITING).fetchall():
                assert thread.is_alive(), f"the load was to wait, but ended: {outcomes or failures}"
                assert time.monotonic() < until, "the load was to wait, but does not"
                time.sleep(0.01)
            go_on()
    thread.join(timeout=20)
    assert not thread.is_alive(), "the load waits for ever"
    if failures:
        raise failures[0]
    return outcomes[0]


@pytest.fixture(params=["sync", "async"])
def world(request: pytest.FixtureRequest) -> str:
    return str(request.param)


class Others:
    """Committed users and aims, and a connection whose transaction deletes some of them."""

    def __init__(self, database: str, conn: psycopg.Connection[Any]) -> None:
        self.conn = conn
        with psycopg.connect(database, autocommit=True) as own:
            self.people = [u.id for u in users.create_many(own, [NewUser(f"p{n}@example.org", "P") for n in range(5)])]
            self.goals = [a.id for a in aims.create_many(own, [NewAim(f"Goal {n}") for n in range(4)])]
            self.pairs = [(person, goal) for person in self.people for goal in self.goals]
            user_aims.put_many(own, self.pairs[::3])

    def delete(self, *kinds: str) -> None:
        if "user" in kinds:
            users.delete_many(self.conn, self.people[1:3])
        if "aim" in kinds:
            aims.delete_many(self.conn, self.goals[2:3])

    def gone(self, *kinds: str) -> tuple[tuple[UUID, ...], tuple[UUID, ...]]:
        return tuple(self.people[1:3]) if "user" in kinds else (), tuple(self.goals[2:3]) if "aim" in kinds else ()

    def rejected(self, *kinds: str) -> list[Rejected]:
        found: list[Rejected] = []
        gone_people, gone_goals = self.gone(*kinds)
        for n, (person, goal) in enumerate(self.pairs):
            sides = ["user"] * (person in gone_people) + ["aim"] * (goal in gone_goals)
            if sides:
                found.append(Rejected(n, (person, goal), f"no such {' and no such '.join(sides)}"))
        return found


@pytest.fixture
def others(database: str) -> Iterator[Others]:
    with psycopg.connect(database) as conn:
        yield Others(database, conn)


KINDS = pytest.mark.parametrize("kinds", [("user",), ("aim",), ("user", "aim")], ids="-".join)
MODES = pytest.mark.parametrize("on_match", ["ignore", "update"])


def check_skipped(database: str, others: Others, result: BulkResult, kinds: tuple[str, ...]) -> None:
    assert result.rejected == others.rejected(*kinds)
    left_out = {row.pair for row in result.rejected}
    assert (result.added, result.unchanged) == (
        len(set(others.pairs) - left_out - set(others.pairs[::3])),
        len(set(others.pairs[::3]) - left_out),
    )
    with psycopg.connect(database, autocommit=True) as conn:
        assert user_aims.count(conn) == len(set(others.pairs) - left_out)


def check_refused(database: str, others: Others, load: Callable[[], object], kinds: tuple[str, ...]) -> None:
    with pytest.raises(BrokenReference) as caught:
        load()
    assert (caught.value.users, caught.value.aims) == others.gone(*kinds)
    with psycopg.connect(database, autocommit=True) as conn:
        left = {(row.user_id, row.aim_id) for row in user_aims.page(conn).items}
        assert left == set(others.pairs[::3]) - {row.pair for row in others.rejected(*kinds)}


@KINDS
@MODES
@pytest.mark.parametrize("on_broken", ["skip", "error"])
@pytest.mark.parametrize("waits_for", ["the table", "the deletion"])
def test_what_others_delete_between_the_check_and_the_write_counts_as_missing(
    database: str, others: Others, world: str, kinds: tuple[str, ...], on_match: str, on_broken: str, waits_for: str
) -> None:
    if waits_for == "the table":
        others.conn.execute("LOCK TABLE user_aims IN SHARE ROW EXCLUSIVE MODE")
    else:  # which the check does not see yet, but foreign keys wait for
        others.delete(*kinds)

    def go_on() -> None:
        if waits_for == "the table":
            others.delete(*kinds)
        others.conn.commit()

    def load() -> BulkResult:
        options = {"on_match": on_match, "on_broken": on_broken}
        return beside(database, lambda: in_world(world, database, others.pairs, **options), go_on)

    if on_broken == "error":
        check_refused(database, others, load, kinds)
    else:
        check_skipped(database, others, load(), kinds)


@KINDS
@pytest.mark.parametrize("on_broken", ["skip", "error"])
def test_what_others_delete_while_rows_are_drawn_counts_as_missing(
    database: str, others: Others, world: str, kinds: tuple[str, ...], on_broken: str
) -> None:
    def rows() -> Iterator[Pair]:
        yield from others.pairs
        others.delete(*kinds)
        others.conn.commit()

    def load() -> BulkResult:
        return in_world(world, database, rows(), on_broken=on_broken)

    if on_broken == "error":
        check_refused(database, others, load, kinds)
    else:
        check_skipped(database, others, load(), kinds)


def test_deletions_go_on_as_long_as_the_load_waits(database: str, others: Others, world: str) -> None:
    """Each attempt loses a user to a deletion that it has to wait for; the last finds all of them missing."""
    with psycopg.connect(database) as second, psycopg.connect(database) as third:
        deleters = [others.conn, second, third]
        for deleter, person in zip(deleters, others.people, strict=False):
            users.delete(deleter, person)
        waits = [deleter.commit for deleter in deleters]
        result = beside(database, lambda: in_world(world, database, others.pairs, on_broken="skip"), *waits)
        assert {row.pair[0] for row in result.rejected} == set(others.people[:3])
        assert result.added + result.unchanged == 8


def test_who_deletes_after_the_write_waits_for_the_load_and_takes_its_links_along(
    database: str, others: Others
) -> None:
    with psycopg.connect(database) as conn:
        result = bulk.load(conn, others.pairs)
        assert (result.added, result.unchanged) == (13, 7)
        thread = threading.Thread(target=others.delete, args=("user", "aim"), daemon=True)
        thread.start()
        thread.join(timeout=0.3)
        assert thread.is_alive(), "the deletion did not wait"
        conn.commit()
        thread.join(timeout=20)
        assert not thread.is_alive()
        others.conn.commit()
        assert user_aims.count(conn) == 3 * 3


def test_a_link_that_others_remove_before_it_is_updated_is_added(database: str, others: Others, world: str) -> None:
    rows = [NewUserAim(*_refs(others.pairs[0]), role="new"), others.pairs[3]]
    others.conn.execute("SELECT FROM user_aims WHERE (user_id, aim_id) = (%s, %s) FOR UPDATE", others.pairs[0])

    def go_on() -> None:
        assert user_aims.delete(others.conn, *_refs(others.pairs[0]))
        others.conn.commit()

    result = beside(database, lambda: in_world(world, database, rows, on_match="update"), go_on)
    assert result == BulkResult(1, 0, 1, [])
    assert user_aims.get(others.conn, *_refs(others.pairs[0])).role == "new"


def test_a_link_that_others_make_meanwhile_is_refused_where_links_are_an_error(
    database: str, others: Others, world: str
) -> None:
    user_aims.create(others.conn, *_refs(others.pairs[1]))

    def load() -> BulkResult:
        return in_world(world, database, others.pairs[1:3], on_match="error")

    with pytest.raises(AlreadyExists) as caught:
        beside(database, load, others.conn.commit)
    assert caught.value.ids == (others.pairs[1],)
    assert user_aims.find(others.conn, *_refs(others.pairs[2])) is None


@pytest.mark.parametrize("on_broken", ["skip", "error"])
def test_a_load_that_waits_can_be_interrupted(database: str, others: Others, world: str, on_broken: Any) -> None:
    others.conn.execute("LOCK TABLE user_aims IN SHARE ROW EXCLUSIVE MODE")

    async def main() -> None:
        async with await psycopg.AsyncConnection.connect(database, autocommit=True) as conn:
            task = asyncio.create_task(bulk.load(conn, others.pairs, on_broken=on_broken))
            await asyncio.to_thread(until_waiting)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            others.conn.rollback()
            assert await user_aims.count(conn) == 7
            assert (await bulk.load(conn, others.pairs)).added == 13

    def until_waiting() -> None:
        with psycopg.connect(database, autocommit=True) as watch:
            until = time.monotonic() + 20
            while not watch.execute(WAITING).fetchall():
                assert time.monotonic() < until, "the load was to wait, but does not"
                time.sleep(0.01)

    def interrupt() -> None:
        until_waiting()
        signal.raise_signal(signal.SIGINT)

    if world == "async":
        asyncio.run(main())
    else:
        with psycopg.connect(database, autocommit=True) as conn:
            thread = threading.Thread(target=interrupt, daemon=True)
            thread.start()
            with pytest.raises(KeyboardInterrupt):
                bulk.load(conn, others.pairs, on_broken=on_broken)
            thread.join(timeout=20)
            others.conn.rollback()
            assert user_aims.count(conn) == 7
            assert bulk.load(conn, others.pairs).added == 13


def test_many_rejected_rows_take_no_longer_than_others(database: str, world: str) -> None:
    with psycopg.connect(database, autocommit=True) as conn:
        person = users.create(conn, email="a@example.org", name="A")
    rows = [(person.id, uuid4()) for _ in range(20_000)]
    start = time.monotonic()
    result = in_world(world, database, rows, on_broken="skip")
    assert [row.pair for row in result.rejected] == rows
    assert [row.index for row in result.rejected] == list(range(20_000))
    assert time.monotonic() - start < 10


# What makes the rows.


def test_rows_may_come_from_a_stream_of_the_same_connection(committed: World) -> None:
    committed(users.create_many, [NewUser(f"p{n}@example.org", "P") for n in range(2_500)])
    goal = committed(aims.create, title="Run")

    async def rows(conn: psycopg.AsyncConnection[Any]) -> AsyncIterator[Any]:
        async for person in users.stream(conn):
            yield person, goal

    if isinstance(committed.db, psycopg.Connection):
        result = bulk.load(committed.db, ((person, goal) for person in users.stream(committed.db)))
    else:
        result = committed.runner.run(bulk.load(committed.db, rows(committed.db)))
    assert result == BulkResult(2_500, 0, 0, [])


def test_what_the_rows_write_on_the_same_connection_belongs_to_the_load(committed: World) -> None:
    goal = committed(aims.create, title="Run")
    fails = [False]

    def rows(conn: Any) -> Iterator[Any]:
        for n in range(4_001):
            yield (users.create(conn, email=f"p{n}@example.org", name="P") if n % 1000 == 0 else person.id), goal
        if fails[0]:
            raise ValueError("no more")

    async def rows_async(conn: Any) -> AsyncIterator[Any]:
        db: psycopg.AsyncConnection[Any] = conn
        for n in range(4_001):
            made = await users.create(db, email=f"p{n}@example.org", name="P") if n % 1000 == 0 else person
            yield made, goal
        if fails[0]:
            raise ValueError("no more")

    person = committed(users.create, email="first@example.org", name="P")
    fails[0] = True
    with pytest.raises(ValueError, match="no more"):
        load(committed, rows(committed.db) if committed.kind == "sync" else rows_async(committed.db))
    fails[0] = False
    assert committed(user_aims.count) == 0
    committed.execute("DELETE FROM users WHERE email <> 'first@example.org'")
    result = load(committed, rows(committed.db) if committed.kind == "sync" else rows_async(committed.db))
    assert result == BulkResult(6, 0, 0, [])


def test_a_load_inside_of_the_rows_of_another_is_refused(committed: World) -> None:
    person, goal = committed(users.create, email="a@example.org", name="A"), committed(aims.create, title="Run")

    async def rows_async(conn: Any) -> AsyncIterator[Any]:
        for _ in range(1_001):
            yield person, goal
        await bulk.load(conn, [(person, goal)])

    def rows(conn: Any) -> Iterator[Any]:
        for _ in range(1_001):
            yield person, goal
        bulk.load(conn, [(person, goal)])

    with pytest.raises(InvalidValue) as caught:
        load(committed, rows(committed.db) if committed.kind == "sync" else rows_async(committed.db))
    assert caught.value.field == "rows"
    assert committed(user_aims.count) == 0


def test_nothing_to_load_and_bad_first_rows_send_no_sql(committed: World) -> None:
    committed.execute("SET default_transaction_read_only = on")  # a stage could not be made
    assert load(committed, iter(())) == BulkResult(0, 0, 0, [])
    assert load(committed, csv_file()) == BulkResult(0, 0, 0, [])
    for rows in ([None], io.BytesIO(b"x"), 5):
        with pytest.raises(InvalidValue):
            load(committed, rows)


# Whose transaction it is.


def test_a_load_takes_part_in_a_transaction_that_has_not_begun_yet(database: str, others: Others, world: str) -> None:
    def seen() -> int:
        others.conn.rollback()
        return user_aims.count(others.conn)

    async def main() -> None:
        async with await psycopg.AsyncConnection.connect(database) as conn:
            await bulk.load(conn, others.pairs)
            assert conn.info.transaction_status == TransactionStatus.INTRANS
            assert seen() == 7
            await conn.rollback()
            await bulk.load(conn, others.pairs)
            await bulk.dump(conn, io.BytesIO())
            await conn.commit()

    assert seen() == 7
    if world == "async":
        asyncio.run(main())
    else:
        with psycopg.connect(database) as conn:
            bulk.load(conn, others.pairs)
            assert conn.info.transaction_status == TransactionStatus.INTRANS
            assert seen() == 7
            conn.rollback()
            bulk.load(conn, others.pairs)
            bulk.dump(conn, io.BytesIO())
            conn.commit()
    assert seen() == 20


@pytest.mark.parametrize("autocommit", [True, False])
def test_a_pool_commits_the_load_and_gets_its_connection_back_as_it_was(
    database: str, others: Others, world: str, autocommit: bool
) -> None:
    def check(conn: Any) -> None:
        assert (conn.autocommit, conn.info.transaction_status) == (autocommit, TransactionStatus.IDLE)

    async def main() -> None:
        kwargs = {"autocommit": autocommit}
        async with AsyncConnectionPool(database, min_size=1, max_size=1, kwargs=kwargs, open=False) as pool:
            await bulk.load(pool, others.pairs[:10])
            await bulk.dump(pool, io.BytesIO())
            with pytest.raises(BrokenReference):
                await bulk.load(pool, [*others.pairs, (UserId(uuid4()), others.goals[0])])
            async with pool.connection() as conn:
                check(conn)

    if world == "async":
        asyncio.run(main())
    else:
        kwargs = {"autocommit": autocommit}
        with ConnectionPool(database, min_size=1, max_size=1, kwargs=kwargs, open=True) as pool:
            bulk.load(pool, others.pairs[:10])
            bulk.dump(pool, io.BytesIO())
            with pytest.raises(BrokenReference):
                bulk.load(pool, [*others.pairs, (UserId(uuid4()), others.goals[0])])
            with pool.connection() as conn:
                check(conn)
    assert user_aims.count(others.conn) == len({*others.pairs[:10], *others.pairs[::3]})


# Failures in the caller's own code.


LOAD: Any = bulk.load
DUMP: Any = bulk.dump


class Failing:
    """Rows, a file and a progress that fail in the middle."""

    def __init__(self, error: BaseException, pair: tuple[UserId, AimId]) -> None:
        self.error = error
        self.pair = pair
        self.reads = 0

    def rows(self) -> Iterator[tuple[UserId, AimId]]:
        for _ in range(5_000):
            yield self.pair
        raise self.error

    async def rows_async(self) -> AsyncIterator[tuple[UserId, AimId]]:
        for pair in self.rows():
            yield pair

    def read(self, _: int) -> bytes:
        self.reads += 1
        if self.reads > 1:
            raise self.error
        return b"user_id,aim_id\n" + f"{self.pair[0]},{self.pair[1]}\n".encode() * 3_000

    def progress(self, sent: int) -> None:
        if sent:
            raise self.error

    def write(self, block: bytes) -> None:
        if block:
            raise self.error

    def work(self, where: str, db: Any) -> Any:
        match where:
            case "rows":
                return LOAD(db, self.rows())
            case "async rows":
                return LOAD(db, self.rows_async())
            case "read":
                return LOAD(db, self)
            case "progress":
                return LOAD(db, [self.pair] * 3_000, progress=self.progress)
            case _:
                return DUMP(db, self)


FAILURES = pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, asyncio.CancelledError])
STAGES = "SELECT count(*) FROM pg_class WHERE relname = 'useraim_stage'"


@FAILURES
@pytest.mark.parametrize("where", ["rows", "async rows", "read", "progress", "write"])
@pytest.mark.parametrize("begun", ["autocommit", "not begun", "begun"])
def test_a_failure_of_the_callers_code_leaves_the_connection_as_it_was(
    database: str, others: Others, world: str, error: type[BaseException], where: str, begun: str
) -> None:
    failing = Failing(error(), others.pairs[1])
    autocommit = begun == "autocommit"
    expected = TransactionStatus.IDLE if autocommit else TransactionStatus.INTRANS

    async def main() -> None:
        async with await psycopg.AsyncConnection.connect(database, autocommit=autocommit) as conn:
            if begun == "begun":
                await conn.execute("SELECT 1")
            with pytest.raises(error):
                await failing.work(where, conn)
            assert (conn.autocommit, conn.info.transaction_status) == (autocommit, expected)
            assert await (await conn.execute(STAGES)).fetchone() == (0,)
            assert await user_aims.count(conn) == 7

    if world == "async":
        asyncio.run(main())
    elif where != "async rows":
        with psycopg.connect(database, autocommit=autocommit) as conn:
            if begun == "begun":
                conn.execute("SELECT 1")
            with pytest.raises(error):
                failing.work(where, conn)
            assert (conn.autocommit, conn.info.transaction_status) == (autocommit, expected)
            assert conn.execute(STAGES).fetchone() == (0,)
            assert user_aims.count(conn) == 7
    else:
        with psycopg.connect(database) as conn, pytest.raises(InvalidValue):
            failing.work(where, conn)


@FAILURES
@pytest.mark.parametrize("where", ["rows", "read", "progress", "write"])
def test_a_failure_of_the_callers_code_gives_the_pool_a_usable_connection_back(
    database: str, others: Others, world: str, error: type[BaseException], where: str
) -> None:
    failing = Failing(error(), others.pairs[1])

    async def main() -> None:
        async with AsyncConnectionPool(database, min_size=1, max_size=1, open=False) as pool:
            with pytest.raises(error):
                await failing.work(where, pool)
            async with pool.connection(timeout=10) as conn:
                assert (conn.autocommit, conn.info.transaction_status) == (False, TransactionStatus.IDLE)
            assert await user_aims.count(pool) == 7

    if world == "async":
        asyncio.run(main())
    else:
        with ConnectionPool(database, min_size=1, max_size=1, open=True) as pool:
            with pytest.raises(error):
                failing.work(where, pool)
            with pool.connection(timeout=10) as conn:
                assert (conn.autocommit, conn.info.transaction_status) == (False, TransactionStatus.IDLE)
            assert user_aims.count(pool) == 7
    assert others.conn.execute(STAGES).fetchone() == (0,)


def test_an_interrupt_at_any_line_leaves_all_or_nothing_and_a_usable_connection(database: str, others: Others) -> None:
    """At every line of the code of bulk loads in turn, as a signal handler would; leaving a `with` excepted."""
    own = ("/useraim/bulk.py", "/useraim/relation/stage.py", "/useraim/relation/csvfile.py")
    places = set[tuple[str, int]]()

    def tracer(at: int) -> Callable[[FrameType, str, Any], Any]:
        lines = [0]
        entered = set[tuple[int, int]]()

        def trace(frame: FrameType, event: str, _: Any) -> Any:
            if not frame.f_code.co_filename.endswith(own):
                return None
            place = id(frame), frame.f_lineno
            if event == "line" and place not in entered:
                if linecache.getline(frame.f_code.co_filename, frame.f_lineno).lstrip().startswith("with "):
                    entered.add(place)
                lines[0] += 1
                if lines[0] == at:
                    places.add((frame.f_code.co_filename, frame.f_lineno))
                    raise KeyboardInterrupt
            return trace

        return trace

    before = sys.gettrace()
    file = csv_file(*(record(pair, role="x", permissions='"{a,b}"') for pair in others.pairs[:4])).getvalue()
    works: list[Callable[[Any], object]] = [
        lambda db: LOAD(db, [*others.pairs, (others.people[0], AimId(uuid4()))], on_broken="skip"),
        lambda db: LOAD(db, io.BytesIO(file), on_match="update"),
        lambda db: DUMP(db, io.BytesIO()),
    ]
    with (
        ConnectionPool(database, min_size=1, max_size=1, open=True) as pool,
        psycopg.connect(database, autocommit=True) as conn,
    ):
        for db in (pool, conn):
            for work in works:
                for at in range(1, 1_000):
                    sys.settrace(tracer(at))
                    try:
                        work(db)
                    except KeyboardInterrupt:
                        pass
                    else:
                        break
                    finally:
                        sys.settrace(before)
                    assert user_aims.count(db) in (7, 9, 20)
                    assert conn.info.transaction_status == TransactionStatus.IDLE
                    assert conn.execute(STAGES).fetchone() == (0,)
                    with pool.connection(timeout=10) as lent:
                        assert (lent.autocommit, lent.info.transaction_status) == (False, TransactionStatus.IDLE)
                        lent.execute("DELETE FROM user_aims")
                        user_aims.put_many(lent, others.pairs[::3])
                else:
                    pytest.fail("never came to an end")
    assert len(places) > 80


def _refs(pair: Pair) -> tuple[Any, Any]:
    return pair
