"""Transactions that start again when the database asks for it."""

import asyncio
from typing import Any

import psycopg
import pytest
from psycopg_pool import AsyncConnectionPool, ConnectionPool

from useraim import InvalidValue, transaction, users

BREAK = "SELECT pg_terminate_backend(pg_backend_pid())"
SERIALIZATION_FAILURE = "DO $$ BEGIN RAISE SQLSTATE '40001'; END $$"


class Work:
    """Fails in the first `failures` tries by running `fault`; then creates a user."""

    def __init__(self, failures: int, fault: str = SERIALIZATION_FAILURE) -> None:
        self.failures = failures
        self.fault = fault
        self.tries = 0

    def __call__(self, conn: psycopg.Connection[Any]) -> str:
        self.tries += 1
        user = users.create(conn, email=f"try{self.tries}@example.org", name="A")
        if self.tries <= self.failures:
            conn.execute(self.fault.encode())
        return user.email

    async def run(self, conn: psycopg.AsyncConnection[Any]) -> str:
        self.tries += 1
        user = await users.create(conn, email=f"try{self.tries}@example.org", name="A")
        if self.tries <= self.failures:
            await conn.execute(self.fault.encode())
        return user.email


def emails(database: str) -> list[str]:
    with psycopg.connect(database) as conn:
        return [row[0] for row in conn.execute("SELECT email FROM users").fetchall()]


@pytest.mark.parametrize("fault", [SERIALIZATION_FAILURE, BREAK])
@pytest.mark.parametrize("autocommit", [True, False])
def test_work_starts_again_after_a_retryable_failure_and_is_committed_once(
    database: str, fault: str, autocommit: bool
) -> None:
    work = Work(2, fault)
    with psycopg.connect(database, autocommit=autocommit) as conn:
        assert transaction.run(conn, work) == "try3@example.org"
    assert emails(database) == ["try3@example.org"]


@pytest.mark.parametrize("fault", [SERIALIZATION_FAILURE, BREAK])
def test_work_starts_again_on_another_connection_of_the_pool(database: str, fault: str) -> None:
    with ConnectionPool(database, min_size=1, max_size=2) as pool:
        assert transaction.run(pool, Work(2, fault)) == "try3@example.org"
    assert emails(database) == ["try3@example.org"]


@pytest.mark.parametrize("fault", [SERIALIZATION_FAILURE, BREAK])
def test_async_work_starts_again(database: str, fault: str) -> None:
    async def main() -> tuple[str, str]:
        async with await psycopg.AsyncConnection.connect(database) as conn:
            one = await transaction.run(conn, Work(4, fault).run)
        async with AsyncConnectionPool(database, min_size=1, max_size=2) as pool:
            return one, await transaction.run(pool, Work(3, fault).run)

    assert asyncio.run(main()) == ("try5@example.org", "try4@example.org")


def test_after_the_last_attempt_the_failure_itself_is_raised(database: str) -> None:
    work = Work(9)
    with psycopg.connect(database) as conn, pytest.raises(psycopg.errors.SerializationFailure):
        transaction.run(conn, work, attempts=3)
    assert work.tries == 3
    assert emails(database) == []


def test_other_failures_are_raised_at_once(database: str) -> None:
    work = Work(9, "SELECT 1 / 0")
    with psycopg.connect(database) as conn, pytest.raises(psycopg.errors.DivisionByZero):
        transaction.run(conn, work)
    assert work.tries == 1


def test_inside_a_transaction_of_the_caller_work_runs_once_and_is_not_committed(database: str) -> None:
    work = Work(1)
    with psycopg.connect(database) as conn:
        conn.execute("SELECT 1")
        with pytest.raises(psycopg.errors.SerializationFailure):
            transaction.run(conn, work)
        conn.rollback()
        conn.execute("SELECT 1")
        assert transaction.run(conn, work) == "try2@example.org"
        conn.rollback()
    assert emails(database) == []


def test_a_strange_number_of_attempts_is_refused(database: str) -> None:
    with psycopg.connect(database) as conn, pytest.raises(InvalidValue):
        transaction.run(conn, Work(0), attempts=0)
