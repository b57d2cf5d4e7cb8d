"""`run` inside a transaction of the caller takes part in it."""

import asyncio
from collections.abc import Generator
from typing import Any

import psycopg
import pytest
from psycopg import AsyncConnection, Connection

from tests.integration.transactions.worlds import DEADLINE, Caught, Conn, Failing, World, creating, emails
from useraim import transaction


class TestInsideATransactionOfTheCaller:
    def test_work_runs_once_and_is_not_committed(self, world: World, own: Connection[Any]) -> None:
        work, conn = Failing(1), world.connect()
        world.result(conn.execute("SELECT 1"))
        with pytest.raises(psycopg.errors.SerializationFailure):
            world.run(conn, work)
        world.result(conn.rollback())
        world.result(conn.execute("SELECT 1"))
        assert world.run(conn, work) == "try2@example.org"
        world.result(conn.rollback())
        assert emails(own) == []

    def test_a_failed_statement_that_work_caught_is_raised(self, world: World) -> None:
        conn = world.connect()
        world.result(conn.execute("SELECT 1"))
        with pytest.raises(psycopg.errors.InFailedSqlTransaction):
            world.run(conn, Caught("SELECT 1 / 0"))

    def test_a_transaction_that_has_failed_is_refused_before_work_is_called(self, world: World) -> None:
        work, conn = Failing(0), world.connect()
        with pytest.raises(psycopg.errors.DivisionByZero):
            world.result(conn.execute("SELECT 1 / 0"))
        with pytest.raises(psycopg.errors.InFailedSqlTransaction):
            world.run(conn, work)
        assert work.tries == 0

    def test_work_that_commits_it_is_told_so(self, world: World) -> None:
        conn = world.connect()
        world.result(conn.execute("SELECT 1"))

        def work(conn: Conn) -> Generator[Any, Any, None]:
            yield conn.commit()

        with pytest.raises(psycopg.ProgrammingError, match="ended the transaction"):
            world.run(conn, work)

    def test_a_pipeline_of_the_caller_in_it_is_no_hindrance(self, world: World, own: Connection[Any]) -> None:
        work, conn = Failing(0), world.connect()

        def main() -> None:
            with conn.transaction(), conn.pipeline():
                conn.execute("SELECT 1")
                assert world.run(conn, work) == "try1@example.org"
                assert emails(own) == []

        async def main_async() -> None:
            async with conn.transaction(), conn.pipeline():
                await conn.execute("SELECT 1")
                assert await world.start(conn, work) == "try1@example.org"
                assert emails(own) == []

        world.result(world.pick(main, main_async)())
        assert emails(own) == ["try1@example.org"]

    def test_work_may_itself_run_work_which_takes_part(self, world: World, own: Connection[Any]) -> None:
        def outer(conn: Conn) -> Generator[Any, Any, str]:
            inner: str = yield world.start(conn, Failing(0))
            raise RuntimeError(inner)

        with pytest.raises(RuntimeError, match="try1"):
            world.run(world.connect(autocommit=True), outer)
        assert emails(own) == []

    def test_tasks_that_work_starts_and_awaits_take_part(self, database: str, own: Connection[Any]) -> None:
        async def main() -> None:
            async with await AsyncConnection.connect(database, autocommit=True) as conn:

                async def work(conn: AsyncConnection[Any]) -> None:
                    await asyncio.gather(*(transaction.run(conn, creating(f"{n}@example.org")) for n in range(3)))
                    raise RuntimeError

                with pytest.raises(RuntimeError):
                    await transaction.run(conn, work)

        asyncio.run(asyncio.wait_for(main(), DEADLINE))
        assert emails(own) == []
