"""Records are written in key order: callers who give the same ids in other orders wait, and never for each other."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any
from uuid import UUID

import psycopg
import pytest

from tests.ends import End
from tests.races.racers import LIMITS, Racers
from tests.waiting import until_waiting
from tests.worlds import World
from useraim import AlreadyExists
from useraim.ids import new_id

Create = Callable[[Any, End, Any, list[Any]], Any]


def create_many(conn: Any, end: End, _: Any, new: list[Any]) -> Any:
    return end.far.create_many(conn, new)


def create(conn: Any, end: End, source: Any, new: list[Any]) -> Any:
    relation: Any = end.relation
    return relation.create(conn, source, new)


def direct_control(conn: Any, end: End, source: Any, new: list[Any]) -> Any:
    relation: Any = end.relation
    return relation.direct_control(conn, source, new)


@pytest.fixture
def conns(race: Racers) -> Iterator[list[psycopg.Connection[Any]]]:
    """Three in a transaction of the caller's, where a deadlock is raised and not tried again."""
    with ExitStack() as stack:
        yield [stack.enter_context(psycopg.connect(race.database, options=LIMITS)) for _ in range(3)]


@pytest.mark.parametrize("write", [create_many, create, direct_control])
def test_two_that_create_the_same_records_in_opposite_orders_do_not_end_in_a_deadlock(
    race: Racers, conns: list[psycopg.Connection[Any]], setup: World, end: End, write: Create
) -> None:
    low, middle, high = sorted(new_id() for _ in range(3))
    sources = end.make_sources(setup, 2)
    holder, one, other = conns

    def asked(*ids: UUID) -> list[Any]:
        return [end.new(f"n-{id}", id) for id in ids]

    end.far.create_many(holder, asked(middle))
    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(_committed, one, lambda: write(one, end, sources[0], asked(low, middle, high)))
        until_waiting(race.database, one)
        second = threads.submit(_committed, other, lambda: write(other, end, sources[1], asked(high, middle, low)))
        until_waiting(race.database, other)
        holder.rollback()
        assert _failure(first) is None
        assert isinstance(_failure(second), AlreadyExists)


def _committed(conn: psycopg.Connection[Any], work: Callable[[], Any]) -> None:
    try:
        work()
        conn.commit()
    finally:
        conn.rollback()


def _failure(call: "Future[None]") -> BaseException | None:
    return call.exception(timeout=20)
