"""SQL is whole: it stands in sql/ and is built by PyPika; Python holds no text of it, and each slot is explained."""

import ast
import re
from pathlib import Path

import pytest

import useraim
from useraim.core import files

PACKAGE = Path(useraim.__file__).parent
SQL = re.compile(r"\b(SELECT|INSERT INTO|UPDATE \w+ SET|DELETE FROM|WHERE|UNION|RETURNING|JOIN|COPY \()\b")
OPERATORS = {"migrating.py", "local.py"}
"""They speak to tables of yoyo and to servers, in single lines."""
SLOT = re.compile(r"\{(\w+)\}")


def texts(path: Path) -> list[str]:
    """All strings of a module that are no docstrings."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    documented = {
        id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    return [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documented
    ]


def templates() -> list[Path]:
    return sorted(path for path in files.folder("sql").rglob("*.sql") if SLOT.search(path.read_text(encoding="utf-8")))


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_no_module_holds_text_of_sql(path: Path) -> None:
    if path.name not in OPERATORS:
        assert [text for text in texts(path) if SQL.search(text)] == []


@pytest.mark.parametrize("path", templates(), ids=lambda path: f"{path.parent.name}/{path.name}")
def test_every_slot_is_explained_at_the_head_of_its_file(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    head = " ".join(line for line in lines if line.startswith("--"))
    slots = set(SLOT.findall("\n".join(line for line in lines if not line.startswith("--"))))
    assert {slot for slot in slots if not re.search(rf"\b{slot}\b", head)} == set()
