"""Failures of the caller's own code, interrupts and lost connections: all or nothing is left."""

import asyncio
import io
import linecache
import signal
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from types import FrameType
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from psycopg.pq import TransactionStatus
from psycopg_pool import AsyncConnectionPool, ConnectionPool

from tests.integration.bulk.loads import csv_file, record
from tests.integration.bulk.others import WAITING, Others
from useraim import AimId, InvalidValue, UserId, aims, bulk, user_aims, users


def test_cancelling_a_load_leaves_nothing_behind(database: str) -> None:
    async def main() -> tuple[int, object]:
        async with await psycopg.AsyncConnection.connect(database, autocommit=True) as conn:
            person = await users.create(conn, email="a@example.org", name="A")
            goal = await aims.create(conn, title="Run")
            started = asyncio.Event()

            async def rows() -> AsyncIterator[tuple[Any, Any]]:
                while True:
                    yield person.id, goal.id
                    started.set()
                    await asyncio.sleep(0)

            task = asyncio.create_task(bulk.load(conn, rows()))
            async with asyncio.timeout(20):
                await asyncio.wait([task, asyncio.ensure_future(started.wait())], return_when=asyncio.FIRST_COMPLETED)
            assert not task.done(), task
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            cursor = await conn.execute("SELECT to_regclass('useraim_stage')")
            return await user_aims.count(conn), await cursor.fetchone()

    assert asyncio.run(main()) == (0, (None,))


def test_losing_the_connection_leaves_nothing_behind(database: str) -> None:
    with psycopg.connect(database, autocommit=True) as admin, psycopg.connect(database, autocommit=True) as conn:
        person = users.create(conn, email="a@example.org", name="A")
        goal = aims.create(conn, title="Run")

        def rows() -> Iterator[tuple[Any, Any]]:
            for n in range(100_000):
                if n == 50_000:
                    admin.execute("SELECT pg_terminate_backend(%s::int)", [conn.info.backend_pid])
                yield person.id, goal.id

        with pytest.raises(psycopg.OperationalError):
            bulk.load(conn, rows())
        assert user_aims.count(admin) == 0


@pytest.mark.parametrize("on_broken", ["skip", "error"])
def test_a_load_that_waits_can_be_interrupted(database: str, others: Others, world: str, on_broken: Any) -> None:
    others.conn.execute("LOCK TABLE user_aims IN SHARE ROW EXCLUSIVE MODE")

    async def main() -> None:
        async with await psycopg.AsyncConnection.connect(database, autocommit=True) as conn:
            task = asyncio.create_task(bulk.load(conn, others.pairs, on_broken=on_broken))
            await asyncio.to_thread(until_waiting)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            others.conn.rollback()
            assert await user_aims.count(conn) == 7
            assert (await bulk.load(conn, others.pairs)).added == 13

    def until_waiting() -> None:
        with psycopg.connect(database, autocommit=True) as watch:
            until = time.monotonic() + 20
            while not watch.execute(WAITING).fetchall():
                assert time.monotonic() < until, "the load was to wait, but does not"
                time.sleep(0.01)

    def interrupt() -> None:
        until_waiting()
        signal.raise_signal(signal.SIGINT)

    if world == "async":
        asyncio.run(main())
    else:
        with psycopg.connect(database, autocommit=True) as conn:
            thread = threading.Thread(target=interrupt, daemon=True)
            thread.start()
            with pytest.raises(KeyboardInterrupt):
                bulk.load(conn, others.pairs, on_broken=on_broken)
            thread.join(timeout=20)
            others.conn.rollback()
            assert user_aims.count(conn) == 7
            assert bulk.load(conn, others.pairs).added == 13


LOAD: Any = bulk.load
DUMP: Any = bulk.dump


class Failing:
    """Rows, a file and a progress that fail in the middle."""

    def __init__(self, error: BaseException, pair: tuple[UserId, AimId]) -> None:
        self.error = error
        self.pair = pair
        self.reads = 0

    def rows(self) -> Iterator[tuple[UserId, AimId]]:
        for _ in range(5_000):
            yield self.pair
        raise self.error

    async def rows_async(self) -> AsyncIterator[tuple[UserId, AimId]]:
        for pair in self.rows():
            yield pair

    def read(self, _: int) -> bytes:
        self.reads += 1
        if self.reads > 1:
            raise self.error
        return b"user_id,aim_id\n" + f"{self.pair[0]},{self.pair[1]}\n".encode() * 3_000

    def progress(self, sent: int) -> None:
        if sent:
            raise self.error

    def write(self, block: bytes) -> None:
        if block:
            raise self.error

    def work(self, where: str, db: Any) -> Any:
        match where:
            case "rows":
                return LOAD(db, self.rows())
            case "async rows":
                return LOAD(db, self.rows_async())
            case "read":
                return LOAD(db, self)
            case "progress":
                return LOAD(db, [self.pair] * 3_000, progress=self.progress)
            case _:
                return DUMP(db, self)


FAILURES = pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, asyncio.CancelledError])
STAGES = "SELECT count(*) FROM pg_class WHERE relname = 'useraim_stage'"


@FAILURES
@pytest.mark.parametrize("where", ["rows", "async rows", "read", "progress", "write"])
@pytest.mark.parametrize("begun", ["autocommit", "not begun", "begun"])
def test_a_failure_of_the_callers_code_leaves_the_connection_as_it_was(
    database: str, others: Others, world: str, error: type[BaseException], where: str, begun: str
) -> None:
    failing = Failing(error(), others.pairs[1])
    autocommit = begun == "autocommit"
    expected = TransactionStatus.IDLE if autocommit else TransactionStatus.INTRANS

    async def main() -> None:
        async with await psycopg.AsyncConnection.connect(database, autocommit=autocommit) as conn:
            if begun == "begun":
                await conn.execute("SELECT 1")
            with pytest.raises(error):
                await failing.work(where, conn)
            assert (conn.autocommit, conn.info.transaction_status) == (autocommit, expected)
            assert await (await conn.execute(STAGES)).fetchone() == (0,)
            assert await user_aims.count(conn) == 7

    if world == "async":
        asyncio.run(main())
    elif where != "async rows":
        with psycopg.connect(database, autocommit=autocommit) as conn:
            if begun == "begun":
                conn.execute("SELECT 1")
            with pytest.raises(error):
                failing.work(where, conn)
            assert (conn.autocommit, conn.info.transaction_status) == (autocommit, expected)
            assert conn.execute(STAGES).fetchone() == (0,)
            assert user_aims.count(conn) == 7
    else:
        with psycopg.connect(database) as conn, pytest.raises(InvalidValue):
            failing.work(where, conn)


@FAILURES
@pytest.mark.parametrize("where", ["rows", "read", "progress", "write"])
def test_a_failure_of_the_callers_code_gives_the_pool_a_usable_connection_back(
    database: str, others: Others, world: str, error: type[BaseException], where: str
) -> None:
    failing = Failing(error(), others.pairs[1])

    async def main() -> None:
        async with AsyncConnectionPool(database, min_size=1, max_size=1, open=False) as pool:
            with pytest.raises(error):
                await failing.work(where, pool)
            async with pool.connection(timeout=10) as conn:
                assert (conn.autocommit, conn.info.transaction_status) == (False, TransactionStatus.IDLE)
            assert await user_aims.count(pool) == 7

    if world == "async":
        asyncio.run(main())
    else:
        with ConnectionPool(database, min_size=1, max_size=1, open=True) as pool:
            with pytest.raises(error):
                failing.work(where, pool)
            with pool.connection(timeout=10) as conn:
                assert (conn.autocommit, conn.info.transaction_status) == (False, TransactionStatus.IDLE)
            assert user_aims.count(pool) == 7
    assert others.conn.execute(STAGES).fetchone() == (0,)


def test_an_interrupt_at_any_line_leaves_all_or_nothing_and_a_usable_connection(database: str, others: Others) -> None:
    """At every line of the code of bulk loads in turn, as a signal handler would; leaving a `with` excepted."""
    own = ("/useraim/bulk.py", "/useraim/relation/stage.py", "/useraim/relation/csvfile.py")
    places = set[tuple[str, int]]()

    def tracer(at: int) -> Callable[[FrameType, str, Any], Any]:
        lines = [0]
        entered = set[tuple[int, int]]()

        def trace(frame: FrameType, event: str, _: Any) -> Any:
            if not frame.f_code.co_filename.endswith(own):
                return None
            place = id(frame), frame.f_lineno
            if event == "line" and place not in entered:
                if linecache.getline(frame.f_code.co_filename, frame.f_lineno).lstrip().startswith("with "):
                    entered.add(place)
                lines[0] += 1
                if lines[0] == at:
                    places.add((frame.f_code.co_filename, frame.f_lineno))
                    raise KeyboardInterrupt
            return trace

        return trace

    before = sys.gettrace()
    file = csv_file(*(record(pair, role="x", permissions='"{a,b}"') for pair in others.pairs[:4])).getvalue()
    works: list[Callable[[Any], object]] = [
        lambda db: LOAD(db, [*others.pairs, (others.people[0], AimId(uuid4()))], on_broken="skip"),
        lambda db: LOAD(db, io.BytesIO(file), on_match="update"),
        lambda db: DUMP(db, io.BytesIO()),
    ]
    with (
        ConnectionPool(database, min_size=1, max_size=1, open=True) as pool,
        psycopg.connect(database, autocommit=True) as conn,
    ):
        for db in (pool, conn):
            for work in works:
                for at in range(1, 1_000):
                    sys.settrace(tracer(at))
                    try:
                        work(db)
                    except KeyboardInterrupt:
                        pass
                    else:
                        break
                    finally:
                        sys.settrace(before)
                    assert user_aims.count(db) in (7, 9, 20)
                    assert conn.info.transaction_status == TransactionStatus.IDLE
                    assert conn.execute(STAGES).fetchone() == (0,)
                    with pool.connection(timeout=10) as lent:
                        assert (lent.autocommit, lent.info.transaction_status) == (False, TransactionStatus.IDLE)
                        lent.execute("DELETE FROM user_aims")
                        user_aims.put_many(lent, others.pairs[::3])
                else:
                    pytest.fail("never came to an end")
    assert len(places) > 80
