"""A source, others and far records, without links or with many."""

from collections.abc import Callable
from dataclasses import replace as with_
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from tests import engines
from tests.conftest import ROOT, WRITER
from tests.ends import AIMS_USERS, ENDS, NOON, TEAM_ENDS, USERS_AIMS, End
from tests.integration.relation.crowd import Crowd
from tests.integration.relation.reads import LABELS, Expected, attributes
from tests.worlds import World
from useraim.values import Link

TEAMS = (ROOT / "examples/teams/migrations/teams_0001_create_teams.sql").read_text(encoding="utf-8")
RIGHTS = f"; GRANT SELECT, INSERT, UPDATE, DELETE ON teams, team_users TO {WRITER}"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run what calls operations on the ends of a relation of one's own too, whose tables such a test can make.

    Not on a cluster, where the owner of such tables distributes them.
    """
    if "end" in metafunc.fixturenames:
        able = {"call", "committed"} & set(metafunc.fixturenames) and engines.NAME != "cluster"
        ends = [*ENDS, *TEAM_ENDS] if able else ENDS
        metafunc.parametrize("end", ends, indirect=True, ids=lambda end: end.name)


@pytest.fixture
def end(request: pytest.FixtureRequest) -> End:
    chosen: End = request.param
    if chosen in TEAM_ENDS:
        world = "committed" if "committed" in request.fixturenames else "call"
        request.getfixturevalue(world).as_owner(TEAMS + RIGHTS)
    return chosen


@pytest.fixture
def source(call: World, end: End) -> Any:
    return end.make_sources(call, 1)[0]


@pytest.fixture
def other(call: World, end: End) -> Any:
    """Another source, whose links no call for `source` may touch."""
    return end.make_sources(call, 1)[0]


@pytest.fixture
def far(call: World, end: End) -> list[Any]:
    return end.make_far(call, 8)


@pytest.fixture
def assorted(call: World, end: End) -> list[Any]:
    """Far records with names of all sorts and few different times of creation."""
    made = [end.new(label) for label in LABELS]
    if end.far_table == "users":
        made = [with_(one, email=f"{n}@example.org") for n, one in enumerate(made)]
    for n, one in enumerate(call(end.far.create_many, made)):
        when = NOON + timedelta(days=n % 3, microseconds=n % 2)
        call.execute(f"UPDATE {end.far_table} SET created_at = %s WHERE id = %s", [when, one.id])
        made[n] = one
    return list(call(end.far.find_many, made).values())


@pytest.fixture
def sources(call: World, end: End, assorted: list[Any]) -> list[Any]:
    """Two sources that share many links, one with a single link, and one without."""
    made = end.make_sources(call, 4)
    for source, records in zip(made, (assorted, assorted[3:11], assorted[:1]), strict=False):
        call(end.relation.append, source, [Link(one, *attributes(n)) for n, one in enumerate(records)])
    return made


@pytest.fixture
def expected(call: World, end: End, assorted: list[Any], sources: list[Any]) -> Expected:
    return Expected(call, end, assorted)


@pytest.fixture(scope="module")
def crowded(create_database: Callable[[], str]) -> Crowd:
    database = create_database()
    with psycopg.connect(database) as conn:
        conn.execute("INSERT INTO users (name, email) SELECT 'N', n || '@example.org' FROM generate_series(1, 20000) n")
        conn.execute("INSERT INTO aims (title) SELECT 'T' || n FROM generate_series(1, 20000) n")
        for links in (
            "FROM aims a, (SELECT * FROM users ORDER BY id LIMIT 1) u",
            "FROM users u, (SELECT * FROM aims ORDER BY id LIMIT 1) a",
        ):
            conn.execute(
                "INSERT INTO user_aims (user_id, aim_id, joined_at)"
                " SELECT u.id, a.id, timestamptz '2024-05-17' + (ascii(a.id::text) + ascii(u.id::text)) * interval '1h'"
                f" {links} ON CONFLICT DO NOTHING"
            )
    with psycopg.connect(database, autocommit=True) as conn:
        conn.execute("VACUUM ANALYZE")
        user = conn.execute("SELECT id FROM users ORDER BY id LIMIT 1").fetchone()
        aim = conn.execute("SELECT id FROM aims ORDER BY id LIMIT 1").fetchone()
    assert user
    assert aim
    return Crowd(database, {USERS_AIMS.name: user[0], AIMS_USERS.name: aim[0]})
