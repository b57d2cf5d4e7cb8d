"""The figures of runs, and their section in docs/guarantees.md: a row for each driver that was run."""

from pathlib import Path

import psycopg

from tests.chaos.run import Verdict

PAPER = Path(__file__).parents[2] / "docs" / "guarantees.md"
_BEGINNING, _END = "<!-- chaos -->\n", "<!-- end of chaos -->\n"
COLUMNS = {
    "writes": "acknowledged writes",
    "rows": "rows",
    "kills": "kills",
    "cuts": "cuts",
    "crashes": "crashes",
    "promotions": "promotions",
    "gave up": "gave up",
    "lost": "lost",
    "found whole": "then whole",
    "found absent": "then absent",
    "undone": "undone by the server",
    "wrong": "wrong",
}
_HEAD = f"| driver, server | {' | '.join(COLUMNS.values())} |\n|---|{'--:|' * len(COLUMNS)}\n"


def driver() -> str:
    """Name the driver that this process runs on."""
    kind = "Python" if psycopg.pq.__impl__ == "python" else "C"
    return f"psycopg {psycopg.__version__}, {kind}"


def row(verdict: Verdict) -> str:
    counts = {**verdict.counts, "wrong": len(verdict.wrong)}
    return f"| {driver()}; PostgreSQL {verdict.server} | {' | '.join(f'{counts.get(one, 0):,}' for one in COLUMNS)} |"


def told(verdict: Verdict) -> str:
    """Say all of a run in words."""
    rate = verdict.counts["writes"] / verdict.seconds
    log = [f"  {count:,} times in the logs: {why}" for why, count in verdict.log.most_common()]
    first = f"{verdict.seconds:.0f} s, {rate:.0f} acknowledged writes a second, {len(verdict.operations)} operations"
    return "\n".join([first, _HEAD + row(verdict), *log, *(f"WRONG: {one}" for one in verdict.wrong)])


def write(verdict: Verdict) -> None:
    """Put the row of this driver and server in, in place of an older one."""
    head, _, rest = PAPER.read_text().partition(_BEGINNING)
    table, mark, tail = rest.partition(_END)
    assert mark, f"{PAPER.name} has no place for the table"
    new = row(verdict)
    name = new.partition(" | ")[0]
    rows = [one for one in table.removeprefix(_HEAD).splitlines() if one.startswith("| psy")]
    rows = sorted([*(one for one in rows if not one.startswith(name)), new], reverse=True)
    lines = "".join(f"{one}\n" for one in rows)
    PAPER.write_text(f"{head}{_BEGINNING}{_HEAD}{lines}{_END}{tail}")
