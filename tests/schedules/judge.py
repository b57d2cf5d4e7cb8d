"""Compares what every schedule of some operations leads to with what they do one after the other."""

from collections.abc import Sequence
from itertools import permutations
from string import ascii_uppercase
from typing import NamedTuple

from tests.schedules.explorer import Explorer, Outcome
from tests.schedules.program import Answer, Program

DEADLOCK = "deadlock"
NEITHER = "not as one after the other"


class Finding(NamedTuple):
    """An outcome that no serial order gives, or an operation that was undone."""

    kind: str
    names: tuple[str, ...]
    schedule: str
    words: str
    row_by_row: bool
    """Whether each row by itself is left as by one of the serial orders."""


class Verdict(NamedTuple):
    """All schedules of some operations: how many, how many different outcomes, and what is not as it should be."""

    names: tuple[str, ...]
    schedules: int
    outcomes: int
    findings: tuple[Finding, ...]


class Judge:
    """Knows the serial outcomes of some programs, each found when it is first needed."""

    def __init__(self, explorer: Explorer, programs: Sequence[Program]) -> None:
        self._explorer = explorer
        self._programs = programs
        self._serial: dict[frozenset[int], list[Outcome]] = {}

    def verdict(self) -> Verdict:
        """Run all schedules and judge each."""
        schedules = 0
        different: set[object] = set()
        findings: list[Finding] = []
        for outcome in self._explorer.outcomes(self._programs):
            schedules += 1
            different.add((outcome.answers, outcome.tables))
            findings += self.findings(outcome)
        names = tuple(one.name for one in self._programs)
        return Verdict(names, schedules, len(different), tuple(findings))

    def findings(self, outcome: Outcome) -> list[Finding]:
        """Judge one outcome."""
        undone = frozenset(n for n, answer in enumerate(outcome.answers) if answer.undone)
        words = contradiction(outcome, self._orders(undone))
        found = [self._finding(NEITHER, outcome, words)] if words else []
        for n, answer in enumerate(outcome.answers):
            if answer.undone == DEADLOCK:
                found.append(self._finding(DEADLOCK, outcome, f"{ascii_uppercase[n]} is ended by a deadlock"))
        return found

    def _orders(self, left_out: frozenset[int]) -> list[Outcome]:
        if left_out not in self._serial:
            rest = [n for n in range(len(self._programs)) if n not in left_out]
            orders = permutations(rest)
            self._serial[left_out] = [self._explorer.serial(self._programs, order) for order in orders]
        return self._serial[left_out]

    def _finding(self, kind: str, outcome: Outcome, words: str) -> Finding:
        names = tuple(one.name for one in self._programs)
        serial = [one.tables for orders in self._serial.values() for one in orders]
        return Finding(kind, names, outcome.schedule, self._told(outcome, words), _row_by_row(outcome.tables, serial))

    def _told(self, outcome: Outcome, words: str) -> str:
        who = [f"{name} is {one.name}" for name, one in zip(ascii_uppercase, self._programs, strict=False)]
        got = [f"{name} gave {one.text}" for name, one in zip(ascii_uppercase, outcome.answers, strict=False)]
        serial = [_serial(one) for orders in self._serial.values() for one in orders]
        names = " ".join(repr(one.name) for one in self._programs)
        level = self._programs[0].level
        again = f"again: python -m tests.schedules replay {names} {outcome.schedule} --level '{level}'"
        return "\n".join([words, *who, *outcome.told, *got, *(f"left {row}" for row in outcome.tables), *serial, again])


def contradiction(outcome: Outcome, serial: Sequence[Outcome]) -> str | None:
    """Say what is not as in any of the serial outcomes, or None where all is as in one of them."""
    like = [one for one in serial if all(map(Answer.agrees, outcome.answers, one.answers))]
    if any(one.tables == outcome.tables for one in like):
        return None
    if like:
        return f"the answers are those of {like[0].schedule}, but the tables are not: {_apart(outcome, like[0])}"
    same = " and ".join(one.schedule for one in serial if one.tables == outcome.tables)
    return f"no serial order gives these answers; the tables are those of {same or 'none'}"


def _row_by_row(tables: tuple[str, ...], serial: Sequence[tuple[str, ...]]) -> bool:
    possible = set[str]().union(*serial)
    always = possible.intersection(*serial)
    return always <= set(tables) <= possible


def _apart(outcome: Outcome, serial: Outcome) -> str:
    more = sorted(set(outcome.tables) - set(serial.tables))
    fewer = sorted(set(serial.tables) - set(outcome.tables))
    return f"there is {more or 'nothing more'}, and {fewer or 'nothing'} is not"


def _serial(outcome: Outcome) -> str:
    answers = ", ".join(answer.text for answer in outcome.answers if answer.text)
    return f"{outcome.schedule} gives {answers}"
