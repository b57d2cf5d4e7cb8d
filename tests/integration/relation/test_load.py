"""`load`: the lists of many sources."""

import threading
from collections.abc import Generator
from contextlib import contextmanager
from itertools import cycle
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from tests.ends import End, ids
from tests.integration.relation.reads import LINKS, Expected, orders
from tests.worlds import World
from useraim.values import LinkFilter


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
        self, call: World, end: End, assorted: list[Any], sources: list[Any], limit: int | None
    ) -> None:
        loaded = call(end.relation.load, sources, limit=limit)
        objects: dict[UUID, set[int]] = {}
        for rows in loaded.values():
            for row in rows:
                objects.setdefault(row.record.id, set()).add(id(row.record))
        assert set(objects) == set(ids(assorted))
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
