"""Work that runs in both worlds, and work that fails."""

import asyncio
import inspect
import threading
import time
from collections.abc import Awaitable, Callable, Generator
from concurrent.futures import Future
from contextlib import suppress
from typing import Any, TypeAlias, TypeVar, cast

import psycopg
from psycopg import AsyncConnection, Connection
from psycopg_pool import AsyncConnectionPool, ConnectionPool

from useraim import transaction, users

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


def creating(email: str) -> Callable[[AsyncConnection[Any]], Awaitable[str]]:
    async def work(conn: AsyncConnection[Any]) -> str:
        return (await users.create(conn, email=email, name="A")).email

    return work


def backend_of(conn: Conn) -> Generator[Any, Any, int]:
    yield conn.execute("SELECT 1")
    return int(conn.info.backend_pid)


def until(watch: Connection[Any], question: str, what: str, parameters: Any = None) -> None:
    end = time.monotonic() + DEADLINE
    while watch.execute(question.encode(), parameters).fetchone() != (True,):
        assert time.monotonic() < end, f"{what}, and was not in {DEADLINE} s"
        time.sleep(0.01)
