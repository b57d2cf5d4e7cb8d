"""Migrations while the application is at work: they wait for no table with everybody else behind them."""

import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from itertools import count
from queue import Queue
from typing import Any

import psycopg
import pytest

from tests.integration.schema.marks import ALL, wait_until
from useraim import Conflict, schema

LOCKS = {
    # What each asks for, and what of an application's transaction is in its way.
    "foreign keys": (ALL[1], "LOCK TABLE users IN ROW EXCLUSIVE MODE", "UPDATE users SET name = name"),
    "new columns": (ALL[2], "LOCK TABLE user_aims IN ACCESS SHARE MODE", "SELECT count(*) FROM user_aims"),
}


@contextmanager
def in_a_thread(work: Callable[[], Any]) -> Generator[Queue[Any], None, None]:
    """Work beside, and give a queue of its one result: what it returns or raises."""
    result: Queue[Any] = Queue()

    def run() -> None:
        try:
            result.put(work())
        except Exception as error:
            result.put(error)

    thread = threading.Thread(target=run)
    thread.start()
    yield result
    thread.join(timeout=30)
    assert not thread.is_alive()


def tries(watch: psycopg.Connection[Any]) -> Callable[[], bool]:
    """Whether a migration has been seen waiting for a lock, and not waiting, twice each."""
    seen: list[bool] = []

    def enough() -> bool:
        waits = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
        row = watch.execute(waits).fetchone()
        now = row is not None and row[0] > 0
        seen.append(now) if not seen or seen[-1] != now else None
        return seen.count(True) >= 2

    return enough


def working(conninfo: str, use: str, stop: threading.Event) -> int:
    """The application: how often it has done its work by the end. Who waits for a second has waited too long."""
    with psycopg.connect(conninfo, autocommit=True) as app:
        app.execute("SET statement_timeout = '1s'")
        for done in count(1):
            app.execute(use.encode())
            if stop.wait(0.01):
                return done
    raise AssertionError


@pytest.mark.parametrize("kind", LOCKS)
def test_a_long_transaction_delays_a_migration_and_nobody_else(empty: str, kind: str) -> None:
    """All the time that it cannot have the table, others come through."""
    before, held, use = LOCKS[kind]
    schema.apply(empty)
    schema.rollback(empty, to=before)
    stop = threading.Event()
    with psycopg.connect(empty) as long, psycopg.connect(empty, autocommit=True) as watch:
        long.execute(held.encode())
        with in_a_thread(lambda: schema.apply(empty)) as applied, in_a_thread(lambda: working(empty, use, stop)) as app:
            enough = tries(watch)
            wait_until(lambda: enough() or not app.empty(), "the migration does not try again")
            stop.set()
            assert app.get(timeout=30) > 0
            assert applied.empty()
            long.rollback()
            assert applied.get(timeout=30) == ALL[ALL.index(before) + 1 :]


def test_whose_transaction_is_in_the_way_is_told_after_a_while(empty: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("useraim.core.migrating._PATIENCE", 0.5)
    schema.apply(empty)
    schema.rollback(empty, to=ALL[1])
    with psycopg.connect(empty) as long, psycopg.connect(empty) as idle:
        long.execute("LOCK TABLE users IN ROW EXCLUSIVE MODE")
        idle.execute("SELECT 1")
        with pytest.raises(Conflict, match=rf"{ALL[2]} .* the sessions {long.info.backend_pid}, .*apply again"):
            schema.apply(empty)
        with psycopg.connect(empty) as conn:
            assert schema.status(conn).applied == ALL[:2]
            assert conn.execute("SELECT to_regclass('user_aims'), count(*) FROM yoyo_lock").fetchone() == (None, 0)
    assert schema.apply(empty) == ALL[2:]


def test_an_index_is_built_behind_a_long_transaction_whatever_the_sessions_settings_say(empty: str) -> None:
    """A build that gave up would leave an invalid index; while it waits it holds up nobody."""
    schema.apply(empty)
    schema.rollback(empty, to=ALL[4])
    with psycopg.connect(empty, autocommit=True) as conn:
        conn.execute(
            "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET lock_timeout = 10', current_database()); END $$"
        )
    with psycopg.connect(empty) as long, psycopg.connect(empty, autocommit=True) as watch:
        long.execute("LOCK TABLE user_aims IN ROW EXCLUSIVE MODE")
        with in_a_thread(lambda: schema.apply(empty)) as applied:
            wait_until(
                lambda: watch.execute("SELECT 1 FROM pg_index WHERE NOT indisvalid").fetchone(), "no build has begun"
            )
            watch.execute("SET statement_timeout = '20s'")
            for use in ("INSERT INTO users (name, email) VALUES ('Ana', 'ana@example.org')", "DELETE FROM user_aims"):
                watch.execute(use.encode())
            assert applied.empty()
            long.rollback()
            assert applied.get(timeout=30) == ALL[5:]
        assert watch.execute("SELECT count(*) FROM pg_index WHERE NOT indisvalid").fetchone() == (0,)


def test_the_index_of_addresses_is_swapped_when_the_table_is_free_and_not_built_again(empty: str) -> None:
    schema.apply(empty)
    schema.rollback(empty, to=ALL[7])
    with psycopg.connect(empty) as long, psycopg.connect(empty, autocommit=True) as watch:
        valid = "SELECT indexrelid FROM pg_index WHERE indexrelid = to_regclass('users_email_new_key') AND indisvalid"
        long.execute("LOCK TABLE users IN ACCESS SHARE MODE")
        with in_a_thread(lambda: schema.apply(empty)) as applied:
            enough = tries(watch)
            wait_until(lambda: enough() or not applied.empty(), "the swap is not tried again")
            built = watch.execute(valid.encode()).fetchone()
            long.rollback()
            assert applied.get(timeout=30) == ALL[8:]
        assert watch.execute("SELECT 'users_email_key'::regclass::oid").fetchone() == built
