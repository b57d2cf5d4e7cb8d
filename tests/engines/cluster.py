"""A Citus cluster for the tests: `USERAIM_CLUSTER` is the conninfo of its coordinator, else one is run here.

A database there is one on every node, migrated and then distributed by the script that operators run. To make one takes
seconds, so those that a test gives back are emptied and used again.
"""

import os
import re
import subprocess
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from useraim import local, schema

SHARDS = 4
_DISTRIBUTE = Path(__file__).parents[2] / "sql" / "citus" / "distribute.sql"
_EMPTY = "TRUNCATE users, aims, user_aims"
_CONFIG = {
    "shared_preload_libraries": "citus",
    "listen_addresses": "127.0.0.1",
    "wal_level": "logical",
    "max_connections": "600",
    "max_worker_processes": "300",
    "max_prepared_transactions": "600",
    "citus.node_conninfo": "sslmode=prefer",
    "log_min_messages": "error",
}
_MISSING = "no Citus in {}: build it there, or name a coordinator in USERAIM_CLUSTER"


@contextmanager
def coordinator() -> Generator[str, None, None]:
    """Give the coordinator of a cluster of three nodes, the one that is named or one that runs meanwhile."""
    if named := os.environ.get("USERAIM_CLUSTER"):
        yield named
        return
    with ExitStack() as stack:
        nodes = [stack.enter_context(_node(number)) for number in range(3)]
        _join(nodes)
        yield nodes[0]


@contextmanager
def _node(number: int) -> Generator[str, None, None]:
    able = [folder for folder in local.binaries().values() if _has_citus(folder)]
    if not able:
        raise FileNotFoundError(_MISSING.format(", ".join(map(str, local.binaries().values()))))
    port = str(20_000 + os.getpid() % 10_000 * 3 + number)
    with local.postgres(bindir=able[-1], config={**_CONFIG, "port": port}) as conninfo:
        yield make_conninfo(conninfo, host="127.0.0.1")


def _has_citus(folder: Path) -> bool:
    command = [str(folder / "pg_config"), "--pkglibdir"]
    ran = subprocess.run(command, capture_output=True, text=True, check=False) if Path(command[0]).exists() else None
    return ran is not None and Path(ran.stdout.strip(), "citus.so").exists()


def _join(nodes: list[str]) -> None:
    """Make the nodes of one database known to its coordinator, the first."""
    for node in nodes:
        with psycopg.connect(node, autocommit=True) as conn:
            conn.execute("CREATE EXTENSION IF NOT EXISTS citus")
    with psycopg.connect(nodes[0], autocommit=True) as conn:
        for number, node in enumerate(nodes):
            address = conninfo_to_dict(node)
            function = "citus_add_node" if number else "citus_set_coordinator_host"
            conn.execute(f"SELECT {function}(%s, %s)".encode(), (address["host"], int(str(address["port"]))))


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

    def make(self, shards: int = SHARDS) -> str:
        """Create a database on every node, migrate it and distribute it."""
        name = f"useraim_test_{os.getpid()}_{self.made}"
        self.made += 1
        for admin in self.admins:
            admin.execute(f"CREATE DATABASE {name}".encode())
        _join([make_conninfo(node, dbname=name) for node in self.nodes])
        database = make_conninfo(self.coordinator, dbname=name)
        schema.apply(database)
        with psycopg.connect(database, autocommit=True) as conn:
            conn.execute(f"SET citus.shard_count TO {shards}".encode())
            conn.execute(re.sub(r"^(\\|.*:shards).*$", "", _DISTRIBUTE.read_text(), flags=re.MULTILINE).encode())
        return database

    def close(self) -> None:
        for number in range(self.made):
            for admin in self.admins:
                admin.execute(f"DROP DATABASE IF EXISTS useraim_test_{os.getpid()}_{number} WITH (FORCE)".encode())
        for admin in self.admins:
            admin.close()
