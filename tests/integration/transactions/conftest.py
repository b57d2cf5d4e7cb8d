"""Both worlds, and a connection that sees what they commit."""

import asyncio
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from psycopg import Connection

from tests.integration.transactions.worlds import World


@pytest.fixture(params=["sync", "async"])
def world(request: pytest.FixtureRequest, runner: asyncio.Runner, database: str) -> Iterator[World]:
    world = World(request.param, runner, database)
    yield world
    world.close()


@pytest.fixture
def own(database: str) -> Iterator[Connection[Any]]:
    """A connection that sees what others have committed."""
    with psycopg.connect(database, autocommit=True) as conn:
        yield conn
