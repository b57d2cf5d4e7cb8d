"""What was measured, as plain values that go to JSON and come back from it."""

import json
import os
import platform
import statistics
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from .contenders import BASE

PACKAGES = ["psycopg", "psycopg-binary", "pypika", "asyncpg", "adbc-driver-postgresql", "pyarrow", "aiosql", "sqlspec"]
PACKAGES += ["sqlalchemy", "sqlmodel", "django", "piccolo"]


@dataclass(frozen=True)
class Ratio:
    """The median over the rounds, and the least and the greatest."""

    median: float
    least: float
    greatest: float

    def __str__(self) -> str:
        return f"{self.median:.2f} ({self.least:.2f}-{self.greatest:.2f})"


@dataclass(frozen=True)
class Measurement:
    """One operation of one section; `rounds`: the median seconds of each round, by contender; `cpu`: of the client."""

    section: str
    operation: str
    title: str
    target: float | None
    target_of: str
    rounds: dict[str, list[float]]
    cpu: dict[str, list[float]] = field(default_factory=dict)

    def median(self, name: str) -> float | None:
        return statistics.median(self.rounds[name]) if self.rounds.get(name) else None

    def ratio(self, name: str, base: str = BASE) -> Ratio | None:
        """Round by round: neighbours in time are compared, not the fast hour of one with the slow one of another."""
        if not (self.rounds.get(name) and self.rounds.get(base)):
            return None
        ratios = [one / other for one, other in zip(self.rounds[name], self.rounds[base], strict=True)]
        return Ratio(statistics.median(ratios), min(ratios), max(ratios))


@dataclass
class Results:
    settings: dict[str, str]
    measurements: list[Measurement] = field(default_factory=list)
    memory: dict[str, dict[str, float]] = field(default_factory=dict)
    imports: dict[str, list[float]] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)

    def section(self, name: str) -> list[Measurement]:
        return [measurement for measurement in self.measurements if measurement.section == name]

    def save(self, path: Path) -> None:
        values = asdict(self)
        values["ratios"] = [
            {"section": m.section, "operation": m.operation, "contender": name, "seconds": m.median(name)}
            | {"ratio": asdict(ratio) if (ratio := m.ratio(name)) else None}
            for m in self.measurements
            for name in m.rounds
        ]
        path.write_text(json.dumps(values, indent=1, ensure_ascii=False) + "\n")


def load(path: Path) -> Results:
    values: dict[str, Any] = json.loads(path.read_text())
    del values["ratios"]
    values["measurements"] = [Measurement(**each) for each in values["measurements"]]
    return Results(**values)


def versions() -> dict[str, str]:
    found = {"date": f"{datetime.now(UTC):%Y-%m-%d}", "python": platform.python_version(), "cpus": str(os.cpu_count())}
    found["load before"] = f"{os.getloadavg()[0]:.1f}"
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found
