"""Mutants of the SQL: of the files in sql/, and of the statements that PyPika renders."""

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

from tests.mutation.mutant import Mutant, line_of, told
from tests.mutation.sql_text import applied, edits

LEFT_OUT = ("sql/citus/",)
"""For psql on a cluster, which no test without one can run."""
_NAMING = 'return literal(f"/* useraim {name} */ {query}")'
_STATEMENT = "src/useraim/core/statement.py"


NOT_ASKED = "sql/schema/"
"""Of migrations: one run of their tests takes minutes."""


def of_files(root: Path) -> Iterator[Mutant]:
    """Give every mutant of every file of sql/."""
    for path in sorted((root / "sql").rglob("*.sql")):
        name = path.relative_to(root).as_posix()
        if not name.startswith(LEFT_OUT):
            sql = path.read_text(encoding="utf-8")
            for edit in edits(sql):
                place = edit.start + len(sql[edit.start : edit.end]) - len(sql[edit.start : edit.end].lstrip())
                change = told(sql[edit.start : edit.end], edit.new)
                where = sql.splitlines()[line_of(sql, place) - 1].strip()
                yield Mutant(name, line_of(sql, place), edit.kind, f"{change} in `{where}`", applied(sql, edit))


def of_statements(root: Path, sent: Iterable[str]) -> Iterator[Mutant]:
    """Give the mutants of statements without a file, by name: each takes hold wherever its fragment is found.

    Only of those that a test sends: the same code renders the others.
    """
    code = (root / _STATEMENT).read_text(encoding="utf-8")
    shapes: defaultdict[str, dict[tuple[str, str, str], None]] = defaultdict(dict)
    for sql in sent:
        found = re.fullmatch(r"/\* useraim (.+?) \*/ (.*)", sql)
        if found:  # a statement of one line is one of PyPika
            for edit in edits(found[2]):
                fragment = found[2][edit.start : edit.end]
                shapes[found[1]][edit.kind, fragment, edit.new] = None
    for name, changes in sorted(shapes.items()):
        for kind, fragment, new in sorted(changes):
            yield _renamed(code, name, kind, fragment, new)


def _renamed(code: str, name: str, kind: str, fragment: str, new: str) -> Mutant:
    changes = f"query = str(query).replace({fragment!r}, {new!r})  # type: ignore"
    instead = f"if name == {json.dumps(name)}:\n        {changes}\n    {_NAMING}"
    assert _NAMING in code
    return Mutant(name, 1, kind, told(fragment, new), code.replace(_NAMING, instead))


def file_of(mutant: Mutant) -> str:
    """Name the file that its text is for."""
    return mutant.path if mutant.path.endswith((".sql", ".py")) else _STATEMENT
