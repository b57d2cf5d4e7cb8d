"""A closed connection: whoever sends SQL on it fails."""

import asyncio
from collections.abc import Iterator

import psycopg
import pytest

from tests.worlds import World


@pytest.fixture(scope="module", params=["sync", "async"])
def closed(request: pytest.FixtureRequest, shared: str, runner: asyncio.Runner) -> Iterator[World]:
    """A closed connection: whoever sends SQL on it fails."""
    if request.param == "sync":
        conn = psycopg.connect(shared)
        conn.close()
        yield World(conn, runner)
    else:
        aconn = runner.run(psycopg.AsyncConnection.connect(shared))
        runner.run(aconn.close())
        yield World(aconn, runner)
