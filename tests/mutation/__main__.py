"""Change one thing at a time, and see whether a test notices: `python -m tests.mutation --help`."""

import argparse
import json
import multiprocessing
import os
import re
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from importlib import import_module
from itertools import islice
from pathlib import Path
from queue import SimpleQueue
from random import Random
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict

from tests.conftest import ROOT, yoyo
from tests.mutation import child, python, sql
from tests.mutation.child import Verdict
from tests.mutation.choice import Record, digest, load
from tests.mutation.mutant import Mutant
from tests.mutation.recording import record as make_record
from tests.mutation.report import line, told
from useraim import local

for name in ("hypothesis", "psycopg_pool", "pypika"):
    import_module(name)  # once for all forks
RECORD = ROOT / ".mutants"
COPIED = ("src", "sql", "migrations", "tests", "examples", "docs", "benchmarks")
FILES = ("pyproject.toml", "README.md", "Makefile", "CHANGELOG.md", "CONTRIBUTING.md", "yoyo.ini", "LICENSE")


def sample(seed: int, sizes: Sequence[int], sent: list[str]) -> list[Mutant]:
    """Draw mutants: of files of SQL, of rendered statements, of Python."""
    random = Random(seed)
    files, statements = list(sql.of_files(ROOT)), list(sql.of_statements(ROOT, sent))
    drawn = [random.sample(one, min(size, len(one))) for one, size in zip((files, statements), sizes, strict=False)]
    asked = [one for one in drawn[0] if not one.path.startswith(sql.NOT_ASKED)]
    return [*asked, *drawn[1], *islice(python.sampled(ROOT, random), sizes[2])]


def copy_to(folder: Path) -> Path:
    """Copy what tests need of the checkout: mutants never touch it."""
    for name in COPIED:
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in FILES:
        shutil.copy(ROOT / name, folder)
    return folder


@contextmanager
def mutated(copy: Path, mutant: Mutant) -> Generator[None, None, None]:
    """Write the mutant into the copy, and what was there back at the end."""
    path = copy / sql.file_of(mutant)
    before = path.read_text(encoding="utf-8")
    compiled = path.parent / "__pycache__"
    try:
        path.write_text(mutant.text, encoding="utf-8")
        shutil.rmtree(compiled, ignore_errors=True)
        yield
    finally:
        path.write_text(before, encoding="utf-8")
        shutil.rmtree(compiled, ignore_errors=True)


class Workers:
    """Copies of the checkout, and what is known before the first mutant."""

    def __init__(self, scratch: Path, workers: int, record: Record, before: list[str], limit: float) -> None:
        self.scratch, self.record, self.before, self.limit = scratch, record, before, limit
        self.copies: SimpleQueue[Path] = SimpleQueue()
        for number in range(workers):
            self.copies.put(copy_to(Path(tempfile.mkdtemp(prefix=f"copy{number}-", dir=scratch))))

    def judge(self, mutant: Mutant) -> Verdict:
        copy = self.copies.get()
        try:
            with mutated(copy, mutant):
                return self._forked(copy, mutant)
        finally:
            self.copies.put(copy)

    def control(self, killers: set[str]) -> Verdict:
        """Run those that have noticed mutants on what is not changed: none may fail."""
        path = "sql/pairs/delete_many.sql"
        self.record = self.record._replace(statements={}, lines={}, files={path.removeprefix("sql/"): killers})
        self.limit = 600
        return self.judge(Mutant(path, 1, "control", "unchanged", (ROOT / path).read_text(encoding="utf-8")))

    def _forked(self, copy: Path, mutant: Mutant) -> Verdict:
        result = copy / "verdict.json"
        result.unlink(missing_ok=True)
        args = (copy, mutant, self.record, self.before, self.limit, result)
        process: Any = multiprocessing.get_context("fork").Process(target=child.run, args=args)
        began = time.monotonic()
        process.start()
        process.join(self.limit * 8 + 60)  # a machine may be slower than when the tests were recorded
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # with whatever a test has started
        process.join()
        drop_databases(process.pid)
        if result.exists():
            return Verdict(*json.loads(result.read_text(encoding="utf-8")))
        broken = copy / "broken.txt"
        if broken.exists():
            why = broken.read_text(encoding="utf-8")
            broken.unlink()
            return Verdict(False, f"not judged: {why.splitlines()[-1]}", 0, time.monotonic() - began)
        return Verdict(True, f"hangs, or ends the process: {process.exitcode}", 0, time.monotonic() - began)


def drop_databases(pid: int) -> None:
    """Drop what a process that was killed has left."""
    with psycopg.connect("", autocommit=True) as conn:
        names = conn.execute("SELECT datname FROM pg_database WHERE datname LIKE %s", [f"useraim_test_{pid}%"])
        for (name,) in names.fetchall():
            conn.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)".encode())


def killed_in(verdicts: Path) -> set[str]:
    """Name the mutants that a test has noticed before."""
    lines = map(json.loads, verdicts.read_text(encoding="utf-8").splitlines())
    return {name for _, name, killed, *_ in lines if killed}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a sample and print what came of it; the status says whether tests fail without a mutant too."""
    parser = argparse.ArgumentParser("python -m tests.mutation", description=__doc__)
    parser.add_argument("--record", type=Path, default=RECORD, help="folder of recordings, made if it is missing")
    parser.add_argument("--seed", type=int, default=Random().randrange(10_000), help="which sample")
    parser.add_argument("--sizes", type=int, nargs=3, default=(60, 40, 120), help="files of SQL, statements, Python")
    parser.add_argument("--limit", type=float, default=40, help="seconds of tests for a mutant")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--only", default="", help="mutants whose name this pattern is found in")
    parser.add_argument("--again", type=Path, help="verdicts of the same seed: without those that were killed")
    parser.add_argument("--out", type=Path, default=Path("mutants.jsonl"), help="where verdicts are written")
    asked = parser.parse_args(arguments)
    print(f"seed {asked.seed}, sizes {' '.join(map(str, asked.sizes))}", flush=True)
    if not any(asked.record.glob("*.json")):
        make_record(asked.record)
    before = child.rendered()
    record = load(asked.record)
    sent = [one for one in before if record.statements.get(digest(one))]
    drawn = [one for one in sample(asked.seed, asked.sizes, sent) if re.search(asked.only, one.name)]
    if asked.again:
        killed = killed_in(asked.again)
        drawn = [one for one in drawn if one.name not in killed]
    with tempfile.TemporaryDirectory(prefix="mutants-") as scratch, local.postgres() as conninfo:
        yoyo(
            " ".join(f"{key}={value}" for key, value in {**conninfo_to_dict(conninfo), "dbname": "template1"}.items()),
            "apply",
        )
        os.environ.update(local.settings(conninfo))
        workers = Workers(Path(scratch), asked.workers, record, before, asked.limit)
        return judged(workers, drawn, asked)


def judged(workers: Workers, drawn: list[Mutant], asked: Any) -> int:
    """Judge all, tell each as it comes, and the score at the end."""
    verdicts: list[tuple[Mutant, Verdict]] = []
    with ThreadPoolExecutor(asked.workers) as threads, asked.out.open("a", encoding="utf-8") as out:
        for mutant, verdict in zip(drawn, threads.map(workers.judge, drawn), strict=True):
            verdicts.append((mutant, verdict))
            print(line(mutant, verdict), flush=True)
            out.write(json.dumps([asked.seed, mutant.name, *verdict]) + "\n")
            out.flush()
    print(told(verdicts))
    control = workers.control({verdict.by for _, verdict in verdicts if "::" in verdict.by})
    print(f"control: {control.tests} tests, {control.by or 'none fails where nothing is changed'}")
    return int(control.killed)


if __name__ == "__main__":
    sys.exit(main())
