"""Work always runs in a transaction, whoever else uses the connection."""

import asyncio
import threading
from collections.abc import Generator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import psycopg
import pytest
from psycopg import AsyncConnection, Connection

from tests.integration.transactions.worlds import DEADLINE, Conn, Failing, World, emails, until
from useraim import transaction, users


def half(conn: Conn) -> Generator[Any, Any, None]:
    """Create a user, and fail: nothing of it may stay."""
    yield users.create(conn, email="half@example.org", name="Half")
    raise RuntimeError


class TestWorkAlwaysRunsInATransaction:
    def test_a_connection_busy_with_the_statement_of_another_is_waited_for(
        self, world: World, own: Connection[Any]
    ) -> None:
        conn = world.connect(autocommit=True)

        def main() -> None:
            with ThreadPoolExecutor(1) as threads:
                sleeping = threads.submit(conn.execute, "SELECT pg_sleep(0.5)")
                until(own, BUSY, "the other statement was to run", [conn.info.backend_pid])
                world.run(conn, half)
                sleeping.result(DEADLINE)

        async def main_async() -> None:
            sleeping = asyncio.create_task(conn.execute("SELECT pg_sleep(0.5)"))
            await asyncio.sleep(0.1)
            await asyncio.wait_for(world.start(conn, half), DEADLINE)
            await sleeping

        with pytest.raises(RuntimeError):
            world.result(world.pick(main, main_async)())
        assert emails(own) == []

    @pytest.mark.parametrize("autocommit", [True, False])
    @pytest.mark.parametrize("used", [True, False])
    def test_a_pipeline_without_a_transaction_is_refused_before_work_is_called(
        self, world: World, own: Connection[Any], autocommit: bool, used: bool
    ) -> None:
        work, conn = Failing(0), world.connect(autocommit=autocommit)

        def main() -> None:
            with conn.pipeline():
                if used and autocommit:
                    conn.execute("SELECT 1")
                world.run(conn, work)

        async def main_async() -> None:
            async with conn.pipeline():
                if used and autocommit:
                    await conn.execute("SELECT 1")
                await world.start(conn, work)

        with pytest.raises(psycopg.ProgrammingError, match="in a pipeline"):
            world.result(world.pick(main, main_async)())
        assert work.tries == 0
        assert emails(own) == []

    def test_a_connection_with_a_statement_that_was_never_finished_is_refused(self, world: World) -> None:
        work, conn = Failing(0), world.connect(autocommit=True)
        conn.pgconn.send_query(b"SELECT 1")
        with pytest.raises(psycopg.ProgrammingError, match="middle of a statement"):
            world.run(conn, work)
        assert work.tries == 0

    def test_threads_that_share_a_connection_do_not_end_up_in_each_others_transactions(
        self, database: str, own: Connection[Any]
    ) -> None:
        begun, ended = threading.Event(), threading.Event()

        def first(conn: Connection[Any]) -> None:
            users.create(conn, email="first@example.org", name="First")
            begun.set()
            assert not ended.wait(0.5), "the second ran inside the transaction of the first"
            raise RuntimeError

        def second(conn: Connection[Any]) -> None:
            ended.set()
            users.create(conn, email="second@example.org", name="Second")

        with psycopg.connect(database, autocommit=True) as conn, ThreadPoolExecutor(2) as threads:
            one: Future[None] = threads.submit(transaction.run, conn, first)
            assert begun.wait(DEADLINE), "the first was to begin"
            threads.submit(transaction.run, conn, second).result(DEADLINE)
            with pytest.raises(RuntimeError):
                one.result(DEADLINE)
        assert emails(own) == ["second@example.org"]

    def test_tasks_that_share_a_connection_do_not_end_up_in_each_others_transactions(
        self, database: str, own: Connection[Any]
    ) -> None:
        async def main() -> None:
            async with await AsyncConnection.connect(database, autocommit=True) as conn:

                async def one(number: int) -> None:
                    async def work(conn: AsyncConnection[Any]) -> None:
                        await users.create(conn, email=f"{number}@example.org", name="A")
                        await asyncio.sleep(0.01)
                        if number % 2:
                            raise RuntimeError

                    with suppress(RuntimeError):
                        await transaction.run(conn, work)

                await asyncio.gather(*(one(number) for number in range(8)))

        asyncio.run(asyncio.wait_for(main(), DEADLINE))
        assert emails(own) == [f"{number}@example.org" for number in (0, 2, 4, 6)]


BUSY = "SELECT state = 'active' FROM pg_stat_activity WHERE pid = %s"
