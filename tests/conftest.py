"""A real server for every test: the one PG* names, else a throwaway one. Tests clean up by rollback, or have a
database of their own made from a template.
"""

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from tests.cluster import COORDINATOR, Cluster
from tests.deadline import within
from tests.ends import ENDS, End
from tests.worlds import World
from useraim import aims, local, users
from useraim.values import Aim, NewAim, NewUser, User

ROOT = Path(__file__).parent.parent
TEMPLATE = f"useraim_test_{os.getpid()}"


def yoyo(conninfo: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run yoyo as operators do, in the checkout, with PG* naming the database."""
    parts = conninfo_to_dict(conninfo)
    names = {"host": "PGHOST", "port": "PGPORT", "user": "PGUSER", "password": "PGPASSWORD", "dbname": "PGDATABASE"}
    env = {**os.environ, **{variable: str(parts[name]) for name, variable in names.items() if name in parts}}
    command = [sys.executable, "-m", "yoyo", *arguments]
    ran = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False, timeout=60)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran


@pytest.fixture(autouse=True)
def deadline(request: pytest.FixtureRequest) -> Iterator[None]:
    """A test that hangs is a test that fails, and the next ones run."""
    is_long = request.node.get_closest_marker("soak") is not None  # pyright: ignore[reportUnknownMemberType]
    with within(7_200 if is_long else 60 if COORDINATOR else 300, request.node.nodeid):
        yield


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """The conninfo of a database from which others can be created."""
    if COORDINATOR:
        yield COORDINATOR
    elif any(name.startswith("PG") and name in {"PGHOST", "PGSERVICE", "PGDATABASE"} for name in os.environ):
        with psycopg.connect("") as conn:
            password = {"password": conn.info.password} if conn.info.password else {}
            info = conn.info
            yield make_conninfo(host=info.host, port=info.port, user=info.user, dbname=info.dbname, **password)
    else:
        with local.postgres() as conninfo:
            yield conninfo


@pytest.fixture(scope="session")
def template(server: str) -> Iterator[str]:
    """The name of a migrated, empty database to copy."""
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {TEMPLATE}".encode())
        try:
            yoyo(make_conninfo(server, dbname=TEMPLATE), "apply")
            yield TEMPLATE
        finally:
            admin.execute(f"DROP DATABASE {TEMPLATE} WITH (FORCE)".encode())


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster | None]:
    """The cluster on which databases are made, if there is to be one."""
    with ExitStack() as stack:
        yield stack.enter_context(closing(Cluster(COORDINATOR))) if COORDINATOR else None


@pytest.fixture(scope="session")
def create_database(cluster: Cluster | None, request: pytest.FixtureRequest) -> Iterator[Callable[[], str]]:
    """Makes further migrated databases, and drops them at the end."""
    if cluster:
        yield cluster.make
    else:
        with copies(request.getfixturevalue("server"), request.getfixturevalue("template")) as create:
            yield create


@contextmanager
def copies(server: str, template: str) -> Iterator[Callable[[], str]]:
    numbers = count()
    names: list[str] = []
    with psycopg.connect(server, autocommit=True) as admin:

        def create() -> str:
            name = f"{template}_{next(numbers)}"
            admin.execute(f"CREATE DATABASE {name} TEMPLATE {template}".encode())
            names.append(name)
            return make_conninfo(server, dbname=name)

        yield create
        for name in names:
            admin.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


@pytest.fixture
def database(cluster: Cluster | None, create_database: Callable[[], str]) -> Iterator[str]:
    """The conninfo of a migrated, empty database of its own, for tests that commit, race or use pools."""
    if cluster:
        yield (taken := cluster.take())
        cluster.give_back(taken)
    else:
        yield create_database()


@pytest.fixture(scope="session")
def shared(create_database: Callable[[], str]) -> str:
    """A migrated database whose tests all roll back."""
    return create_database()


@pytest.fixture(scope="session")
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as runner:
        yield runner


@pytest.fixture(scope="session")
def sync_connection(shared: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(shared) as conn:
        yield conn


@pytest.fixture(scope="session")
def async_connection(shared: str, runner: asyncio.Runner) -> Iterator[psycopg.AsyncConnection[Any]]:
    conn = runner.run(psycopg.AsyncConnection.connect(shared))
    yield conn
    runner.run(conn.close())


@pytest.fixture(params=["sync", "async"])
def call(request: pytest.FixtureRequest, runner: asyncio.Runner) -> Iterator[World]:
    """Calls operations in a transaction that is rolled back."""
    world = World(request.getfixturevalue(f"{request.param}_connection"), runner)
    with ExitStack() as stack:
        stack.callback(_rollback, world)
        yield world


@pytest.fixture(params=["sync", "async"])
def committed(request: pytest.FixtureRequest, runner: asyncio.Runner, database: str) -> Iterator[World]:
    """Calls operations on an autocommit connection to a database of its own."""
    if request.param == "sync":
        with psycopg.connect(database, autocommit=True) as conn:
            yield World(conn, runner)
    else:
        aconn = runner.run(psycopg.AsyncConnection.connect(database, autocommit=True))
        yield World(aconn, runner)
        runner.run(aconn.close())


def _rollback(world: World) -> None:
    if isinstance(world.db, psycopg.Connection):
        world.db.rollback()
    else:
        world.runner.run(world.db.rollback())


@pytest.fixture
def conn(sync_connection: psycopg.Connection[Any]) -> Iterator[psycopg.Connection[Any]]:
    """A connection in a transaction that is rolled back."""
    yield sync_connection
    sync_connection.rollback()


@pytest.fixture(params=ENDS, ids=lambda end: end.name)
def end(request: pytest.FixtureRequest) -> End:
    chosen: End = request.param
    return chosen


@pytest.fixture
def people(call: World) -> list[User]:
    return call(users.create_many, [NewUser(f"{name}@example.org", name.title()) for name in ("ana", "bo", "cy", "di")])


@pytest.fixture
def goals(call: World) -> list[Aim]:
    return call(aims.create_many, [NewAim(title) for title in ("Run", "Read", "Rest", "Sing", "Swim")])


@pytest.fixture
def ana(people: list[User]) -> User:
    return people[0]


@pytest.fixture
def run(goals: list[Aim]) -> Aim:
    return goals[0]
