"""Which operations meet: all pairs of writes, writes with reads, and three at once."""

from collections.abc import Callable, Mapping
from itertools import product
from typing import Final, NamedTuple, TypeAlias

from tests.schedules.explorer import Explorer, Outcome
from tests.schedules.judge import Judge, Verdict
from tests.schedules.operations import MINE, THEIRS, THIRDS, Named, hottest, of_the_middle, reads, wide, writes
from tests.schedules.program import READ_COMMITTED

Meeting: TypeAlias = tuple[Named, ...]
LEVELS: Final = (READ_COMMITTED, "REPEATABLE READ", "SERIALIZABLE")


class Case(NamedTuple):
    """A meeting by its place in a list, as it is told to another process."""

    kind: str
    level: str
    place: int


def _pairs_of_writes() -> list[Meeting]:
    return list(product(writes(MINE), writes(THEIRS)))


def _writes_with_reads() -> list[Meeting]:
    return list(product(writes(MINE), reads()))


def _three_hot() -> list[Meeting]:
    return list(product(hottest(MINE), hottest(THEIRS), hottest(THIRDS)))


def _three_wide() -> list[Meeting]:
    return list(product(wide(MINE), wide(THEIRS), [of_the_middle()]))


KINDS: Final[Mapping[str, Callable[[], list[Meeting]]]] = {
    "writes": _pairs_of_writes,
    "reads": _writes_with_reads,
    "three of the hottest": _three_hot,
    "two wide, and one that holds a row between": _three_wide,
}


def all_cases() -> list[Case]:
    """Give every case: pairs at each isolation level, three at once at READ COMMITTED."""
    levels = {kind: LEVELS if kind in {"writes", "reads"} else (READ_COMMITTED,) for kind in KINDS}
    return [
        Case(kind, level, place)
        for kind, meetings in KINDS.items()
        for level in levels[kind]
        for place in range(len(meetings()))
    ]


def named(*names: str) -> Meeting:
    """Find operations by name: the first is called by the first side, and so on."""
    return tuple(_find(name, place) for place, name in enumerate(names))


def verdict(explorer: Explorer, meeting: Meeting, level: str = READ_COMMITTED) -> Verdict:
    """Run all schedules of a meeting."""
    return Judge(explorer, [one.program(level) for one in meeting]).verdict()


def replay(explorer: Explorer, meeting: Meeting, schedule: str, level: str = READ_COMMITTED) -> tuple[Outcome, str]:
    """Run one schedule again, and say what is not as it should be, or that all is."""
    programs = [one.program(level) for one in meeting]
    outcome = explorer.replay(programs, schedule)
    findings = Judge(explorer, programs).findings(outcome)
    return outcome, "\n\n".join(one.words for one in findings) or "as one after the other"


def _find(name: str, place: int) -> Named:
    side = (MINE, THEIRS, THIRDS)[place]
    known = {one.name: one for one in (*writes(side), *reads(), *wide(side), of_the_middle())}
    return known[name]
