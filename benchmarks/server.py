"""A database of our own, on a throwaway server or on one that is given, filled and dropped again."""

from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch

import psycopg
from psycopg.conninfo import make_conninfo
from psycopg.sql import SQL, Identifier

from useraim import local, schema

from . import data

DATABASE = "useraim_benchmarks"
# A throwaway server is lazy about the disk; one that is measured shall work as in service, but not be interrupted.
SETTINGS = {
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "autovacuum": "off",
    "checkpoint_timeout": "30min",
    "max_wal_size": "4GB",
}
SHOWN = ["server_version", "fsync", "synchronous_commit", "wal_sync_method", "shared_buffers"]


@contextmanager
def database(given: str | None) -> Iterator[str]:
    """Yield the conninfo of a database with the schema and the data of the benchmarks."""
    if given is not None:
        with filled(given) as conninfo:
            yield conninfo
        return
    with throwaway() as own, filled(own) as conninfo:
        yield conninfo


@contextmanager
def throwaway() -> Iterator[str]:
    with patch.dict(local._SETTINGS, SETTINGS), local.postgres() as conninfo:
        yield conninfo


@contextmanager
def filled(server: str) -> Iterator[str]:
    name = Identifier(DATABASE)
    conninfo = make_conninfo(server, dbname=DATABASE)
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute(SQL("DROP DATABASE IF EXISTS {}").format(name))
        admin.execute(SQL("CREATE DATABASE {}").format(name))
        try:
            schema.apply(conninfo)
            data.build(conninfo)
            yield conninfo
        finally:
            admin.execute(SQL("DROP DATABASE {} WITH (FORCE)").format(name))


def settings(admin: data.Admin) -> dict[str, str]:
    return {name: str(admin.execute(SQL("SHOW {}").format(Identifier(name))).fetchone()[0]) for name in SHOWN}
