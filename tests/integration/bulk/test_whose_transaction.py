"""Whose transaction a load is part of, and how a pool gets its connection back."""

import asyncio
import io
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from psycopg.pq import TransactionStatus
from psycopg_pool import AsyncConnectionPool, ConnectionPool

from tests.integration.bulk.others import Others
from useraim import BrokenReference, UserId, aims, bulk, user_aims, users


def test_a_pool_commits_the_load(database: str) -> None:
    with ConnectionPool(database, min_size=1, max_size=1) as pool:
        person = users.create(pool, email="a@example.org", name="A")
        goal = aims.create(pool, title="Run")
        assert bulk.load(pool, [(person.id, goal.id)]).added == 1
        assert user_aims.count(pool) == 1


def test_a_load_takes_part_in_a_transaction_that_has_not_begun_yet(database: str, others: Others, world: str) -> None:
    def seen() -> int:
        others.conn.rollback()
        return user_aims.count(others.conn)

    async def main() -> None:
        async with await psycopg.AsyncConnection.connect(database) as conn:
            await bulk.load(conn, others.pairs)
            assert conn.info.transaction_status == TransactionStatus.INTRANS
            assert seen() == 7
            await conn.rollback()
            await bulk.load(conn, others.pairs)
            await bulk.dump(conn, io.BytesIO())
            await conn.commit()

    assert seen() == 7
    if world == "async":
        asyncio.run(main())
    else:
        with psycopg.connect(database) as conn:
            bulk.load(conn, others.pairs)
            assert conn.info.transaction_status == TransactionStatus.INTRANS
            assert seen() == 7
            conn.rollback()
            bulk.load(conn, others.pairs)
            bulk.dump(conn, io.BytesIO())
            conn.commit()
    assert seen() == 20


@pytest.mark.parametrize("autocommit", [True, False])
def test_a_pool_commits_the_load_and_gets_its_connection_back_as_it_was(
    database: str, others: Others, world: str, autocommit: bool
) -> None:
    def check(conn: Any) -> None:
        assert (conn.autocommit, conn.info.transaction_status) == (autocommit, TransactionStatus.IDLE)

    async def main() -> None:
        kwargs = {"autocommit": autocommit}
        async with AsyncConnectionPool(database, min_size=1, max_size=1, kwargs=kwargs, open=False) as pool:
            await bulk.load(pool, others.pairs[:10])
            await bulk.dump(pool, io.BytesIO())
            with pytest.raises(BrokenReference):
                await bulk.load(pool, [*others.pairs, (UserId(uuid4()), others.goals[0])])
            async with pool.connection() as conn:
                check(conn)

    if world == "async":
        asyncio.run(main())
    else:
        kwargs = {"autocommit": autocommit}
        with ConnectionPool(database, min_size=1, max_size=1, kwargs=kwargs, open=True) as pool:
            bulk.load(pool, others.pairs[:10])
            bulk.dump(pool, io.BytesIO())
            with pytest.raises(BrokenReference):
                bulk.load(pool, [*others.pairs, (UserId(uuid4()), others.goals[0])])
            with pool.connection() as conn:
                check(conn)
    assert user_aims.count(others.conn) == len({*others.pairs[:10], *others.pairs[::3]})
