"""Callers at once, on connections of their own, and what they leave in the table."""

import threading
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, TypeAlias, TypeVar
from uuid import UUID

import psycopg
from psycopg.conninfo import make_conninfo

from tests.ends import End
from tests.worlds import World

V = TypeVar("V")
Connection: TypeAlias = psycopg.Connection[Any]
Work: TypeAlias = Callable[[Connection], Any]
Pairs: TypeAlias = frozenset[tuple[UUID, UUID]]

CALLERS = 8
# Whoever waits longer than this hangs: the test shall say so instead of hanging as well.
LIMITS = "-c lock_timeout=20s -c statement_timeout=30s"


class Racers:
    """Connections of their own, each with a thread; works start together and give results or exceptions."""

    def __init__(self, database: str) -> None:
        self.database = database
        conninfo = make_conninfo(database, options=LIMITS)
        self.connections = [psycopg.connect(conninfo, autocommit=True) for _ in range(CALLERS)]
        self.threads = ThreadPoolExecutor(CALLERS)
        self.outcomes: Counter[str] = Counter()

    def __call__(self, *works: Work) -> list[Any]:
        barrier = threading.Barrier(len(works))

        def run(conn: Connection, work: Work) -> Any:
            barrier.wait(timeout=30)
            try:
                return work(conn)
            except Exception as error:
                return error

        started = [self.threads.submit(run, *one) for one in zip(self.connections, works, strict=False)]
        return [one.result(timeout=60) for one in started]

    def close(self) -> None:
        self.threads.shutdown()
        for conn in self.connections:
            conn.close()


def each(values: Iterable[V], work: Callable[[Connection, V], Any]) -> list[Work]:
    """One work for each value."""
    return [partial(_swapped, work, value) for value in values]


def _swapped(work: Callable[[Connection, V], Any], value: V, conn: Connection) -> Any:
    return work(conn, value)


def no_failures(results: list[Any]) -> list[Any]:
    for result in results:
        if isinstance(result, Exception):
            raise result
    return results


def table(setup: World) -> Pairs:
    return frozenset((user, aim) for user, aim in setup.execute("SELECT user_id, aim_id FROM user_aims"))


def rows(setup: World) -> dict[tuple[UUID, UUID], tuple[str, tuple[str, ...]]]:
    found = setup.execute("SELECT user_id, aim_id, role, permissions FROM user_aims")
    return {(user, aim): (role, tuple(permissions)) for user, aim, role, permissions in found}


def pairs(end: End, source: Any, far: list[Any]) -> Pairs:
    return frozenset(end.pair(source.id, record.id) for record in far)
