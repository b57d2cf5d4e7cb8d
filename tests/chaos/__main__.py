"""`python -m tests.chaos` lets workers write while everything around them breaks, and writes what came of it."""

import argparse
import os
import subprocess
import sys
import tempfile
import time

from tests.chaos.report import PAPER, driver, told, write
from tests.chaos.run import chaos


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--writes", type=int, default=1_000_000, help="how many are to be acknowledged")
    parser.add_argument(
        "--seed", type=int, default=int(time.time()), help="of all choices; the timing is the machine's"
    )
    parser.add_argument("--psycopg", help="run on this version of it, fetched for the occasion")
    parser.add_argument(
        "--python", action="store_true", help="run on psycopg's Python implementation, not on the C one"
    )
    parser.add_argument("--dry", action="store_true", help="write nothing")
    asked = parser.parse_args()
    if asked.psycopg or asked.python:
        return _on_another(asked)
    print(f"{driver()}, seed {asked.seed}", flush=True)
    verdict = chaos(asked.writes, asked.seed)
    print(told(verdict))
    if not verdict.wrong and not asked.dry:
        write(verdict)
        print(f"{PAPER.name} is written")
    return bool(verdict.wrong)


def _on_another(asked: argparse.Namespace) -> int:
    """Do the same in a process that finds another psycopg first."""
    with tempfile.TemporaryDirectory() as folder:
        env = dict(os.environ)
        if asked.psycopg:
            get = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", folder]
            subprocess.run([*get, f"psycopg=={asked.psycopg}", f"psycopg-binary=={asked.psycopg}"], check=True)
            env["PYTHONPATH"] = os.pathsep.join([folder, *filter(None, [env.get("PYTHONPATH")])])
        if asked.python:
            env["PSYCOPG_IMPL"] = "python"
        command = [sys.executable, "-m", "tests.chaos", "--writes", str(asked.writes), "--seed", str(asked.seed)]
        return subprocess.run([*command, *(["--dry"] if asked.dry else [])], env=env, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
