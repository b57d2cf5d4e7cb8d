"""One connection shared by threads or tasks: their operations take turns, those of several statements too."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from useraim import NewAim, NewUser, aims, users
from useraim.values import Changes


@pytest.mark.parametrize("autocommit", [True, False])
def test_tasks_may_share_a_connection(database: str, autocommit: bool) -> None:
    async def main() -> None:
        async with await psycopg.AsyncConnection.connect(database, autocommit=autocommit) as conn:
            people = await users.create_many(conn, [NewUser(f"p{n}@example.org", f"P{n}") for n in range(8)])
            goals = await aims.create_many(conn, [NewAim(f"Goal {n}") for n in range(10)])
            for _ in range(20):
                changes, found, loaded = await asyncio.gather(
                    asyncio.gather(*(users.aims.replace(conn, one, goals[n : n + 3]) for n, one in enumerate(people))),
                    asyncio.gather(*(users.get(conn, one) for one in people)),
                    users.aims.load(conn, people),
                )
                assert all(isinstance(change, Changes) for change in changes)
                assert found == people
                assert set(loaded) == {one.id for one in people}
            assert await users.aims.count(conn, people) == {one.id: 3 for one in people}

    asyncio.run(asyncio.wait_for(main(), 60))


def test_threads_may_share_a_connection(database: str) -> None:
    with psycopg.connect(database, autocommit=True) as conn, ThreadPoolExecutor(4) as threads:
        people = users.create_many(conn, [NewUser(f"p{n}@example.org", f"P{n}") for n in range(4)])
        goals = aims.create_many(conn, [NewAim(f"Goal {n}") for n in range(6)])

        def work(number: int) -> int:
            for _ in range(25):
                users.aims.replace(conn, people[number], goals[number : number + 3])
                assert users.get(conn, people[number]) == people[number]
            return len(users.aims.of(conn, people[number]))

        assert list(threads.map(work, range(4), timeout=60)) == [3, 3, 3, 3]
