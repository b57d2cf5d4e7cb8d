"""How far the memory of a process grows while it reads 100,000 members as list, stream and frame (Linux only)."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import psycopg

from .operations import BY_NAME, USERS
from .runner import Runner

STATUS = Path("/proc/self/status")
FORGET_PEAK = ("/proc/self/clear_refs", "5")
OPERATIONS = ("stream_100k", "list_100k", "frame_100k")
Peaks = dict[str, float]  # what: MB


def status(field: str) -> float:
    """A figure of this process in MB: VmRSS is what it holds, VmHWM the most it ever held."""
    line = next(line for line in STATUS.read_text().splitlines() if line.startswith(field))
    return int(line.split()[1]) / 1024


def peaks(name: str, conninfo: str) -> Peaks:
    """Measure one contender in this process, which should be a fresh one."""
    found: Peaks = {}
    with psycopg.connect(conninfo, autocommit=True) as admin, Runner(admin, conninfo, [name]) as runner:
        contender = runner.contenders[name]
        runner.wait(contender, contender.load_one(USERS[0]))  # type: ignore[attr-defined]
        for operation in (BY_NAME[name] for name in OPERATIONS):
            function = getattr(contender, operation.name, None)
            if function is None:
                continue
            Path(FORGET_PEAK[0]).write_text(FORGET_PEAK[1])
            base = status("VmRSS")
            try:
                runner.wait(contender, function(*operation.arguments(0)))
            except Exception as error:
                print(f"{name}, {operation.title}: {error}", file=sys.stderr)
                continue
            found[operation.name] = round(status("VmHWM") - base, 1)
            found.setdefault("base", round(base, 1))
    return found


def measure(names: list[str], conninfo: str, left_out: list[str]) -> dict[str, Peaks]:
    """Measure each in a process of its own."""
    found: dict[str, Peaks] = {}
    for name in names:
        command = [sys.executable, "-m", "benchmarks.memory", name]
        done = subprocess.run(command, input=conninfo, capture_output=True, text=True, check=False)
        if done.returncode:
            left_out.append(f"{name}, memory: {done.stderr.strip().splitlines()[-1]}")
        else:
            found[name] = json.loads(done.stdout)
    return found


def main(name: str, conninfo: str) -> Any:
    print(json.dumps(peaks(name, conninfo)))


if __name__ == "__main__":
    main(sys.argv[1], sys.stdin.read())
