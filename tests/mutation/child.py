"""One mutant in a process of its own, forked from one that has loaded all but this package: does a test notice it?"""

import contextlib
import io
import json
import os
import sys
import time
import traceback
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.mutation.choice import Record, changed, chosen
from tests.mutation.mutant import Mutant

ROOT = Path(__file__).parent.parent.parent


class Verdict(NamedTuple):
    """What became of a mutant: `by` is the test that has noticed it, or how it showed otherwise."""

    killed: bool
    by: str
    tests: int
    seconds: float


class Order:
    """A plugin: only the chosen tests, in their order, on a database that is migrated already."""

    def __init__(self, tests: list[str]) -> None:
        self.place = {test: number for number, test in enumerate(tests)}
        self.ran = 0
        self.failed = ""

    def run(self) -> None:
        """Run them until one fails."""
        files = dict.fromkeys(test.partition("::")[0] for test in self.place)
        options = ("-x", "-q", "-p", "no:cacheprovider", "-W", "ignore::pytest.PytestAssertRewriteWarning")
        printed = io.StringIO()
        try:
            with contextlib.redirect_stdout(printed):
                status = pytest.main([*options, *files], plugins=[self])
        except BaseException:
            # What a failed test has left may break the end of the session.
            if not self.failed:
                raise
            return
        if status == pytest.ExitCode.NO_TESTS_COLLECTED:
            raise RuntimeError(f"no test ran: {printed.getvalue()[-2000:]}")
        if status not in (0, 1) and not self.failed:
            self.failed = f"pytest ends with {status}"

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        conftest: Any = sys.modules["tests.conftest"]
        conftest.yoyo = _migrated
        items[:] = sorted((one for one in items if one.nodeid in self.place), key=lambda one: self.place[one.nodeid])

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.ran += report.when == "call"
        if report.failed and not self.failed:
            self.failed = report.nodeid

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed and not self.failed:
            self.failed = f"collecting {report.nodeid}"


def _migrated(*_: object) -> None:
    """Do nothing: what databases are made of has all migrations."""


def enter(copy: Path) -> None:
    """Look at the copy from now on, not at the checkout that this module is of."""
    os.chdir(copy)
    sys.path[:0] = [str(copy), str(copy / "src"), str(copy / "examples" / "teams")]
    os.environ["PYTHONPATH"] = str(copy / "src")
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", None) or "").startswith(f"{ROOT}/"):
            del sys.modules[name]


def rendered() -> list[str]:
    """Render every statement that a public function can send, in the same order in every process."""
    from tests.calls import every_shape

    return [str(sql) for shape in every_shape() for sql, _ in shape.call.statements]


def judge(copy: Path, mutant: Mutant, record: Record, before: list[str], limit: float) -> Verdict:
    """Run the chosen tests until one fails."""
    began = time.monotonic()
    enter(copy)
    try:
        after = rendered()
    except Exception as error:
        return Verdict(True, f"statements cannot be rendered: {type(error).__name__}", 0, time.monotonic() - began)
    order = Order(chosen(record, mutant, changed(before, after), limit))
    if order.place:
        order.run()
    return Verdict(bool(order.failed), order.failed, order.ran, time.monotonic() - began)


def run(copy: Path, mutant: Mutant, record: Record, before: list[str], limit: float, result: Path) -> None:
    """Judge it in this process, which is a fork, and leave the verdict in a file."""
    os.setsid()
    silent = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silent, 1)
    os.dup2(silent, 2)
    try:
        verdict = judge(copy, mutant, record, before, limit)
    except BaseException as error:
        (copy / "broken.txt").write_text("".join(traceback.format_exception(error)), encoding="utf-8")
        raise
    result.write_text(json.dumps(verdict), encoding="utf-8")
