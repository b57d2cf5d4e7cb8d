"""The databases of the tests on a Citus cluster: `USERAIM_CLUSTER` is the conninfo of its coordinator.

A database there is one on every node, migrated and then distributed by the script that operators run. To make one takes
seconds, so those that a test gives back are emptied and used again.
"""

import os
import re
from pathlib import Path

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from useraim import schema

COORDINATOR = os.environ.get("USERAIM_CLUSTER", "")
SHARDS = 4
_DISTRIBUTE = Path(__file__).parents[1] / "sql" / "citus" / "distribute.sql"
_EMPTY = "TRUNCATE users, aims, user_aims"


class Cluster:
    """Makes databases on all nodes of the coordinator's cluster, and drops them at the end."""

    def __init__(self, coordinator: str) -> None:
        self.coordinator = coordinator
        self.free: list[str] = []
        self.made = 0
        with psycopg.connect(coordinator) as conn:
            rows = conn.execute("SELECT nodename, nodeport, groupid = 0 FROM pg_dist_node ORDER BY groupid").fetchall()
        self.nodes = [make_conninfo(coordinator, host=host, port=port) for host, port, _ in rows]
        self.admins = [psycopg.connect(node, autocommit=True) for node in self.nodes]

    def take(self) -> str:
        """Return an empty database, distributed."""
        return self.free.pop() if self.free else self.make()

    def give_back(self, database: str) -> None:
        """Empty a database for the next test; whoever is still connected is thrown out."""
        with psycopg.connect(database, autocommit=True) as conn:
            conn.execute(
                "SELECT pg_terminate_backend(pid::int) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
                " AND application_name NOT LIKE 'citus%'"
            )
            conn.execute(_EMPTY)
        self.free.append(database)

    def make(self) -> str:
        """Create a database on every node, migrate it and distribute it."""
        name = f"useraim_test_{os.getpid()}_{self.made}"
        self.made += 1
        for node, admin in zip(self.nodes, self.admins, strict=True):
            admin.execute(f"CREATE DATABASE {name}".encode())
            with psycopg.connect(node, dbname=name, autocommit=True) as conn:
                conn.execute("CREATE EXTENSION citus")
        database = make_conninfo(self.coordinator, dbname=name)
        with psycopg.connect(database, autocommit=True) as conn:
            for number, node in enumerate(self.nodes):
                address = conninfo_to_dict(node)
                function = "citus_add_node" if number else "citus_set_coordinator_host"
                conn.execute(f"SELECT {function}(%s, %s)".encode(), (address["host"], int(str(address["port"]))))
        schema.apply(database)
        with psycopg.connect(database, autocommit=True) as conn:
            conn.execute(f"SET citus.shard_count TO {SHARDS}".encode())
            conn.execute(re.sub(r"^\\.*$", "", _DISTRIBUTE.read_text(), flags=re.MULTILINE).encode())
        return database

    def close(self) -> None:
        for number in range(self.made):
            for admin in self.admins:
                admin.execute(f"DROP DATABASE IF EXISTS useraim_test_{os.getpid()}_{number} WITH (FORCE)".encode())
        for admin in self.admins:
            admin.close()
