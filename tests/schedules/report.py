"""The numbers of a survey, as they stand in docs/guarantees.md."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from tests.schedules.cases import LEVELS
from tests.schedules.exceptions import EXCEPTIONS, Exception_, exception
from tests.schedules.judge import DEADLOCK, NEITHER, Finding
from tests.schedules.operations import function
from tests.schedules.survey import Judged

PAPER: Final = Path(__file__).parents[2] / "docs" / "guarantees.md"
_FROM, _TO = "<!-- schedules -->", "<!-- end of schedules -->"


def failures(judged: Iterable[Judged]) -> list[str]:
    """Tell what is neither as one after the other nor listed."""
    found = ((one.case, finding) for one in judged for finding in one.verdict.findings)
    return [f"{case.level}: {one.words}" for case, one in found if one.words and exception(one) is None]


def write(judged: Sequence[Judged]) -> None:
    """Put the tables between the marks of the paper."""
    before, _, rest = PAPER.read_text(encoding="utf-8").partition(_FROM)
    after = rest.partition(_TO)[2]
    PAPER.write_text(f"{before}{_FROM}\n{rendered(judged)}\n{_TO}{after}", encoding="utf-8")


def rendered(judged: Sequence[Judged]) -> str:
    """Render the tables and the list of exceptions."""
    schedules = sum(one.verdict.schedules for one in judged)
    first = f"**{schedules:,} schedules** of {len(judged):,} meetings; none had an outcome outside of the lists below."
    return "\n".join([
        first, "", "By isolation level:", "", *_table(judged, "level", _level),
        "", "By who meets, all levels together:", "", *_table(judged, "who meets", _who),
        "", "### The exceptions", "", *_exceptions(judged),
    ])  # fmt: skip


def _level(one: Judged) -> str:
    return f"{one.case.level}, {'two' if len(one.verdict.names) == 2 else 'three'} callers"


def _who(one: Judged) -> str:
    if one.case.kind.startswith(("three", "two")):
        return one.case.kind
    mine, theirs = (f"`{function(name).rpartition('.')[0]}`" for name in one.verdict.names)
    if one.case.kind == "reads":
        return f"{mine} writes, anything reads"
    return " and ".join(sorted((mine, theirs)))


def _table(judged: Sequence[Judged], title: str, key: object) -> list[str]:
    groups: defaultdict[str, list[Judged]] = defaultdict(list)
    for one in judged:
        groups[key(one)].append(one)  # type: ignore[operator]
    head = [
        f"| {title} | meetings | schedules | different outcomes | not as in an order | deadlocks |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    return [*head, *(_row(name, group) for name, group in groups.items())]


def _row(name: str, group: Sequence[Judged]) -> str:
    kinds = Counter(finding.kind for one in group for finding in one.verdict.findings)
    schedules = sum(one.verdict.schedules for one in group)
    outcomes = sum(one.verdict.outcomes for one in group)
    numbers = (len(group), schedules, outcomes, kinds[NEITHER], kinds[DEADLOCK])
    return f"| {name} | {' | '.join(f'{number:,}' for number in numbers)} |"


def _exceptions(judged: Sequence[Judged]) -> list[str]:
    met: defaultdict[Exception_, list[tuple[str, Finding]]] = defaultdict(list)
    for one in judged:
        for finding in one.verdict.findings:
            if listed := exception(finding):
                met[listed].append((one.case.level, finding))
    return [f"{n}. {_told(one, met[one])}" for n, one in enumerate(EXCEPTIONS, 1)]


def _told(listed: Exception_, met: Sequence[tuple[str, Finding]]) -> str:
    levels = Counter(level for level, _ in met)
    counts = ", ".join(f"{levels[level]:,} at {level}" for level in LEVELS if levels[level])
    example = " with ".join(f"`{name}`" for name in met[0][1].names) if met else "none"
    what = "**A deadlock.**" if listed.kind == DEADLOCK else "**Not as in an order.**"
    what += " **To be mended.**" * listed.is_fault
    return f"{what} {listed.reason} {counts or 'Not met'}; first: {example}, {met[0][1].schedule if met else ''}."
