"""`stream` over a pool: one query on a connection of its own, which is given back whatever ends the reading."""

import asyncio
import gc
import tracemalloc
from collections.abc import Callable, Generator
from contextlib import contextmanager
from time import monotonic, sleep
from typing import Any, NamedTuple
from uuid import uuid4

import psycopg
import pytest
from psycopg import errors

from tests.ends import AIMS_USERS, End
from tests.integration.relation.crowd import Crowd
from tests.proxy import wire
from tests.sessions import WORLDS, Session, World, session
from useraim import aims, user_aims
from useraim.core.chunks import CHUNKED
from useraim.core.stream import held, held_async
from useraim.values import LinkFilter

MANY = 20_000
SOME = 150  # more than a chunk
KINDS = ["pool", "pool of autocommit"]
# By chunks where libpq has them, and as it is before libpq 17.
WAYS = ["by row", "by chunks"] if CHUNKED else ["by row"]


class Place(NamedTuple):
    """A pool of one, and a source with more links than the server sends ahead."""

    given: Session
    relation: Any
    source: Any
    conninfo: str
    chunked: bool

    def stream(self, db: Any = None, **options: Any) -> Any:
        """A stream in the way that is tested."""
        paged = self.relation.stream.build(self.source, **options)
        way: Any = held if self.given.world == "sync" else held_async
        return way(db or self.given.db, paged, chunked=self.chunked)

    def links(self, **options: Any) -> Any:
        return self.given(self.relation.of, self.source, **options)

    def backend(self) -> int:
        """The process that serves the connection of the pool; to be asked, it must have come back."""
        ((pid,),) = self.given.execute("SELECT pg_backend_pid()")
        assert isinstance(pid, int)
        return pid

    def is_away(self) -> bool:
        return bool(self.given.db.get_stats()["pool_available"] == 0)

    def write_all(self) -> None:
        """Change every link of the source, on another connection."""
        with psycopg.connect(self.conninfo, autocommit=True) as conn:
            conn.execute("UPDATE user_aims SET role = CASE role WHEN 'moved' THEN 'member' ELSE 'moved' END")


@pytest.fixture(params=WORLDS)
def world(request: pytest.FixtureRequest) -> World:
    chosen: World = request.param
    return chosen


@pytest.fixture(params=WAYS)
def place(
    request: pytest.FixtureRequest, crowded: Crowd, runner: asyncio.Runner, world: World
) -> Generator[Place, None, None]:
    with session(crowded.conninfo, world, runner, "pool") as given:
        yield Place(given, aims.users, crowded.sources[AIMS_USERS.name], crowded.conninfo, request.param == "by chunks")


def test_gives_what_of_gives(place: Place) -> None:
    assert place.given.rows(place.stream()) == place.links()
    link = LinkFilter(roles=["nobody"])
    assert place.given.rows(place.stream(link=link)) == place.links(link=link) == []
    assert place.given.rows(place._replace(source=uuid4()).stream()) == []


def test_is_what_a_pool_gives(place: Place) -> None:
    """It starts when the first row is asked for, and has the connection until the last."""
    rows = place.relation.stream(place.given.db, place.source)
    assert not place.is_away()
    place.given.next_of(rows)
    assert place.is_away()
    assert len(place.given.rows(rows)) == MANY - 1
    assert not place.is_away()


def test_is_one_snapshot(place: Place) -> None:
    before, rows = place.links(), place.stream()
    met = [place.given.next_of(rows)]
    place.write_all()
    assert [*met, *place.given.rows(rows)] == before
    assert place.links() != before


def test_needs_little_memory(place: Place) -> None:
    assert peak(lambda: place.given.rows(place.stream(link=LinkFilter(roles=["nobody"])))) < 1_000_000
    assert peak(lambda: drained(place.given, place.stream())) < 1_000_000


@pytest.mark.parametrize("leave", ["close", "abandon", "fail"])
def test_leaving_it_gives_the_connection_back(place: Place, leave: str) -> None:
    backend = place.backend()
    for met in (1, SOME):
        rows = place.stream()
        for _ in range(met):
            place.given.next_of(rows)
        assert place.is_away()
        if leave == "close":
            place.given.close(rows)
        elif leave == "fail":
            with pytest.raises(ZeroDivisionError):
                place.given.awaited((rows.throw if place.given.world == "sync" else rows.athrow)(ZeroDivisionError()))
        del rows
        assert place.given(place.relation.count, [place.source]) == {place.source: MANY}
        assert place.backend() == backend


def test_closing_it_before_the_first_row_is_nothing(place: Place) -> None:
    place.given.close(place.stream())
    assert not place.is_away()


def test_a_server_that_ends_the_query_is_an_error(place: Place) -> None:
    backend, rows = place.backend(), place.stream()
    for _ in range(SOME):
        place.given.next_of(rows)
    with psycopg.connect(place.conninfo, autocommit=True) as conn:
        assert conn.execute("SELECT pg_cancel_backend(%s)", [backend]).fetchone() == (True,)
    with pytest.raises(errors.QueryCanceled):
        drained(place.given, rows)
    assert place.backend() == backend


def test_a_server_that_goes_is_an_error_and_the_pool_stays_at_its_size(place: Place) -> None:
    backend, rows = place.backend(), place.stream()
    for _ in range(SOME):
        place.given.next_of(rows)
    with psycopg.connect(place.conninfo, autocommit=True) as conn:
        assert conn.execute("SELECT pg_terminate_backend(%s, 5000)", [backend]).fetchone() == (True,)
    with pytest.raises(psycopg.OperationalError):
        drained(place.given, rows)
    assert place.backend() != backend
    assert place.given.db.get_stats()["pool_size"] == 1


def test_settings_cost_no_round_trip_and_are_gone_afterwards(place: Place) -> None:
    with wire(place.conninfo) as (away, counted), session(away, place.given.world, place.given.runner, "pool") as given:
        there = place._replace(given=given)
        mine = there.given.scoped({"app.user": "ana"})
        before = counted.round_trips
        assert len(given.rows(there.stream(mine.db))) == MANY
        assert counted.round_trips == before + 1
        assert given.execute("SELECT current_setting('app.user', true)") == [("",)]


def test_a_setting_that_fails_is_its_error(place: Place) -> None:
    backend = place.backend()
    place.given.execute("DO 'BEGIN END'")  # loads what knows the setting
    wrong = place.given.scoped({"plpgsql.check_asserts": "soon"})
    with pytest.raises(errors.InvalidParameterValue):
        place.given.next_of(place.stream(wrong.db))
    assert place.backend() == backend


def test_a_task_that_is_cancelled_while_it_waits_for_rows_gives_the_connection_back(
    crowded: Crowd, runner: asyncio.Runner, end: End
) -> None:
    with session(crowded.conninfo, "async", runner, "pool") as given, locked(crowded.conninfo):
        relation: Any = end.relation
        rows = relation.stream(given.db, crowded.sources[end.name])

        async def cancelled() -> None:
            task: asyncio.Task[Any] = asyncio.create_task(anext(rows))
            await asyncio.to_thread(wait_for_lock, crowded.conninfo)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

        runner.run(asyncio.wait_for(cancelled(), 60))
        assert given.execute("SELECT 1") == [(1,)]


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_pool(crowded: Crowd, runner: asyncio.Runner, world: World, kind: str, end: End) -> None:
    with session(crowded.conninfo, world, runner, kind) as given:
        source = crowded.sources[end.name]
        assert len(given.rows(end.far.stream(given.db))) >= MANY
        assert given.rows(end.relation.stream(given.db, source)) == given(end.relation.of, source)
        newest = given.rows(user_aims.stream(given.db, order_by="-joined_at"))
        assert [row.joined_at for row in newest] == sorted((row.joined_at for row in newest), reverse=True)
        assert given.is_as(kind)


def test_pages_in_a_transaction_of_repeatable_read_are_one_snapshot(
    crowded: Crowd, runner: asyncio.Runner, world: World, end: End
) -> None:
    source = crowded.sources[end.name]
    with session(crowded.conninfo, world, runner, "begun by the call") as given:
        given.awaited(given.db.set_isolation_level(psycopg.IsolationLevel.REPEATABLE_READ))
        before = given(end.relation.of, source)
        relation: Any = end.relation
        rows = relation.stream(given.db, source)
        met = [given.next_of(rows)]
        Place(given, end.relation, source, crowded.conninfo, True).write_all()
        assert [*met, *given.rows(rows)] == before
        given.awaited(given.db.rollback())
        assert given(end.relation.of, source) != before


def peak(read: Callable[[], object]) -> int:
    gc.collect()
    tracemalloc.start()
    try:
        read()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def drained(given: Session, rows: Any) -> None:
    async def drain() -> None:
        async for _ in rows:
            pass

    if given.world == "async":
        given.runner.run(drain())
        return
    for _ in rows:
        pass


@contextmanager
def locked(conninfo: str) -> Generator[None, None, None]:
    with psycopg.connect(conninfo) as conn:
        conn.execute("LOCK TABLE user_aims")
        yield


def wait_for_lock(conninfo: str) -> None:
    """Return when somebody waits for a lock."""
    until = monotonic() + 30
    with psycopg.connect(conninfo, autocommit=True) as conn:
        while not conn.execute("SELECT 1 FROM pg_locks WHERE NOT granted").fetchall():
            assert monotonic() < until, "nobody waits for a lock"
            sleep(0.01)
