"""The chart of the README: bars to the left of 1 are faster than psycopg by hand, to the right slower; log scale."""

import math
from html import escape

from .contenders import LABELS
from .results import Measurement, Results

SHOWN = {
    "useraim": "#2f81f7",
    "asyncpg": "#2da44e",
    "sqlspec": "#1b9e9e",
    "core": "#d4a72c",
    "orm": "#e0703a",
    "django": "#a475f9",
    "piccolo": "#d64f8b",
}
LEFT, RIGHT, TOP, BOTTOM = 280, 60, 64, 34
WIDTH, BAR, GAP = 890, 9, 12
TICKS = [0.25, 0.5, 1, 2, 5, 10, 20, 50, 100]
STYLE = """text { font: 12px system-ui, sans-serif; fill: #1f2328 } .small { font-size: 10px; fill: #59636e }
.line { stroke: #d1d9e0 } .one { stroke: #59636e; stroke-width: 1.5 } .title { font-size: 14px; font-weight: 600 }
@media (prefers-color-scheme: dark) { text { fill: #f0f6fc } .small { fill: #9198a1 } .line { stroke: #3d444d }
.one { stroke: #9198a1 } }"""


class Scale:
    """From ratios to pixels."""

    def __init__(self, ratios: list[float]) -> None:
        self.low = max(tick for tick in TICKS if tick <= min([*ratios, 0.5]) or tick == TICKS[0])
        self.high = min(tick for tick in TICKS if tick >= max([*ratios, 2]) or tick == TICKS[-1])

    def x(self, ratio: float) -> float:
        share = math.log(min(max(ratio, self.low), self.high) / self.low) / math.log(self.high / self.low)
        return LEFT + share * (WIDTH - LEFT - RIGHT)

    def ticks(self) -> list[float]:
        return [tick for tick in TICKS if self.low <= tick <= self.high]


def svg(results: Results) -> str:
    measurements = [m for m in results.section("local") if m.ratio("useraim") or m.ratio("orm")]
    shown = {name: [(m, r.median) for m in measurements if (r := m.ratio(name))] for name in SHOWN}
    scale = Scale([ratio for found in shown.values() for _, ratio in found])
    parts, y = [], float(TOP)
    for m in measurements:
        bars = [(name, ratio.median) for name in SHOWN if (ratio := m.ratio(name))]
        parts.append(group(m, bars, y, scale))
        y += len(bars) * BAR + GAP
    height = y + BOTTOM
    return "\n".join([head(height), legend(), axis(scale, y), *parts, "</svg>", ""])


def head(height: float) -> str:
    size = f'width="{WIDTH}" height="{height:.0f}" viewBox="0 0 {WIDTH} {height:.0f}"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img"><style>{STYLE}</style>'


def legend() -> str:
    title = "Time of one call as a ratio to psycopg by hand (lower is better, log scale)"
    parts, x = [f'<text class="title" x="12" y="22">{title}</text>'], 12.0
    for name, colour in SHOWN.items():
        parts.append(f'<rect x="{x:.0f}" y="36" width="11" height="11" rx="2" fill="{colour}"/>')
        parts.append(f'<text x="{x + 16:.0f}" y="46">{LABELS[name]}</text>')
        x += 34 + 7 * len(LABELS[name])
    return "\n".join(parts)


def axis(scale: Scale, bottom: float) -> str:
    parts = []
    for tick in scale.ticks():
        x, kind = scale.x(tick), "one" if tick == 1 else "line"
        parts.append(f'<line class="{kind}" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP - 6}" y2="{bottom:.0f}"/>')
        parts.append(f'<text class="small" text-anchor="middle" x="{x:.1f}" y="{bottom + 16:.0f}">{tick:g}</text>')
    return "\n".join(parts)


def group(m: Measurement, bars: list[tuple[str, float]], y: float, scale: Scale) -> str:
    """An operation's name and a bar for each contender that has it."""
    middle = y + len(bars) * BAR / 2 + 4
    parts = [f'<text text-anchor="end" x="{LEFT - 12}" y="{middle:.1f}">{escape(m.title)}</text>']
    for line, (name, ratio) in enumerate(bars):
        start, end = sorted((scale.x(1), scale.x(ratio)))
        top = y + line * BAR
        width = max(end - start, 1.5)
        box = f'x="{start:.1f}" y="{top:.1f}" width="{width:.1f}" height="{BAR - 1.5}"'
        parts.append(f'<rect {box} fill="{SHOWN[name]}"/>')
        parts.append(f'<text class="small" x="{end + 4:.1f}" y="{top + BAR - 1.5:.1f}">{ratio:.2f}</text>')
    return "\n".join(parts)
