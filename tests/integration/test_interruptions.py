"""However a call ends, the connection is right afterwards, or closed: every exit of the path that sends statements.

Interrupts are raised at each line of the two modules that send and, in tasks, at each await, also twice. Errors of the
server are provoked in the first and in the last statement and at COMMIT; the backend is killed, the transport cut.
"""

import asyncio
import threading
import time
from contextlib import ExitStack, suppress
from typing import Any

import psycopg
import pytest

from tests.deadline import TooLong, within
from tests.integration.interruptions import (
    KINDS,
    LONG,
    At,
    AtAwait,
    Setting,
    World,
    is_right,
    reset,
    session,
    whole_or_absent,
)
from tests.proxy import wire
from useraim import users


@pytest.mark.parametrize("threshold", [0, None])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("world", ["sync", "async"])
def test_an_interrupt_at_any_line_leaves_the_connection_right_or_closed(
    setting: Setting, runner: asyncio.Runner, world: World, kind: str, threshold: int | None
) -> None:
    error = KeyboardInterrupt if world == "sync" else asyncio.CancelledError
    wanted = setting.goals[1:3]
    n = places = 0
    while True:
        n += 1
        reset(setting)
        given = session(setting, world, runner, kind, threshold)
        injected = At(n, error)
        try:
            with within(LONG, f"a call interrupted at line {n} that runs"), given:
                with injected, suppress(KeyboardInterrupt, asyncio.CancelledError, psycopg.Error):
                    given(users.aims.replace, setting.user, wanted)
                whole_or_absent(setting, wanted)
                is_right(given, setting)
        except (AssertionError, TooLong) as wrong:
            raise AssertionError(f"interrupted at {injected.place}: {wrong}") from wrong
        if not injected.place:
            break
        places += 1
    assert places > 40


@pytest.mark.parametrize("times", [1, 2, 3])
@pytest.mark.parametrize("kind", KINDS)
def test_a_task_cancelled_at_any_await_leaves_the_connection_right_or_closed(
    setting: Setting, runner: asyncio.Runner, kind: str, times: int
) -> None:
    wanted = setting.goals[1:3]
    n = 0
    while True:
        n += 1
        reset(setting)
        given = session(setting, "async", runner, kind, 0)
        with within(LONG, f"a task cancelled {times} times from its await {n} on"), given:
            stepped = AtAwait(users.aims.replace(given.db, setting.user, wanted), n, times)
            with suppress(asyncio.CancelledError, psycopg.Error):
                runner.run(stepped.run())
            time.sleep(0.02)  # what was sent before is done by then
            whole_or_absent(setting, wanted)
            is_right(given, setting)
        if stepped.suspended < n:
            break
    assert n > 1


@pytest.mark.parametrize("again", ["once", "on every try from the fourth to the seventh"])
@pytest.mark.parametrize("failing", ["in the first statement", "in the last statement", "at COMMIT"])
@pytest.mark.parametrize("threshold", [0, 5, None])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("world", ["sync", "async"])
def test_an_error_of_the_server_is_raised_and_later_calls_are_right(
    setting: Setting, runner: asyncio.Runner, world: World, kind: str, threshold: int | None, failing: str, again: str
) -> None:
    reset(setting)
    given = session(setting, world, runner, kind, threshold)
    expected: Any = psycopg.errors.RaiseException
    if failing == "at COMMIT" and kind in {"transaction", "begun by the call"}:
        expected = ()  # there it is the caller who commits
    with within(LONG, f"an error {failing}"), given, psycopg.connect(setting.conninfo) as holding:
        for n in range(1, 2 if again == "once" else 8):
            if again != "once" and n < 4:
                given(users.aims.replace, setting.user, setting.goals[2:])
                if not given.pooled:
                    given.awaited(given.db.commit())
                continue
            if failing == "in the first statement":
                expected = psycopg.errors.LockNotAvailable
                holding.execute("SELECT 1 FROM users WHERE id = %s FOR UPDATE", [setting.user])
            conn = given.connection()
            given.awaited(conn.execute("SET lock_timeout = '20ms'"))
            if given.pooled:
                given.awaited(conn.commit())
                given.awaited(given.db.putconn(conn))
            role = {"in the last statement": "early", "at COMMIT": "late"}.get(failing, "member")
            if expected:
                with pytest.raises(expected):
                    given(users.aims.replace, setting.user, setting.goals[:2], role=role)
            else:
                given(users.aims.replace, setting.user, setting.goals[:2], role=role)
            holding.rollback()
            if not given.pooled:
                assert not given.db.closed
                given.awaited(given.db.rollback())
        assert is_right(given, setting)


@pytest.mark.parametrize("threshold", [0, None])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("world", ["sync", "async"])
@pytest.mark.parametrize("ending", ["the backend is killed", "the transport is cut"])
def test_a_lost_connection_is_an_error_and_a_pool_goes_on(
    setting: Setting, runner: asyncio.Runner, world: World, kind: str, threshold: int | None, ending: str
) -> None:
    reset(setting)
    with (
        within(LONG, "a call whose connection is lost"),
        ExitStack() as stack,
        wire(setting.conninfo) as (away, transport),
        psycopg.connect(setting.conninfo) as holding,
    ):
        there = Setting(away, setting.other, setting.user, setting.goals)
        given = stack.enter_context(session(there, world, runner, kind, threshold))
        holding.execute("SELECT 1 FROM users WHERE id = %s FOR UPDATE", [setting.user])

        def end() -> None:
            waiting = "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
            while not (found := setting.other.execute(waiting).fetchone()):
                time.sleep(0.002)
            if ending == "the backend is killed":
                setting.other.execute("SELECT pg_terminate_backend(%s)", found)
            else:
                transport.cut()

        thread = threading.Thread(target=end)
        thread.start()
        with pytest.raises(psycopg.OperationalError):
            given(users.aims.replace, setting.user, setting.goals[1:])
        thread.join(timeout=LONG)
        holding.rollback()
        busy = "SELECT FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND state = 'active' AND datname = %s"
        while setting.other.execute(busy, [setting.other.info.dbname]).fetchone():
            time.sleep(0.002)
        whole_or_absent(setting, setting.goals[1:])
        if not given.pooled:
            assert given.db.closed
        else:
            assert is_right(given, setting)


@pytest.mark.parametrize("failing", ["in the last statement", "none"])
@pytest.mark.parametrize("world", ["sync", "async"])
def test_in_a_pipeline_of_the_callers_the_call_takes_part_and_the_connection_stays_right(
    setting: Setting, runner: asyncio.Runner, world: World, failing: str
) -> None:
    reset(setting)
    given = session(setting, world, runner, "autocommit", 0)
    role = "early" if failing != "none" else "member"

    def sync() -> None:
        with given.db.pipeline():
            given.db.execute("SELECT 1")
            users.aims.replace(given.db, setting.user, setting.goals[1:3], role=role)
            given.db.execute("SELECT 2")

    async def in_task() -> None:
        async with given.db.pipeline():
            await given.db.execute("SELECT 1")
            await users.aims.replace(given.db, setting.user, setting.goals[1:3], role=role)
            await given.db.execute("SELECT 2")

    with within(LONG, "a call in the caller's pipeline"), given:
        with suppress(psycopg.errors.RaiseException):
            if world == "sync":
                sync()
            else:
                given.awaited(in_task())
        assert setting.links() == set(setting.goals[:1] if failing != "none" else setting.goals[1:3])
        assert is_right(given, setting)


def test_a_connection_that_the_caller_is_using_is_refused_and_left_alone(setting: Setting) -> None:
    with psycopg.connect(setting.conninfo, autocommit=True) as conn:
        conn.pgconn.send_query(b"SELECT pg_sleep(0.1)")
        with pytest.raises(psycopg.OperationalError, match="another command"):
            users.exists(conn, setting.user)
        while conn.pgconn.get_result() is not None:
            pass
        assert users.exists(conn, setting.user)
