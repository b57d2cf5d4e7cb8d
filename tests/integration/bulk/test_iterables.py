"""What makes the rows: streams, async iterables, writers on the same connection."""

import asyncio
import io
from collections.abc import AsyncIterator, Iterator
from typing import Any

import psycopg
import pytest

from tests.integration.bulk.loads import csv_file, load
from tests.worlds import World
from useraim import InvalidValue, NewAim, NewUser, aims, bulk, user_aims, users
from useraim.bulk import BulkResult


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
