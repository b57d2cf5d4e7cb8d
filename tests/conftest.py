"""A real server for every test: the one PG* names, else a throwaway one. Tests clean up by rollback, or have a
database of their own made from a template.
"""

import asyncio
import os
import re
import subprocess
import sys
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, closing, contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from tests import engines
from tests.deadline import within
from tests.ends import ENDS, End
from tests.engines.cluster import Cluster
from tests.engines.replica import beside
from tests.worlds import World
from useraim import aims, local, users
from useraim.core import files
from useraim.values import Aim, NewAim, NewUser, User

ROOT = Path(__file__).parent.parent
CLEAN = (
    "DROP TABLE IF EXISTS team_users, teams",
    "DROP FUNCTION IF EXISTS hold_teams_of_user, hold_links_of_team, lock_teams_of_user",
    "DROP FUNCTION IF EXISTS lock_links_of_team, lock_teams, lock_team",
    "TRUNCATE users, aims, user_aims",
)
"""Undoes what tests leave that commit, those of examples/teams among them."""
TEMPLATE = f"useraim_test_{os.getpid()}"
READER, WRITER = f"{TEMPLATE}_reader", f"{TEMPLATE}_writer"
"""The roles of sql/roles.sql, under names of their own: they belong to the whole server."""
ROLES = (
    re.sub(r"^\\.*$", "", files.sql("roles.sql"), flags=re.MULTILINE)
    .replace("useraim_reader", READER)
    .replace("useraim_writer", WRITER)
)
"""That file, without what only psql understands."""


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
    with within(7_200 if is_long else 60 if engines.NAME else 300, request.node.nodeid):
        yield


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    engines.choose(config, items)


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """The conninfo of a database from which others can be created."""
    with engines.server(plain_server) as conninfo:
        yield conninfo


def server_is_given() -> bool:
    """Whether the server is there afterwards: what is made on a throwaway one vanishes with it, at once."""
    return bool({"PGHOST", "PGSERVICE", "PGDATABASE"} & os.environ.keys())


@contextmanager
def plain_server() -> Generator[str, None, None]:
    if server_is_given():
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
            with psycopg.connect(server, dbname=TEMPLATE) as owner:
                owner.execute(ROLES.encode())
            yield TEMPLATE
        finally:
            if server_is_given():
                admin.execute(f"DROP DATABASE {TEMPLATE} WITH (FORCE)".encode())
                admin.execute(f"DROP ROLE IF EXISTS {READER}, {WRITER}".encode())


@pytest.fixture(scope="session")
def address(server: str) -> Iterator[engines.Address]:
    """What leads from a database of the server to the way that tests take to it."""
    with engines.between(server) as address:
        yield address


@pytest.fixture(scope="session")
def cluster(server: str) -> Iterator[Cluster | None]:
    """What makes databases on all nodes of a cluster, if that is the engine."""
    with ExitStack() as stack:
        yield stack.enter_context(closing(Cluster(server))) if engines.NAME == "cluster" else None


@pytest.fixture(scope="session")
def create_database(
    server: str, template: str, address: engines.Address, cluster: Cluster | None
) -> Iterator[Callable[[], str]]:
    """Makes further migrated databases, and drops them at the end."""
    if cluster:
        yield cluster.make
        return
    numbers = count()
    names: list[str] = []
    with psycopg.connect(server, autocommit=True) as admin:

        def create() -> str:
            name = f"{template}_{next(numbers)}"
            admin.execute(f"CREATE DATABASE {name} TEMPLATE {template}".encode())
            names.append(name)
            return address(make_conninfo(server, dbname=name))

        yield create
        for name in names if server_is_given() else ():
            admin.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


@pytest.fixture
def database(create_database: Callable[[], str], cluster: Cluster | None) -> Iterator[str]:
    """The conninfo of a migrated, empty database of its own, for tests that commit, race or use pools."""
    yield (name := cluster.take() if cluster else create_database())
    if cluster:
        cluster.give_back(name)


@pytest.fixture(scope="session")
def shared(create_database: Callable[[], str]) -> str:
    """A migrated database whose tests all roll back."""
    return create_database()


@pytest.fixture(scope="session")
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as runner:
        yield runner


def as_role(conninfo: str, role: str) -> str:
    """The conninfo of sessions that have the rights of this role; as it is where no options reach the server."""
    if engines.NAME:
        return conninfo
    return make_conninfo(conninfo, options=f"-c role={role}")


@pytest.fixture(scope="session")
def sync_connection(shared: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(as_role(shared, WRITER)) as conn:
        yield conn


@pytest.fixture(scope="session")
def async_connection(shared: str, runner: asyncio.Runner) -> Iterator[psycopg.AsyncConnection[Any]]:
    conn = runner.run(psycopg.AsyncConnection.connect(as_role(shared, WRITER)))
    yield conn
    runner.run(conn.close())


@pytest.fixture(params=["sync", "async"])
def call(request: pytest.FixtureRequest, runner: asyncio.Runner) -> Iterator[World]:
    """Calls operations in a transaction that is rolled back, with the rights of a program that owns nothing."""
    if engines.NAME == "replica":
        with beside(request.getfixturevalue("shared"), request.param, runner) as split:
            yield split
            for one in CLEAN:
                split.execute(one)
        return
    world = World(request.getfixturevalue(f"{request.param}_connection"), runner)
    with ExitStack() as stack:
        stack.callback(_rollback, world)
        yield world


@pytest.fixture(params=["sync", "async"])
def committed(request: pytest.FixtureRequest, runner: asyncio.Runner, database: str) -> Iterator[World]:
    """Calls operations on an autocommit connection to a database of its own."""
    if engines.NAME == "replica":
        with beside(database, request.param, runner) as split:
            yield split
    elif request.param == "sync":
        with psycopg.connect(as_role(database, WRITER), autocommit=True) as conn:
            yield World(conn, runner)
    else:
        aconn = runner.run(psycopg.AsyncConnection.connect(as_role(database, WRITER), autocommit=True))
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
