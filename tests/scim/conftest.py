"""The service on a free port, with a pool of its own."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from psycopg_pool import ConnectionPool

from tests.scim.client import SEATS, WAIT, Client, scim
from useraim import CountBetween, NewUser, users


@pytest.fixture
def pool(database: str) -> Iterator["ConnectionPool[Any]"]:
    with ConnectionPool[Any](database, min_size=2, max_size=8, kwargs={"autocommit": True}, timeout=WAIT) as made:
        made.wait(WAIT)
        yield made


@pytest.fixture
def client(pool: "ConnectionPool[Any]", database: str) -> Iterator[Client]:
    with scim.serve(pool, 0, CountBetween(at_most=SEATS)) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        made = Client(server.server_port, database)
        names = ["Ana", "Ben", "Cy", "Di", *(f"U{n}" for n in range(10))]
        people = users.create_many(pool, [NewUser(f"{name}@example.org", name) for name in names])
        made.ids = {user.name: str(user.id) for user in people}
        try:
            yield made
        finally:
            made.http.close()
            server.shutdown()
            thread.join(WAIT)
            assert not thread.is_alive()
