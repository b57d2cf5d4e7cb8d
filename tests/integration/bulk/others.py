"""Others at work while a load waits."""

import asyncio
import threading
import time
from collections.abc import Callable
from typing import Any
from uuid import UUID

import psycopg

from useraim import NewAim, NewUser, aims, bulk, user_aims, users
from useraim.bulk import BulkResult, Rejected


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
