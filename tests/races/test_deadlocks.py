"""Deadlocks made on purpose, and those that may happen. `-s` shows how often."""

# ruff: noqa: B023 - the works of a race end before the next turn of the loop

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import psycopg
import pytest

from tests.ends import make
from tests.races.racers import LIMITS, Connection, Racers, Work, no_failures, rows, table
from tests.waiting import until_waiting
from tests.worlds import World
from useraim import BrokenReference, aims, transaction, user_aims, users
from useraim.values import NewUserAim, User


class TestDeadlocks:
    """Locks taken in two orders: the server ends one of the two, which is sent again, or raised where it cannot be."""

    @pytest.fixture
    def cross(self, race: Racers, setup: World) -> Callable[[Callable[[User, list[Any]], Any]], Any]:
        """Another session and `call` wait for each other's links of one user; gives what became of `call`."""

        def run(call: Callable[[User, list[Any]], Any]) -> Any:
            (ana,), goals = make(setup, users, 1), make(setup, aims, 2)
            goals.sort(key=lambda goal: goal.id)
            setup(users.aims.append, ana, goals)
            # Who waits longer than deadlock_timeout looks for a circle once: the call does, after the other closed it.
            with (
                psycopg.connect(race.database, options=f"{LIMITS} -c deadlock_timeout=15s") as other,
                ThreadPoolExecutor(1) as thread,
            ):
                user_aims.update(other, ana, goals[1], role="of the other")
                waiting = thread.submit(call, ana, goals)
                until_waiting(race.database)
                user_aims.update(other, ana, goals[0], role="of the other")
                other.commit()
                return waiting.result(timeout=20)

        return run

    CALLER = f"{LIMITS} -c deadlock_timeout=400ms"

    @pytest.mark.parametrize("world", ["sync", "async"])
    def test_a_call_that_is_a_transaction_by_itself_is_sent_again(
        self, race: Racers, setup: World, cross: Callable[[Callable[[User, list[Any]], Any]], Any], world: str
    ) -> None:
        async def in_task(rows: list[NewUserAim]) -> Any:
            async with await psycopg.AsyncConnection.connect(
                race.database, autocommit=True, options=self.CALLER
            ) as conn:
                return await user_aims.put_many(conn, rows, on_match="update")

        def call(user: User, goals: list[Any]) -> Any:
            wanted = [NewUserAim(user, goal, role="mine") for goal in goals]
            if world == "async":
                return asyncio.run(in_task(wanted))
            with psycopg.connect(race.database, autocommit=True, options=self.CALLER) as conn:
                return user_aims.put_many(conn, wanted, on_match="update")

        before = self.deadlocks(setup)
        assert cross(call) == ["updated", "updated"]
        assert self.deadlocks(setup) > before
        assert {role for role, _ in rows(setup).values()} == {"mine"}

    def test_in_a_transaction_of_the_callers_it_is_raised_and_run_starts_again(
        self, race: Racers, setup: World, cross: Callable[[Callable[[User, list[Any]], Any]], Any]
    ) -> None:
        tries: list[BaseException] = []

        def call(user: User, goals: list[Any]) -> Any:
            def work(conn: Connection) -> Any:
                try:
                    return user_aims.put_many(
                        conn, [NewUserAim(user, goal, role="mine") for goal in goals], on_match="update"
                    )
                except psycopg.Error as error:
                    tries.append(error)
                    raise

            with psycopg.connect(race.database, options=self.CALLER) as conn:
                return transaction.run(conn, work)

        assert cross(call) == ["updated", "updated"]
        assert [type(error) for error in tries] == [psycopg.errors.DeadlockDetected]
        assert {role for role, _ in rows(setup).values()} == {"mine"}

    @pytest.mark.parametrize("other", ["delete_many", "direct_control", "merge", "put_many"])
    def test_beside_replaces_nothing_fails_and_nothing_is_left_behind(
        self, race: Racers, setup: World, other: str, tries: int
    ) -> None:
        for _ in range(tries // 4):
            people, goals = make(setup, users, 5), make(setup, aims, 16)
            for user in people:
                setup(users.aims.append, user, goals[:10])
            rows = [NewUserAim(user, goal, role="x") for goal in goals[:10] for user in people[:3]]
            works: dict[str, Work] = {
                "delete_many": lambda conn: aims.delete_many(conn, goals),
                "direct_control": lambda conn: users.aims.direct_control(conn, people[4], []),
                "merge": lambda conn: [user_aims.merge(conn, people[3], people[0]) for _ in goals],
                "put_many": lambda conn: user_aims.put_many(conn, rows, on_match="update"),
            }

            def replaces(conn: Connection) -> None:
                for user in people[:4]:
                    with suppress(BrokenReference):  # of what is deleted meanwhile
                        users.aims.replace(conn, user, goals[5:])

            def from_the_aims(conn: Connection) -> None:
                for goal in goals[:6]:
                    with suppress(BrokenReference):
                        aims.users.replace(conn, goal, people[:2])

            results = race(replaces, works[other], from_the_aims)
            no_failures([one for one in results if not isinstance(one, BrokenReference)])
            known = "SELECT 1 FROM user_aims JOIN users u ON u.id = user_id JOIN aims a ON a.id = aim_id"
            assert len(setup.execute(known)) == len(table(setup))

    @staticmethod
    def deadlocks(setup: World) -> int:
        """How many the server has found in this database; sessions tell when they are idle."""
        time.sleep(1.1)
        setup.execute("SELECT pg_stat_clear_snapshot()")
        ((count,),) = setup.execute("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
        return int(count)
