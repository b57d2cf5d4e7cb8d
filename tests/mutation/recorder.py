"""What each test runs: lines, statements, files of SQL and seconds. A plugin: `pytest -p tests.mutation.recorder`."""

import json
import os
import sqlite3
import time
from collections import defaultdict
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import coverage
import pytest

OUT = Path(os.environ["USERAIM_RECORD"])
COVERAGE = coverage.Coverage(data_file=str(OUT.with_suffix(".coverage")), source_pkgs=["useraim"], messages=False)
COVERAGE.start()

now = ""
statements: dict[str, set[str]] = defaultdict(set)
files_read: dict[str, set[str]] = defaultdict(set)
seconds: dict[str, float] = {}


def digest(sql: str) -> str:
    return sha256(sql.encode()).hexdigest()[:16]


def pytest_configure() -> None:
    from useraim.core import files, statement

    slot = statement.Statement.query
    read = files.sql

    def query(self: Any) -> Any:
        statements[digest(self.sql)].add(now)
        return slot.__get__(self)

    def sql(name: str) -> str:
        files_read[name].add(now)
        return read(name)

    statement.Statement.query = property(query, slot.__set__)
    files.sql = sql


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    global now
    now = item.nodeid
    COVERAGE.switch_context(now)
    began = time.monotonic()
    result = yield
    seconds[now] = time.monotonic() - began
    now = ""
    COVERAGE.switch_context("")
    return result


failed: set[str] = set()


def pytest_runtest_logreport(report: Any) -> None:
    if report.failed:
        failed.add(report.nodeid)


def pytest_sessionfinish() -> None:
    COVERAGE.stop()
    COVERAGE.save()
    told = {
        "seconds": seconds, "failed": sorted(failed),
        "statements": {k: sorted(v) for k, v in statements.items()},
        "files": {k: sorted(v) for k, v in files_read.items()},
    }
    OUT.with_suffix(".json").write_text(json.dumps(told))
