"""However a call ends, the connection is right afterwards, or closed: every exit of the path that sends statements.

Interrupts are raised at each line of the modules that send and, in tasks, at each await, also twice. Errors of the
server are provoked in the first and in the last statement and at COMMIT; the backend is killed, the transport cut.
"""

import asyncio
import linecache
import sys
import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from types import FrameType
from typing import Any, Literal
from uuid import uuid4

import psycopg
import pytest
from psycopg.pq import PipelineStatus, TransactionStatus
from psycopg_pool import AsyncConnectionPool, ConnectionPool

from tests.deadline import TooLong, within
from tests.proxy import wire
from useraim import AimId, NewAim, UserId, aims, users
from useraim.core import guarded, opening, pipeline, queued, running

SENDING = {module.__file__ for module in (guarded, opening, pipeline, queued, running)}
World = Literal["sync", "async"]
LONG = 20.0  # seconds; nothing here takes more than one


@dataclass
class Setting:
    """A database with a user and aims, and a second session that looks and disturbs."""

    conninfo: str
    other: psycopg.Connection[Any]
    user: UserId
    goals: list[AimId]

    def links(self) -> set[Any]:
        query = "SELECT aim_id FROM user_aims WHERE user_id = %s"
        return {id for (id,) in self.other.execute(query, [self.user])}


@pytest.fixture(scope="module")
def setting(create_database: Callable[[], str]) -> Iterator[Setting]:
    conninfo = create_database()
    with psycopg.connect(conninfo, autocommit=True) as other:
        user = users.create(other, email="ana@example.org", name="Ana")
        goals = aims.create_many(other, [NewAim(f"Goal {n}") for n in range(4)])
        # Raises in the statement that writes, or not before COMMIT.
        other.execute("""
            CREATE FUNCTION boom() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN IF NEW.role = TG_ARGV[0] THEN RAISE EXCEPTION 'boom'; END IF; RETURN NULL; END $$;
            CREATE CONSTRAINT TRIGGER late AFTER INSERT ON user_aims DEFERRABLE INITIALLY DEFERRED
                FOR EACH ROW EXECUTE FUNCTION boom('late');
            CREATE TRIGGER early AFTER INSERT ON user_aims FOR EACH ROW EXECUTE FUNCTION boom('early')""")
        yield Setting(conninfo, other, user.id, [goal.id for goal in goals])


@dataclass
class Session:
    """What a call is made on: a connection or a pool of one, sync or async, with settings that must stay."""

    world: World
    runner: asyncio.Runner
    db: Any
    pooled: bool
    autocommit: bool

    def __call__(self, function: Any, *args: Any, **kwargs: Any) -> Any:
        result = function(self.db, *args, **kwargs)
        return result if self.world == "sync" else self.runner.run(result)

    def awaited(self, result: Any) -> Any:
        return result if self.world == "sync" else self.runner.run(result)

    def connection(self) -> Any:
        return self.awaited(self.db.getconn()) if self.pooled else self.db

    def __enter__(self) -> "Session":
        return self

    def __exit__(self, *_: object) -> None:
        self.awaited(self.db.close())


KINDS = ["autocommit", "transaction", "begun by the call", "pool", "pool of autocommit"]


def session(setting: Setting, world: World, runner: asyncio.Runner, kind: str, threshold: int | None) -> Session:
    autocommit = kind in {"autocommit", "pool of autocommit"}
    settings: dict[str, Any] = {"autocommit": autocommit, "prepare_threshold": threshold}
    pooled = kind.startswith("pool")
    if pooled:
        pool_settings: dict[str, Any] = {"kwargs": settings, "min_size": 1, "max_size": 1, "timeout": 5, "open": False}
        pools: dict[str, Any] = {"sync": ConnectionPool, "async": AsyncConnectionPool}
        opened = Session(world, runner, pools[world](setting.conninfo, **pool_settings), pooled, autocommit)
        opened.awaited(opened.db.open())
        opened.awaited(opened.db.wait())
        return opened
    classes: dict[str, Any] = {"sync": psycopg.Connection, "async": psycopg.AsyncConnection}
    connecting = classes[world].connect(setting.conninfo, **settings)
    opened = Session(world, runner, connecting if world == "sync" else runner.run(connecting), pooled, autocommit)
    if kind == "transaction":
        opened.awaited(opened.db.execute("SELECT 1"))
    return opened


def is_right(given: Session, setting: Setting) -> bool:
    """Hold the connection to what it has to be after a call, however that ended; False when it is closed."""
    conn = given.connection()
    try:
        if conn.closed:
            assert not given.pooled, "a pool must not lend a closed connection"
            return False
        assert conn.autocommit == given.autocommit
        assert conn.pgconn.pipeline_status == PipelineStatus.OFF
        assert conn.pgconn.transaction_status != TransactionStatus.ACTIVE
        if given.pooled:
            assert conn.pgconn.transaction_status == TransactionStatus.IDLE
        assert not conn.lock.locked()
        answers = Session(given.world, given.runner, conn, False, given.autocommit)
        if conn.pgconn.transaction_status == TransactionStatus.INERROR:
            given.awaited(conn.rollback())
        for _ in range(2):
            assert answers(users.exists, uuid4()) is False
            assert answers(users.exists, setting.user) is True
            assert set(answers(users.aims.load, [setting.user])) == {setting.user}
            answers(users.aims.replace, setting.user, setting.goals[:2])
            assert {one.record.id for one in answers(users.aims.of, setting.user)} == set(setting.goals[:2])
        given.awaited(conn.rollback())
        return True
    finally:
        if given.pooled:
            given.awaited(conn.close())
            given.awaited(given.db.putconn(conn))


def reset(setting: Setting) -> None:
    users.aims.replace(setting.other, setting.user, setting.goals[:1])


def whole_or_absent(setting: Setting, wanted: list[AimId]) -> None:
    assert setting.links() in (set(setting.goals[:1]), set(wanted))


class At:
    """Raises at the n-th line that the sending modules run."""

    def __init__(self, n: int, error: type[BaseException]) -> None:
        self.n = n
        self.error = error
        self.lines = 0
        self.place = ""
        self._left: set[tuple[int, int]] = set()

    def __enter__(self) -> "At":
        sys.settrace(self._trace)
        return self

    def __exit__(self, *_: object) -> None:
        sys.settrace(None)

    def _trace(self, frame: FrameType, event: str, _: Any) -> Any:
        if frame.f_code.co_filename not in SENDING:
            return None
        if event == "line":
            # A `with` is come to twice: Python itself runs the second time unprotected, before __exit__.
            text = linecache.getline(frame.f_code.co_filename, frame.f_lineno).lstrip()
            if text.startswith(("with ", "async with ")):
                place = (id(frame), frame.f_lineno)
                if place in self._left:
                    return self._trace
                self._left.add(place)
            self.lines += 1
            if self.lines == self.n:
                self.place = f"{frame.f_code.co_filename}:{frame.f_lineno}: {text.strip()}"
                raise self.error
        return self._trace


class AtAwait:
    """Runs a coroutine and cancels it at its n-th suspension, and so often in a row."""

    def __init__(self, coroutine: Any, n: int, times: int) -> None:
        self.coroutine = coroutine
        self.n = n
        self.times = times
        self.suspended = 0

    def __await__(self) -> Generator[Any, None, Any]:
        steps = self.coroutine.__await__()
        cancel = False
        while True:
            try:
                future = steps.throw(asyncio.CancelledError()) if cancel else steps.send(None)
            except StopIteration as end:
                return end.value
            self.suspended += 1
            cancel = self.n <= self.suspended < self.n + self.times
            if cancel and hasattr(future, "cancel"):
                future.cancel()
                continue
            yield future

    async def run(self) -> Any:
        return await self


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


@pytest.mark.parametrize("threshold", [0, 2])
def test_no_more_statements_are_prepared_than_the_connection_allows(setting: Setting, threshold: int) -> None:
    orders = [sign + name for sign in ("", "-") for name in ("joined_at", "role", "created_at", "title")]
    with psycopg.connect(setting.conninfo, autocommit=True, prepare_threshold=threshold) as conn:
        conn.prepared_max = 5
        for _ in range(4):
            for order in orders:
                users.aims.of(conn, setting.user, order_by=order)
                users.aims.load(conn, [setting.user], order_by=order)
        prepared = conn.execute("SELECT FROM pg_prepared_statements").fetchall()
        assert len(prepared) <= 5 + 2  # those displaced by the last call are closed by the next one


def goes_on(setting: Setting, discard: Any, statement: Callable[[psycopg.Connection[Any]], object]) -> bool:
    """Say whether a prepared statement goes on to work after this, on a connection of its own."""
    with psycopg.connect(setting.conninfo, autocommit=True, prepare_threshold=0) as conn:
        statement(conn)
        conn.execute(discard, prepare=False)
        try:
            statement(conn)
        except psycopg.errors.InvalidSqlStatementName:
            return False
        return True


@pytest.mark.parametrize("discard", ["DISCARD ALL", "DEALLOCATE ALL"])
def test_what_discards_prepared_statements_is_noticed_where_psycopg_does(setting: Setting, discard: str) -> None:
    psycopg_does = goes_on(setting, discard, lambda conn: conn.execute("SELECT true"))
    assert goes_on(setting, discard, lambda conn: users.exists(conn, setting.user)) == psycopg_does


def test_a_rollback_which_makes_psycopg_discard_them_is_noticed(setting: Setting) -> None:
    with psycopg.connect(setting.conninfo, prepare_threshold=0) as conn:
        for _ in range(3):
            assert users.exists(conn, setting.user)
            conn.execute("SELECT 1")
            conn.rollback()


def test_a_prepared_name_is_made_of_the_statement_so_that_it_is_never_another_one(setting: Setting) -> None:
    with psycopg.connect(setting.conninfo, autocommit=True, prepare_threshold=0) as conn:
        users.get(conn, setting.user)
        users.exists(conn, setting.user)
        names = {name for (name,) in conn.execute("SELECT name FROM pg_prepared_statements", prepare=False)}
    get, exists = (call(setting.user) for call in (users.get.call, users.exists.call))
    uuid = 2950
    assert names == {call.steps[0][0].name_for((uuid,)).decode() for call in (get, exists)}


@pytest.mark.parametrize(("threshold", "sqlstate"), [(0, "26000")])
def test_behind_a_pooler_that_loses_statements_the_error_says_what_to_do(
    setting: Setting, threshold: int, sqlstate: str
) -> None:
    with psycopg.connect(setting.conninfo, autocommit=True, prepare_threshold=threshold) as conn:
        users.get(conn, setting.user)
        conn.pgconn.exec_(b"DEALLOCATE ALL")  # as if this were another server session now
        with pytest.raises(psycopg.errors.InvalidSqlStatementName) as caught:
            users.get(conn, setting.user)
    assert caught.value.sqlstate == sqlstate
    assert any("prepare_threshold=None" in note for note in caught.value.__notes__)
