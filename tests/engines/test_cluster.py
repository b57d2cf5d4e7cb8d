"""What an operation asks of a cluster: one user's reads and writes of one node, however many shards there are."""

import threading
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from psycopg import Connection

from tests.engines.cluster import Cluster
from tests.engines.commands import counted
from useraim import AlreadyExists, users

ONE_NODE = {
    "users.get": 1,
    "users.exists": 1,
    "users.update": 1,
    "user_aims.get": 1,
    "user_aims.create": 4,
    "user_aims.update": 1,
    "user_aims.grant": 1,
    "user_aims.revoke": 1,
    "user_aims.delete": 1,
    "users.aims.append": 6,
    "users.aims.replace": 8,
    "users.aims.update": 8,
    "users.aims.remove": 2,
    "users.aims.clear": 2,
    "users.aims.of": 1,
    "users.aims.page": 2,
    "users.aims.has": 1,
    "users.aims.version": 1,
    "aims.users.has": 1,
}
"""At most so many commands, also with 32 shards."""
ONE_PHASE = ONE_NODE.keys() - {"users.aims.append"}  # which may be of aims and users on two nodes


@pytest.fixture(scope="module")
def counts(cluster: Cluster | None) -> dict[str, tuple[int, bool]]:
    assert cluster
    return counted(cluster.make(32))


@pytest.mark.parametrize("operation", ONE_NODE)
def test_one_users_reads_and_writes_touch_one_node(operation: str, counts: dict[str, tuple[int, bool]]) -> None:
    commands, two_phases = counts[operation]
    assert commands <= ONE_NODE[operation]
    assert not (two_phases and operation in ONE_PHASE)


HOLD = "SELECT pg_advisory_xact_lock(hashtextextended(lower(%s), 0))"


def test_an_address_that_is_held_first_is_taken_once(database: str) -> None:
    """As docs/scaling.md says: what Citus cannot know by an index, the coordinator knows by a lock."""
    emails = [f"{uuid4()}@example.org" for _ in range(10)]
    made: list[str] = []
    together = threading.Barrier(4, timeout=30)

    def create() -> None:
        with psycopg.connect(database, autocommit=True) as conn:
            for email in emails:
                together.wait()
                made.extend(created(conn, email))

    threads = [threading.Thread(target=create) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(made) == sorted(emails)


def created(conn: Connection[Any], email: str) -> list[str]:
    """The address, unless another caller has it."""
    try:
        with conn.transaction():
            conn.execute(HOLD, [email])
            return [users.create(conn, email=email, name="Ana").email]
    except AlreadyExists:
        return []
