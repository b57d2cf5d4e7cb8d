"""Runs schedules: one that is given, or all of them, depth first, each from the start."""

import time
from collections.abc import Iterator, Sequence
from string import ascii_uppercase
from typing import Any, NamedTuple

import psycopg
from psycopg.pq import ExecStatus

from tests.schedules import world
from tests.schedules.program import Answer, Program
from tests.schedules.session import Session

DEADLINE = 20.0
"""Seconds that a step may take when nobody holds it up."""
_WAITING = """
    SELECT pid, pg_isolation_test_session_is_blocked(pid, %(all)s::int[]), pg_blocking_pids(pid)
    FROM unnest(%(waiting)s::int[]) AS w (pid)"""
_VACUUM_AFTER = 2_000
_TRIES = 5


class Hang(AssertionError):
    """A step that neither ends nor waits for one of the others."""


class Outcome(NamedTuple):
    """What one schedule led to."""

    schedule: str
    """Whose step came when: ABBA."""
    answers: tuple[Answer, ...]
    tables: tuple[str, ...]
    told: tuple[str, ...] = ()
    """The steps in words."""


class Explorer:
    """Connections that are kept, and the programs that run on them."""

    def __init__(self, conninfo: str, sessions: int = 3) -> None:
        self.conninfo = conninfo
        self._watch: psycopg.Connection[Any] = psycopg.connect(conninfo, autocommit=True)
        self._watch.execute("SET synchronous_commit = off; SET statement_timeout = '30s'")
        self._sessions = [Session(conninfo) for _ in range(sessions)]
        self._resets = 0
        self._is_lost = True
        self._reset()
        self._start = world.tables(self._watch)

    def close(self) -> None:
        for session in self._sessions:
            session.close()
        self._watch.close()

    def outcomes(self, programs: Sequence[Program]) -> Iterator[Outcome]:
        """Run every schedule of these programs.

        Who goes on first where two waited for a third is for the server to say: then some beginnings are tried again.
        """
        search = _Search()
        for beginning in search:
            for outcome, choices in self._tries(programs, beginning):
                if search.note(outcome.schedule, choices):
                    yield outcome

    def replay(self, programs: Sequence[Program], schedule: str) -> Outcome:
        """Run one schedule; where it ends early, whoever is first goes on."""
        *_, (outcome, _) = self._tries(programs, schedule)
        assert outcome.schedule.startswith(schedule), "\n".join([f"{schedule} cannot be followed:", *outcome.told])
        return outcome

    def _tries(self, programs: Sequence[Program], schedule: str) -> Iterator[tuple[Outcome, list[str]]]:
        for _ in range(_TRIES):
            outcome, choices = self._run(programs, schedule)
            yield outcome, choices
            if outcome.schedule.startswith(schedule):
                return

    def serial(self, programs: Sequence[Program], order: Sequence[int]) -> Outcome:
        """Run the programs one after the other; those not in the order do not run, and have no answer."""
        outcome = self.replay([programs[n] for n in order], "")
        answers = dict(zip(order, outcome.answers, strict=True))
        return outcome._replace(
            schedule=" before ".join(ascii_uppercase[n] for n in order),
            answers=tuple(answers.get(n, Answer("")) for n in range(len(programs))),
        )

    def _run(self, programs: Sequence[Program], schedule: str) -> tuple[Outcome, list[str]]:
        if self._is_lost:
            self._reset()
        run = _Run(self._watch, self._sessions, programs)
        try:
            run.go(schedule)
        except Hang:
            self._open_anew()
            raise
        tables = world.tables(self._watch)
        if tables != self._start:
            self._reset()
        answers = tuple(session.answer() for session in run.sessions)
        return Outcome("".join(run.schedule), answers, tables, tuple(run.told)), run.choices

    def _reset(self) -> None:
        result = self._watch.pgconn.exec_(world.start())
        assert result.status == ExecStatus.COMMAND_OK, result.error_message.decode()
        self._is_lost = False
        self._resets += 1
        if self._resets % _VACUUM_AFTER == 0:
            self._watch.execute("VACUUM users, aims, user_aims")

    def _open_anew(self) -> None:
        for session in self._sessions:
            self._watch.execute("SELECT pg_terminate_backend(%s, 5000)", [session.pid])
            session.close()
        self._sessions = [Session(self.conninfo) for _ in self._sessions]
        self._is_lost = True


class _Search:
    """The beginnings of schedules that are still to be tried, depth first."""

    def __init__(self) -> None:
        self._to_try = [""]
        self._met = {""}
        self._done: set[str] = set()

    def __iter__(self) -> Iterator[str]:
        while self._to_try:
            yield self._to_try.pop()

    def note(self, schedule: str, choices: list[str]) -> bool:
        """Find the beginnings that part from this schedule; say whether it is a new one."""
        self._met.update(schedule[:place] for place in range(len(schedule) + 1))
        others = [one for one in _others(schedule, choices) if one not in self._met]
        self._to_try += others
        self._met.update(others)
        is_new = schedule not in self._done
        self._done.add(schedule)
        return is_new


class _Run:
    """One schedule on its way."""

    def __init__(
        self, watch: psycopg.Connection[Any], sessions: Sequence[Session], programs: Sequence[Program]
    ) -> None:
        self._watch = watch
        self.sessions = sessions[: len(programs)]
        self.schedule: list[str] = []
        self.choices: list[str] = []
        self.told: list[str] = []
        for session, program in zip(self.sessions, programs, strict=True):
            session.begin(program)

    def go(self, schedule: str) -> None:
        """Take the steps of the schedule, and then those of whoever is first."""
        while able := "".join(name for name, one in zip(ascii_uppercase, self.sessions, strict=False) if one.may_go_on):
            place = len(self.schedule)
            wished = schedule[place : place + 1] or able[0]
            self.choices.append(able)
            self._step(wished if wished in able else able[0])

    def _step(self, name: str) -> None:
        session = self.sessions[ascii_uppercase.index(name)]
        self.schedule.append(name)
        self.told.append(f"{name}: {'; '.join(one.told for one in session.next_step)}")
        waited = self._waiting()
        session.send(others_wait=bool(waited))
        if not session.arrived(0.002) or waited:
            self._settle()
        self._tell(session, waited)

    def _tell(self, session: Session, waited: list[Session]) -> None:
        if session.waits:
            self.told[-1] += "   … waits"
        for one in waited:
            if not one.waits:
                self.told.append(f"{ascii_uppercase[self.sessions.index(one)]}: … goes on")

    def _settle(self) -> None:
        """Wait until each session that is within a step waits for another that is not done."""
        deadline = time.monotonic() + DEADLINE
        while going := self._going():
            if time.monotonic() > deadline:
                raise Hang(self._said(self._waiting()))
            for one in going:
                one.arrived(0.001)

    def _going(self) -> list[Session]:
        """Give the sessions whose step is under way; where several wait, who waits for whom is asked twice."""
        waiting = [one for one in self._waiting() if not one.arrived(0)]
        held = self._held_up(waiting)
        if len(waiting) > 1:
            held &= self._held_up(waiting)
        return [one for one in waiting if one.pid not in held]

    def _held_up(self, waiting: list[Session]) -> frozenset[int]:
        """Give those that wait for others; but in a circle somebody will be ended soon."""
        if not waiting:
            return frozenset()
        pids = {"all": [one.pid for one in self.sessions], "waiting": [one.pid for one in waiting]}
        rows = self._watch.execute(_WAITING, pids, prepare=True, binary=True).fetchall()
        blockers: dict[int, list[int]] = {pid: by for pid, _, by in rows}
        return frozenset(pid for pid, is_blocked, _ in rows if is_blocked and not _in_circle(pid, blockers))

    def _waiting(self) -> list[Session]:
        return [one for one in self.sessions if one.waits]

    def _said(self, waiting: list[Session]) -> str:
        who = " and ".join(ascii_uppercase[self.sessions.index(one)] for one in waiting)
        names = ", ".join(one.program.name for one in self.sessions)
        what = f"{who} of {names}: not done after {DEADLINE} s, though none of the others is in the way"
        return "\n".join([what, *self.told])


def _in_circle(pid: int, blockers: dict[int, list[int]]) -> bool:
    seen: set[int] = set()
    ahead = list(blockers.get(pid, ()))
    while ahead:
        one = ahead.pop()
        if one == pid:
            return True
        if one not in seen:
            seen.add(one)
            ahead += blockers.get(one, ())
    return False


def _others(schedule: str, choices: list[str]) -> Iterator[str]:
    """Give the beginnings of schedules that part from this one, each by somebody else's step."""
    for place, able in enumerate(choices):
        for name in able:
            if name != schedule[place]:
                yield schedule[:place] + name
