"""One worker: does what it chose, and holds the database to what it was told."""

import asyncio
import time
import traceback
from collections import Counter
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

import psycopg

import useraim
from tests.chaos.compounds import COMPOUNDS
from tests.chaos.either import Steps, Thunk
from tests.chaos.estate import Estate, read_for_good
from tests.chaos.links import LINKS
from tests.chaos.reads import READS, Read
from tests.chaos.records import RECORDS, create_aims, create_users
from tests.chaos.writer import Write, Writer

scope: Any = useraim.scoped
PATIENCE = 60.0
_UNDONE = {"40001", "40P01", "57014", "55P03"}
"""What the server answers when it has undone a call: nothing of it is there, and nobody has to look."""
_LOST = ("57P", "08", "25006")
GAVE_UP = (KeyboardInterrupt, asyncio.CancelledError, TimeoutError)
USED: ContextVar[list[tuple[Any, int]]] = ContextVar("used")
"""The connections that the present operation has got, and their backends."""


class Sending:
    """An operation on its way: what may be interrupted."""

    def __init__(self, thunk: Thunk) -> None:
        self.thunk = thunk

    def __call__(self) -> Any:
        return self.thunk()


def note(conn: Any) -> Any:
    """Write down that the operation uses it."""
    if not conn.closed and (used := USED.get(None)) is not None:
        used.append((conn, conn.info.backend_pid))
    return conn


@dataclass
class Outcome:
    """What a worker leaves."""

    estate: Estate
    counts: Counter[str] = field(default_factory=Counter[str])
    operations: Counter[str] = field(default_factory=Counter[str])
    wrong: list[str] = field(default_factory=list[str])


class Worker:
    """Lives on databases that `lend` gives, and looks at the database by a connection of its own."""

    def __init__(self, writer: Writer, lend: Callable[[], Any], watch: str, aside: Callable[..., Any]) -> None:
        self.writer = writer
        self.random = writer.random
        self.lend = lend
        self.conninfo = watch
        self.aside = aside
        self.watch: psycopg.Connection[Any] | None = None
        self.done = Outcome(writer.estate)

    def live(self, goes_on: Callable[[int], bool]) -> Steps[Outcome]:
        """Do one operation after the other; at the end look once more."""
        try:
            while goes_on(self.done.counts["writes"]) and not self.done.wrong:
                yield from self._next()
            yield from self._look("the end", self.writer.estate)
        except Exception:
            self.done.wrong.append(f"{self._who('a worker')} has ended: {traceback.format_exc()}")
        if self.watch:
            self.watch.close()
        return self.done

    def _next(self) -> Steps[None]:
        if not self.writer.is_rich:
            yield from self._write(self.writer.one((create_users, create_aims))(self.writer))
        elif self.random.random() < 0.2:
            yield from self._read(self.random.choice(self.random.choice(READS)(self.writer)))
        else:
            yield from self._write(self.random.choice(_WRITES)(self.writer))

    def _write(self, write: Write | None) -> Steps[None]:
        if write is None:
            return
        before, twice = self.writer.estate, write.may_be_done_twice
        used: list[tuple[Any, int]] = []
        try:
            told = yield from self._send(write.send, used)
        except BaseException as error:
            if isinstance(error, write.refused_by):
                self._count("refused", write.name)
                yield from self._look(write.name, before, chance=0.05)
            elif isinstance(error, psycopg.Error) and error.sqlstate in _UNDONE and not twice:
                self._count("undone", write.name)
                yield from self._look(write.name, before, chance=0.2)
            elif _is_lost(error):
                yield from self._settle(write, used, error)
            else:
                self.done.wrong.append(f"{self._who(write.name)}: {error!r}")
            return
        if not write.is_told(told):
            self.done.wrong.append(f"{self._who(write.name)} told {told}, to go from {before} to {write.after}")
        self._adopt(write, "acknowledged")
        yield from self._look(write.name, self.writer.estate, chance=0.01)

    def _read(self, read: Read) -> Steps[None]:
        try:
            got = yield from self._send(read.send, [])
        except BaseException as error:
            if not (isinstance(error, psycopg.Error) and error.sqlstate in _UNDONE) and not _is_lost(error):
                self.done.wrong.append(f"{self._who(read.name)}: {error!r}")
            return
        self._count("reads", read.name)
        if not read.is_right(got):
            self.done.wrong.append(f"{self._who(read.name)} read {got}, of {self.writer.estate}")

    def _send(self, send: Callable[[Any], Any], used: list[tuple[Any, int]]) -> Steps[Any]:
        db = yield self.lend
        token = USED.set(used)
        note(db) if hasattr(db, "pgconn") else None
        if self.random.random() < 0.1:
            db = scope(db, {"chaos.worker": str(self.writer.estate.number)})
        try:
            return (yield Sending(lambda: send(db)))
        finally:
            USED.reset(token)

    def _settle(self, write: Write, used: list[tuple[Any, int]], error: BaseException) -> Steps[None]:
        """Find out what became of a write whose answer was not heard: whole or absent, once its session has ended."""
        gone, since = [pid for conn, pid in used if conn.closed], time.time()
        found = yield lambda: self.aside(self._found, gone, since)
        self._count("gave up" if isinstance(error, GAVE_UP) else "lost", write.name)
        is_whole, is_absent = (not found.difference(one) for one in (write.after, self.writer.estate))
        if is_whole and not is_absent:
            self._adopt(write, "found whole")
        elif is_absent:
            self._count("found absent", write.name)
        else:
            self.done.wrong.append(
                f"{self._who(write.name)} after {error!r}: neither before, {self.writer.estate.difference(found)},"
                f" nor after, {write.after.difference(found)}"
            )

    def _look(self, after: str, expected: Estate, chance: float = 1.0) -> Steps[None]:
        if self.random.random() >= chance:
            return
        self.done.counts["looks"] += 1
        found = yield lambda: self.aside(self._found, [], 0.0)
        if wrong := expected.difference(found):
            self.done.wrong.append(f"{self._who(after)}: {wrong}")

    def _adopt(self, write: Write, how: str) -> None:
        changed = len(write.after.difference(self.writer.estate))
        self._count(how, write.name)
        if changed and how == "acknowledged":
            self.done.counts["writes"] += 1
            self.done.counts["rows"] += changed
        self.writer.estate = self.done.estate = write.after

    def _count(self, what: str, name: str) -> None:
        self.done.counts[what] += 1
        self.done.operations[name] += 1

    def _who(self, name: str) -> str:
        return f"worker {self.writer.estate.number}, mark {self.writer.marks}, {name}"

    def _found(self, gone: list[int], since: float) -> Estate:
        """Wait until these sessions have ended, and read; over again where that is interrupted by a crash."""
        end = time.monotonic() + PATIENCE
        while True:
            try:
                if self.watch is None or self.watch.closed:
                    self.watch = psycopg.connect(self.conninfo, autocommit=True)
                _all_gone(self.watch, gone, since)
                return read_for_good(self.watch, self.writer.estate.number)
            except psycopg.OperationalError:
                assert time.monotonic() < end, f"no look at the database in {PATIENCE} s"
                time.sleep(0.05)


_WRITES = [*LINKS, *RECORDS, *COMPOUNDS]


def _is_lost(error: BaseException) -> bool:
    """Say whether it leaves open what became of the call."""
    if isinstance(error, GAVE_UP):
        return True
    if not isinstance(error, psycopg.Error):
        return False
    state = error.sqlstate
    if state is None:
        return isinstance(error, psycopg.OperationalError)
    return state.startswith(_LOST) or state in _UNDONE


def _all_gone(watch: "psycopg.Connection[Any]", pids: list[int], since: float) -> None:
    question = "SELECT FROM pg_stat_activity WHERE pid = ANY (%s) AND backend_start < to_timestamp(%s)"
    end = time.monotonic() + PATIENCE
    while pids and watch.execute(question, [pids, since]).fetchone() is not None:
        assert time.monotonic() < end, f"a session whose client gave up is still there after {PATIENCE} s"
        time.sleep(0.003)
