"""Transactions that start again: what is returned is stored, and work always runs inside a transaction."""

import asyncio
import inspect
import socket
import threading
import time
from collections.abc import Awaitable, Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import Any, TypeAlias, TypeVar, cast

import psycopg
import pytest
from psycopg import AsyncConnection, Connection, IsolationLevel
from psycopg.conninfo import make_conninfo
from psycopg_pool import AsyncConnectionPool, ConnectionPool, PoolClosed

from tests.proxy import Wire
from useraim import BrokenReference, InvalidValue, aims, transaction, users

T = TypeVar("T")
Conn: TypeAlias = Any  # of either world
Work: TypeAlias = Callable[[Conn], Generator[Any, Any, T]]

BREAK = "SELECT pg_terminate_backend(pg_backend_pid())"
SERIALIZATION_FAILURE = "DO $$ BEGIN RAISE SQLSTATE '40001'; END $$"
DEADLINE = 30


class World:
    """One of the two worlds. Work is a generator: it yields what the other world awaits, and is sent the result."""

    def __init__(self, kind: str, runner: asyncio.Runner, database: str) -> None:
        self.kind = kind
        self.runner = runner
        self.database = database
        self.opened: list[Any] = []

    def connect(self, **settings: Any) -> Conn:
        return self.open(self.pick(Connection, AsyncConnection).connect(self.database, **settings))

    def pool(self, conninfo: str | None = None, **settings: Any) -> Any:
        settings = {"min_size": 1, "max_size": 2, "timeout": DEADLINE, "open": False, **settings}
        pool = self.pick(ConnectionPool, AsyncConnectionPool)(conninfo or self.database, **settings)
        self.opened.append(pool)
        self.result(pool.open())
        return pool

    def open(self, connecting: Any) -> Conn:
        conn = self.result(connecting)
        self.opened.append(conn)
        return conn

    def close(self) -> None:
        for one in self.opened:
            self.result(one.close())

    def result(self, outcome: Any) -> Any:
        return self.runner.run(asyncio.wait_for(outcome, DEADLINE)) if inspect.iscoroutine(outcome) else outcome

    def pick(self, sync: Any, asynchronous: Any) -> Any:
        return sync if self.kind == "sync" else asynchronous

    def set(self, conn: Conn, name: str, value: object) -> None:
        if self.kind == "sync":
            setattr(conn, name, value)
        else:
            self.result(getattr(conn, f"set_{name}")(value))

    def run(self, db: Any, work: Work[T], **settings: Any) -> T:
        if self.kind == "sync":
            return cast("T", _in_time(lambda: self.start(db, work, **settings)))
        return cast("T", self.result(self.start(db, work, **settings)))

    def start(self, db: Any, work: Work[T], **settings: Any) -> Any:
        """Call `transaction.run`: in the async world what it gives is still to be awaited."""
        return transaction.run(db, self.plain(work), **settings)

    def plain(self, work: Work[T]) -> Callable[[Conn], Any]:
        """Make work what a user of this world would write."""
        if self.kind == "sync":
            return lambda conn: _driven(work(conn))
        return lambda conn: _awaited(work(conn))


def _in_time(function: Callable[[], T]) -> T:
    """Call it in a thread that a hang does not keep alive."""
    outcome: Future[T] = Future()

    def main() -> None:
        try:
            outcome.set_result(function())
        except BaseException as error:
            outcome.set_exception(error)

    threading.Thread(target=main, daemon=True).start()
    return outcome.result(DEADLINE)


def _driven(steps: Generator[Any, Any, T]) -> T:
    sent = None
    while True:
        try:
            sent = steps.send(sent)
        except StopIteration as end:
            return cast("T", end.value)


async def _awaited(steps: Generator[Any, Any, T]) -> T:
    sent, failure = None, None
    while True:
        try:
            outcome = steps.send(sent) if failure is None else steps.throw(failure)
        except StopIteration as end:
            return cast("T", end.value)
        sent, failure = None, None
        try:
            sent = await outcome
        except Exception as error:
            failure = error


@pytest.fixture(params=["sync", "async"])
def world(request: pytest.FixtureRequest, runner: asyncio.Runner, database: str) -> Iterator[World]:
    world = World(request.param, runner, database)
    yield world
    world.close()


@pytest.fixture
def own(database: str) -> Iterator[Connection[Any]]:
    """A connection that sees what others have committed."""
    with psycopg.connect(database, autocommit=True) as conn:
        yield conn


def emails(conn: Connection[Any]) -> list[str]:
    return [row[0] for row in conn.execute("SELECT email FROM users ORDER BY email").fetchall()]


class Failing:
    """Creates a user, and fails in the first tries by running `fault`."""

    def __init__(self, failures: int, fault: str = SERIALIZATION_FAILURE) -> None:
        self.failures = failures
        self.fault = fault
        self.tries = 0

    def __call__(self, conn: Conn) -> Generator[Any, Any, str]:
        self.tries += 1
        user = yield users.create(conn, email=f"try{self.tries}@example.org", name="A")
        if self.tries <= self.failures:
            yield conn.execute(self.fault)
        return str(user.email)


class TestStartingAgain:
    @pytest.mark.parametrize("autocommit", [True, False])
    def test_work_starts_again_after_a_retryable_failure_and_is_committed_once(
        self, world: World, own: Connection[Any], autocommit: bool
    ) -> None:
        assert world.run(world.connect(autocommit=autocommit), Failing(4)) == "try5@example.org"
        assert emails(own) == ["try5@example.org"]

    @pytest.mark.parametrize("fault", [SERIALIZATION_FAILURE, BREAK])
    def test_work_starts_again_on_another_connection_of_the_pool(
        self, world: World, own: Connection[Any], fault: str
    ) -> None:
        assert world.run(world.pool(), Failing(2, fault)) == "try3@example.org"
        assert emails(own) == ["try3@example.org"]

    def test_after_the_last_attempt_the_failure_itself_is_raised(self, world: World, own: Connection[Any]) -> None:
        work = Failing(9)
        with pytest.raises(psycopg.errors.SerializationFailure):
            world.run(world.connect(), work, attempts=3)
        assert work.tries == 3
        assert emails(own) == []

    def test_other_failures_are_raised_at_once(self, world: World) -> None:
        work = Failing(9, "SELECT 1 / 0")
        with pytest.raises(psycopg.errors.DivisionByZero):
            world.run(world.connect(), work)
        assert work.tries == 1

    def test_a_strange_number_of_attempts_is_refused(self, world: World) -> None:
        work = Failing(0)
        with pytest.raises(InvalidValue):
            world.run(world.connect(), work, attempts=0)
        assert work.tries == 0

    def test_a_pipeline_that_was_aborted_by_a_failure_is_not_started_again(self, world: World) -> None:
        tries: list[int] = []

        def sync_work(conn: Connection[Any]) -> None:
            tries.append(1)
            with conn.pipeline():
                conn.execute("SELECT 1 / 0")
                with suppress(psycopg.errors.DivisionByZero):
                    users.count(conn)
                users.count(conn)

        async def async_work(conn: AsyncConnection[Any]) -> None:
            tries.append(1)
            async with conn.pipeline():
                await conn.execute("SELECT 1 / 0")
                with suppress(psycopg.errors.DivisionByZero):
                    await users.count(conn)
                await users.count(conn)

        with pytest.raises(psycopg.errors.PipelineAborted):
            world.result(transaction.run(world.connect(), world.pick(sync_work, async_work)))
        assert len(tries) == 1

    def test_a_pool_that_is_closed_is_not_asked_again(self, world: World) -> None:
        pool = world.pool()
        asked: list[int] = []
        world.result(pool.close())
        pool.getconn = _counting(pool.getconn, asked)
        with pytest.raises(PoolClosed):
            world.run(pool, Failing(0))
        assert len(asked) == 1


def _counting(getconn: Any, asked: list[int]) -> Any:
    def counted(timeout: float | None = None) -> Any:
        asked.append(1)
        return getconn(timeout)

    return counted


class TestWhatIsReturnedIsStored:
    def test_an_error_of_a_race_that_work_caught_is_not_taken_for_success(
        self, world: World, own: Connection[Any]
    ) -> None:
        goal = aims.create(own, title="Run")

        def work(conn: Conn) -> Generator[Any, Any, str]:
            user = yield users.create(conn, email="lost@example.org", name="Lost")
            with suppress(BrokenReference):
                yield users.aims.append(conn, user, [goal])
            return str(user.email)

        with psycopg.connect(world.database) as deleting, ThreadPoolExecutor(1) as threads:
            aims.delete(deleting, goal)
            threads.submit(_commit_once_waited_for, deleting, own)
            with pytest.raises(psycopg.errors.InFailedSqlTransaction, match="user_aims_aim_id_fkey"):
                world.run(world.connect(), work)
        assert emails(own) == []

    @pytest.mark.parametrize("by_pool", [False, True])
    def test_a_failed_statement_that_work_caught_is_raised_and_the_connection_is_usable(
        self, world: World, own: Connection[Any], by_pool: bool
    ) -> None:
        work = Caught("SELECT 1 / 0")
        db = world.pool() if by_pool else world.connect()
        with pytest.raises(psycopg.errors.InFailedSqlTransaction, match="division by zero"):
            world.run(db, work)
        assert work.tries == 1
        assert emails(own) == []
        assert world.run(db, Failing(0)) == "try1@example.org"
        assert emails(own) == ["try1@example.org"]

    def test_a_failed_statement_that_a_nested_transaction_shields_does_no_harm(
        self, world: World, own: Connection[Any]
    ) -> None:
        def sync_work(conn: Connection[Any]) -> str:
            user = users.create(conn, email="a@example.org", name="A")
            with suppress(psycopg.errors.DivisionByZero), conn.transaction():
                conn.execute("SELECT 1 / 0")
            return user.email

        async def async_work(conn: AsyncConnection[Any]) -> str:
            user = await users.create(conn, email="a@example.org", name="A")
            with suppress(psycopg.errors.DivisionByZero):
                async with conn.transaction():
                    await conn.execute("SELECT 1 / 0")
            return user.email

        work = world.pick(sync_work, async_work)
        assert world.result(transaction.run(world.connect(), work)) == "a@example.org"
        assert emails(own) == ["a@example.org"]

    def test_a_lost_connection_that_work_caught_is_raised(self, world: World, own: Connection[Any]) -> None:
        work = Caught(BREAK)
        with pytest.raises(psycopg.OperationalError, match="lost"):
            world.run(world.connect(), work)
        assert work.tries == 1
        assert emails(own) == []

    def test_a_lost_connection_that_work_caught_is_made_good_by_a_pool(
        self, world: World, own: Connection[Any]
    ) -> None:
        assert world.run(world.pool(), Caught(BREAK, failures=1)) == "try2@example.org"
        assert emails(own) == ["try2@example.org"]

    def test_work_can_neither_commit_nor_roll_back(self, world: World, own: Connection[Any]) -> None:
        for end in ("commit", "rollback"):

            def work(conn: Conn, end: str = end) -> Generator[Any, Any, None]:
                yield users.create(conn, email="a@example.org", name="A")
                yield getattr(conn, end)()

            with pytest.raises(psycopg.ProgrammingError, match="forbidden"):
                world.run(world.connect(), work)
        assert emails(own) == []

    @pytest.mark.parametrize("end", ["COMMIT", "ROLLBACK"])
    def test_work_that_ended_the_transaction_by_sql_is_told_so(self, world: World, end: str) -> None:
        def work(conn: Conn) -> Generator[Any, Any, None]:
            yield users.create(conn, email="a@example.org", name="A")
            yield conn.execute(end)

        with pytest.raises(psycopg.ProgrammingError, match="ended the transaction"):
            world.run(world.connect(autocommit=True), work)

    def test_a_rollback_that_work_asks_for_reaches_the_caller(self, world: World, own: Connection[Any]) -> None:
        def work(conn: Conn) -> Generator[Any, Any, None]:
            yield users.create(conn, email="a@example.org", name="A")
            raise psycopg.Rollback

        with pytest.raises(psycopg.Rollback):
            world.run(world.connect(), work)
        assert emails(own) == []

    def test_work_that_leaves_a_pipeline_open_is_told_so(self, world: World, own: Connection[Any]) -> None:
        left: list[Any] = []

        def work(conn: Conn) -> Generator[Any, Any, None]:
            left.append(conn.pipeline())
            yield getattr(left[0], world.pick("__enter__", "__aenter__"))()
            yield users.create(conn, email="a@example.org", name="A")

        with pytest.raises(psycopg.ProgrammingError, match="pipeline of its own"):
            world.run(world.connect(), work)
        world.result(getattr(left[0], world.pick("__exit__", "__aexit__"))(None, None, None))
        assert emails(own) == []

    def test_the_failing_statement_of_another_task_just_before_commit_is_not_overlooked(
        self, database: str, own: Connection[Any]
    ) -> None:
        async def main() -> None:
            conn = await AsyncConnection.connect(database, autocommit=True)
            others: list[Any] = []

            async def work(conn: AsyncConnection[Any]) -> str:
                user = await users.create(conn, email="a@example.org", name="A")
                others.append(asyncio.create_task(conn.execute("SELECT pg_sleep(0.3)")))
                await asyncio.sleep(0.1)
                # It queues for the connection behind what looks at the transaction, and ahead of COMMIT.
                others.append(asyncio.create_task(conn.execute("SELECT 1 / 0")))
                return user.email

            async with conn:
                with pytest.raises(psycopg.errors.InFailedSqlTransaction):
                    await transaction.run(conn, work)
                outcomes = await asyncio.gather(*others, return_exceptions=True)
                assert isinstance(outcomes[1], psycopg.errors.DivisionByZero)
                assert await transaction.run(conn, _create("b@example.org")) == "b@example.org"

        asyncio.run(asyncio.wait_for(main(), DEADLINE))
        assert emails(own) == ["b@example.org"]


def _commit_once_waited_for(first: Connection[Any], watch: Connection[Any]) -> None:
    try:
        waiting = "SELECT count(*) = 1 FROM pg_stat_activity WHERE %s = ANY (pg_blocking_pids(pid))"
        _until(watch, waiting, "work was to wait for the deletion", [first.info.backend_pid])
    finally:
        first.commit()


class Caught(Failing):
    """The same, but the failure is caught, and work returns as if nothing had happened."""

    def __init__(self, fault: str, failures: int = 9) -> None:
        super().__init__(failures, fault)

    def __call__(self, conn: Conn) -> Generator[Any, Any, str]:
        self.tries += 1
        user = yield users.create(conn, email=f"try{self.tries}@example.org", name="A")
        if self.tries <= self.failures:
            with suppress(psycopg.Error):
                yield conn.execute(self.fault)
        return str(user.email)


def _create(email: str) -> Callable[[AsyncConnection[Any]], Awaitable[str]]:
    async def work(conn: AsyncConnection[Any]) -> str:
        return (await users.create(conn, email=email, name="A")).email

    return work


class TestTheSessionOfTheCaller:
    """A connection that is given is the only one used: nothing else has what its session was set to."""

    def test_a_lost_connection_ends_the_tries(self, world: World, own: Connection[Any]) -> None:
        work = Failing(1, BREAK)
        with pytest.raises(psycopg.OperationalError):
            world.run(world.connect(), work)
        assert work.tries == 1
        assert emails(own) == []

    def test_a_closed_connection_is_refused_before_work_is_called(self, world: World) -> None:
        work, conn = Failing(0), world.connect()
        world.result(conn.close())
        with pytest.raises(psycopg.OperationalError, match="closed"):
            world.run(conn, work)
        assert work.tries == 0

    def test_each_try_runs_with_the_settings_of_the_session(self, world: World) -> None:
        conn = world.connect(autocommit=True)
        world.set(conn, "isolation_level", IsolationLevel.SERIALIZABLE)
        world.result(conn.execute("SET search_path TO public, pg_temp"))
        seen: list[tuple[Any, ...]] = []

        def work(conn: Conn) -> Generator[Any, Any, None]:
            shown = yield conn.execute(
                "SELECT pg_backend_pid(), current_setting('transaction_isolation'), current_setting('search_path')"
            )
            seen.append((yield shown.fetchone()) if world.kind == "async" else shown.fetchone())
            if len(seen) < 3:
                yield conn.execute(SERIALIZATION_FAILURE)

        world.run(conn, work)
        assert seen == [(conn.info.backend_pid, "serializable", "public, pg_temp")] * 3

    @pytest.mark.parametrize("guard", ["read_only", "default_transaction_read_only"])
    def test_a_guard_against_writing_is_neither_bypassed_nor_taken_away(
        self, world: World, own: Connection[Any], guard: str
    ) -> None:
        conn = world.connect(autocommit=True)
        if guard == "read_only":
            world.set(conn, "read_only", True)
        else:
            world.result(conn.execute("SET default_transaction_read_only TO on"))
        work = Failing(0)
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            world.run(conn, work)
        assert work.tries == 1
        assert not conn.closed
        assert emails(own) == []

    def test_a_pool_of_read_only_connections_keeps_them(self, world: World, own: Connection[Any]) -> None:
        def guard(conn: Connection[Any]) -> None:
            conn.read_only = True

        async def guard_async(conn: AsyncConnection[Any]) -> None:
            await conn.set_read_only(True)

        pool = world.pool(configure=world.pick(guard, guard_async), max_size=1)
        backends = [world.run(pool, _backend)]
        work = Failing(0)
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            world.run(pool, work)
        backends.append(world.run(pool, _backend))
        assert work.tries == 1
        assert backends[0] == backends[1]
        assert emails(own) == []

    def test_a_pool_looks_for_another_server_when_its_own_has_become_read_only(
        self, world: World, own: Connection[Any]
    ) -> None:
        demoted: list[Conn] = []

        def demote(conn: Connection[Any]) -> None:
            if not demoted:
                demoted.append(conn)
                conn.execute("SET default_transaction_read_only TO on")
                conn.commit()

        async def demote_async(conn: AsyncConnection[Any]) -> None:
            if not demoted:
                demoted.append(conn)
                await conn.execute("SET default_transaction_read_only TO on")
                await conn.commit()

        pool = world.pool(configure=world.pick(demote, demote_async), max_size=1)
        assert world.run(pool, Failing(0)) == "try2@example.org"
        assert demoted[0].closed
        assert emails(own) == ["try2@example.org"]

    def test_connections_that_a_pool_held_idle_for_too_long_are_replaced(self, world: World) -> None:
        pool = world.pool(max_size=1, kwargs={"options": "-c idle_session_timeout=200"})
        world.run(pool, _backend)
        with psycopg.connect(world.database, autocommit=True) as watch:
            _until(
                watch, "SELECT count(*) = 0 FROM pg_stat_activity WHERE datname = current_database()"
                " AND pid <> pg_backend_pid() AND backend_type = 'client backend'",
                "the idle connection was to be ended",
            )  # fmt: skip
        assert world.run(pool, Failing(0)) == "try1@example.org"


def _backend(conn: Conn) -> Generator[Any, Any, int]:
    yield conn.execute("SELECT 1")
    return int(conn.info.backend_pid)


def _until(watch: Connection[Any], question: str, what: str, parameters: Any = None) -> None:
    end = time.monotonic() + DEADLINE
    while watch.execute(question.encode(), parameters).fetchone() != (True,):
        assert time.monotonic() < end, f"{what}, and was not in {DEADLINE} s"
        time.sleep(0.01)


class TestInsideATransactionOfTheCaller:
    def test_work_runs_once_and_is_not_committed(self, world: World, own: Connection[Any]) -> None:
        work, conn = Failing(1), world.connect()
        world.result(conn.execute("SELECT 1"))
        with pytest.raises(psycopg.errors.SerializationFailure):
            world.run(conn, work)
        world.result(conn.rollback())
        world.result(conn.execute("SELECT 1"))
        assert world.run(conn, work) == "try2@example.org"
        world.result(conn.rollback())
        assert emails(own) == []

    def test_a_failed_statement_that_work_caught_is_raised(self, world: World) -> None:
        conn = world.connect()
        world.result(conn.execute("SELECT 1"))
        with pytest.raises(psycopg.errors.InFailedSqlTransaction):
            world.run(conn, Caught("SELECT 1 / 0"))

    def test_a_transaction_that_has_failed_is_refused_before_work_is_called(self, world: World) -> None:
        work, conn = Failing(0), world.connect()
        with pytest.raises(psycopg.errors.DivisionByZero):
            world.result(conn.execute("SELECT 1 / 0"))
        with pytest.raises(psycopg.errors.InFailedSqlTransaction):
            world.run(conn, work)
        assert work.tries == 0

    def test_work_that_commits_it_is_told_so(self, world: World) -> None:
        conn = world.connect()
        world.result(conn.execute("SELECT 1"))

        def work(conn: Conn) -> Generator[Any, Any, None]:
            yield conn.commit()

        with pytest.raises(psycopg.ProgrammingError, match="ended the transaction"):
            world.run(conn, work)

    def test_a_pipeline_of_the_caller_in_it_is_no_hindrance(self, world: World, own: Connection[Any]) -> None:
        work, conn = Failing(0), world.connect()

        def main() -> None:
            with conn.transaction(), conn.pipeline():
                conn.execute("SELECT 1")
                assert world.run(conn, work) == "try1@example.org"
                assert emails(own) == []

        async def main_async() -> None:
            async with conn.transaction(), conn.pipeline():
                await conn.execute("SELECT 1")
                assert await world.start(conn, work) == "try1@example.org"
                assert emails(own) == []

        world.result(world.pick(main, main_async)())
        assert emails(own) == ["try1@example.org"]

    def test_work_may_itself_run_work_which_takes_part(self, world: World, own: Connection[Any]) -> None:
        def outer(conn: Conn) -> Generator[Any, Any, str]:
            inner: str = yield world.start(conn, Failing(0))
            raise RuntimeError(inner)

        with pytest.raises(RuntimeError, match="try1"):
            world.run(world.connect(autocommit=True), outer)
        assert emails(own) == []

    def test_tasks_that_work_starts_and_awaits_take_part(self, database: str, own: Connection[Any]) -> None:
        async def main() -> None:
            async with await AsyncConnection.connect(database, autocommit=True) as conn:

                async def work(conn: AsyncConnection[Any]) -> None:
                    await asyncio.gather(*(transaction.run(conn, _create(f"{n}@example.org")) for n in range(3)))
                    raise RuntimeError

                with pytest.raises(RuntimeError):
                    await transaction.run(conn, work)

        asyncio.run(asyncio.wait_for(main(), DEADLINE))
        assert emails(own) == []


def half(conn: Conn) -> Generator[Any, Any, None]:
    """Create a user, and fail: nothing of it may stay."""
    yield users.create(conn, email="half@example.org", name="Half")
    raise RuntimeError


class TestWorkAlwaysRunsInATransaction:
    def test_a_connection_busy_with_the_statement_of_another_is_waited_for(
        self, world: World, own: Connection[Any]
    ) -> None:
        conn = world.connect(autocommit=True)

        def main() -> None:
            with ThreadPoolExecutor(1) as threads:
                sleeping = threads.submit(conn.execute, "SELECT pg_sleep(0.5)")
                _until(own, BUSY, "the other statement was to run", [conn.info.backend_pid])
                world.run(conn, half)
                sleeping.result(DEADLINE)

        async def main_async() -> None:
            sleeping = asyncio.create_task(conn.execute("SELECT pg_sleep(0.5)"))
            await asyncio.sleep(0.1)
            await asyncio.wait_for(world.start(conn, half), DEADLINE)
            await sleeping

        with pytest.raises(RuntimeError):
            world.result(world.pick(main, main_async)())
        assert emails(own) == []

    @pytest.mark.parametrize("autocommit", [True, False])
    @pytest.mark.parametrize("used", [True, False])
    def test_a_pipeline_without_a_transaction_is_refused_before_work_is_called(
        self, world: World, own: Connection[Any], autocommit: bool, used: bool
    ) -> None:
        work, conn = Failing(0), world.connect(autocommit=autocommit)

        def main() -> None:
            with conn.pipeline():
                if used and autocommit:
                    conn.execute("SELECT 1")
                world.run(conn, work)

        async def main_async() -> None:
            async with conn.pipeline():
                if used and autocommit:
                    await conn.execute("SELECT 1")
                await world.start(conn, work)

        with pytest.raises(psycopg.ProgrammingError, match="in a pipeline"):
            world.result(world.pick(main, main_async)())
        assert work.tries == 0
        assert emails(own) == []

    def test_a_connection_with_a_statement_that_was_never_finished_is_refused(self, world: World) -> None:
        work, conn = Failing(0), world.connect(autocommit=True)
        conn.pgconn.send_query(b"SELECT 1")
        with pytest.raises(psycopg.ProgrammingError, match="middle of a statement"):
            world.run(conn, work)
        assert work.tries == 0

    def test_threads_that_share_a_connection_do_not_end_up_in_each_others_transactions(
        self, database: str, own: Connection[Any]
    ) -> None:
        begun, ended = threading.Event(), threading.Event()

        def first(conn: Connection[Any]) -> None:
            users.create(conn, email="first@example.org", name="First")
            begun.set()
            assert not ended.wait(0.5), "the second ran inside the transaction of the first"
            raise RuntimeError

        def second(conn: Connection[Any]) -> None:
            ended.set()
            users.create(conn, email="second@example.org", name="Second")

        with psycopg.connect(database, autocommit=True) as conn, ThreadPoolExecutor(2) as threads:
            one: Future[None] = threads.submit(transaction.run, conn, first)
            assert begun.wait(DEADLINE), "the first was to begin"
            threads.submit(transaction.run, conn, second).result(DEADLINE)
            with pytest.raises(RuntimeError):
                one.result(DEADLINE)
        assert emails(own) == ["second@example.org"]

    def test_tasks_that_share_a_connection_do_not_end_up_in_each_others_transactions(
        self, database: str, own: Connection[Any]
    ) -> None:
        async def main() -> None:
            async with await AsyncConnection.connect(database, autocommit=True) as conn:

                async def one(number: int) -> None:
                    async def work(conn: AsyncConnection[Any]) -> None:
                        await users.create(conn, email=f"{number}@example.org", name="A")
                        await asyncio.sleep(0.01)
                        if number % 2:
                            raise RuntimeError

                    with suppress(RuntimeError):
                        await transaction.run(conn, work)

                await asyncio.gather(*(one(number) for number in range(8)))

        asyncio.run(asyncio.wait_for(main(), DEADLINE))
        assert emails(own) == [f"{number}@example.org" for number in (0, 2, 4, 6)]


BUSY = "SELECT state = 'active' FROM pg_stat_activity WHERE pid = %s"


class Scissors(Wire):
    """Cuts the first connections that say COMMIT: the server hears it, the client never gets its answer."""

    def __init__(self, server: tuple[str, int], cuts: int) -> None:
        super().__init__(server)
        self.cuts = cuts

    def _pass(self, source: socket.socket, target: socket.socket, is_client: bool, answered: threading.Event) -> None:
        with suppress(OSError):
            while piece := source.recv(1 << 16):
                if is_client and self.cuts and b"COMMIT" in piece:
                    self.cuts -= 1
                    source.shutdown(socket.SHUT_RDWR)
                target.sendall(piece)
            target.shutdown(socket.SHUT_WR)


@contextmanager
def cut_at_commit(database: str, cuts: int) -> Generator[str, None, None]:
    with psycopg.connect(database) as conn:
        scissors = Scissors((conn.info.host, conn.info.port), cuts)
    try:
        yield make_conninfo(database, host="127.0.0.1", port=scissors.port, sslmode="disable", gssencmode="disable")
        assert scissors.cuts == 0, "the connection was never cut"
    finally:
        scissors.close()


class TestAFailureDuringCommit:
    def test_a_connection_lost_in_it_is_raised_since_the_work_may_be_stored(
        self, world: World, own: Connection[Any]
    ) -> None:
        work = Failing(0)
        with cut_at_commit(world.database, 1) as conninfo:
            pool = world.pool(conninfo)
            with pytest.raises(psycopg.OperationalError) as caught:
                world.run(pool, work)
            assert any("during COMMIT" in note for note in caught.value.__notes__)
            assert work.tries == 1
            _until(own, "SELECT count(*) = 1 FROM users", "the server had heard COMMIT: the user was to be stored")
            world.result(pool.close())

    def test_a_connection_lost_in_it_is_tried_again_if_the_work_may_be_done_twice(
        self, world: World, own: Connection[Any]
    ) -> None:
        tries: list[int] = []

        def work(conn: Conn) -> Generator[Any, Any, str]:
            tries.append(1)
            user, _ = yield users.ensure(conn, email="a@example.org", name="A")
            return str(user.email)

        with cut_at_commit(world.database, 2) as conninfo:
            pool = world.pool(conninfo)
            assert world.run(pool, work, idempotent=True) == "a@example.org"
            world.result(pool.close())
        assert len(tries) == 3
        assert emails(own) == ["a@example.org"]

    def test_the_last_attempt_says_too_that_its_outcome_is_not_known(self, world: World) -> None:
        with cut_at_commit(world.database, 1) as conninfo:
            pool = world.pool(conninfo)
            with pytest.raises(psycopg.OperationalError) as caught:
                world.run(pool, Failing(0), idempotent=True, attempts=1)
            assert any("during COMMIT" in note for note in caught.value.__notes__)
            world.result(pool.close())

    @pytest.mark.parametrize(
        "clean",
        ["RAISE SQLSTATE '40001'", "RAISE SQLSTATE '40P01'",
         "RAISE 'failure on connection marked as essential: w:5432' USING ERRCODE = 'XX000'"],
    )  # fmt: skip
    def test_a_failure_that_tells_that_nothing_is_stored_is_always_tried_again(
        self, world: World, own: Connection[Any], clean: str
    ) -> None:
        fail_at_commit(own, clean, times=2)
        assert world.run(world.connect(), Failing(0)) == "try3@example.org"
        assert emails(own) == ["try3@example.org"]

    def test_a_lost_node_is_not_said_to_be_clean(self, world: World, own: Connection[Any]) -> None:
        fail_at_commit(own, "RAISE SQLSTATE '08006'", times=1)
        work, conn = Failing(0), world.connect()
        with pytest.raises(psycopg.errors.ConnectionFailure) as caught:
            world.run(conn, work)
        assert any("during COMMIT" in note for note in caught.value.__notes__)
        assert world.run(conn, work, idempotent=True) == "try2@example.org"

    def test_a_constraint_that_refuses_it_is_raised_as_it_is(self, world: World, own: Connection[Any]) -> None:
        fail_at_commit(own, "RAISE SQLSTATE '23514'", times=1)
        work = Failing(0)
        with pytest.raises(psycopg.errors.CheckViolation) as caught:
            world.run(world.connect(), work)
        assert not hasattr(caught.value, "__notes__")
        assert work.tries == 1


def fail_at_commit(own: Connection[Any], failure: str, *, times: int) -> None:
    """Let the first transactions that create a user fail, by a constraint that is looked at during COMMIT."""
    own.execute("CREATE SEQUENCE commits")
    own.execute(
        f"CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        f" IF nextval('commits') <= {times} THEN {failure}; END IF; RETURN NULL; END $$".encode()
    )
    own.execute(
        "CREATE CONSTRAINT TRIGGER refuse AFTER INSERT ON users DEFERRABLE INITIALLY DEFERRED"
        " FOR EACH ROW EXECUTE FUNCTION refuse()"
    )
