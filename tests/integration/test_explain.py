"""The plans of a call's statements, as the server gives them."""

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from tests.deadline import within
from tests.proxy import wire
from tests.sessions import KINDS, WORLDS, Session, World, session
from useraim import InvalidValue, NewAim, aims, explain, user_aims, users
from useraim.core.statement import Statement


@pytest.fixture(scope="module")
def conninfo(create_database: Callable[[], str]) -> str:
    found = create_database()
    with psycopg.connect(found, autocommit=True) as conn:
        ana = users.create(conn, email="ana@example.org", name="Ana")
        users.aims.create(conn, ana, [NewAim(f"Goal {n}") for n in range(3)])
    return found


@pytest.fixture(params=WORLDS)
def world(request: pytest.FixtureRequest) -> World:
    return request.param  # type: ignore[no-any-return]


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=[0, None], ids=["prepared", "not prepared"])
def given(
    request: pytest.FixtureRequest, conninfo: str, world: World, kind: str, runner: asyncio.Runner
) -> Iterator[Session]:
    with within(20, "an explanation"), session(conninfo, world, runner, kind, request.param) as opened:
        yield opened


def ana(given: Session) -> Any:
    return given(users.find_by_email, "ana@example.org")


def test_each_statement_has_its_name_its_sql_and_its_plan(given: Session, kind: str) -> None:
    call = users.aims.replace.call(ana(given), [])
    plans = given(explain, call)
    assert [plan.name for plan in plans] == ["users.aims (lock)", "users.aims.replace"]
    assert [plan.sql for plan in plans] == [sql for sql, _ in call.statements]
    assert "user_aims" in plans[1].text
    assert "actual" not in str(plans[1])
    assert given.is_as(kind)


def test_analyze_runs_it_and_undoes_it(given: Session, kind: str) -> None:
    who = ana(given)
    plans = given(explain, users.aims.clear.call(who), analyze=True)
    assert "Delete on user_aims" in plans[-1].text
    assert "actual time" in plans[-1].text
    assert given(users.aims.count, [who]) == {who.id: 3}
    assert given.is_as(kind)


def test_what_is_sent_by_key_is_planned_by_key(given: Session, kind: str) -> None:
    """The statements around it are run, so that those tables of a few rows are not read whole, and have plans too."""
    pairs = [(row.user_id, row.aim_id) for row in given(user_aims.page).items]
    plans = given(explain, user_aims.delete_many.call(pairs))
    assert [plan.name for plan in plans] == ["user_aims.by_key", "user_aims.delete_many", "user_aims.as_before"]
    assert "Seq Scan on user_aims" not in plans[1].text
    assert "actual" not in plans[1].text
    assert len(given(user_aims.page)) == len(pairs) == 3
    assert given.execute("SHOW enable_seqscan") == [("on",)]
    analyzed = given(explain, user_aims.delete_many.call(pairs), analyze=True)
    assert "Seq Scan on user_aims" not in analyzed[1].text
    assert given(user_aims.count) == 3


def test_an_error_of_the_server_is_raised_and_a_callers_transaction_goes_on(given: Session, kind: str) -> None:
    divided = Statement("fails", "SELECT 1 / pg_catalog.length(%(text)s)", tuple).call(list, {"text": ""})
    for analyze in (False, True):
        with pytest.raises(psycopg.errors.DivisionByZero):
            given(explain, divided, analyze=analyze)
        assert given.is_as(kind)


def test_nothing_to_send_and_what_is_no_call(given: Session) -> None:
    assert given(explain, users.find_many.call([])) == []
    with pytest.raises(InvalidValue):
        given(explain, "SELECT 1")


def test_settings_of_a_scope_hold_for_the_plan(conninfo: str, world: World, runner: asyncio.Runner) -> None:
    call = Statement("one", "SELECT pg_catalog.current_setting('app.user')", tuple).call(list, {})
    with session(conninfo, world, runner, "autocommit") as given:
        (plan,) = given.scoped({"app.user": "ana"})(explain, call, analyze=True)
        assert plan.name == "one"
        assert "actual" in plan.text


@pytest.mark.parametrize("kind", ["autocommit", "transaction", "pool"])
def test_it_is_one_round_trip(conninfo: str, world: World, runner: asyncio.Runner, kind: str) -> None:
    with wire(conninfo) as (there, counted), session(there, world, runner, kind, 0) as given:
        call = aims.users.replace.call(given(aims.page).items[0], [])
        for analyze in (False, True):
            before = counted.round_trips
            given(explain, call, analyze=analyze)
            assert counted.round_trips - before == 1
