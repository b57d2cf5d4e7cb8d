"""The results as Markdown: `python -m benchmarks.report results.json` writes it, and the chart, anew."""

import sys
from collections.abc import Callable, Iterable
from pathlib import Path

from . import chart, imports
from .contenders import BASE, BUILDERS, LABELS, NOTED
from .results import Measurement, Ratio, Results, load

OURS = "useraim"
STREAM_TARGET = 5
COLUMNS = [name for name in LABELS if name not in NOTED]


def write(results: Results, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    results.save(folder / "results.json")
    (folder / "results.md").write_text(markdown(results))
    (folder / "chart.svg").write_text(chart.svg(results))


def markdown(results: Results) -> str:
    parts = ["# Results", intro(results)]
    for section, title in (("local", "On the same machine"), ("network", "With 1 ms of network round trip")):
        if measurements := results.section(section):
            parts += [f"## {title}: ratio to psycopg by hand", *families(ratios, measurements), noted(measurements)]
            parts += [f"## {title}: median time of one call", *families(medians, measurements)]
    used = [Measurement(**{**vars(m), "rounds": m.cpu}) for m in results.section("local") if m.cpu]
    if used:
        parts += ["## On the same machine: CPU time of the client for one call", *families(medians, used)]
    parts += [part for part in (million(results), memory(results), importing(results)) if part]
    if results.left_out:
        parts += ["## Left out", "\n".join(f"- {line}" for line in results.left_out)]
    return "\n\n".join(part for part in parts if part) + "\n"


def intro(results: Results) -> str:
    settings = " · ".join(f"{name} {value}" for name, value in results.settings.items())
    return f"Lower is better; in brackets the least and the greatest ratio of the rounds.\n\n{settings}"


def table(head: list[str], rows: Iterable[list[str]]) -> str:
    lines = [head, ["---"] + ["---:"] * (len(head) - 1), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def families(write: Callable[[list[Measurement], list[str]], str], measurements: list[Measurement]) -> list[str]:
    """A table of those who are given their SQL and one of those who build it: together they are too wide to read."""
    present = [name for name in COLUMNS if any(name in m.rounds for m in measurements)]
    given = [name for name in present if name not in BUILDERS]
    builders = [name for name in present if name in BUILDERS]
    return [write(measurements, names) for names in (given, [OURS, *builders]) if names != [OURS]]


def ratios(measurements: list[Measurement], names: list[str]) -> str:
    names = [name for name in names if name != BASE]
    head = ["operation", "target", "", *(LABELS[name] for name in names)]
    rows = [[m.title, target(m), verdict(m), *(cell(m.ratio(name)) for name in names)] for m in measurements]
    return table(head, rows)


def target(m: Measurement) -> str:
    if m.target is None:
        return ""
    return f"{m.target:.2f}" if m.target_of == BASE else f"{m.target:.2f} of {LABELS[m.target_of]}"


def verdict(m: Measurement) -> str:
    ratio = m.ratio(OURS, m.target_of)
    return "" if ratio is None or m.target is None else met(ratio.median, m.target)


def met(value: float, target: float) -> str:
    return "met" if value <= target else f"missed: {value:.2f}"


def cell(ratio: Ratio | None) -> str:
    return str(ratio) if ratio else "-"


def noted(measurements: list[Measurement]) -> str:
    """Other ways to do one operation, which would leave their columns empty."""
    lines: list[str] = []
    for m in measurements:
        for name in NOTED:
            if ratio := m.ratio(name):
                ours = m.ratio(OURS, name)
                lines.append(
                    f"- {m.title}, {LABELS[name]}: {ratio}." + (f" useraim takes {ours} of it." if ours else "")
                )
    return "\n".join(lines)


def medians(measurements: list[Measurement], names: list[str]) -> str:
    rows = [[m.title, *(time(m.median(name)) for name in names)] for m in measurements]
    return table(["operation", *(LABELS[name] for name in names)], rows)


def time(seconds: float | None) -> str:
    if seconds is None:
        return "-"
    for unit, factor in (("s", 1), ("ms", 1e3)):
        if seconds * factor >= 1:
            return f"{seconds * factor:.3g} {unit}"
    return f"{seconds * 1e6:.0f} µs"


def million(results: Results) -> str:
    for m in results.measurements:
        if m.operation == "bulk_1m":
            rates = [(LABELS[name], 1e6 / (m.median(name) or 1)) for name in m.rounds]
            lines = [f"{label}: {rate:,.0f} rows a second" for label, rate in rates]
            return "\n- ".join(["## A million rows\n\nAll but useraim: a bare COPY.\n", *lines])
    return ""


def memory(results: Results) -> str:
    if not results.memory:
        return ""
    rows = []
    for name, peaks in results.memory.items():
        stream = peaks.get("stream_100k")
        said = met(stream, STREAM_TARGET) if stream is not None and name.startswith(OURS) else ""
        figures = (
            f"{peaks[what]:.1f} MB" if what in peaks else "-"
            for what in ("list_100k", "stream_100k", "frame_100k", "base")
        )
        rows.append([LABELS[name], *figures, said])
    head = [
        "contender",
        "list of 100,000",
        "stream of 100,000",
        "frame of 120,000",
        "base",
        f"target: stream under {STREAM_TARGET} MB",
    ]
    return "## Memory: peak over base\n\n" + table(head, rows)


def importing(results: Results) -> str:
    if not results.imports:
        return ""
    m = Measurement("imports", "import", "import", imports.TARGET, imports.BASE, results.imports)
    rows = []
    for name in m.rounds:
        ratio = m.ratio(name, imports.BASE)
        said = met(ratio.median, imports.TARGET) if ratio and name == OURS else ""
        rows.append([name, time(m.median(name)), cell(ratio), said])
    return "## Import\n\n" + table(["import of", "time", f"ratio to {imports.BASE}", "target: 1.15"], rows)


if __name__ == "__main__":
    source = Path(sys.argv[1])
    write(load(source), source.parent)
