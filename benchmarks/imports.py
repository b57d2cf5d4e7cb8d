"""What importing costs, in processes of their own, above the start of the interpreter."""

import os
import random
import statistics
import subprocess
import sys
from tempfile import TemporaryDirectory
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
    "sqlspec + psycopg": "import sqlspec, sqlspec.adapters.psycopg",
    "sqlmodel + psycopg": "import sqlmodel, psycopg",
    "django.db + psycopg": "import django.db.models, psycopg",
    "piccolo + asyncpg": "import piccolo.table, piccolo.engine.postgres, asyncpg",
}


def once(statement: str, cache: str) -> float:
    env = {**os.environ, "PYTHONPYCACHEPREFIX": cache}
    env.pop("PYTHONDONTWRITEBYTECODE", None)
    start = perf_counter()
    subprocess.run([sys.executable, "-c", statement], check=True, capture_output=True, env=env)
    return perf_counter() - start


def measure(rounds: int, left_out: list[str]) -> dict[str, list[float]]:
    """Seconds of each round, the start of the interpreter taken off."""
    with TemporaryDirectory() as cache:  # compiled code of all alike, wherever they are installed
        able = [name for name in IMPORTS if possible(name, cache, left_out)]
        times: dict[str, list[float]] = {name: [] for name in able}
        for _ in range(rounds):
            for name in random.sample(able, len(able)):
                times[name].append(once(IMPORTS[name], cache))
    nothing = statistics.median(times.pop("nothing"))
    return {name: [max(0.0, time - nothing) for time in taken] for name, taken in times.items()}


def possible(name: str, cache: str, left_out: list[str]) -> bool:
    """Try it, which also compiles it."""
    try:
        once(IMPORTS[name], cache)
    except subprocess.CalledProcessError as error:
        left_out.append(f"import of {name}: {error.stderr.decode().strip().splitlines()[-1]}")
        return False
    return True
