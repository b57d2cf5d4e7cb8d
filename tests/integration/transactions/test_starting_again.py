"""Which failures start work again, how often, and on which connection."""

from contextlib import suppress
from typing import Any

import psycopg
import pytest
from psycopg import AsyncConnection, Connection
from psycopg_pool import PoolClosed

from tests.integration.transactions.worlds import BREAK, SERIALIZATION_FAILURE, Failing, World, emails
from useraim import InvalidValue, transaction, users


class TestStartingAgain:
    @pytest.mark.parametrize("autocommit", [True, False])
    def test_work_starts_again_after_a_retryable_failure_and_is_committed_once(
        self, world: World, own: Connection[Any], autocommit: bool
    ) -> None:
        assert world.run(world.connect(autocommit=autocommit), Failing(4)) == "try5@example.org"
        assert emails(own) == ["try5@example.org"]

    @pytest.mark.parametrize("fault", [SERIALIZATION_FAILURE, BREAK])
    def test_work_starts_again_on_another_connection_of_the_pool(
        self, world: World, own: Connection[Any], fault: str
    ) -> None:
        assert world.run(world.pool(), Failing(2, fault)) == "try3@example.org"
        assert emails(own) == ["try3@example.org"]

    def test_after_the_last_attempt_the_failure_itself_is_raised(self, world: World, own: Connection[Any]) -> None:
        work = Failing(9)
        with pytest.raises(psycopg.errors.SerializationFailure):
            world.run(world.connect(), work, attempts=3)
        assert work.tries == 3
        assert emails(own) == []

    def test_other_failures_are_raised_at_once(self, world: World) -> None:
        work = Failing(9, "SELECT 1 / 0")
        with pytest.raises(psycopg.errors.DivisionByZero):
            world.run(world.connect(), work)
        assert work.tries == 1

    def test_a_strange_number_of_attempts_is_refused(self, world: World) -> None:
        work = Failing(0)
        with pytest.raises(InvalidValue):
            world.run(world.connect(), work, attempts=0)
        assert work.tries == 0

    def test_a_pipeline_that_was_aborted_by_a_failure_is_not_started_again(self, world: World) -> None:
        tries: list[int] = []

        def sync_work(conn: Connection[Any]) -> None:
            tries.append(1)
            with conn.pipeline():
                conn.execute("SELECT 1 / 0")
                with suppress(psycopg.errors.DivisionByZero):
                    users.count(conn)
                users.count(conn)

        async def async_work(conn: AsyncConnection[Any]) -> None:
            tries.append(1)
            async with conn.pipeline():
                await conn.execute("SELECT 1 / 0")
                with suppress(psycopg.errors.DivisionByZero):
                    await users.count(conn)
                await users.count(conn)

        with pytest.raises(psycopg.errors.PipelineAborted):
            world.result(transaction.run(world.connect(), world.pick(sync_work, async_work)))
        assert len(tries) == 1

    def test_a_pool_that_is_closed_is_not_asked_again(self, world: World) -> None:
        pool = world.pool()
        asked: list[int] = []
        world.result(pool.close())
        pool.getconn = _counting(pool.getconn, asked)
        with pytest.raises(PoolClosed):
            world.run(pool, Failing(0))
        assert len(asked) == 1


def _counting(getconn: Any, asked: list[int]) -> Any:
    def counted(timeout: float | None = None) -> Any:
        asked.append(1)
        return getconn(timeout)

    return counted
