"""Connections with settings."""

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from tests.worlds import World


@pytest.fixture(params=["sync", "async"])
def connect(request: pytest.FixtureRequest, runner: asyncio.Runner, database: str) -> Iterator[Callable[..., World]]:
    """Connects with settings."""
    opened: list[World] = []

    def connect(**settings: Any) -> World:
        db: Any
        if request.param == "sync":
            db = psycopg.connect(database, **settings)
        else:
            db = runner.run(psycopg.AsyncConnection.connect(database, **settings))
        opened.append(World(db, runner))
        return opened[-1]

    yield connect
    for world in opened:
        db: Any = world.db
        if world.kind == "sync":
            db.close()
        else:
            runner.run(db.close())
