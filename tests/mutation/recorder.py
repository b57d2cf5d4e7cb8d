"""What each test runs: lines, statements, files of SQL, and its seconds. A plugin: `pytest -p tests.mutation.recorder`.

It is loaded before the package, whose lines it is to see.
"""

# pyright: reportMissingImports=false, reportUnknownMemberType=false, reportUnknownVariableType=false
import json
import os
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import coverage
import pytest

from tests.mutation.choice import digest, name_of

OUT = Path(os.environ["USERAIM_RECORD"])
COVERAGE = coverage.Coverage(data_file=str(OUT.with_suffix(".coverage")), source_pkgs=["useraim"], messages=False)
COVERAGE.start()


class Seen:
    """What the tests have done until now, and the one that runs; it is nameless between tests."""

    def __init__(self) -> None:
        self.test = ""
        self.seconds: dict[str, float] = {}
        self.failed: set[str] = set()
        self.statements: defaultdict[str, set[str]] = defaultdict(set)
        self.files: defaultdict[str, set[str]] = defaultdict(set)


SEEN = Seen()


def pytest_configure() -> None:
    from useraim.core import files, statement

    kind: Any = statement.Statement
    slot, read = kind.query, files.sql

    def query(self: Any) -> Any:
        for key in (digest(self.sql), name_of(self.sql)):
            SEEN.statements[key].add(SEEN.test)
        return slot.__get__(self)

    def sql(name: str) -> str:
        SEEN.files[name].add(SEEN.test)
        return read(name)

    kind.query = property(query, slot.__set__)
    files.sql = sql


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    _switch(item.nodeid)
    began = time.monotonic()
    result = yield
    SEEN.seconds[item.nodeid] = time.monotonic() - began
    _switch("")
    return result


def _switch(test: str) -> None:
    SEEN.test = test
    COVERAGE.switch_context(test)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.failed:
        SEEN.failed.add(report.nodeid)


def pytest_sessionfinish() -> None:
    COVERAGE.stop()
    COVERAGE.save()
    seen = {
        "seconds": SEEN.seconds,
        "failed": sorted(SEEN.failed),
        "statements": {key: sorted(tests) for key, tests in SEEN.statements.items()},
        "files": {key: sorted(tests) for key, tests in SEEN.files.items()},
    }
    OUT.with_suffix(".json").write_text(json.dumps(seen), encoding="utf-8")
