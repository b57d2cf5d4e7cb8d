"""The session of the caller: its settings hold in each try, and a lost one is not replaced but by a pool."""

from collections.abc import Generator
from typing import Any

import psycopg
import pytest
from psycopg import AsyncConnection, Connection, IsolationLevel

from tests.integration.transactions.worlds import (
    BREAK,
    SERIALIZATION_FAILURE,
    Conn,
    Failing,
    World,
    backend_of,
    emails,
    until,
)


class TestTheSessionOfTheCaller:
    """A connection that is given is the only one used: nothing else has what its session was set to."""

    def test_a_lost_connection_ends_the_tries(self, world: World, own: Connection[Any]) -> None:
        work = Failing(1, BREAK)
        with pytest.raises(psycopg.OperationalError):
            world.run(world.connect(), work)
        assert work.tries == 1
        assert emails(own) == []

    def test_a_closed_connection_is_refused_before_work_is_called(self, world: World) -> None:
        work, conn = Failing(0), world.connect()
        world.result(conn.close())
        with pytest.raises(psycopg.OperationalError, match="closed"):
            world.run(conn, work)
        assert work.tries == 0

    def test_each_try_runs_with_the_settings_of_the_session(self, world: World) -> None:
        conn = world.connect(autocommit=True)
        world.set(conn, "isolation_level", IsolationLevel.SERIALIZABLE)
        world.result(conn.execute("SET search_path TO public, pg_temp"))
        seen: list[tuple[Any, ...]] = []

        def work(conn: Conn) -> Generator[Any, Any, None]:
            shown = yield conn.execute(
                "SELECT pg_backend_pid(), current_setting('transaction_isolation'), current_setting('search_path')"
            )
            seen.append((yield shown.fetchone()) if world.kind == "async" else shown.fetchone())
            if len(seen) < 3:
                yield conn.execute(SERIALIZATION_FAILURE)

        world.run(conn, work)
        assert seen == [(conn.info.backend_pid, "serializable", "public, pg_temp")] * 3

    @pytest.mark.parametrize("guard", ["read_only", "default_transaction_read_only"])
    def test_a_guard_against_writing_is_neither_bypassed_nor_taken_away(
        self, world: World, own: Connection[Any], guard: str
    ) -> None:
        conn = world.connect(autocommit=True)
        if guard == "read_only":
            world.set(conn, "read_only", True)
        else:
            world.result(conn.execute("SET default_transaction_read_only TO on"))
        work = Failing(0)
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            world.run(conn, work)
        assert work.tries == 1
        assert not conn.closed
        assert emails(own) == []

    def test_a_pool_of_read_only_connections_keeps_them(self, world: World, own: Connection[Any]) -> None:
        def guard(conn: Connection[Any]) -> None:
            conn.read_only = True

        async def guard_async(conn: AsyncConnection[Any]) -> None:
            await conn.set_read_only(True)

        pool = world.pool(configure=world.pick(guard, guard_async), max_size=1)
        backends = [world.run(pool, backend_of)]
        work = Failing(0)
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            world.run(pool, work)
        backends.append(world.run(pool, backend_of))
        assert work.tries == 1
        assert backends[0] == backends[1]
        assert emails(own) == []

    def test_a_pool_looks_for_another_server_when_its_own_has_become_read_only(
        self, world: World, own: Connection[Any]
    ) -> None:
        demoted: list[Conn] = []

        def demote(conn: Connection[Any]) -> None:
            if not demoted:
                demoted.append(conn)
                conn.execute("SET default_transaction_read_only TO on")
                conn.commit()

        async def demote_async(conn: AsyncConnection[Any]) -> None:
            if not demoted:
                demoted.append(conn)
                await conn.execute("SET default_transaction_read_only TO on")
                await conn.commit()

        pool = world.pool(configure=world.pick(demote, demote_async), max_size=1)
        assert world.run(pool, Failing(0)) == "try2@example.org"
        assert demoted[0].closed
        assert emails(own) == ["try2@example.org"]

    def test_connections_that_a_pool_held_idle_for_too_long_are_replaced(self, world: World) -> None:
        pool = world.pool(max_size=1, kwargs={"options": "-c idle_session_timeout=200"})
        world.run(pool, backend_of)
        with psycopg.connect(world.database, autocommit=True) as watch:
            until(
                watch, "SELECT count(*) = 0 FROM pg_stat_activity WHERE datname = current_database()"
                " AND pid <> pg_backend_pid() AND backend_type = 'client backend'",
                "the idle connection was to be ended",
            )  # fmt: skip
        assert world.run(pool, Failing(0)) == "try1@example.org"
