"""Pairs to load, and others at work."""

import signal
from collections.abc import Iterator
from types import FrameType

import psycopg
import pytest

from tests.integration.bulk.loads import Pair
from tests.integration.bulk.others import Others
from tests.worlds import World
from useraim import NewAim, NewUser, aims, users


@pytest.fixture(autouse=True)
def deadline() -> Iterator[None]:
    """A test that waits for ever fails."""

    def fail(_: int, __: FrameType | None) -> None:
        raise TimeoutError("this test waits for longer than a minute")

    before = signal.signal(signal.SIGALRM, fail)
    signal.alarm(60)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture
def pairs(call: World) -> list[Pair]:
    people = call(users.create_many, [NewUser(f"p{n}@example.org", f"P{n}") for n in range(40)])
    goals = call(aims.create_many, [NewAim(f"Goal {n}") for n in range(5)])
    return [(person.id, goal.id) for person in people for goal in goals]


@pytest.fixture(params=["sync", "async"])
def world(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def others(database: str) -> Iterator[Others]:
    with psycopg.connect(database) as conn:
        yield Others(database, conn)
