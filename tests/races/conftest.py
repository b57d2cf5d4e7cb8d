"""Racers on an empty database, and how often they race."""

import asyncio
from collections.abc import Callable, Iterator

import pytest

from tests.races.racers import Racers
from tests.worlds import World


@pytest.fixture(scope="module")
def racers(create_database: Callable[[], str]) -> Iterator[Racers]:
    racers = Racers(create_database())
    yield racers
    racers.close()


@pytest.fixture
def race(racers: Racers, request: pytest.FixtureRequest) -> Iterator[Racers]:
    """The racers in an empty database."""
    racers.outcomes.clear()
    racers.connections[0].execute("TRUNCATE users, aims, user_aims")
    yield racers
    print(f"\n    {request.node.name}: {dict(racers.outcomes.most_common())}")


@pytest.fixture
def setup(race: Racers, runner: asyncio.Runner) -> World:
    """Prepares and looks, between the races."""
    return World(race.connections[0], runner)


@pytest.fixture(params=[100, pytest.param(1_000, marks=pytest.mark.soak)], ids=["", "soak"])
def tries(request: pytest.FixtureRequest) -> int:
    count: int = request.param
    return count
