"""What was found, counted by level, and the table of it in docs/isolation.md."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from psycopg import IsolationLevel

from tests.isolation.history import Anomaly, History

PAPER = Path(__file__).parents[2] / "docs" / "isolation.md"
_BEGINNING, _END = "<!-- histories -->\n", "<!-- end of histories -->\n"
COLUMNS = ("G0", "G1a", "G1b", "G1c", "OTV", "PMP", "P4", "G-single", "G2-item", "G2")
"""Those of Hermitage (Kleppmann, 2014), from what every level forbids to what SERIALIZABLE alone forbids."""
ALLOWED = {
    IsolationLevel.READ_COMMITTED: {"PMP", "P4", "G-single", "G2-item", "G2"},
    IsolationLevel.REPEATABLE_READ: {"G2-item", "G2"},
    IsolationLevel.SERIALIZABLE: set[str](),
}
_NAMES = {level: level.name.replace("_", " ") for level in ALLOWED}


@dataclass
class Tally:
    """One level's histories."""

    level: IsolationLevel
    histories: int = 0
    operations: int = 0
    outcomes: Counter[str] = field(default_factory=Counter[str])
    columns: Counter[str] = field(default_factory=Counter[str])
    forbidden: list[str] = field(default_factory=list[str])

    def count(self, history: History, found: Sequence[Anomaly]) -> None:
        self.histories += 1
        self.operations += sum(len(one.ops) for one in history.transactions)
        self.outcomes.update(one.outcome for one in history.transactions)
        self.columns.update(column for one in found for column in one.columns)
        self.forbidden += [f"{one.name}: {one.proof}" for one in found if not self._is_allowed(one)]

    def _is_allowed(self, anomaly: Anomaly) -> bool:
        return bool(anomaly.columns) and anomaly.columns <= ALLOWED[self.level]


def table(tallies: Sequence[Tally]) -> str:
    """Return both tables: what was run, and what was seen."""
    ran = ["| level | operations | histories | committed | aborted | without an answer |", "|---|--:|--:|--:|--:|--:|"]
    seen = [f"| level | {' | '.join(COLUMNS)} |", f"|---|{'--:|' * len(COLUMNS)}"]
    for tally in tallies:
        outcomes = [f"{tally.outcomes[name]:,}" for name in ("committed", "aborted", "unknown")]
        ran.append(f"| {_NAMES[tally.level]} | {tally.operations:,} | {tally.histories:,} | {' | '.join(outcomes)} |")
        seen.append(f"| {_NAMES[tally.level]} | {' | '.join(_cell(tally, column) for column in COLUMNS)} |")
    return "\n".join([*ran, "", *seen])


def _cell(tally: Tally, column: str) -> str:
    return f"{tally.columns[column]:,}" if column in ALLOWED[tally.level] else f"**{tally.columns[column]}**"


def write(tallies: Sequence[Tally]) -> None:
    head, _, rest = PAPER.read_text().partition(_BEGINNING)
    _, mark, tail = rest.partition(_END)
    assert mark, f"{PAPER.name} has no place for the table"
    PAPER.write_text(f"{head}{_BEGINNING}{table(tallies)}\n{_END}{tail}")
