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
        _until_waiting(database, two, thread)
        one.commit()
        thread.join(timeout=20)
    if failures:
        raise failures[0]
    return outcomes[0]


def _until_waiting(database: str, conn: Connection, thread: threading.Thread) -> None:
    waiting = "SELECT wait_event_type = 'Lock' FROM pg_stat_activity WHERE pid = %s"
    with psycopg.connect(database, autocommit=True) as watch:
        while thread.is_alive() and watch.execute(waiting, [conn.info.backend_pid]).fetchone() != (True,):
            time.sleep(0.005)
