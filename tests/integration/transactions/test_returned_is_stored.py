"""What `run` returns is stored: work cannot hide a failure, nor end the transaction by itself."""

import asyncio
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import psycopg
import pytest
from psycopg import AsyncConnection, Connection

from tests.integration.transactions.worlds import BREAK, DEADLINE, Caught, Conn, Failing, World, creating, emails, until
from useraim import BrokenReference, aims, transaction, users


class TestWhatIsReturnedIsStored:
    def test_an_error_of_a_race_that_work_caught_is_not_taken_for_success(
        self, world: World, own: Connection[Any]
    ) -> None:
        goal = aims.create(own, title="Run")

        def work(conn: Conn) -> Generator[Any, Any, str]:
            user = yield users.create(conn, email="lost@example.org", name="Lost")
            with suppress(BrokenReference):
                yield users.aims.append(conn, user, [goal])
            return str(user.email)

        with psycopg.connect(world.database) as deleting, ThreadPoolExecutor(1) as threads:
            aims.delete(deleting, goal)
            threads.submit(_commit_once_waited_for, deleting, own)
            with pytest.raises(psycopg.errors.InFailedSqlTransaction, match="user_aims_aim_id_fkey"):
                world.run(world.connect(), work)
        assert emails(own) == []

    @pytest.mark.parametrize("by_pool", [False, True])
    def test_a_failed_statement_that_work_caught_is_raised_and_the_connection_is_usable(
        self, world: World, own: Connection[Any], by_pool: bool
    ) -> None:
        work = Caught("SELECT 1 / 0")
        db = world.pool() if by_pool else world.connect()
        with pytest.raises(psycopg.errors.InFailedSqlTransaction, match="division by zero"):
            world.run(db, work)
        assert work.tries == 1
        assert emails(own) == []
        assert world.run(db, Failing(0)) == "try1@example.org"
        assert emails(own) == ["try1@example.org"]

    def test_a_failed_statement_that_a_nested_transaction_shields_does_no_harm(
        self, world: World, own: Connection[Any]
    ) -> None:
        def sync_work(conn: Connection[Any]) -> str:
            user = users.create(conn, email="a@example.org", name="A")
            with suppress(psycopg.errors.DivisionByZero), conn.transaction():
                conn.execute("SELECT 1 / 0")
            return user.email

        async def async_work(conn: AsyncConnection[Any]) -> str:
            user = await users.create(conn, email="a@example.org", name="A")
            with suppress(psycopg.errors.DivisionByZero):
                async with conn.transaction():
                    await conn.execute("SELECT 1 / 0")
            return user.email

        work = world.pick(sync_work, async_work)
        assert world.result(transaction.run(world.connect(), work)) == "a@example.org"
        assert emails(own) == ["a@example.org"]

    def test_a_lost_connection_that_work_caught_is_raised(self, world: World, own: Connection[Any]) -> None:
        work = Caught(BREAK)
        with pytest.raises(psycopg.OperationalError, match="lost"):
            world.run(world.connect(), work)
        assert work.tries == 1
        assert emails(own) == []

    def test_a_lost_connection_that_work_caught_is_made_good_by_a_pool(
        self, world: World, own: Connection[Any]
    ) -> None:
        assert world.run(world.pool(), Caught(BREAK, failures=1)) == "try2@example.org"
        assert emails(own) == ["try2@example.org"]

    def test_work_can_neither_commit_nor_roll_back(self, world: World, own: Connection[Any]) -> None:
        for end in ("commit", "rollback"):

            def work(conn: Conn, end: str = end) -> Generator[Any, Any, None]:
                yield users.create(conn, email="a@example.org", name="A")
                yield getattr(conn, end)()

            with pytest.raises(psycopg.ProgrammingError, match="forbidden"):
                world.run(world.connect(), work)
        assert emails(own) == []

    @pytest.mark.parametrize("end", ["COMMIT", "ROLLBACK"])
    def test_work_that_ended_the_transaction_by_sql_is_told_so(self, world: World, end: str) -> None:
        def work(conn: Conn) -> Generator[Any, Any, None]:
            yield users.create(conn, email="a@example.org", name="A")
            yield conn.execute(end)

        with pytest.raises(psycopg.ProgrammingError, match="ended the transaction"):
            world.run(world.connect(autocommit=True), work)

    def test_a_rollback_that_work_asks_for_reaches_the_caller(self, world: World, own: Connection[Any]) -> None:
        def work(conn: Conn) -> Generator[Any, Any, None]:
            yield users.create(conn, email="a@example.org", name="A")
            raise psycopg.Rollback

        with pytest.raises(psycopg.Rollback):
            world.run(world.connect(), work)
        assert emails(own) == []

    def test_work_that_leaves_a_pipeline_open_is_told_so(self, world: World, own: Connection[Any]) -> None:
        left: list[Any] = []

        def work(conn: Conn) -> Generator[Any, Any, None]:
            left.append(conn.pipeline())
            yield getattr(left[0], world.pick("__enter__", "__aenter__"))()
            yield users.create(conn, email="a@example.org", name="A")

        with pytest.raises(psycopg.ProgrammingError, match="pipeline of its own"):
            world.run(world.connect(), work)
        world.result(getattr(left[0], world.pick("__exit__", "__aexit__"))(None, None, None))
        assert emails(own) == []

    def test_the_failing_statement_of_another_task_just_before_commit_is_not_overlooked(
        self, database: str, own: Connection[Any]
    ) -> None:
        async def main() -> None:
            conn = await AsyncConnection.connect(database, autocommit=True)
            others: list[Any] = []

            async def work(conn: AsyncConnection[Any]) -> str:
                user = await users.create(conn, email="a@example.org", name="A")
                others.append(asyncio.create_task(conn.execute("SELECT pg_sleep(0.3)")))
                await asyncio.sleep(0.1)
                # It queues for the connection behind what looks at the transaction, and ahead of COMMIT.
                others.append(asyncio.create_task(conn.execute("SELECT 1 / 0")))
                return user.email

            async with conn:
                with pytest.raises(psycopg.errors.InFailedSqlTransaction):
                    await transaction.run(conn, work)
                outcomes = await asyncio.gather(*others, return_exceptions=True)
                assert isinstance(outcomes[1], psycopg.errors.DivisionByZero)
                assert await transaction.run(conn, creating("b@example.org")) == "b@example.org"

        asyncio.run(asyncio.wait_for(main(), DEADLINE))
        assert emails(own) == ["b@example.org"]


def _commit_once_waited_for(first: Connection[Any], watch: Connection[Any]) -> None:
    try:
        waiting = "SELECT count(*) = 1 FROM pg_stat_activity WHERE %s = ANY (pg_blocking_pids(pid))"
        until(watch, waiting, "work was to wait for the deletion", [first.info.backend_pid])
    finally:
        first.commit()
