"""`python -m tests.security [calls [seed]]`: random calls of many tenants, direct and through PgBouncer."""

import sys
import time
from typing import Any

import psycopg
from psycopg.conninfo import make_conninfo

from tests.conftest import ROLES, WRITER, as_role
from tests.security.judge import Judge
from tests.security.pooler import pooled, program
from tests.security.separated import separate
from tests.security.storm import fill, storms, strays
from tests.sessions import Session
from useraim import local, schema


def report(way: str, judge: Judge, seconds: float, owner: psycopg.Connection[Any]) -> int:
    """Print a line, and give the number of foreign rows."""
    found = judge.verdict() + [str(row) for row in strays(owner)]
    print(*found[:20], sep="\n", end="\n" if found else "")
    answered = judge.calls - judge.refused
    print(
        f"{way}: {judge.calls:,} calls ({answered:,} answered), {len(found)} foreign rows, {seconds:.0f} s", flush=True
    )
    return len(found)


def main(calls: int = 500_000, seed: int = 0) -> int:
    with local.postgres() as server, psycopg.connect(server, autocommit=True) as admin:
        admin.execute("CREATE DATABASE separated")
        database = make_conninfo(server, dbname="separated")
        schema.apply(database)
        ran = separate(database, "0")
        assert ran.returncode == 0, ran.stderr
        with psycopg.connect(database, autocommit=True) as owner:
            owner.execute(ROLES.encode())
            with psycopg.connect(as_role(database, WRITER), autocommit=True) as conn:
                fill(Session("sync", None, conn, False))  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
            start = time.monotonic()
            found = report("direct", storms(as_role(database, WRITER), calls, seed), time.monotonic() - start, owner)
            if not program():
                print("through PgBouncer: there is none here")
                return found
            with pooled(database, WRITER) as conninfo:
                start = time.monotonic()
                judge = storms(conninfo, calls, seed, prepare_threshold=None)
            return found + report("through PgBouncer", judge, time.monotonic() - start, owner)


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])) > 0)
