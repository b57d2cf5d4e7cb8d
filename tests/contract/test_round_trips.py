"""Every operation costs one round trip, counted on the wire: on a connection, in a transaction, and on a pool."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import psycopg
import pytest
from psycopg_pool import AsyncConnectionPool, ConnectionPool

from tests.proxy import Wire, wire
from tests.uses import Use, every_use, fresh
from useraim import AlreadyExists, user_aims, users


@pytest.fixture(scope="module")
def counted(create_database: Callable[[], str]) -> Iterator[tuple[str, Wire]]:
    with wire(create_database()) as found:
        yield found


@pytest.fixture(scope="module")
def uses(counted: tuple[str, Wire]) -> list[Use]:
    return every_use(counted[0])


def costs(wire: Wire, db: Any, uses: list[Use], runner: asyncio.Runner | None) -> dict[str, int]:
    """The round trips of each operation that takes another number of them than one, once it is warm."""

    def use(operation: Any, make: Callable[[], tuple[Any, ...]], kwargs: dict[str, Any]) -> None:
        with suppress(AlreadyExists):
            result = operation(db, *make(), **kwargs)
            if runner:
                runner.run(result)

    found: dict[str, int] = {}
    for name, operation, make, kwargs in uses:
        for _ in range(2):
            use(operation, make, kwargs)
        before = wire.round_trips
        use(operation, make, kwargs)
        if (trips := wire.round_trips - before) != 1:
            found[name] = trips
    return found


@pytest.mark.parametrize("threshold", [0, None])
@pytest.mark.parametrize("begin", [False, True], ids=["autocommit", "transaction"])
def test_on_a_connection(counted: tuple[str, Wire], uses: list[Use], begin: bool, threshold: int | None) -> None:
    conninfo, wire = counted
    with psycopg.connect(conninfo, autocommit=True, prepare_threshold=threshold) as conn:
        if begin:
            conn.execute("BEGIN")
        assert costs(wire, conn, uses, None) == {}


@pytest.mark.parametrize("begin", [False, True], ids=["autocommit", "transaction"])
def test_on_an_async_connection(
    counted: tuple[str, Wire], uses: list[Use], begin: bool, runner: asyncio.Runner
) -> None:
    conninfo, wire = counted
    conn = runner.run(psycopg.AsyncConnection.connect(conninfo, autocommit=True, prepare_threshold=0))
    try:
        if begin:
            runner.run(conn.execute("BEGIN"))
        assert costs(wire, conn, uses, runner) == {}
    finally:
        runner.run(conn.close())


@pytest.mark.parametrize("autocommit", [True, False])
def test_on_a_pool(counted: tuple[str, Wire], uses: list[Use], autocommit: bool) -> None:
    conninfo, wire = counted
    settings = {"prepare_threshold": 0, "autocommit": autocommit}
    with ConnectionPool[Any](conninfo, min_size=1, max_size=1, kwargs=settings) as pool:
        pool.wait()
        assert costs(wire, pool, uses, None) == {}


def test_on_an_async_pool(counted: tuple[str, Wire], uses: list[Use], runner: asyncio.Runner) -> None:
    conninfo, wire = counted
    pool = AsyncConnectionPool[Any](conninfo, min_size=1, max_size=1, kwargs={"prepare_threshold": 0}, open=False)
    runner.run(pool.open(wait=True))
    try:
        assert costs(wire, pool, uses, runner) == {}
    finally:
        runner.run(pool.close())


def test_a_statement_becomes_prepared_by_itself_and_costs_one_round_trip_then(counted: tuple[str, Wire]) -> None:
    conninfo, wire = counted
    with psycopg.connect(conninfo, autocommit=True) as conn:
        trips: list[int] = []
        for _ in range(10):
            before = wire.round_trips
            users.count(conn)
            trips.append(wire.round_trips - before)
    assert trips[:5] == trips[7:] + trips[:2] == [1] * 5


def test_an_open_transaction_begins_with_a_round_trip_of_its_own_at_most(counted: tuple[str, Wire]) -> None:
    conninfo, wire = counted
    with psycopg.connect(conninfo) as conn:
        before = wire.round_trips
        users.count(conn)
        users.count(conn)
        assert wire.round_trips - before <= 3


def test_nothing_to_do_costs_nothing(counted: tuple[str, Wire]) -> None:
    conninfo, wire = counted
    with psycopg.connect(conninfo, autocommit=True) as conn:
        ana = users.create(conn, email=fresh(), name="Ana")
        before = wire.round_trips
        assert users.create_many(conn, []) == []
        assert users.find_many(conn, []) == {}
        assert users.delete_many(conn, []) == ()
        assert not users.aims.append(conn, ana, [])
        assert not users.aims.update(conn, ana, [])
        assert not users.aims.remove(conn, ana, [])
        assert users.aims.create(conn, ana, []) == []
        assert users.aims.load(conn, []) == {}
        assert len(users.aims.frame(conn, [])) == 0
        assert list(users.aims.frames(conn, [])) == []
        assert users.aims.count(conn, []) == {}
        assert users.aims.count_by_role(conn, []) == {}
        assert user_aims.put_many(conn, []) == []
        assert user_aims.find_many(conn, []) == []
        assert user_aims.delete_many(conn, []) == ()
        assert wire.round_trips == before
        users.aims.replace(conn, ana, [])
        users.aims.direct_control(conn, ana, [])
        assert wire.round_trips - before == 2
