"""The round trips of a batch, counted on the wire: one wherever no answer can leave something to undo, else two."""

import asyncio
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from tests.deadline import within
from tests.proxy import wire
from tests.sessions import OWN, WORLDS, World, session
from useraim import Aim, Call, NewAim, NotFound, User, aims, batch, user_aims, users


@pytest.fixture(scope="module")
def place(create_database: Callable[[], str]) -> tuple[str, User, list[Aim]]:
    conninfo = create_database()
    with psycopg.connect(conninfo, autocommit=True) as conn:
        ana = users.create(conn, email="ana@example.org", name="Ana")
        goals = aims.create_many(conn, [NewAim(f"Goal {n}") for n in range(3)])
        users.aims.append(conn, ana, goals)
    return conninfo, ana, goals


@pytest.fixture(params=WORLDS)
def world(request: pytest.FixtureRequest) -> World:
    return request.param  # type: ignore[no-any-return]


def nobody() -> Any:
    return uuid4()


def new() -> Call[Aim]:
    return aims.create.call(title="new")


TRIPS = [
    ("reads only", 1),
    ("a refused read", 1),
    ("one write, reads that cannot refuse", 1),
    ("one write, and every read that cannot refuse", 1),
    ("one write that refuses", 1),
    ("one write, and a read that can refuse", 2),
    ("two writes", 2),
    ("a refused batch", 2),
    ("two writes that cannot refuse", 1),
    ("nothing", 0),
]


def calls_for(case: str, ana: User, goals: list[Aim]) -> list[Call[Any]]:
    cases: dict[str, list[Call[Any]]] = {
        "reads only": [users.get.call(ana), users.aims.load.call([ana]), aims.users.count.call(goals)],
        "a refused read": [users.aims.of.call(ana), users.get.call(nobody())],
        "one write, reads that cannot refuse": [
            users.find.call(ana), new(), users.count.call(), users.aims.has.call(ana, goals[0]),
        ],
        "one write, and every read that cannot refuse": [
            new(), users.find.call(ana), users.find_many.call([ana]), users.find_by_email.call(ana.email),
            users.exists.call(ana), users.page.call(), users.count.call(), users.similar.call(ana),
            users.suggest_aims.call(ana), users.aims.of.call(ana), users.aims.load.call([ana]),
            users.aims.page.call(ana), users.aims.pages.call({ana.id: None}), users.aims.count.call([ana]),
            users.aims.count_by_role.call([ana]), users.aims.has.call(ana, goals[0]), users.aims.common.call([ana]),
            users.aims.version.call(ana), user_aims.find.call(ana, goals[0]),
            user_aims.find_many.call([(ana, goals[0])]), user_aims.page.call(), user_aims.count.call(),
        ],
        "one write that refuses": [users.count.call(), users.update.call(nobody(), name="Nobody")],
        "one write, and a read that can refuse": [new(), users.get.call(ana)],
        "two writes": [new(), new()],
        "a refused batch": [new(), users.get.call(nobody())],
        "two writes that cannot refuse": [users.delete.call(nobody()), aims.delete.call(nobody())],
        "nothing": [users.find_many.call([])],
    }  # fmt: skip
    return cases[case]


@pytest.mark.parametrize("joined", [False, True], ids=["own", "in a transaction"])
@pytest.mark.parametrize(("case", "trips"), TRIPS)
def test_round_trips(
    place: tuple[str, User, list[Aim]], world: World, runner: asyncio.Runner, case: str, trips: int, joined: bool
) -> None:
    there, ana, goals = place
    with within(20, case), wire(there) as (conninfo, counted):
        for kind in ["transaction"] if joined else OWN:
            with session(conninfo, world, runner, kind, 0) as given:
                given(users.count)
                before = counted.round_trips
                try:
                    given(batch, *calls_for(case, ana, goals))
                except NotFound:
                    assert "refuse" in case
                assert counted.round_trips - before == trips


@pytest.mark.parametrize(("pending", "case", "trips"), [
    (False, "reads only", 2), (True, "reads only", 3), (False, "two writes", 3), (True, "two writes", 4),
])  # fmt: skip
def test_round_trips_in_a_pipeline_of_the_callers(
    place: tuple[str, User, list[Aim]], pending: bool, case: str, trips: int
) -> None:
    """What was sent before is waited for, and psycopg ends a pipeline in a pipeline by a Sync."""
    there, ana, goals = place
    with (
        within(20, case),
        wire(there) as (conninfo, counted),
        psycopg.connect(conninfo, autocommit=True) as conn,
        conn.pipeline(),
    ):
        if pending:
            conn.execute("SELECT 1")
        before = counted.round_trips
        batch(conn, *calls_for(case, ana, goals))
        assert counted.round_trips - before == trips
