"""Reads of the relation, from both ends: lists, pages, streams, counts."""

import asyncio
import gc
import threading
import tracemalloc
from collections.abc import AsyncGenerator, Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import replace as with_
from datetime import UTC, datetime, timedelta
from itertools import cycle
from typing import Any, NamedTuple, cast
from uuid import UUID, uuid4

import psycopg
import psycopg_pool
import pytest

from tests.ends import AIMS_USERS, ENDS, USERS_AIMS, End, ids, make
from tests.paging import onward, there_and_back
from tests.worlds import World
from useraim import InvalidCursor, InvalidValue, aims, user_aims, users
from useraim.values import Link, Linked, LinkFilter

NOON = datetime(2024, 5, 17, 12, tzinfo=UTC)
LABELS = ["b", "a", "B", "A", "ä", "Z", "z", "é", "e", "10", "9", " x", "-y", "b", "a b", "ab"]
KEYS = ["joined_at", "role", "created_at", "label"]
LINKS = [
    None,
    LinkFilter(),
    LinkFilter(roles=["r0", "r2"]),
    LinkFilter(roles=[]),
    LinkFilter(permissions=["p"]),
    LinkFilter(permissions=["p", "q"]),
    LinkFilter(permissions=[]),
    LinkFilter(joined_from=NOON + timedelta(hours=1)),
    LinkFilter(joined_before=NOON + timedelta(hours=1)),
    LinkFilter(["r1"], ["p"], NOON, NOON + timedelta(hours=2)),
]


@pytest.fixture(params=ENDS, ids=lambda end: end.name)
def end(request: pytest.FixtureRequest) -> End:
    chosen: End = request.param
    return chosen


@pytest.fixture
def far(call: World, end: End) -> list[Any]:
    """Far records with names of all sorts and few different times of creation."""
    made = [end.new(label) for label in LABELS]
    if end is AIMS_USERS:
        made = [with_(one, email=f"{n}@example.org") for n, one in enumerate(made)]
    table = end.name.split(".")[1]
    for n, one in enumerate(call(end.far.create_many, made)):
        when = NOON + timedelta(days=n % 3, microseconds=n % 2)
        call.execute(f"UPDATE {table} SET created_at = %s WHERE id = %s", [when, one.id])
        made[n] = one
    return list(call(end.far.find_many, made).values())


@pytest.fixture
def sources(call: World, end: End, far: list[Any]) -> list[Any]:
    """Two sources that share many links, one with a single link, and one without."""
    made = end.make_sources(call, 4)
    for source, records in zip(made, (far, far[3:11], far[:1]), strict=False):
        call(end.relation.append, source, [Link(one, *attributes(n)) for n, one in enumerate(records)])
    return made


def attributes(n: int) -> tuple[str, list[str], datetime]:
    """Few different ones, so that there are many ties."""
    return f"r{n % 4}", ["p", "q", "r"][: n % 4], NOON + timedelta(hours=n % 3)


@pytest.fixture
def expected(call: World, end: End, far: list[Any], sources: list[Any]) -> "Expected":
    return Expected(call, end, far)


class Expected:
    """What reads shall give, from the plain table, filtered and sorted in Python."""

    def __init__(self, call: World, end: End, far: list[Any]) -> None:
        self.call, self.end = call, end
        self.records = {one.id: one for one in far}
        # Names are in the order of the server's collation.
        ranked = call.execute(
            "SELECT label, dense_rank() OVER (ORDER BY label) FROM unnest(%s::text[]) AS l (label)",
            [[end.labelled(one) for one in far]],
        )
        self.ranks: dict[str, int] = dict(cast("Any", ranked))

    def of(self, source: Any, order_by: str = "joined_at", link: LinkFilter | None = None) -> list[Linked[Any]]:
        rows = [Linked(self.records[id], *attributes) for id, attributes in self.end.links(self.call, source).items()]
        key, descending = order_by.removeprefix("-"), order_by.startswith("-")
        return sorted(
            (row for row in rows if passes(row, link)),
            key=lambda row: (self.key(row, key), row.record.id),
            reverse=descending,
        )

    def key(self, row: Linked[Any], name: str) -> Any:
        if name == "created_at":
            return row.record.created_at
        return getattr(row, name) if name in {"joined_at", "role"} else self.ranks[self.end.labelled(row.record)]


def passes(row: Linked[Any], link: LinkFilter | None) -> bool:
    if link is None:
        return True
    return (
        (link.roles is None or row.role in link.roles)
        and set(link.permissions or ()) <= set(row.permissions)
        and (link.joined_from is None or row.joined_at >= link.joined_from)
        and (link.joined_before is None or row.joined_at < link.joined_before)
    )


def orders(end: End) -> list[str]:
    keys = [end.label if key == "label" else key for key in KEYS]
    return [sign + key for key in keys for sign in ("", "-")]


class TestOf:
    def test_gives_records_with_the_attributes_of_their_links(
        self, call: World, end: End, far: list[Any], sources: list[Any]
    ) -> None:
        (linked,) = call(end.relation.of, sources[2])
        assert linked == Linked(far[0], "r0", (), NOON)
        assert linked.joined_at.tzinfo is UTC
        rows = call(end.relation.of, sources[0].id)
        assert {row.record.id: (row.role, row.permissions, row.joined_at) for row in rows} == end.links(
            call, sources[0]
        )
        assert {row.record for row in rows} == set(far)

    def test_in_every_order(self, call: World, end: End, sources: list[Any], expected: Expected) -> None:
        for order_by in orders(end):
            for source in sources:
                assert call(end.relation.of, source, order_by=order_by) == expected.of(source, order_by), order_by

    @pytest.mark.parametrize("link", LINKS)
    def test_filtered(
        self, call: World, end: End, sources: list[Any], expected: Expected, link: LinkFilter | None
    ) -> None:
        for order_by in ("joined_at", f"-{end.label}"):
            assert call(end.relation.of, sources[0], link=link, order_by=order_by) == expected.of(
                sources[0], order_by, link
            )

    @pytest.mark.parametrize("limit", [None, 0, 1, 5, 16, 1_000_000])
    @pytest.mark.parametrize("offset", [0, 1, 5, 16, 1_000_000])
    def test_a_part(
        self, call: World, end: End, sources: list[Any], expected: Expected, limit: int | None, offset: int
    ) -> None:
        rows = call(end.relation.of, sources[0], order_by="-role", limit=limit, offset=offset)
        assert rows == expected.of(sources[0], "-role")[offset:][:limit]

    def test_of_nothing(self, call: World, end: End, sources: list[Any]) -> None:
        assert call(end.relation.of, sources[3]) == []
        assert call(end.relation.of, uuid4()) == []

    def test_the_other_ends_name_is_no_order(self, end: End) -> None:
        other = "name" if end.label == "title" else "title"
        for order_by in (other, "id", "updated_at", "", "-", "--role", "role,title"):
            with pytest.raises(InvalidValue) as caught:
                end.relation.of.call(uuid4(), order_by=order_by)
            assert caught.value.field == "order_by"


class TestLoad:
    def test_every_source_asked_for_is_a_key_in_the_order_asked(
        self, call: World, end: End, sources: list[Any], expected: Expected
    ) -> None:
        nobody = uuid4()
        asked: list[Any] = [
            sources[3],
            nobody,
            sources[1],
            sources[0].id,
            sources[1],
            str(sources[2].id),
            sources[1].id,
        ]
        loaded = call(end.relation.load, iter(asked))
        assert list(loaded) == [sources[3].id, nobody, sources[1].id, sources[0].id, sources[2].id]
        assert loaded == {one.id: expected.of(one) for one in sources} | {nobody: []}

    def test_in_every_order(self, call: World, end: End, sources: list[Any], expected: Expected) -> None:
        for order_by in orders(end):
            loaded = call(end.relation.load, sources, order_by=order_by)
            assert loaded == {one.id: expected.of(one, order_by) for one in sources}, order_by

    @pytest.mark.parametrize("link", LINKS)
    def test_filtered_each_for_itself(
        self, call: World, end: End, sources: list[Any], expected: Expected, link: LinkFilter | None
    ) -> None:
        loaded = call(end.relation.load, sources, link=link)
        assert loaded == {one.id: expected.of(one, link=link) for one in sources}
        some = call(end.relation.load, sources, link=link, order_by="-created_at", limit=2, offset=1)
        assert some == {one.id: expected.of(one, "-created_at", link)[1:3] for one in sources}

    @pytest.mark.parametrize(("limit", "offset"), [(0, 0), (1, 0), (3, 2), (None, 7), (1_000, 1_000), (100, 0)])
    def test_a_part_of_each(
        self, call: World, end: End, sources: list[Any], expected: Expected, limit: int | None, offset: int
    ) -> None:
        for order_by in orders(end):
            loaded = call(end.relation.load, sources, order_by=order_by, limit=limit, offset=offset)
            assert loaded == {one.id: expected.of(one, order_by)[offset:][:limit] for one in sources}, order_by

    @pytest.mark.parametrize("limit", [None, 100])
    def test_a_far_record_of_several_sources_is_one_object(
        self, call: World, end: End, far: list[Any], sources: list[Any], limit: int | None
    ) -> None:
        loaded = call(end.relation.load, sources, limit=limit)
        objects: dict[UUID, set[int]] = {}
        for rows in loaded.values():
            for row in rows:
                objects.setdefault(row.record.id, set()).add(id(row.record))
        assert set(objects) == set(ids(far))
        assert all(len(one) == 1 for one in objects.values())

    @pytest.mark.parametrize("asked", [{}, {"limit": 2}, {"order_by": "-created_at"}])
    def test_beside_a_replace_gives_the_set_before_or_after_it(
        self, committed: World, database: str, end: End, asked: dict[str, Any]
    ) -> None:
        (source,) = end.make_sources(committed, 1)
        sets = [end.make_far(committed, 2) for _ in range(2)]
        committed(end.relation.replace, source, sets[0])
        right = [set(ids(one)) for one in sets]
        with replacing(database, end, source, sets):
            for _ in range(300):
                loaded = committed(end.relation.load, [source], **asked)[source.id]
                assert {row.record.id for row in loaded} in right

    def test_is_one_statement(self, end: End) -> None:
        """In a caller's transaction, READ COMMITTED as a rule, each statement has a snapshot of its own."""
        several: list[dict[str, Any]] = [{}, {"limit": 2}, {"order_by": f"-{end.label}"}]
        for asked in several:
            assert len(end.relation.load.call([uuid4()], **asked).statements) == 1

    def test_of_no_sources_sends_nothing(self, end: End) -> None:
        asked = end.relation.load.call(iter(()))
        assert (asked.statements, asked.read([])) == ((), {})

    def test_the_lists_of_sources_are_their_own(self, call: World, end: End, sources: list[Any]) -> None:
        loaded = call(end.relation.load, sources)
        loaded[sources[3].id].append(loaded[sources[0].id][0])
        assert len({id(rows) for rows in loaded.values()}) == len(sources)
        assert call(end.relation.of, sources[3]) == []


class TestPage:
    @pytest.mark.parametrize("limit", [1, 4, 15, 16, 17, 1_000])
    def test_pages_are_the_same_there_and_back(
        self, call: World, end: End, sources: list[Any], expected: Expected, limit: int
    ) -> None:
        for order_by in orders(end):
            rows = there_and_back(call, end.relation.page, sources[0], order_by=order_by, limit=limit)
            assert rows == expected.of(sources[0], order_by), order_by

    @pytest.mark.parametrize("link", LINKS)
    def test_filtered(
        self, call: World, end: End, sources: list[Any], expected: Expected, link: LinkFilter | None
    ) -> None:
        for order_by in ("-joined_at", end.label):
            rows = there_and_back(call, end.relation.page, sources[0], link=link, order_by=order_by, limit=3)
            assert rows == expected.of(sources[0], order_by, link)

    def test_an_empty_page_leads_nowhere(self, call: World, end: End, sources: list[Any]) -> None:
        for source in (sources[3], uuid4()):
            page = call(end.relation.page, source)
            assert (page.items, page.next, page.previous, len(page)) == ([], None, None, 0)

    @pytest.mark.parametrize("descending", [False, True])
    @pytest.mark.parametrize("same_time", [False, True])
    def test_goes_on_where_it_was_while_neighbours_come_and_go(
        self, call: World, end: End, descending: bool, same_time: bool
    ) -> None:
        """Whatever happens to other links, the one the cursor names too, no link that stays is lost or repeated."""
        (source,), records = end.make_sources(call, 1), sorted(end.make_far(call, 20), key=lambda one: one.id)

        def when(n: int) -> datetime:
            return NOON if same_time else NOON + timedelta(minutes=n)

        def link(*numbers: int) -> None:
            call(end.relation.append, source, [Link(records[n], joined_at=when(n)) for n in numbers])

        def numbers(page: Any) -> list[int]:
            return [records.index(row.record) for row in page]

        link(*range(0, 20, 2))
        order_by = "-joined_at" if descending else "joined_at"
        turn: Callable[[list[int]], list[int]] = (lambda n: n[::-1]) if descending else (lambda n: n)
        everything = turn(list(range(0, 20, 2)))
        first = call(end.relation.page, source, order_by=order_by, limit=4)
        assert numbers(first) == everything[:4]
        edge = everything[3]
        step = -1 if descending else 1
        # The last one read goes, and so does the next; new ones come before and after the place.
        call(end.relation.remove, source, [records[edge], records[edge + 2 * step]])
        link(edge - step, edge + step, edge + 3 * step)
        second = call(end.relation.page, source, order_by=order_by, limit=3, after=first.next)
        assert numbers(second) == [edge + step, edge + 3 * step, edge + 4 * step]
        back = call(end.relation.page, source, order_by=order_by, limit=3, before=second.previous)
        assert numbers(back) == [edge - 4 * step, edge - 2 * step, edge - step]
        ahead = call(end.relation.page, source, order_by=order_by, limit=100, after=back.next)
        assert numbers(ahead) == [*numbers(second), *everything[6:]]

    def test_a_cursor_outlives_all_rows(self, call: World, end: End, sources: list[Any]) -> None:
        first = call(end.relation.page, sources[0], limit=5)
        call(end.relation.clear, sources[0])
        page = call(end.relation.page, sources[0], limit=5, after=first.next)
        assert (page.items, page.next) == ([], None)

    def test_foreign_cursors_are_refused(self, call: World, end: End, sources: list[Any]) -> None:
        page, source = end.relation.page, sources[0]
        opposite = ENDS[1 - ENDS.index(end)]
        link = LinkFilter(roles=["r0", "r1", "r2"])
        own = call(page, source, limit=2).next
        assert own
        assert call(page, source, limit=7, after=own)
        assert call(page, source, limit=7, before=own)
        uses: list[tuple[Any, tuple[Any, ...], dict[str, Any]]] = [
            (page, (sources[1],), {}),
            (page, (source,), {"order_by": "-joined_at"}),
            (page, (source,), {"order_by": "role"}),
            (page, (source,), {"link": link}),
            (opposite.relation.page, (source.id,), {}),
            (users.page, (), {}),
            (aims.page, (), {}),
            (user_aims.page, (), {}),
        ]
        foreign = [
            call(page, sources[1], limit=2).next,
            call(page, source, limit=2, order_by="-joined_at").next,
            call(page, source, limit=2, order_by="role").next,
            call(page, source, limit=2, link=link).next,
            call(end.far.page, limit=2).next,
            call(end.sources.page, limit=2).next,
            call(user_aims.page, limit=2).next,
            own[:-1], own[1:], own + "A", own.swapcase(), own + "=", f" {own}", "", "x", "é", "\0", "A" * 5_000,
        ]  # fmt: skip
        for where in ("after", "before"):
            for operation, arguments, further in uses:
                with pytest.raises(InvalidCursor):
                    call(operation, *arguments, **further, **{where: own})
            for cursor in foreign:
                assert cursor is not None
                with pytest.raises(InvalidCursor):
                    call(page, source, after=cursor)

    def test_a_filter_spelt_otherwise_is_the_same_filter(
        self, call: World, end: End, sources: list[Any], expected: Expected
    ) -> None:
        drawn: Any = iter(["r1", "r0"])
        one, same = LinkFilter(roles=["r0", "r1", "r0"]), LinkFilter(roles=drawn)
        first = call(end.relation.page, sources[0], link=one, limit=2)
        rest = call(end.relation.page, sources[0].id, link=same, after=first.next)
        assert [*first, *rest] == expected.of(sources[0], link=one)

    def test_limits(self, end: End) -> None:
        page: Any = end.relation.page.call
        for limit in (0, -1, 1_001, True, 1.0, "5", None):
            with pytest.raises(InvalidValue) as caught:
                page(uuid4(), limit=limit)
            assert caught.value.field == "limit"
        with pytest.raises(InvalidValue) as both:
            page(uuid4(), after="x", before="x")
        assert not isinstance(both.value, InvalidCursor)

    def test_names_of_any_length_and_kind_make_cursors(self, call: World, end: End) -> None:
        (source,) = end.make_sources(call, 1)
        labels = ["\\'\"%_", "\u202e\U0001f600", "x" * 200, "line\nbreak", "ß", "ss", "%s", "\u0301"]
        new = [end.new(label) for label in labels]
        if end is AIMS_USERS:
            new = [with_(one, email=f"{n}@example.org") for n, one in enumerate(new)]
        call(end.relation.create, source, new)
        rows = there_and_back(call, end.relation.page, source, order_by=end.label, limit=1)
        assert sorted(end.labelled(row.record) for row in rows) == sorted(labels)


@contextmanager
def replacing(database: str, end: End, source: Any, sets: list[list[Any]]) -> Generator[None, None, None]:
    """Replace the links of a source by one set after the other, without a pause, on a connection of its own."""
    stop = threading.Event()

    def replace() -> None:
        with psycopg.connect(database, autocommit=True) as conn:
            for far in cycle(sets):
                if stop.is_set():
                    return
                end.relation.replace(conn, source, far)

    thread = threading.Thread(target=replace)
    thread.start()
    try:
        yield
        assert thread.is_alive(), "replacing has failed"
    finally:
        stop.set()
        thread.join(timeout=20)


class TestCounts:
    @pytest.mark.parametrize("link", LINKS)
    def test_count(
        self, call: World, end: End, sources: list[Any], expected: Expected, link: LinkFilter | None
    ) -> None:
        nobody = uuid4()
        counts = call(end.relation.count, [sources[3], nobody, *sources, str(sources[0].id)], link=link)
        assert list(counts) == [sources[3].id, nobody, *ids(sources[:3])]
        assert counts == {one.id: len(expected.of(one, link=link)) for one in sources} | {nobody: 0}

    def test_count_by_role(self, call: World, end: End, sources: list[Any]) -> None:
        nobody = uuid4()
        assert call(end.relation.count_by_role, [*sources, nobody, sources[0].id]) == {
            sources[0].id: {"r0": 4, "r1": 4, "r2": 4, "r3": 4},
            sources[1].id: {"r0": 2, "r1": 2, "r2": 2, "r3": 2},
            sources[2].id: {"r0": 1},
            sources[3].id: {},
            nobody: {},
        }

    def test_has(self, call: World, end: End, far: list[Any], sources: list[Any]) -> None:
        assert call(end.relation.has, sources[2], far[0]) is True
        assert call(end.relation.has, str(sources[2].id), far[0].id) is True
        assert call(end.relation.has, sources[2], far[1]) is False
        assert call(end.relation.has, sources[2], sources[2].id) is False
        assert call(end.relation.has, uuid4(), uuid4()) is False

    def test_common(self, call: World, end: End, far: list[Any], sources: list[Any], expected: Expected) -> None:
        def by_label(records: list[Any]) -> list[Any]:
            return sorted(records, key=lambda one: (expected.ranks[end.labelled(one)], one.id))

        assert call(end.relation.common, sources[:1]) == by_label(far)
        assert call(end.relation.common, sources[:2]) == by_label(far[3:11])
        assert call(end.relation.common, iter([sources[1], sources[0].id, sources[1]])) == by_label(far[3:11])
        assert call(end.relation.common, sources[:3]) == []
        assert call(end.relation.common, sources) == []
        assert call(end.relation.common, [sources[0], uuid4()]) == []

    def test_of_nothing_sends_nothing(self, end: End) -> None:
        calls: list[Any] = [
            end.relation.count.call([]), end.relation.count_by_role.call(()), end.relation.common.call(iter(())),
        ]  # fmt: skip
        assert [(one.statements, one.read([])) for one in calls] == [((), {}), ((), {}), ((), [])]

    def test_a_bare_text_is_no_collection(self, end: End) -> None:
        wrong: list[Any] = [
            end.relation.load.call, end.relation.count.call, end.relation.count_by_role.call, end.relation.common.call,
        ]  # fmt: skip
        for build in wrong:
            with pytest.raises(InvalidValue):
                build(str(uuid4()))


MANY = 2_500


class Crowd(NamedTuple):
    """A database in which one user shares 20,000 aims and one aim is shared by 20,000 users, with many ties."""

    conninfo: str
    sources: dict[str, UUID]


@pytest.fixture(scope="module")
def crowded(create_database: Callable[[], str]) -> Crowd:
    database = create_database()
    with psycopg.connect(database) as conn:
        conn.execute("INSERT INTO users (name, email) SELECT 'N', n || '@example.org' FROM generate_series(1, 20000) n")
        conn.execute("INSERT INTO aims (title) SELECT 'T' || n FROM generate_series(1, 20000) n")
        for links in (
            "FROM aims a, (SELECT * FROM users ORDER BY id LIMIT 1) u",
            "FROM users u, (SELECT * FROM aims ORDER BY id LIMIT 1) a",
        ):
            conn.execute(
                "INSERT INTO user_aims (user_id, aim_id, joined_at)"
                " SELECT u.id, a.id, timestamptz '2024-05-17' + (ascii(a.id::text) + ascii(u.id::text)) * interval '1h'"
                f" {links} ON CONFLICT DO NOTHING"
            )
    with psycopg.connect(database, autocommit=True) as conn:
        conn.execute("VACUUM ANALYZE")
        user = conn.execute("SELECT id FROM users ORDER BY id LIMIT 1").fetchone()
        aim = conn.execute("SELECT id FROM aims ORDER BY id LIMIT 1").fetchone()
    assert user
    assert aim
    return Crowd(database, {USERS_AIMS.name: user[0], AIMS_USERS.name: aim[0]})


class TestStream:
    @pytest.mark.parametrize("link", LINKS)
    def test_gives_what_of_gives(
        self, call: World, end: End, sources: list[Any], expected: Expected, link: LinkFilter | None
    ) -> None:
        for source in sources:
            assert call.rows(end.relation.stream, source, link=link) == expected.of(source, link=link)
        assert call.rows(end.relation.stream, uuid4()) == []

    def test_bad_arguments_are_found_before_the_first_row(self, end: End, call: World) -> None:
        wrong: Any = end.relation.stream
        with pytest.raises(InvalidValue):
            wrong(call.db, "not an id")
        with pytest.raises(InvalidValue):
            wrong(call.db, uuid4(), link="r0")

    def test_needs_little_memory(self, crowded: Crowd, end: End) -> None:
        with psycopg.connect(crowded.conninfo) as conn:
            source = crowded.sources[end.name]

            def peak(read: Callable[[], object]) -> int:
                gc.collect()
                tracemalloc.start()
                try:
                    read()
                    return tracemalloc.get_traced_memory()[1]
                finally:
                    tracemalloc.stop()

            seen: list[int] = []
            all_at_once = peak(lambda: end.relation.of(conn, source))
            streamed = peak(lambda: seen.append(sum(1 for _ in end.relation.stream(conn, source))))
            assert seen == [20_000]
            assert streamed < 3_000_000
            assert streamed * 5 < all_at_once

    def test_needs_little_memory_async(self, crowded: Crowd, runner: asyncio.Runner, end: End) -> None:
        async def main() -> tuple[int, int]:
            async with await psycopg.AsyncConnection.connect(crowded.conninfo) as conn:
                gc.collect()
                tracemalloc.start()
                try:
                    return len([None async for _ in end.relation.stream(conn, crowded.sources[end.name])]), (
                        tracemalloc.get_traced_memory()[1]
                    )
                finally:
                    tracemalloc.stop()

        count, peak = runner.run(main())
        assert count == 20_000
        assert peak < 3_000_000

    def test_others_use_the_connection_meanwhile(self, call: World, end: End) -> None:
        source, rows = self.long(call, end)
        met = 0
        for met, row in enumerate(rows, 1):
            if met % 500 == 1:
                assert call(end.far.get, row.record.id) == row.record
                assert call(end.relation.has, source, row.record)
                assert len(call(end.relation.of, source, limit=3)) == 3
                assert next(call.iterate(end.relation.stream, source))
        assert met == MANY

    def test_two_streams_on_one_connection(self, call: World, end: End) -> None:
        source, rows = self.long(call, end)
        other = call.iterate(end.relation.stream, source)
        assert all(one == two for one, two in zip(rows, other, strict=True))

    def test_the_links_may_be_written_meanwhile(self, call: World, end: End) -> None:
        """Every link that stays is met once."""
        source, rows = self.long(call, end)
        met: list[UUID] = []
        for row in rows:
            met.append(row.record.id)
            if len(met) % 600 == 1:
                call(end.relation.remove, source, met[-50:])
        assert len(met) == len({*met}) == MANY

    def test_stays_in_the_callers_transaction(self, call: World, end: End) -> None:
        """It sees what is not committed yet, and does not end the transaction, however it is left."""
        source, rows = self.long(call, end)
        next(rows)
        cast("Any", rows).close()
        assert call.db.info.transaction_status == psycopg.pq.TransactionStatus.INTRANS
        del rows
        assert call(end.relation.count, [source]) == {source.id: MANY}

    def long(self, call: World, end: End) -> tuple[Any, Iterator[Linked[Any]]]:
        """A source with several chunks of links, and a stream of them."""
        (source,) = end.make_sources(call, 1)
        table, label = end.name.split(".")[1], end.label
        more = ("", "") if end is USERS_AIMS else (", email", ", n || '@example.org'")
        call.execute(
            f"WITH f AS (INSERT INTO {table} ({label}{more[0]}) SELECT 'x'{more[1]}"
            f" FROM generate_series(1, {MANY}) n RETURNING id)"
            f" INSERT INTO user_aims ({end.source_id}, {end.far_id}) SELECT %s, id FROM f",
            [source.id],
        )
        return source, call.iterate(end.relation.stream, source)

    @pytest.mark.parametrize("leave", ["close", "abandon", "exhaust", "fail"])
    def test_a_pool_of_one_is_free_after_and_during(self, crowded: Crowd, end: End, leave: str) -> None:
        with psycopg_pool.ConnectionPool(crowded.conninfo, min_size=1, max_size=1, timeout=10) as pool:
            source = crowded.sources[end.name]
            rows = cast("Generator[Linked[Any], None, None]", end.relation.stream(pool, source))
            first = next(rows)
            assert end.relation.has(pool, source, first.record)
            if leave == "close":
                rows.close()
            elif leave == "exhaust":
                assert sum(1 for _ in rows) == 19_999
            elif leave == "fail":
                with pytest.raises(ZeroDivisionError):
                    rows.throw(ZeroDivisionError())
            del rows
            assert end.relation.count(pool, [source]) == {source: 20_000}
            assert pool.get_stats()["pool_available"] == 1

    @pytest.mark.parametrize("leave", ["close", "abandon", "exhaust", "cancel"])
    def test_an_async_pool_of_one_is_free_after_and_during(
        self, crowded: Crowd, runner: asyncio.Runner, end: End, leave: str
    ) -> None:
        async def main() -> None:
            async with psycopg_pool.AsyncConnectionPool(
                crowded.conninfo, min_size=1, max_size=1, timeout=10, open=False
            ) as pool:
                source = crowded.sources[end.name]
                rows = cast("AsyncGenerator[Linked[Any], None]", end.relation.stream(pool, source))
                first = await anext(rows)
                assert await end.relation.has(pool, source, first.record)
                if leave == "close":
                    await rows.aclose()
                elif leave == "exhaust":
                    assert len([None async for _ in rows]) == 19_999
                elif leave == "cancel":
                    reader = asyncio.create_task(self.exhaust(rows))
                    await asyncio.sleep(0.01)
                    reader.cancel()
                    with pytest.raises(asyncio.CancelledError):
                        await reader
                del rows
                assert await end.relation.count(pool, [source]) == {source: 20_000}

        runner.run(asyncio.wait_for(main(), timeout=60))

    async def exhaust(self, rows: AsyncGenerator[Linked[Any], None]) -> None:
        async for _ in rows:
            pass

    def test_tasks_share_a_connection_with_a_stream(self, crowded: Crowd, runner: asyncio.Runner, end: End) -> None:
        async def main() -> None:
            async with await psycopg.AsyncConnection.connect(crowded.conninfo, autocommit=True) as conn:
                source = crowded.sources[end.name]

                async def read() -> int:
                    return len([None async for _ in end.relation.stream(conn, source)])

                async def ask() -> int:
                    return sum([len((await end.relation.load(conn, [source], limit=5))[source]) for _ in range(20)])

                assert list(await asyncio.gather(read(), ask(), read(), ask())) == [20_000, 100, 20_000, 100]

        runner.run(asyncio.wait_for(main(), timeout=60))

    def test_threads_share_a_connection_with_a_stream(self, crowded: Crowd, end: End) -> None:
        with psycopg.connect(crowded.conninfo, autocommit=True) as conn:
            source = crowded.sources[end.name]
            counts: list[int] = []
            threads = [
                threading.Thread(target=lambda: counts.append(sum(1 for _ in end.relation.stream(conn, source))))
                for _ in range(2)
            ]
            for thread in threads:
                thread.start()
            for _ in range(20):
                assert len(end.relation.load(conn, [source], limit=5)[source]) == 5
            for thread in threads:
                thread.join(timeout=60)
            assert counts == [20_000, 20_000]


def test_pages_of_twenty_thousand_links_meet_each_once(crowded: Crowd, runner: asyncio.Runner, end: End) -> None:
    with psycopg.connect(crowded.conninfo) as conn:
        call, source = World(conn, runner), crowded.sources[end.name]
        for order_by in ("joined_at", "-joined_at"):
            pages = onward(call, end.relation.page, source, order_by=order_by, limit=1_000)
            assert [len(page) for page in pages] == [1_000] * 20
            keys = [(row.joined_at, row.record.id) for page in pages for row in page]
            assert keys == sorted(keys, reverse=order_by.startswith("-"))
            assert len({*keys}) == 20_000


def test_both_ends_read_the_same_links(call: World) -> None:
    people, goals = make(call, users, 3), make(call, aims, 3)
    call(users.aims.append, people[0], goals, role="a")
    call(aims.users.append, goals[0], people, role="b")
    forth = {(user, row.record.id, row.role) for user, rows in call(users.aims.load, people).items() for row in rows}
    back = {(row.record.id, aim, row.role) for aim, rows in call(aims.users.load, goals).items() for row in rows}
    assert forth == back
    assert len(forth) == call(user_aims.count) == 5
