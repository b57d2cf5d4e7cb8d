"""Two callers at once: one holds its transaction open while the other waits for it."""

import threading
import time
from collections.abc import Callable
from typing import Any, TypeAlias, TypeVar

import psycopg

T = TypeVar("T")
Connection: TypeAlias = psycopg.Connection[Any]


def second_of(database: str, first: Callable[[Connection], object], second: Callable[[Connection], T]) -> T:
    """Run `first` in a transaction, `second` on another connection until it waits, commit, and give its result."""
    outcomes: list[T] = []
    failures: list[Exception] = []

    def run(conn: Connection) -> None:
        try:
            outcomes.append(second(conn))
        except Exception as error:
            failures.append(error)

    with psycopg.connect(database) as one, psycopg.connect(database, autocommit=True) as two:
        first(one)
        thread = threading.Thread(target=run, args=(two,))
        thread.start()
        until_waiting(database, thread=thread)
        one.commit()
        thread.join(timeout=20)
        assert not thread.is_alive(), "the second caller is not done though the first has committed"
    if failures:
        raise failures[0]
    return outcomes[0]


def until_waiting(database: str, conn: Connection | None = None, thread: threading.Thread | None = None) -> None:
    """Wait until a session, or any of the database, waits for a lock, or the thread that drives it has ended."""
    waiting = """SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()
        AND (%(pid)s::int IS NULL OR pid = %(pid)s)"""
    pid = {"pid": conn.info.backend_pid if conn else None}
    deadline = time.monotonic() + 20
    with psycopg.connect(database, autocommit=True) as watch:
        while (thread is None or thread.is_alive()) and watch.execute(waiting, pid).fetchone() is None:
            assert time.monotonic() < deadline, "nobody has come to wait for a lock"
            time.sleep(0.005)
