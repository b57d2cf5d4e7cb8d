"""`page`: there and back, whatever comes and goes meanwhile."""

import asyncio
from collections.abc import Callable
from dataclasses import replace as with_
from datetime import datetime, timedelta
from typing import Any, cast
from uuid import uuid4

import psycopg
import pytest

from tests.ends import ENDS, NOON, TEAM_ENDS, End, make
from tests.integration.relation.crowd import Crowd
from tests.integration.relation.reads import LINKS, Expected, orders
from tests.paging import onward, there_and_back
from tests.worlds import World
from useraim import InvalidCursor, InvalidValue, aims, user_aims, users
from useraim.values import Link, LinkFilter


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
        call(users.aims.append, make(call, users, 1)[0], make(call, aims, 3))
        (opposite,) = [one for one in (*ENDS, *TEAM_ENDS) if one.name == f"{end.far_table}.{end.source_table}"]
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
        if end.far_table == "users":
            new = [with_(one, email=f"{n}@example.org") for n, one in enumerate(new)]
        call(end.relation.create, source, new)
        rows = there_and_back(call, end.relation.page, source, order_by=end.label, limit=1)
        assert sorted(end.labelled(row.record) for row in rows) == sorted(labels)


def test_pages_of_twenty_thousand_links_meet_each_once(crowded: Crowd, runner: asyncio.Runner, end: End) -> None:
    with psycopg.connect(crowded.conninfo) as conn:
        call, source = World(conn, runner), crowded.sources[end.name]
        for order_by in ("joined_at", "-joined_at"):
            pages = onward(call, end.relation.page, source, order_by=order_by, limit=1_000)
            assert [len(page) for page in pages] == [1_000] * 20
            keys = [(row.joined_at, row.record.id) for page in pages for row in page]
            assert keys == sorted(keys, reverse=order_by.startswith("-"))
            assert len({*keys}) == 20_000


def test_pages_of_many_sources_are_those_of_each(call: World, end: End, sources: list[Any]) -> None:
    link = LinkFilter(roles=["r0", "r1"])
    for asked in ({}, {"order_by": f"-{end.label}"}, {"link": link, "order_by": "role"}):
        cursors: dict[Any, str | None] = {source.id: None for source in sources}
        for _ in range(3):
            pages = call(end.relation.pages, cursors, limit=3, **cast("Any", asked))
            assert list(pages) == list(cursors)
            for source, page in pages.items():
                assert page == call(end.relation.page, source, after=cursors[source], limit=3, **cast("Any", asked))
            cursors = {source: page.next or cursors[source] for source, page in pages.items()}


def test_pages_take_the_first_of_equal_sources_and_refuse_what_is_no_mapping(
    call: World, end: End, sources: list[Any]
) -> None:
    source = sources[0]
    first = call(end.relation.page, source, limit=2)
    both: Any = {source.id: first.next, str(source.id): None}
    assert call(end.relation.pages, both, limit=2) == {
        source.id: call(end.relation.page, source, after=first.next, limit=2)
    }
    assert end.relation.pages.call({}).statements == ()
    wrong: list[Any] = [None, [source.id], "x"]
    for after in wrong:
        with pytest.raises(InvalidValue):
            end.relation.pages.call(after)
    with pytest.raises(InvalidCursor):
        end.relation.pages.call({source.id: "x"})


def test_has_and_common_count_only_what_the_filter_lets_through(call: World, end: End) -> None:
    one, other = end.make_sources(call, 2)
    far = end.make_far(call, 2)
    call(end.relation.append, one, far, role="owner")
    call(end.relation.append, other, [Link(far[0], role="owner"), far[1]])
    owners = LinkFilter(roles=["owner"])
    assert call(end.relation.has, other, far[1])
    assert not call(end.relation.has, other, far[1], link=owners)
    assert call(end.relation.has, other, far[0], link=owners)
    assert {record.id for record in call(end.relation.common, [one, other])} == {record.id for record in far}
    assert [record.id for record in call(end.relation.common, [one, other], link=owners)] == [far[0].id]
