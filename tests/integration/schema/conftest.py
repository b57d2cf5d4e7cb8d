"""An empty database, and a role that may no more than log in."""

from collections.abc import Callable, Iterator

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

NAMES = iter(range(1_000_000))


@pytest.fixture
def empty(server: str, template: str) -> Iterator[str]:
    """The conninfo of an empty database whose name needs quoting in a URL."""
    name = f"{template} empty?%41 {next(NAMES)}"
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute(f'CREATE DATABASE "{name}"'.encode())
        try:
            yield make_conninfo(server, dbname=name)
        finally:
            admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)'.encode())


@pytest.fixture
def ordinary(server: str, template: str) -> Iterator[Callable[[str], str]]:
    """Gives the conninfo of a database for a role that may log in, and no more."""
    name = f"{template}_ordinary"
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute(f"CREATE ROLE {name} LOGIN PASSWORD 'ordinary'".encode())
        yield lambda conninfo: make_conninfo(conninfo, user=name, password="ordinary")
        admin.execute(f"DROP ROLE {name}".encode())
