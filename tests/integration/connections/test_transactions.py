"""Who commits: autocommit, transactions and pipelines of the caller."""

import asyncio
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from psycopg.pq import TransactionStatus

from tests.ends import NOBODY, NOTHING
from tests.integration.connections.uses import everything
from tests.worlds import World
from useraim import AlreadyExists, BrokenReference, Conflict, Error, NotFound, aims, user_aims, users
from useraim.values import NewAim, NewUser


def test_autocommit_commits_on_return(connect: Callable[..., World]) -> None:
    call, other = connect(autocommit=True), connect(autocommit=True)
    ana = call(users.create, email="ana@example.org", name="Ana")
    assert call.db.info.transaction_status == TransactionStatus.IDLE
    assert other(users.get, ana) == ana
    run = call(aims.create, title="Run")
    call(users.aims.replace, ana, [run])
    assert call.db.info.transaction_status == TransactionStatus.IDLE
    assert other(users.aims.has, ana, run)


def test_an_idle_connection_without_autocommit_begins_a_transaction_and_leaves_it_open(
    connect: Callable[..., World],
) -> None:
    call, other = connect(), connect(autocommit=True)
    ana = call(users.create, email="ana@example.org", name="Ana")
    assert call.db.info.transaction_status == TransactionStatus.INTRANS
    run = call(aims.create, title="Run")
    call(users.aims.replace, ana, [run])
    assert call.db.info.transaction_status == TransactionStatus.INTRANS
    assert other(users.count) == 0
    call.execute("ROLLBACK")
    assert call(users.count) == 0


def test_a_first_operation_of_several_statements_begins_a_transaction_too(connect: Callable[..., World]) -> None:
    first, call, other = connect(autocommit=True), connect(), connect(autocommit=True)
    ana = first(users.create, email="ana@example.org", name="Ana")
    run = first(aims.create, title="Run")
    call(users.aims.replace, ana, [run])
    assert call.db.info.transaction_status == TransactionStatus.INTRANS
    assert not other(users.aims.has, ana, run)


@pytest.mark.parametrize("autocommit", [True, False])
def test_a_transaction_of_the_caller_is_joined(connect: Callable[..., World], autocommit: bool) -> None:
    call, other = connect(autocommit=autocommit), connect(autocommit=True)
    call.execute("BEGIN" if autocommit else "SELECT 1")
    call.execute("SAVEPOINT mine")
    ana = call(users.create, email="ana@example.org", name="Ana")
    call(users.aims.replace, ana, [])
    call.execute("ROLLBACK TO mine")
    assert call(users.find, ana) is None
    bo = call(users.create, email="bo@example.org", name="Bo")
    assert other(users.find, bo) is None
    call.execute("COMMIT")
    assert other(users.find, bo) == bo


def test_expected_failures_leave_the_transaction_usable(connect: Callable[..., World]) -> None:
    call = connect()
    ana = call(users.create, email="ana@example.org", name="Ana")
    run, read = call(aims.create_many, [NewAim("Run"), NewAim("Read")])
    call(user_aims.create, ana, run)
    failures: list[tuple[type[Error], Any, tuple[Any, ...], dict[str, Any]]] = [
        (AlreadyExists, users.create, (), {"email": "ANA@example.org", "name": "Ana"}),
        (AlreadyExists, users.create, (), {"email": "other@example.org", "name": "Ana", "id": ana.id}),
        (AlreadyExists, aims.create_many, ([NewAim("Run", id=run.id)],), {}),
        (AlreadyExists, user_aims.create, (ana, run), {}),
        (AlreadyExists, user_aims.put_many, ([(ana, run)],), {"on_match": "error"}),
        (AlreadyExists, users.aims.append, (ana, [run]), {"on_match": "error"}),
        (AlreadyExists, users.aims.replace, (ana, [run]), {"on_match": "error"}),
        (BrokenReference, user_aims.create, (NOBODY, NOTHING), {}),
        (BrokenReference, user_aims.put_many, ([(NOBODY, run), (ana, NOTHING)],), {}),
        (BrokenReference, user_aims.merge, (NOBODY, ana), {}),
        (BrokenReference, users.aims.replace, (ana, [NOTHING]), {}),
        (BrokenReference, aims.users.create, (NOTHING, [NewUser("bo@example.org", "Bo")]), {}),
        (BrokenReference, users.aims.direct_control, (NOBODY, []), {}),
        (NotFound, users.get, (NOBODY,), {}),
        (NotFound, users.update, (NOBODY,), {"name": "Nobody"}),
        (NotFound, user_aims.grant, (ana, read, ["x"]), {}),
        (NotFound, users.aims.update, (ana, [run, read]), {"role": "x"}),
        (NotFound, users.aims.direct_control, (ana, [run, read]), {}),
        (Conflict, user_aims.update, (ana, run), {"role": "x", "if_role": "y"}),
    ]
    for expected, operation, args, kwargs in failures:
        with pytest.raises(expected) as caught:
            call(operation, *args, **kwargs)
        assert call.db.info.transaction_status == TransactionStatus.INTRANS
        assert caught.value.__cause__ is None
        assert len(str(caught.value)) < 200
        assert "%(" not in str(caught.value)
    assert call(users.count) == call(user_aims.count) == 1
    assert call(user_aims.get, ana, run).role == "member"
    call.execute("COMMIT")
    assert connect(autocommit=True)(users.get, ana) == ana


def test_a_failure_behind_a_lock_leaves_an_autocommit_connection_idle(committed: World, database: str) -> None:
    ana = committed(users.create, email="ana@example.org", name="Ana")
    run = committed(aims.create, title="Run")
    committed(users.aims.append, ana, [run])
    committed.execute("SET lock_timeout = '50ms'")
    with psycopg.connect(database) as other:
        users.aims.replace(other, ana, [])
        for _ in range(7):  # also when the statements are prepared by then
            with pytest.raises(psycopg.errors.LockNotAvailable):
                committed(users.aims.replace, ana, [])
            assert committed.db.info.transaction_status == TransactionStatus.IDLE
            assert committed(users.aims.has, ana, run)
        other.rollback()
    with pytest.raises(BrokenReference):
        committed(users.aims.replace, ana, [NOTHING])
    assert committed.db.info.transaction_status == TransactionStatus.IDLE
    assert committed(users.aims.replace, ana, [run]).unchanged == (run.id,)


class TestPipelineOfTheCaller:
    def test_sync(self, database: str) -> None:
        with psycopg.connect(database, autocommit=True) as conn:
            with conn.pipeline():
                everything(World(conn, asyncio.Runner()))
            assert conn.info.transaction_status == TransactionStatus.IDLE

    def test_async(self, database: str) -> None:
        async def use() -> None:
            async with await psycopg.AsyncConnection.connect(database, autocommit=True) as conn, conn.pipeline():
                ana = await users.create(conn, email="ana@example.org", name="Ana")
                run = await aims.create(conn, title="Run")
                assert (await users.aims.replace(conn, ana, [run])).added == (run.id,)
                with pytest.raises(AlreadyExists):
                    await users.create(conn, email="ana@example.org", name="Ana")
                assert [user async for user in users.stream(conn)] == [ana]
                assert [await users.delete(conn, ana) for _ in range(2)] == [True, False]

        asyncio.run(use())

    def test_a_transaction_in_it_is_joined(self, database: str) -> None:
        with psycopg.connect(database) as conn:
            with conn.pipeline():
                ana = users.create(conn, email="ana@example.org", name="Ana")
                users.aims.replace(conn, ana, [])
            assert conn.info.transaction_status == TransactionStatus.INTRANS
            conn.rollback()
            assert users.count(conn) == 0
