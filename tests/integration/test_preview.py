"""What a call would answer, or the error it would raise; nothing of it stays."""

import asyncio
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple
from uuid import uuid4

import psycopg
import pytest

from tests.deadline import within
from tests.proxy import wire
from tests.sessions import KINDS, OWN, WORLDS, Session, World, session
from useraim import Aim, BrokenReference, InvalidValue, NewAim, User, aims, preview, users
from useraim.core.statement import Statement


class Place(NamedTuple):
    conninfo: str
    other: psycopg.Connection[Any]
    ana: User
    goals: list[Aim]


@pytest.fixture(scope="module")
def place(create_database: Callable[[], str]) -> Iterator[Place]:
    conninfo = create_database()
    with psycopg.connect(conninfo, autocommit=True) as other:
        ana = users.create(other, email="ana@example.org", name="Ana")
        goals = aims.create_many(other, [NewAim(f"Goal {n}") for n in range(3)])
        users.aims.append(other, ana, goals[:2])
        other.execute("""
            CREATE FUNCTION late() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN IF NEW.title = 'late' THEN RAISE EXCEPTION 'late'; END IF; RETURN NULL; END $$;
            CREATE CONSTRAINT TRIGGER late AFTER INSERT ON aims DEFERRABLE INITIALLY DEFERRED
                FOR EACH ROW EXECUTE FUNCTION late()""")
        yield Place(conninfo, other, ana, goals)


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
    with within(20, "a preview"), session(place.conninfo, world, runner, kind, request.param) as opened:
        yield opened


def held(given: Session, place: Place) -> set[Any]:
    return {one.record for one in given(users.aims.of, place.ana)}


def test_the_answer_is_the_calls_and_nothing_stays(given: Session, place: Place, kind: str) -> None:
    wanted = users.aims.replace.call(place.ana, place.goals[1:])
    for _ in range(3):
        changes = given(preview, wanted)
        assert (changes.added, changes.removed) == ((place.goals[2].id,), (place.goals[0].id,))
        assert held(given, place) == set(place.goals[:2])
        assert given.is_as(kind)


def test_what_the_caller_has_written_before_stays(given: Session, place: Place) -> None:
    """The rows that a preview sees are those of the caller's transaction."""
    with given.connection() as there:
        created = there(aims.create, title="Mine")
        there(preview, aims.delete.call(created))
        assert there(aims.get, created) == created
        there(aims.delete, created)


def test_a_refusal_is_raised_as_the_call_would(given: Session, place: Place, kind: str) -> None:
    nobody: Any = uuid4()
    with pytest.raises(BrokenReference) as refused:
        given(preview, users.aims.append.call(place.ana, [nobody]))
    assert refused.value.aims == (nobody,)
    assert given.is_as(kind)


def test_an_error_of_the_server_is_raised_and_a_callers_transaction_goes_on(
    given: Session, place: Place, kind: str
) -> None:
    divided = Statement("fails", "SELECT 1 / pg_catalog.length(%(text)s)", tuple).call(list, {"text": ""})
    for _ in range(2):
        with pytest.raises(psycopg.errors.DivisionByZero):
            given(preview, divided)
        assert given.is_as(kind)
    assert held(given, place) == set(place.goals[:2])


def test_what_would_fail_at_commit_is_said_where_the_call_would_commit(given: Session, place: Place, kind: str) -> None:
    late = aims.create.call(title="late")
    if kind in OWN:
        with pytest.raises(psycopg.errors.RaiseException, match="late"):
            given(preview, late)
    else:
        assert given(preview, late).title == "late"
    assert given.is_as(kind)
    assert given(aims.count, search="late") == 0


def test_nothing_to_send_and_what_is_no_call(given: Session) -> None:
    assert given(preview, users.find_many.call([])) == {}
    with pytest.raises(InvalidValue):
        given(preview, users.find_many)


@pytest.mark.parametrize("begun", [False, True])
def test_in_a_pipeline_of_the_callers(place: Place, world: World, runner: asyncio.Runner, begun: bool) -> None:
    call = users.aims.clear.call(place.ana)

    def sync(conn: psycopg.Connection[Any]) -> int:
        with conn.pipeline():
            conn.execute("SELECT 1")
            assert len(preview(conn, call).removed) == 2
            return len(users.aims.of(conn, place.ana))

    async def in_task(conn: psycopg.AsyncConnection[Any]) -> int:
        async with conn.pipeline():
            await conn.execute("SELECT 1")
            assert len((await preview(conn, call)).removed) == 2
            return len(await users.aims.of(conn, place.ana))

    kind = "transaction" if begun else "autocommit"
    with within(20, "a preview in a pipeline"), session(place.conninfo, world, runner, kind, 0) as given:
        assert given.awaited((sync if world == "sync" else in_task)(given.db)) == 2
        assert given.is_as(kind)


@pytest.mark.parametrize("fails", [False, True])
@pytest.mark.parametrize("kind", ["autocommit", "transaction", "pool"])
def test_it_is_one_round_trip(place: Place, world: World, runner: asyncio.Runner, kind: str, fails: bool) -> None:
    nobody: list[Any] = [uuid4()] if fails else []
    call = users.aims.replace.call(place.ana, [*place.goals[1:], *nobody])
    with wire(place.conninfo) as (conninfo, counted), session(conninfo, world, runner, kind, 0) as given:
        given(users.count)
        before = counted.round_trips
        try:
            given(preview, call)
        except BrokenReference:
            assert fails
        assert counted.round_trips - before == 1
