"""sql/rls.sql: a tenant reads and writes its own rows, whatever it asks for and whoever had the connection before."""

import asyncio
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import psycopg
import pytest

from tests.conftest import WRITER, as_role
from tests.contract.test_round_trips import costs
from tests.proxy import wire
from tests.security.judge import Judge
from tests.security.random_calls import CALLS, TENANTS, Caller, marked
from tests.security.separated import SETTING, separate
from tests.security.storm import fill, storm, storms, strays
from tests.sessions import KINDS, WORLDS, Session, World, session
from useraim import (
    AlreadyExists,
    BrokenReference,
    NewUser,
    aims,
    bulk,
    scoped,
    user_aims,
    users,
)


class Place(NamedTuple):
    """A database of tenants with the rows of each, seen by a program and by a superuser."""

    conninfo: str
    owner: psycopg.Connection[Any]


@pytest.fixture(scope="module")
def place(create_database: Callable[[], str], runner: asyncio.Runner) -> Iterator[Place]:
    database = create_database()
    assert separate(database, "0").returncode == 0
    with session(as_role(database, WRITER), "sync", runner, "autocommit") as given:
        fill(given)
    with psycopg.connect(database, autocommit=True) as owner:
        yield Place(as_role(database, WRITER), owner)


@pytest.fixture
def program(place: Place) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(place.conninfo, autocommit=True) as conn:
        yield conn


def of(tenant: int, conn: psycopg.Connection[Any]) -> Any:
    return scoped(conn, {SETTING: str(tenant)})


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("world", WORLDS)
def test_no_random_call_brings_a_foreign_row(place: Place, world: World, kind: str, runner: asyncio.Runner) -> None:
    judge = Judge()
    with session(place.conninfo, world, runner, kind) as given:
        storm(given, 400, len(kind), judge)
    assert judge.verdict() == []
    assert strays(place.owner) == []


def test_nor_do_calls_of_threads_over_connections_that_change_hands(place: Place) -> None:
    judge = storms(place.conninfo, 2_000)
    assert judge.verdict() == []
    assert judge.calls - judge.refused > 1_000
    assert strays(place.owner) == []
