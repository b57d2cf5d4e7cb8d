"""The score of a sample is told with how sure it is."""

import pytest

from tests.mutation.child import Verdict
from tests.mutation.mutant import Mutant
from tests.mutation.report import interval, told


def test_the_interval_holds_the_share_and_narrows() -> None:
    low, high = interval(95, 100)
    assert low == pytest.approx(0.888, abs=0.001)
    assert high == pytest.approx(0.978, abs=0.001)
    assert interval(950, 1000)[0] > low


def test_each_population_has_its_score() -> None:
    one, other = (Mutant(path, 1, "kind", "told", "") for path in ("src/useraim/page.py", "sql/links/put.sql"))
    text = told([(one, Verdict(True, "test", 1, 1.0)), (other, Verdict(False, "", 1, 1.0))])
    assert [line.partition(" killed")[0] for line in text.splitlines()] == [
        "Python: 1 of 1", "files of SQL: 0 of 1", "all: 1 of 2",
    ]  # fmt: skip
