"""`python -m tests.isolation` runs histories at every isolation level, and writes the table of docs/isolation.md."""

import argparse
import os
import sys
import time
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import ExitStack

import psycopg
from psycopg import IsolationLevel
from psycopg.conninfo import make_conninfo

from tests.isolation.report import PAPER, Tally, table, write
from tests.isolation.survey import LEVELS, survey
from useraim import local, schema

_LONGEST = 3_600


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.isolation", description=__doc__)
    parser.add_argument("--operations", type=int, default=1_000_000, help="how many, all levels together")
    parser.add_argument("--seed", type=int, default=int(time.time()), help="of the clients' choices")
    parser.add_argument("--dry", action="store_true", help="write nothing")
    asked = parser.parse_args()
    print(f"seed {asked.seed}", flush=True)
    tallies = run(asked.operations, asked.seed)
    print(table(tallies))
    wrong = [f"{tally.level.name}: {words}" for tally in tallies for words in tally.forbidden]
    print("\n".join(wrong) or "nothing that its level forbids")
    if not wrong and not asked.dry:
        write(tallies)
        print(f"{PAPER.name} is written")
    return bool(wrong)


def run(operations: int, seed: int) -> list[Tally]:
    """Run all levels at once, each in a process and a database of its own."""
    with ExitStack() as stack:
        is_named = any(name in os.environ for name in ("PGHOST", "PGSERVICE", "PGDATABASE"))
        server = "" if is_named else stack.enter_context(local.postgres())
        admin = stack.enter_context(psycopg.connect(server, autocommit=True))
        workers = stack.enter_context(ProcessPoolExecutor(len(LEVELS)))
        ran: list[Future[Tally]] = []
        for number, level in enumerate(LEVELS):
            name = f"useraim_isolation_{os.getpid()}_{number}"
            admin.execute(f"CREATE DATABASE {name}".encode())
            stack.callback(admin.execute, f"DROP DATABASE {name} WITH (FORCE)".encode())
            schema.apply(conninfo := make_conninfo(server, dbname=name))
            ran.append(workers.submit(_level, conninfo, level, operations // len(LEVELS), seed + number))
        return [one.result(timeout=_LONGEST) for one in ran]


def _level(conninfo: str, level: IsolationLevel, operations: int, seed: int) -> Tally:
    return survey(conninfo, level, operations, seed)


if __name__ == "__main__":
    sys.exit(main())
