"""The table of the README, with the contenders that most will know: `python -m benchmarks.readme results.json`."""

import sys
from pathlib import Path

from .contenders import LABELS
from .report import OURS, table
from .results import Measurement, Ratio, load

COLUMNS = [OURS, "asyncpg", "sqlspec", "aiosql", "core", "orm", "sqlmodel", "django", "piccolo"]
FAR = ["replace", "batch"]  # what a network shows


def figures(source: Path) -> str:
    results = load(source)
    far = [m for m in results.section("network") if m.operation in FAR]
    rows = [line(m, "") for m in results.section("local")] + [line(m, " over a network of 1 ms") for m in far]
    return table(["operation", *(LABELS[name] for name in COLUMNS)], rows)


def line(m: Measurement, where: str) -> list[str]:
    return [m.title + where, *(cell(name, m.ratio(name)) for name in COLUMNS)]


def cell(name: str, ratio: Ratio | None) -> str:
    """The median, and ours in bold where it was under 1 in every round."""
    if ratio is None:
        return "-"
    return f"**{ratio.median:.2f}**" if name == OURS and ratio.greatest < 1 else f"{ratio.median:.2f}"


if __name__ == "__main__":
    print(figures(Path(sys.argv[1])))
