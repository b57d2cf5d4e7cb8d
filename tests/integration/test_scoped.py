"""Settings for the transaction of everything run through a scope: row level security, and nothing left behind."""

import asyncio
import io
import os
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import psycopg
import pytest

from tests.deadline import within
from tests.proxy import wire
from tests.sessions import KINDS, OWN, WORLDS, Session, World, session
from useraim import (
    Aim,
    InvalidValue,
    NewAim,
    NewUser,
    User,
    aims,
    batch,
    bulk,
    preview,
    scoped,
    transaction,
    user_aims,
    users,
)
from useraim.core.statement import Statement

READER = f"useraim_test_{os.getpid()}_seer"
NAMES = "SELECT pg_catalog.current_setting('app.user', true), pg_catalog.current_setting('app.why', true)"
SETTINGS = Statement("settings", NAMES, tuple).call(lambda rows: rows[0], {})


class Place(NamedTuple):
    conninfo: str
    other: psycopg.Connection[Any]
    people: list[User]
    goals: list[Aim]


@pytest.fixture(scope="module")
def place(create_database: Callable[[], str]) -> Iterator[Place]:
    """Users who see their own memberships only, as do all who connect as `reader`."""
    conninfo = create_database()
    with psycopg.connect(conninfo, autocommit=True) as other:
        people = users.create_many(other, [NewUser(f"{name}@example.org", name) for name in ("Ana", "Bo")])
        goals = aims.create_many(other, [NewAim(f"Goal {n}") for n in range(4)])
        users.aims.append(other, people[0], goals[:1])
        users.aims.append(other, people[1], goals[:3])
        script = """
            ALTER TABLE user_aims ENABLE ROW LEVEL SECURITY;
            ALTER TABLE user_aims FORCE ROW LEVEL SECURITY;
            CREATE POLICY own ON user_aims USING (user_id::text = current_setting('app.user', true));
            CREATE ROLE reader;
            GRANT SELECT, INSERT, UPDATE, DELETE ON users, aims, user_aims TO reader;
            GRANT TEMPORARY ON DATABASE """
        other.execute(f"{script} {other.info.dbname} TO reader".replace("reader", READER).encode())
        yield Place(f"{conninfo} options='-c role={READER}'", other, people, goals)
        other.execute(f"DROP OWNED BY {READER}; DROP ROLE {READER}".encode())


@pytest.fixture(params=WORLDS)
def world(request: pytest.FixtureRequest) -> World:
    return request.param  # type: ignore[no-any-return]


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=[0, None], ids=["prepared", "not prepared"])
def given(
    request: pytest.FixtureRequest, place: Place, world: World, kind: str, runner: asyncio.Runner
) -> Iterator[Session]:
    with within(20, "a scope"), session(place.conninfo, world, runner, kind, request.param) as opened:
        yield opened


def as_user(given: Session, user: User, **more: str) -> Session:
    return given.scoped({"app.user": str(user.id), **more})


def is_left_alone(given: Session, kind: str) -> bool:
    """Say whether nothing is left behind, unless in a transaction of the caller's."""
    if kind not in OWN:
        given.awaited(given.db.rollback())
    return given.execute(NAMES)[0][0] in {None, ""}


def test_every_operation_is_run_with_the_settings_and_nothing_stays(given: Session, place: Place, kind: str) -> None:
    ana, bo = place.people
    for _ in range(3):
        assert given.execute("SELECT count(*) FROM user_aims") == [(0,)] or kind not in OWN
        assert as_user(given, ana)(users.aims.count, place.people) == {ana.id: 1, bo.id: 0}
        assert as_user(given, bo)(users.aims.count, place.people) == {ana.id: 0, bo.id: 3}
        assert as_user(given, bo)(users.aims.replace, bo, place.goals[:3]).unchanged
        assert given.is_as(kind)
    assert is_left_alone(given, kind)


def test_in_a_callers_transaction_they_hold_until_its_end(given: Session, place: Place, kind: str) -> None:
    ana, _ = place.people
    as_user(given, ana)(users.count)
    expected = [(None,), ("",)] if kind in OWN else [(str(ana.id),)]
    assert [given.execute(NAMES)[0][:1]][0] in expected
    assert is_left_alone(given, kind)


def test_streams_batches_and_previews(given: Session, place: Place, kind: str) -> None:
    ana, bo = place.people
    mine = as_user(given, bo)
    assert len(mine.rows(user_aims.stream(mine.db))) == 3
    user, count, held = mine(batch, users.get.call(ana), user_aims.count.call(), users.aims.of.call(bo))
    assert (user, count, len(held)) == (ana, 3, 3)
    kept, gone = mine(batch, users.aims.append.call(bo, place.goals[:1]), users.aims.remove.call(bo, [place.goals[3]]))
    assert (len(kept.unchanged), gone.removed) == (1, ())
    assert len(mine(preview, users.aims.clear.call(bo)).removed) == 3
    assert mine(user_aims.count) == 3
    assert is_left_alone(given, kind)


def test_bulk_loads_and_dumps(given: Session, place: Place, kind: str) -> None:
    ana, _ = place.people
    mine = as_user(given, ana)
    result = mine(bulk.load, [(ana, place.goals[0]), (ana, place.goals[3])])
    assert (result.added, result.unchanged) == (1, 1)
    file = io.BytesIO()
    mine(bulk.dump, file)
    assert file.getvalue().count(b"\n") == 1 + 2
    assert mine(user_aims.delete, ana, place.goals[3])
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        mine(bulk.load, [(place.people[1], place.goals[3])])
    assert given.is_as(kind)
    assert is_left_alone(given, kind)


@pytest.mark.parametrize("fails", [False, True])
def test_transactions(given: Session, place: Place, kind: str, fails: bool) -> None:
    _, bo = place.people

    def work(conn: psycopg.Connection[Any]) -> int:
        count = user_aims.count(conn)
        if fails:
            raise ZeroDivisionError
        return count

    async def work_async(conn: psycopg.AsyncConnection[Any]) -> int:
        return await user_aims.count(conn) // (not fails)

    mine = as_user(given, bo)
    if fails:
        with pytest.raises(ZeroDivisionError):
            mine(transaction.run, work if given.world == "sync" else work_async)
    else:
        assert mine(transaction.run, work if given.world == "sync" else work_async) == 3
    assert is_left_alone(given, kind)


def test_a_transaction_whose_settings_are_refused_is_not_begun(given: Session, place: Place, kind: str) -> None:
    given.execute("DO $$ BEGIN END $$")  # loads the language, which checks its settings from then on
    wrong = given.scoped({"plpgsql.variable_conflict": "wrong"})
    uses: list[tuple[Any, ...]] = [(users.count,), (transaction.run, print), (bulk.dump, io.BytesIO())]
    for use in uses:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            wrong(*use)
        if kind not in OWN:
            given.awaited(given.db.rollback())
        assert given.is_as("autocommit")


def test_scopes_add_up_and_the_inner_one_wins(given: Session) -> None:
    outer = given.scoped({"app.user": "ana", "app.why": "test"})
    inner = outer.scoped({"APP.user": "bo"})
    assert inner(preview, SETTINGS) == ("bo", "test")
    assert outer(preview, SETTINGS) == ("ana", "test")
    assert "bo" not in repr(inner.db)
    assert given.scoped({})(users.count) == 2


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": "x"}, {"app.": "x"}, {".user": "x"}, {"app.user id": "x"}, {"app.1": "x"}, {"": "x"}, {1: "x"},
        {"app.user\0": "x"}, {"app.user\n": "x"}, {"app.user": 1}, {"app.user": None}, {"app.user": "\0"},
        {"app.user": "\ud800"}, "app.user", [("app.user", "x")], None,
    ],
)  # fmt: skip
def test_wrong_settings_are_refused(wrong: Any, conn: psycopg.Connection[Any]) -> None:
    with pytest.raises(InvalidValue):
        scoped(conn, wrong)


def test_what_is_no_database_is_refused() -> None:
    with pytest.raises(TypeError):
        scoped("conninfo", {})  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue, reportArgumentType]


@pytest.mark.parametrize("value", ["", "x" * 10_000, "it's; DROP TABLE users", "%s %(x)s", "ünïcödé"])
def test_any_text_is_a_value(conn: psycopg.Connection[Any], value: str) -> None:
    assert preview(scoped(conn, {"App.user": value, "a.b.c$1": "x"}), SETTINGS)[0] == value


@pytest.mark.parametrize("begun", [False, True])
def test_in_a_pipeline_of_the_callers(place: Place, world: World, runner: asyncio.Runner, begun: bool) -> None:
    _, bo = place.people
    settings = {"app.user": str(bo.id)}

    def sync(conn: psycopg.Connection[Any]) -> tuple[int, int]:
        with conn.pipeline():
            return user_aims.count(scoped(conn, settings)), batch(scoped(conn, settings), user_aims.count.call())[0]

    async def in_task(conn: psycopg.AsyncConnection[Any]) -> tuple[int, int]:
        async with conn.pipeline():
            mine = scoped(conn, settings)
            return await user_aims.count(mine), (await batch(mine, user_aims.count.call()))[0]

    kind = "transaction" if begun else "autocommit"
    with within(20, "a scope in a pipeline"), session(place.conninfo, world, runner, kind, 0) as given:
        assert given.awaited((sync if world == "sync" else in_task)(given.db)) == (3, 3)
        assert given.is_as(kind)
        assert is_left_alone(given, kind)


@pytest.mark.parametrize("kind", ["autocommit", "transaction", "pool"])
def test_it_takes_no_further_round_trip(place: Place, world: World, runner: asyncio.Runner, kind: str) -> None:
    ana, _ = place.people

    def work(conn: psycopg.Connection[Any]) -> None:
        pass

    async def work_async(conn: psycopg.AsyncConnection[Any]) -> None:
        pass

    uses: list[tuple[Any, ...]] = [
        (users.get, ana),
        (users.aims.replace, ana, place.goals[:1]),
        (batch, users.get.call(ana), users.aims.of.call(ana)),
        (preview, users.aims.clear.call(ana)),
        (bulk.load, [(ana, place.goals[0])]),
        (bulk.dump, io.BytesIO()),
    ]
    if kind != "transaction":
        uses.append((transaction.run, work if world == "sync" else work_async))

    def costs(given: Session) -> list[int]:
        found: list[int] = []
        for function, *arguments in uses:
            before = counted.round_trips
            given(function, *arguments)
            found.append(counted.round_trips - before)
        return found

    with wire(place.conninfo) as (conninfo, counted), session(conninfo, world, runner, kind, None) as given:
        given.execute(f"SET row_security = on; SELECT set_config('app.user', '{ana.id}', false)")
        assert costs(as_user(given, ana)) == costs(given)
