"""Pools in place of a connection, and what cannot be in its place."""

import asyncio
import sqlite3
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any

import psycopg
import pytest
from psycopg.pq import TransactionStatus
from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool, AsyncNullConnectionPool, ConnectionPool, NullConnectionPool

from tests.ends import NOBODY, NOTHING, shown
from useraim import AlreadyExists, BrokenReference, NotFound, aims, users
from useraim.values import Aim, User


class TestPool:
    @pytest.mark.parametrize("kind", [ConnectionPool, NullConnectionPool])
    @pytest.mark.parametrize("autocommit", [True, False])
    def test_commits_on_return_and_gives_the_connection_back_as_it_was(
        self, database: str, kind: type[ConnectionPool[Any]], autocommit: bool
    ) -> None:
        settings = {"autocommit": autocommit, "row_factory": dict_row}
        with kind(database, min_size=0, max_size=1, kwargs=settings) as pool, psycopg.connect(database) as other:
            ana = users.create(pool, email="ana@example.org", name="Ana")
            run = aims.create(pool, title="Run")
            assert users.aims.replace(pool, ana, [run]).added == (run.id,)
            assert users.aims.has(other, ana, run)
            with pytest.raises(AlreadyExists):
                users.create(pool, email="ana@example.org", name="Ana")
            with pytest.raises(BrokenReference):
                users.aims.replace(pool, ana, [NOTHING])
            assert list(users.stream(pool)) == [ana]
            with pool.connection() as conn:
                assert conn.autocommit is autocommit
                assert conn.info.transaction_status == TransactionStatus.IDLE
                assert conn.execute("SELECT 1 AS one").fetchone() == {"one": 1}

    @pytest.mark.parametrize("kind", [AsyncConnectionPool, AsyncNullConnectionPool])
    @pytest.mark.parametrize("autocommit", [True, False])
    def test_async_commits_on_return_and_gives_the_connection_back_as_it_was(
        self, database: str, kind: type[AsyncConnectionPool[Any]], autocommit: bool
    ) -> None:
        async def use() -> None:
            pool = kind(database, min_size=0, max_size=1, kwargs={"autocommit": autocommit}, open=False)
            async with pool, other(database) as conn:
                ana = await users.create(pool, email="ana@example.org", name="Ana")
                run = await aims.create(pool, title="Run")
                assert (await users.aims.replace(pool, ana, [run])).added == (run.id,)
                assert await users.aims.has(conn, ana, run)
                with pytest.raises(AlreadyExists):
                    await users.create(pool, email="ana@example.org", name="Ana")
                assert [user async for user in users.stream(pool)] == [ana]
                async with pool.connection() as lent:
                    assert lent.autocommit is autocommit
                    assert lent.info.transaction_status == TransactionStatus.IDLE

        asyncio.run(use())

    def test_a_failed_operation_does_not_use_the_pool_up(self, database: str) -> None:
        with ConnectionPool[Any](database, min_size=1, max_size=1, timeout=2) as pool:
            for _ in range(3):
                with pytest.raises(NotFound):
                    users.get(pool, NOBODY)
            assert users.count(pool) == 0


@asynccontextmanager
async def other(database: str) -> AsyncGenerator[psycopg.AsyncConnection[Any], None]:
    async with await psycopg.AsyncConnection.connect(database, autocommit=True) as conn:
        yield conn


@pytest.mark.parametrize(
    "db", [None, "postgres:///", 5, object(), NOBODY, User, sqlite3.connect(":memory:")], ids=shown
)
def test_anything_else_in_place_of_a_database_is_a_type_error(db: Any) -> None:
    anyhow: Any = users
    uses: list[Callable[[], object]] = [
        lambda: anyhow.get(db, NOBODY), lambda: anyhow.create_many(db, []), lambda: anyhow.stream(db),
        lambda: anyhow.aims.replace(db, NOBODY, []), lambda: anyhow.page(db),
    ]  # fmt: skip
    for use in uses:
        with pytest.raises(TypeError):
            use()


def test_a_cursor_is_no_database(conn: psycopg.Connection[Any], run: Aim) -> None:
    anyhow: Any = aims.get
    with pytest.raises(TypeError):
        anyhow(conn.cursor(), run)
