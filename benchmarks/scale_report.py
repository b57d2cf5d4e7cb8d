"""What the operations took at each size: a table, and a chart on which what should be flat is flat."""

import math
from dataclasses import dataclass
from html import escape
from itertools import pairwise
from pathlib import Path

from .chart import STYLE
from .report import table, time

FLAT = "flat"
ALLOWED = {FLAT: 0.15}  # of the exponent: at most 1.4 times the time for 10 times the rows; a tree is one level deeper
COLOURS = {FLAT: "#2f81f7", "by members": "#e0703a", "by users": "#a475f9"}
LEFT, RIGHT, TOP, BOTTOM, WIDTH, HEIGHT = 70, 290, 52, 44, 890, 640
LABEL = 13


@dataclass(frozen=True)
class Line:
    title: str
    promise: str
    times: dict[int, float]  # size: seconds

    @property
    def exponent(self) -> float:
        """The power of the size that the time grows with: 0 is flat, 1 is in proportion; by least squares."""
        points = [(math.log(size), math.log(seconds)) for size, seconds in self.times.items()]
        x, y = (sum(values) / len(points) for values in zip(*points, strict=True))
        spread = sum((one - x) ** 2 for one, _ in points)
        return sum((one - x) * (other - y) for one, other in points) / spread if spread else 0.0

    @property
    def kept(self) -> bool:
        return self.exponent <= ALLOWED.get(self.promise, 1.1)


def write(lines: list[Line], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "scale.md").write_text(markdown(lines) + "\n")
    (folder / "scale.svg").write_text(svg(lines))


def markdown(lines: list[Line]) -> str:
    head = [
        "operation",
        "promise",
        *(f"{size:,}" for size in lines[0].times),
        "growth for 10 times as many",
        "exponent",
        "",
    ]
    rows = [
        [
            line.title,
            line.promise,
            *(time(seconds) for seconds in line.times.values()),
            ", ".join(f"{after / before:.2f}" for before, after in pairwise(line.times.values())),
            f"{line.exponent:.2f}",
            "kept" if line.kept else "**grows**",
        ]
        for line in lines
    ]
    return "\n\n".join(["# Time against size", INTRO, table(head, rows), "![Time against size](scale.svg)"])


INTRO = """Median time of one call at each number of memberships, with a tenth as many users and a hundredth as many
aims, all sizes in turns. *flat*: the plan reads as many rows at each size, and only the depth of an index grows;
*by members*: as many rows as the crowd has members, or as there are memberships; *by users*: a text that no index
knows is looked for in all. The exponent is the power of the size that the time grows with: 0 is flat, 1 is in
proportion."""


def svg(lines: list[Line]) -> str:
    sizes = list(lines[0].times)
    seconds = [one for line in lines for one in line.times.values()]
    low, high = math.floor(math.log10(min(seconds))), math.ceil(math.log10(max(seconds)))

    def x(size: int) -> float:
        share = math.log(size / sizes[0]) / math.log(sizes[-1] / sizes[0]) if len(sizes) > 1 else 0.0
        return LEFT + share * (WIDTH - LEFT - RIGHT)

    def y(taken: float) -> float:
        return TOP + (high - math.log10(taken)) / (high - low) * (HEIGHT - TOP - BOTTOM)

    parts = [head()]
    for power in range(low, high + 1):
        parts.append(
            f'<line class="line" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y(10**power):.1f}" y2="{y(10**power):.1f}"/>'
        )
        parts.append(
            f'<text class="small" text-anchor="end" x="{LEFT - 6}" y="{y(10**power) + 3:.1f}">{time(10**power)}</text>'
        )
    parts += [
        f'<text class="small" text-anchor="middle" x="{x(size):.1f}" y="{HEIGHT - 24}">{size:,}</text>'
        for size in sizes
    ]
    last, bottom = sorted(lines, key=lambda line: -line.times[sizes[-1]]), float(TOP)
    for n, line in enumerate(last):
        points = " ".join(f"{x(size):.1f},{y(taken):.1f}" for size, taken in line.times.items())
        room = HEIGHT - BOTTOM - LABEL * (len(last) - 1 - n)  # for those below
        bottom = min(max(y(line.times[sizes[-1]]) + 4, bottom + LABEL), room)
        colour = COLOURS[line.promise]
        parts.append(f'<polyline fill="none" stroke="{colour}" stroke-width="1.5" points="{points}"/>')
        parts.append(f'<text class="small" x="{WIDTH - RIGHT + 8}" y="{bottom:.1f}">{escape(line.title)}</text>')
    return "\n".join([*parts, "</svg>", ""])


def head() -> str:
    box = f'width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}"'
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" {box} role="img"><style>{STYLE}</style>']
    parts.append(
        '<text class="title" x="12" y="22">Time of one call against the number of memberships (log scales)</text>'
    )
    for n, (promise, colour) in enumerate(COLOURS.items()):
        parts.append(f'<rect x="{12 + n * 110}" y="32" width="11" height="11" rx="2" fill="{colour}"/>')
        parts.append(f'<text x="{28 + n * 110}" y="42">{promise}</text>')
    return "\n".join(parts)
