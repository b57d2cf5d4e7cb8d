"""`stream`: one record after the other, while others use the connection."""

import asyncio
import gc
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from typing import Any, cast
from uuid import UUID, uuid4

import psycopg
import pytest

from tests.ends import End
from tests.integration.relation.crowd import Crowd
from tests.integration.relation.reads import LINKS, Expected
from tests.worlds import World
from useraim import InvalidValue
from useraim.values import Linked, LinkFilter

MANY = 2_500


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
        more = ("", "") if end.far_table != "users" else (", email", ", n || '@example.org'")
        call.execute(
            f"WITH f AS (INSERT INTO {table} ({label}{more[0]}) SELECT 'x'{more[1]}"
            f" FROM generate_series(1, {MANY}) n RETURNING id)"
            f" INSERT INTO {end.join} ({end.source_id}, {end.far_id}) SELECT %s, id FROM f",
            [source.id],
        )
        return source, call.iterate(end.relation.stream, source)

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
