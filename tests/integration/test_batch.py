"""Several calls in one transaction: their results, and all or nothing."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from tests.deadline import within
from tests.sessions import KINDS, OWN, WORLDS, Session, World, session
from useraim import Aim, AlreadyExists, Call, InvalidValue, NewAim, NotFound, User, aims, batch, users
from useraim.core.statement import Statement

LONG = 20.0


@dataclass
class Place:
    """A database with a user and her aims, and a session that looks at what is committed."""

    conninfo: str
    other: psycopg.Connection[Any]
    ana: User
    goals: list[Aim]

    def titles(self) -> set[str]:
        return {title for (title,) in self.other.execute("SELECT title FROM aims WHERE title LIKE 'new%%'", [])}


@pytest.fixture(scope="module")
def made(create_database: Callable[[], str]) -> Iterator[Place]:
    conninfo = create_database()
    with psycopg.connect(conninfo, autocommit=True) as other:
        ana = users.create(other, email="ana@example.org", name="Ana")
        goals = aims.create_many(other, [NewAim(f"Goal {n}") for n in range(3)])
        users.aims.append(other, ana, goals)
        other.execute("""
            CREATE FUNCTION late() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN IF NEW.title = 'new late' THEN RAISE EXCEPTION 'late'; END IF; RETURN NULL; END $$;
            CREATE CONSTRAINT TRIGGER late AFTER INSERT ON aims DEFERRABLE INITIALLY DEFERRED
                FOR EACH ROW EXECUTE FUNCTION late()""")
        yield Place(conninfo, other, ana, goals)


@pytest.fixture
def place(made: Place) -> Iterator[Place]:
    yield made
    made.other.execute("DELETE FROM aims WHERE title LIKE 'new%'")


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=WORLDS)
def world(request: pytest.FixtureRequest) -> World:
    return request.param  # type: ignore[no-any-return]


@pytest.fixture(params=[0, None], ids=["prepared", "not prepared"])
def given(
    request: pytest.FixtureRequest, place: Place, world: World, kind: str, runner: asyncio.Runner
) -> Iterator[Session]:
    with within(LONG, "a batch"), session(place.conninfo, world, runner, kind, request.param) as opened:
        yield opened


def nobody() -> Any:
    return uuid4()


def new(title: str = "new") -> Call[Aim]:
    return aims.create.call(title=title)


def test_results_are_those_of_the_calls_in_their_order(given: Session, place: Place, kind: str) -> None:
    keys = [goal.id for goal in place.goals]
    for _ in range(2):
        user, held, sizes, nothing = given(
            batch,
            users.get.call(place.ana),
            users.aims.of.call(place.ana),
            aims.users.count.call(keys),
            users.find_many.call([]),
        )
        assert user == place.ana
        assert {one.record for one in held} == set(place.goals)
        assert sizes == dict.fromkeys(keys, 1)
        assert nothing == {}
    assert given.is_as(kind)


def test_later_calls_see_what_earlier_ones_wrote(given: Session, place: Place, kind: str) -> None:
    aim = NewAim("new")
    created, made = given(batch, users.aims.create.call(place.ana, [aim]), aims.count.call(search="new"))
    assert made == 1
    assert created[0].record.title == "new"
    assert given.is_as(kind)
    assert place.titles() == ({"new"} if kind in OWN else set())


@pytest.mark.parametrize("first", [True, False])
def test_a_refusal_is_raised_with_its_index_and_nothing_stays(
    given: Session, place: Place, kind: str, first: bool
) -> None:
    missing = users.get.call(nobody())
    calls = (missing, new(), new("new too")) if first else (new(), new("new too"), missing)
    for _ in range(2):
        with pytest.raises(NotFound) as refused:
            given(batch, *calls)
        assert refused.value.index == (0 if first else 2)
        assert given(aims.count, search="new") == 0
        assert given.is_as("transaction" if kind == "begun by the call" else kind)
    (kept,) = given(batch, new())
    assert given(aims.page, search="new").items == [kept]
    assert place.titles() == ({"new"} if kind in OWN else set())


def test_an_error_of_the_server_undoes_it_and_a_callers_transaction_goes_on(
    given: Session, place: Place, kind: str
) -> None:
    given(aims.create, title="new before")
    divided = Statement("fails", "SELECT 1 / pg_catalog.length(%(text)s)", tuple).call(list, {"text": ""})
    with pytest.raises(psycopg.errors.DivisionByZero):
        given(batch, new(), divided, new("new too"))
    assert given.is_as(kind)
    assert [aim.title for aim in given(aims.page, search="new").items] == ["new before"]


def test_a_lost_race_is_said_in_the_words_of_its_call(given: Session, place: Place, kind: str) -> None:
    """Another transaction creates the same user meanwhile, which only the constraint sees."""
    email = f"{uuid4()}@example.org"
    with psycopg.connect(place.conninfo) as rival:
        users.create(rival, email=email, name="Rival")

        def commit() -> None:
            waiting = "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
            while not place.other.execute(waiting).fetchone():
                time.sleep(0.002)
            rival.commit()

        thread = threading.Thread(target=commit)
        thread.start()
        with pytest.raises(AlreadyExists) as lost:
            given(batch, new(), users.create.call(email=email, name="Late"))
        thread.join(timeout=LONG)
    assert lost.value.index == 1
    assert given(aims.count, search="new") == 0
    assert given.is_as(kind)


def test_what_fails_at_commit_leaves_nothing(given: Session, place: Place, kind: str) -> None:
    calls = (new(), new("new late"))
    if kind in OWN:
        with pytest.raises(psycopg.errors.RaiseException, match="late"):
            given(batch, *calls)
        assert place.titles() == set()
    else:
        given(batch, *calls)
    assert given.is_as(kind)


def test_nothing_to_send(given: Session) -> None:
    assert given(batch) == ()
    assert given(batch, users.find_many.call([]), users.create_many.call([])) == ({}, [])


@pytest.mark.parametrize("wrong", [None, users.get, "users.get", [users.count.call()]])
def test_only_calls_are_taken(given: Session, wrong: Any) -> None:
    with pytest.raises(InvalidValue, match=r"calls\[1\]"):
        given(batch, users.count.call(), wrong)


def test_what_is_no_database_is_refused() -> None:
    with pytest.raises(TypeError):
        batch("conninfo", users.count.call())  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue, reportArgumentType]


def test_a_failed_transaction_of_the_callers_is_left_as_it_is(
    place: Place, world: World, runner: asyncio.Runner
) -> None:
    with session(place.conninfo, world, runner, "transaction") as given:
        with pytest.raises(psycopg.errors.DivisionByZero):
            given.execute("SELECT 1 / 0")
        with pytest.raises(psycopg.errors.InFailedSqlTransaction):
            given(batch, new(), new())
        given.awaited(given.db.rollback())
        assert len(given(batch, new(), new())) == 2


@pytest.mark.parametrize("begun", [False, True])
@pytest.mark.parametrize("refused", [False, True])
def test_in_a_pipeline_of_the_callers(
    place: Place, world: World, runner: asyncio.Runner, begun: bool, refused: bool
) -> None:
    calls = (new(), new("new too"), users.get.call(nobody() if refused else place.ana.id))
    found: list[Any] = []

    def sync(conn: psycopg.Connection[Any]) -> None:
        with conn.pipeline():
            earlier = conn.execute("INSERT INTO aims (title) VALUES ('new before') RETURNING title")
            try:
                found.append(batch(conn, *calls)[2])
            except NotFound as error:
                found.append(error.index)
            later = conn.execute("SELECT count(*) FROM aims WHERE title LIKE 'new%'")
            found.extend([*(earlier.fetchone() or ()), *(later.fetchone() or ())])

    async def in_task(conn: psycopg.AsyncConnection[Any]) -> None:
        async with conn.pipeline():
            earlier = await conn.execute("INSERT INTO aims (title) VALUES ('new before') RETURNING title")
            try:
                found.append((await batch(conn, *calls))[2])
            except NotFound as error:
                found.append(error.index)
            later = await conn.execute("SELECT count(*) FROM aims WHERE title LIKE 'new%'")
            found.extend([*(await earlier.fetchone() or ()), *(await later.fetchone() or ())])

    kind = "transaction" if begun else "autocommit"
    with within(LONG, "a batch in a pipeline"), session(place.conninfo, world, runner, kind, 0) as given:
        for _ in range(2):
            found.clear()
            given.awaited((sync if world == "sync" else in_task)(given.db))
            assert found == [2 if refused else place.ana, "new before", 1 if refused else 3]
            assert given.is_as(kind)
            assert place.titles() == (set() if begun else {"new before"} | (set() if refused else {"new", "new too"}))
            if begun:
                given.awaited(given.db.rollback())
                given.execute("SELECT 1")
            else:
                place.other.execute("DELETE FROM aims WHERE title LIKE 'new%'")


def test_a_transaction_that_others_get_in_the_way_of_is_sent_again(
    place: Place, world: World, runner: asyncio.Runner
) -> None:
    place.other.execute(
        """
        CREATE SEQUENCE IF NOT EXISTS tries;
        CREATE OR REPLACE FUNCTION overtaken() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        IF nextval('tries') %% 3 <> 0 THEN RAISE SQLSTATE '40001'; END IF; RETURN NULL; END $$;
        CREATE TRIGGER overtaken AFTER INSERT ON aims FOR EACH ROW
            WHEN (NEW.title = 'new again') EXECUTE FUNCTION overtaken()""".replace("%%", "%")
    )
    try:
        with session(place.conninfo, world, runner, "autocommit") as given:
            assert len(given(batch, new("new again"), new(), users.get.call(place.ana))) == 3
            assert given.is_as("autocommit")
        assert place.titles() == {"new again", "new"}
    finally:
        place.other.execute("DROP TRIGGER overtaken ON aims")


def test_nothing_of_another_thread_slips_in_between_the_round_trips(place: Place) -> None:
    """A statement of its own is neither undone with a refused batch of the other's nor seen by it half done."""
    with within(LONG, "two threads"), psycopg.connect(place.conninfo, autocommit=True) as conn:

        def refused() -> None:
            for _ in range(50):
                with pytest.raises(NotFound):
                    batch(conn, new("new refused"), users.get.call(nobody()))

        thread = threading.Thread(target=refused)
        thread.start()
        kept = [aims.create(conn, title="new kept") for _ in range(50)]
        thread.join(timeout=LONG)
        assert set(aims.find_many(conn, [aim.id for aim in kept]).values()) == set(kept)
        assert place.titles() == {"new kept"}


def test_in_another_encoding(place: Place, world: World, runner: asyncio.Runner) -> None:
    with session(f"{place.conninfo} client_encoding=LATIN1", world, runner, "autocommit") as given:
        assert given(batch, new("new ü"), aims.count.call(search="ü"), users.get.call(place.ana))[1] == 1
        with pytest.raises(InvalidValue):
            given(batch, new("new ☃"))
        assert given.is_as("autocommit")


def test_a_call_of_ones_own_that_has_written_and_refuses_is_undone(given: Session, kind: str) -> None:
    def read(_: list[Any]) -> None:
        raise NotFound("own", ())

    own = Statement("own", "INSERT INTO aims (title) VALUES (%(title)s) RETURNING id", tuple)
    with pytest.raises(NotFound) as caught:
        given(batch, own.call(read, {"title": "new own"}), users.count.call())
    assert caught.value.index == 0
    assert given(aims.count, search="new own") == 0


def test_a_value_that_the_connection_cannot_say_is_told_with_its_index(place: Place) -> None:
    with psycopg.connect(place.conninfo, autocommit=True, client_encoding="latin1") as conn:
        with pytest.raises(InvalidValue) as caught:
            batch(conn, users.count.call(), users.find_by_email.call("\u017c@example.org"))
        assert (caught.value.field, caught.value.index) == ("email", 1)
