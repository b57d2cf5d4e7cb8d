"""Databases on every PostgreSQL of this machine."""

from collections.abc import Callable, Iterator
from itertools import count
from urllib.parse import urlencode

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from tests.conftest import yoyo
from tests.contract.migrations.catalogue import UUID, YOYO, Conn, Steps
from useraim import local

SERVERS: list[int | str] = [*sorted(local.binaries())] or ["given"]


@pytest.fixture(scope="module", params=SERVERS)
def postgres(request: pytest.FixtureRequest) -> Iterator[str]:
    """A server of each version there is; the one PG* names, where there is no other."""
    if request.param == "given":
        yield request.getfixturevalue("server")
    else:
        with local.postgres(bindir=local.binaries()[request.param]) as conninfo:
            yield conninfo


@pytest.fixture(scope="module")
def create_empty(postgres: str) -> Iterator[Callable[[], str]]:
    names: list[str] = []
    numbers = count()
    with psycopg.connect(postgres, autocommit=True) as admin:

        def create() -> str:
            names.append(f"useraim_migrations_{next(numbers)}")
            admin.execute(f"CREATE DATABASE {names[-1]}".encode())
            return make_conninfo(postgres, dbname=names[-1])

        yield create
        for name in names:
            admin.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


@pytest.fixture
def empty(create_empty: Callable[[], str]) -> str:
    return create_empty()


@pytest.fixture(scope="module")
def migrated(create_empty: Callable[[], str]) -> str:
    """A migrated database, that no test changes for the next."""
    conninfo = create_empty()
    yoyo(conninfo, "apply")
    return conninfo


@pytest.fixture
def steps(empty: str) -> Iterator[Steps]:
    with YOYO.get_backend(f"postgresql+psycopg://?{urlencode(conninfo_to_dict(empty))}") as backend:
        yield Steps(backend)


@pytest.fixture
def conn(migrated: str) -> Iterator[Conn]:
    with psycopg.connect(migrated) as conn:
        conn.execute("INSERT INTO users (id, name, email) VALUES (%s, 'Ana', 'ana@example.org')", [UUID])
        conn.execute("INSERT INTO aims (id, title) VALUES (%s, 'Run')", [UUID])
        yield conn
        conn.rollback()
