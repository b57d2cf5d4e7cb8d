"""Which tests could notice a mutant, the likeliest and quickest first."""

import json
from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

from tests.mutation.mutant import Mutant

NO_KILLERS = (
    "tests/contract/test_statements.py::test_the_snapshot",
    "tests/contract/test_statements.py::test_literals",
    "tests/contract/test_whole_sql.py",
    "tests/contract/test_layers.py",
    "tests/mutation/",
)
"""Comparisons of text: any change would be noticed by them, right or wrong."""
ROOMS = {"sql/bulk/": "tests/integration/bulk/", "sql/roles.sql": "tests/integration/test_roles.py"}
"""Whose statements travel as text, so that no record says which test sends them."""
MEETINGS = ("tests/races/", "tests/schedules/")
OF_MEETINGS = {"lock", "order"}
"""Kinds that matter where callers meet."""


class Record(NamedTuple):
    """What one recording of the tests has seen (tests/mutation/recorder.py)."""

    seconds: dict[str, float]
    statements: dict[str, set[str]]
    files: dict[str, set[str]]
    lines: dict[str, dict[int, set[str]]]


def digest(sql: str) -> str:
    """Name a statement as it is sent."""
    return sha256(sql.encode()).hexdigest()[:16]


def load(folder: Path) -> Record:
    """Put the recordings of a folder together."""
    record = Record({}, {}, {}, {})
    failed: set[str] = set()
    for path in sorted(folder.glob("*.json")):
        told = json.loads(path.read_text(encoding="utf-8"))
        record.seconds.update(told["seconds"])
        failed |= set(told["failed"])
        for name, part in (("statements", record.statements), ("files", record.files)):
            for key, tests in told[name].items():
                part.setdefault(key, set()).update(set(tests) - {""})
        _add_lines(record, path.with_suffix(".coverage"))
    for test in [one for one in record.seconds if one in failed or one.startswith(NO_KILLERS)]:
        del record.seconds[test]
    return record


def _add_lines(record: Record, path: Path) -> None:
    coverage: Any = import_module("coverage")  # which only those who make mutants have

    data = coverage.CoverageData(str(path))
    data.read()
    for measured in data.measured_files():
        name = f"src/useraim{measured.rpartition('/src/useraim')[2]}"
        lines = record.lines.setdefault(name, {})
        for line, tests in data.contexts_by_lineno(measured).items():
            lines.setdefault(line, set()).update(set(tests) - {""})


def name_of(sql: str) -> str:
    """Read the name in front of a statement."""
    return sql[len("/* useraim ") :].partition(" */")[0]


class Changed(NamedTuple):
    """The statements that a mutant renders otherwise, and all those of the same names."""

    statements: set[str]
    namesakes: set[str]


def changed(before: Sequence[str], after: Sequence[str]) -> Changed:
    """Compare what is rendered, statement by statement."""
    pairs = zip(before, after, strict=False)
    texts = {one for one, other in pairs if one != other} if len(before) == len(after) else set(before)
    names = set(map(name_of, texts))
    return Changed(set(map(digest, texts)), names | {digest(one) for one in before if name_of(one) in names})


def chosen(record: Record, mutant: Mutant, rendered: Changed, limit: float) -> list[str]:
    """List tests: those that send a changed statement or run the changed line; then those that send one of its name or
    run its module.

    `limit` is for the seconds that they took when they were recorded, for each of the two.
    """
    lines = record.lines.get(mutant.path, {})
    near = set(lines.get(mutant.line, ())) | _of(record.statements, rendered.statements)
    near |= record.files.get(mutant.path.removeprefix("sql/"), set())
    rooms = tuple(tests for room, tests in ROOMS.items() if mutant.path.startswith(room))
    near |= {test for test in record.seconds if test.startswith(rooms)}
    wide = {test for tests in lines.values() for test in tests} | _of(record.statements, rendered.namesakes)
    return [*_within(record, mutant, near, limit), *_within(record, mutant, wide - near, limit)]


def _of(statements: Mapping[str, set[str]], keys: Iterable[str]) -> set[str]:
    return {test for key in keys for test in statements.get(key, ())}


def _within(record: Record, mutant: Mutant, tests: Iterable[str], limit: float) -> list[str]:
    """Take tests while there is time. Of each test function one, then all the others."""

    def rank(test: str) -> tuple[bool, float]:
        late = mutant.kind in OF_MEETINGS and not test.startswith(MEETINGS)
        return late, record.seconds[test]

    firsts: list[str] = []
    others: list[str] = []
    seen: set[str] = set()
    for test in sorted((one for one in tests if one in record.seconds), key=rank):
        function = test.partition("[")[0]
        (others if function in seen else firsts).append(test)
        seen.add(function)
    taken: list[str] = []
    for test in (*firsts, *others):
        limit -= record.seconds[test] + 0.02
        if limit > 0 or not taken:
            taken.append(test)
    return taken
