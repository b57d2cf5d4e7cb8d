"""A deadline ends every kind of wait that tests make."""

import asyncio
import subprocess
import threading
from collections.abc import Callable
from queue import Queue

import psycopg
import pytest

from tests.deadline import TooLong, within


async def forever() -> None:
    await asyncio.Event().wait()


def join_a_thread() -> None:
    end = threading.Event()
    thread = threading.Thread(target=end.wait)
    thread.start()
    try:
        thread.join()
    finally:
        end.set()


WAITS: list[Callable[[], object]] = [
    join_a_thread,
    lambda: threading.Event().wait(),
    lambda: threading.Barrier(2).wait(),
    lambda: Queue[None]().get(),
    lambda: subprocess.run(["sleep", "60"], check=True),
    lambda: asyncio.run(forever()),
]


@pytest.mark.parametrize("wait", WAITS)
def test_a_wait_ends_with_words(wait: Callable[[], object]) -> None:
    with pytest.raises(TooLong, match=r"what hangs is not done after 0\.1 s"), within(0.1, "what hangs"):
        wait()


def test_a_wait_for_a_lock_of_the_database_ends(database: str) -> None:
    with psycopg.connect(database) as holder:
        holder.execute("LOCK TABLE users")
        with pytest.raises(TooLong), psycopg.connect(database) as waiting, within(0.1, "a query"):
            waiting.execute("LOCK TABLE users")


def test_a_deadline_around_others_stays() -> None:
    wait = threading.Event().wait

    def others() -> None:
        with pytest.raises(TooLong, match="inner"), within(0.1, "inner"):
            wait()
        with within(60, "inner"):
            pass
        wait()

    with pytest.raises(TooLong, match="outer"), within(0.3, "outer"):
        others()


def test_what_is_done_in_time_passes() -> None:
    with within(60, "nothing"):
        pass
