"""What an interrupted yoyo and a newer version leave."""

from collections.abc import Callable
from time import monotonic, sleep
from typing import Any

import psycopg

from useraim import schema

ALL = tuple(schema.checksums())


def mark(conn: psycopg.Connection[Any], migration: str) -> None:
    """As a version of the package does that knows this migration."""
    conn.execute(
        "INSERT INTO _yoyo_migration (migration_hash, migration_id, applied_at_utc) VALUES (%s, %s, now())",
        [migration, migration],
    )


def leave_a_lock(conninfo: str) -> None:
    """As a yoyo does that is killed with one migration left to do."""
    schema.apply(conninfo)
    schema.rollback(conninfo, to=ALL[-2])
    with psycopg.connect(conninfo) as conn:
        conn.execute("INSERT INTO yoyo_lock (locked, ctime, pid) VALUES (1, now(), 1)")


def wait_until(done: Callable[[], object], otherwise: str) -> None:
    end = monotonic() + 30
    while not done():
        assert monotonic() < end, otherwise
        sleep(0.02)
