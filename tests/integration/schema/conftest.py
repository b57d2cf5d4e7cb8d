"""An empty database, and a role that may no more than log in."""

from collections.abc import Callable, Iterator

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

NAMES = iter(range(1_000_000))


@pytest.fixture
def create_empty(server: str, template: str) -> Iterator[Callable[[], str]]:
    """Makes empty databases whose names need quoting in a URL, and gives their conninfo."""
    names: list[str] = []
    with psycopg.connect(server, autocommit=True) as admin:

        def create() -> str:
            names.append(f"{template} empty?%41 {next(NAMES)}")
            admin.execute(f'CREATE DATABASE "{names[-1]}"'.encode())
            return make_conninfo(server, dbname=names[-1])

        yield create
        for name in names:
            admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)'.encode())


@pytest.fixture
def empty(create_empty: Callable[[], str]) -> str:
    return create_empty()


@pytest.fixture
def ordinary(server: str, template: str) -> Iterator[Callable[[str], str]]:
    """Gives the conninfo of a database for a role that may log in, and no more."""
    name = f"{template}_ordinary"
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute(f"CREATE ROLE {name} LOGIN PASSWORD 'ordinary'".encode())
        yield lambda conninfo: make_conninfo(conninfo, user=name, password="ordinary")
        admin.execute(f"DROP ROLE {name}".encode())
