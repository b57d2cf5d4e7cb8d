"""A short run of the chaos, and that it would see what it looks for."""

import random
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from tests.chaos.compounds import COMPOUNDS
from tests.chaos.either import drive
from tests.chaos.estate import Estate
from tests.chaos.judge import in_the_log
from tests.chaos.links import LINKS
from tests.chaos.reads import READS
from tests.chaos.records import RECORDS
from tests.chaos.report import told
from tests.chaos.run import chaos
from tests.chaos.worker import Worker
from tests.chaos.writer import Shared, Write, Writer
from useraim import aims, user_aims, users


def test_nothing_that_was_acknowledged_is_lost_whatever_breaks() -> None:
    verdict = chaos(600, seed := random.randrange(10**9), kill_each=30, crash_each=220, promote_each=350)
    assert not verdict.wrong, f"seed {seed}: {told(verdict)}"
    assert verdict.counts["writes"] >= 600
    for what in ("kills", "crashes", "promotions", "gave up", "lost", "refused", "reads"):
        assert verdict.counts[what], f"seed {seed}, none of: {what}"


class TestItSees:
    """Faults that are planted are found."""

    def test_a_write_that_is_acknowledged_and_rolled_back(
        self, worker: Worker, there: "psycopg.Connection[Any]"
    ) -> None:
        with psycopg.connect(worker.conninfo) as unfinished:  # never committed
            worker.lend = lambda: unfinished
            assert "the end" in lived(worker, 30)

    def test_a_row_that_is_gone(self, worker: Worker, there: "psycopg.Connection[Any]") -> None:
        lived(worker, 60)
        assert worker.writer.estate.people
        there.execute("DELETE FROM users WHERE id = %s", [next(iter(worker.writer.estate.people))])
        assert "-> absent" in lived(worker, 0)

    def test_a_row_that_nobody_wrote(self, worker: Worker, there: "psycopg.Connection[Any]") -> None:
        lived(worker, 60)
        users.create(there, email=f"{worker.writer.estate.number}.x@chaos.org", name="Double")
        assert "absent -> Double" in lived(worker, 0)

    def test_an_update_that_another_has_overwritten(self, worker: Worker, there: "psycopg.Connection[Any]") -> None:
        def overwrite(db: Any) -> Any:
            users.update(db, user, name="new")
            return users.update(there, user, name="old")

        lived(worker, 60)
        after = worker.writer.estate.copy()
        user = next(iter(after.people))
        after.people[user] = "new"
        drive(worker._write(Write("planted", overwrite, after)))  # pyright: ignore[reportPrivateUsage]
        assert "new -> old" in lived(worker, 0)

    def test_a_write_that_is_left_half_done_by_who_gives_up(self, worker: Worker) -> None:
        def half(db: Any) -> Any:
            users.update(db, user, name="new")
            raise TimeoutError

        lived(worker, 60)
        after = worker.writer.estate.copy()
        user, other = list(after.people)[:2]
        after.people.update({user: "new", other: "new"})
        drive(worker._write(Write("planted", half, after)))  # pyright: ignore[reportPrivateUsage]
        assert "neither before" in worker.done.wrong[0]

    def test_an_answer_that_is_not_so(self, worker: Worker) -> None:
        lived(worker, 60)
        after = worker.writer.estate.copy()
        drive(worker._write(Write("planted", users.count, after, lambda _: False)))  # pyright: ignore[reportPrivateUsage]
        assert "planted told" in worker.done.wrong[0]

    def test_a_line_in_the_log_that_nothing_explains(self) -> None:
        lines = [
            "40P01|client backend|ERROR:  deadlock detected",
            "XX000|client backend|ERROR:  tuple concurrently updated",
            "57P01|client backend|PANIC:  no",
            "00000|checkpointer|LOG:  fine",
        ]
        counts, wrong = in_the_log(lines)
        assert counts.total() == 1
        assert [line.partition("|")[0] for line in wrong] == ["in the log: XX000", "in the log: 57P01"]


def test_every_public_operation_takes_part(worker: Worker) -> None:
    made: set[str] = set()
    while not (worker.writer.is_full(True) and worker.writer.is_full(False)):
        lived(worker, 20)  # what is created takes room, what is deleted needs it
        choices = [*LINKS, *RECORDS, *COMPOUNDS] * 20
        made |= {write.name for choice in choices if (write := choice(worker.writer))}
        made |= {read.name for kind in READS * 20 for read in kind(worker.writer)}
    public = {"users": users, "aims": aims, "user_aims": user_aims, "users.aims": users.aims, "aims.users": aims.users}
    names = {f"{room}.{name}" for room, there in public.items() for name in dir(there) if is_operation(there, name)}
    further = {"batch", "preview", "explain", "transaction.run", "bulk.load", "bulk.dump"}
    assert (names | further) - made == set()


def is_operation(room: Any, name: str) -> bool:
    return name[0].islower() and hasattr(getattr(room, name), "call")


def lived(worker: Worker, steps: int) -> str:
    """Let it do so many operations, look at all of it, and return what it finds wrong."""
    left = iter(range(steps))
    drive(worker.live(lambda _: next(left, None) is not None))
    return "; ".join(worker.done.wrong)


@pytest.fixture
def there(database: str) -> Iterator["psycopg.Connection[Any]"]:
    with psycopg.connect(database, autocommit=True) as conn:
        yield conn


@pytest.fixture
def worker(database: str, there: "psycopg.Connection[Any]") -> Iterator[Worker]:
    people = [users.create(there, email=f"hot{n}@chaos", name="hot").id for n in range(2)]
    goals = [aims.create(there, title=f"shared {n}").id for n in range(4)]
    pairs = list(zip(people, goals, strict=False))
    for pair in pairs:
        user_aims.create(there, *pair, role="hot")
    with psycopg.connect(database, autocommit=True) as conn:
        writer = Writer(Estate(7), Shared(goals[:3], pairs, goals[3]), random.Random(1))
        worker = Worker(writer, lambda: conn, database, called)
        yield worker
        if worker.watch:
            worker.watch.close()


def called(function: Callable[..., Any], *args: Any) -> Any:
    return function(*args)
