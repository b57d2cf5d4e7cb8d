"""`python -m tests.schedules` runs all schedules and writes docs/guarantees.md; with `replay`, one schedule again."""

import argparse
import os
import sys
import time
from collections.abc import Generator
from contextlib import ExitStack, closing, contextmanager

import psycopg
from psycopg.conninfo import make_conninfo

from tests.deadline import within
from tests.schedules.cases import LEVELS, all_cases, named, replay
from tests.schedules.explorer import Explorer
from tests.schedules.report import PAPER, failures, write
from tests.schedules.survey import survey
from useraim import local, schema

_LONGEST = 1_800
_PROCESSES = 2


def run_all() -> int:
    """Run everything, write the paper, and say what is wrong."""
    begun = time.monotonic()
    with databases(_PROCESSES) as names, within(_LONGEST, "the run of all schedules"):
        judged = list(survey(names, all_cases()))
    wrong = failures(judged)
    if not wrong:
        write(judged)
    print("\n\n".join(wrong) or f"{PAPER.name} is written")
    print(f"{sum(one.verdict.schedules for one in judged):,} schedules in {time.monotonic() - begun:.0f} s")
    return bool(wrong)


def run_again(names: list[str], schedule: str, level: str) -> int:
    """Replay one schedule and tell it."""
    with databases(1) as (database,), within(60, schedule), closing(Explorer(database)) as explorer:
        outcome, words = replay(explorer, named(*names), schedule, level)
    print(words if outcome.told[0] in words else "\n".join([*outcome.told, words]))
    return 0


@contextmanager
def databases(count: int) -> Generator[list[str], None, None]:
    """Make migrated databases on the server that PG* names, else on a throwaway one."""
    with ExitStack() as stack:
        is_named = any(name in os.environ for name in ("PGHOST", "PGSERVICE", "PGDATABASE"))
        server = "" if is_named else stack.enter_context(local.postgres())
        admin = stack.enter_context(psycopg.connect(server, autocommit=True))
        names = [f"useraim_schedules_{os.getpid()}_{n}" for n in range(count)]
        for name in names:
            admin.execute(f"CREATE DATABASE {name}".encode())
            stack.callback(admin.execute, f"DROP DATABASE {name} WITH (FORCE)".encode())
            schema.apply(make_conninfo(server, dbname=name))
        yield [make_conninfo(server, dbname=name) for name in names]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.schedules", description=__doc__)
    again = parser.add_subparsers(dest="command").add_parser("replay", help="run one schedule again")
    again.add_argument("names", nargs="+", metavar="NAME", help="the operations, as a finding names them")
    again.add_argument("schedule", help="whose step comes when: ABBA")
    again.add_argument("--level", choices=LEVELS, default=LEVELS[0])
    asked = parser.parse_args()
    return run_again(asked.names, asked.schedule, asked.level) if asked.command else run_all()


if __name__ == "__main__":
    sys.exit(main())
