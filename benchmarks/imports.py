"""What importing costs, in processes of their own, above the start of the interpreter."""

import random
import statistics
import subprocess
import sys
from time import perf_counter

BASE = "psycopg + pypika"
TARGET = 1.15
IMPORTS = {
    "nothing": "pass",
    BASE: "import psycopg, pypika",
    "psycopg": "import psycopg",
    "useraim": "import useraim",
    "asyncpg": "import asyncpg",
    "sqlalchemy + psycopg": "import sqlalchemy, psycopg",
    "sqlalchemy.orm + psycopg": "import sqlalchemy.orm, psycopg",
    "django.db + psycopg": "import django.db.models, psycopg",
}


def once(statement: str) -> float:
    start = perf_counter()
    subprocess.run([sys.executable, "-c", statement], check=True, capture_output=True)
    return perf_counter() - start


def measure(rounds: int, left_out: list[str]) -> dict[str, list[float]]:
    """Seconds of each round, the start of the interpreter taken off."""
    able = {name: statement for name, statement in IMPORTS.items() if possible(name, statement, left_out)}
    times: dict[str, list[float]] = {name: [] for name in able}
    for _ in range(rounds):
        for name in random.sample(list(able), len(able)):
            times[name].append(once(able[name]))
    nothing = statistics.median(times.pop("nothing"))
    return {name: [max(0.0, time - nothing) for time in taken] for name, taken in times.items()}


def possible(name: str, statement: str, left_out: list[str]) -> bool:
    try:
        once(statement)
    except subprocess.CalledProcessError as error:
        left_out.append(f"import of {name}: {error.stderr.decode().strip().splitlines()[-1]}")
        return False
    return True
