"""`kill -9` at every point: what a killed process leaves, the next one completes, and nobody waits for the dead."""

import multiprocessing
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager
from threading import Event
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from tests.contract.migrations.catalogue import Catalogue, catalogue
from tests.integration.schema.marks import ALL
from tests.proxy import Wire
from useraim import schema

PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["psycopg", "yoyo", "useraim.schema"])


class Deadly(Wire):
    """Kills the process that speaks over it when it has spoken so often; its last words reach the server."""

    def __init__(self, conninfo: str, last: int | None) -> None:
        with psycopg.connect(conninfo) as conn:
            super().__init__((conn.info.host, conn.info.port))
        self.last = last
        own = make_conninfo(conninfo, host="127.0.0.1", port=self.port, sslmode="disable", gssencmode="disable")
        self.process: Any = PROCESSES.Process(target=schema.apply, args=[own])
        self.started = Event()

    def at_turn(self) -> None:
        if self.round_trips == self.last:
            assert self.started.wait(30)
            self.process.kill()

    def start(self) -> None:
        self.process.start()
        self.started.set()

    def status(self) -> int | None:
        self.process.join(60)
        return self.process.exitcode  # type: ignore[no-any-return]


@contextmanager
def applying(conninfo: str, *lasts: int | None) -> Generator[list[Deadly], None, None]:
    """Processes that apply, each killed after so many words, or not at all."""
    with ExitStack() as stack:
        wires: list[Deadly] = []
        for last in lasts:
            wires.append(Deadly(conninfo, last))
            stack.callback(wires[-1].close)
            stack.callback(wires[-1].process.kill)
            wires[-1].start()
        yield wires


@pytest.fixture(scope="module")
def words() -> list[int]:
    """How often a process speaks that is not killed; kept from test to test."""
    return []


@pytest.fixture
def turns(words: list[int], create_empty: Callable[[], str]) -> int:
    if not words:
        with applying(create_empty(), None) as (one,):
            assert one.status() == 0
            words.append(one.round_trips)
    return words[0]


@pytest.fixture
def fresh(create_empty: Callable[[], str]) -> Catalogue:
    conninfo = create_empty()
    schema.apply(conninfo)
    return catalogue(conninfo)


def is_complete(conninfo: str, fresh: Catalogue) -> None:
    with psycopg.connect(conninfo) as conn:
        assert schema.status(conn) == schema.Status(ALL, (), (), ())
        marks = "SELECT count(*) FROM _yoyo_migration"
        assert conn.execute(marks.encode()).fetchone() == (len(ALL),)
        # Killed with nothing left to do but to remove its lock: whoever has something to do removes it.
        locks = "SELECT pid FROM yoyo_lock WHERE ctime IS NOT NULL"
        assert conn.execute(locks.encode()).fetchall() == []
    assert catalogue(conninfo) == fresh


def kill_at(conninfo: str, last: int, fresh: Catalogue) -> None:
    with applying(conninfo, last) as (killed,):
        assert killed.status() == -9, f"not killed at {last}"
        done = schema.apply(conninfo)
    is_complete(conninfo, fresh)
    assert done == ALL[len(ALL) - len(done) :]
    with psycopg.connect(conninfo) as conn:
        assert not done or conn.execute("SELECT 1 FROM yoyo_lock").fetchone() is None


def five(conninfo: str, every: int, fresh: Catalogue) -> None:
    with applying(conninfo, *(every * n for n in range(1, 5)), None) as processes:
        statuses = [one.status() for one in processes]
    assert statuses[-1] == 0, statuses
    assert set(statuses[:-1]) <= {0, -9}
    is_complete(conninfo, fresh)


STEP = 12


@pytest.mark.parametrize("first", [1, 4, 7, 10])
def test_what_a_killed_process_has_left_is_completed(
    create_empty: Callable[[], str], turns: int, fresh: Catalogue, first: int
) -> None:
    for last in range(first, turns, STEP):
        kill_at(create_empty(), last, fresh)


@pytest.mark.parametrize("every", [10, 20, 35])
def test_four_of_five_are_killed_and_the_fifth_completes(
    create_empty: Callable[[], str], fresh: Catalogue, every: int
) -> None:
    five(create_empty(), every, fresh)


@pytest.mark.soak
def test_at_every_single_point(create_empty: Callable[[], str], turns: int, fresh: Catalogue) -> None:
    for last in range(1, turns):
        kill_at(create_empty(), last, fresh)
        five(create_empty(), last % 50 + 1, fresh)
