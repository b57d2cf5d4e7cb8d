"""SECURITY.md names tests that exist, for requirements enough, and that a default run does not leave out."""

import ast
import re
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent.parent
ROWS = re.findall(
    r"^\| ([\d., ]+|none) \| .+ \| `([^`]+)` \|$", (ROOT / "SECURITY.md").read_text("utf-8"), re.MULTILINE
)


def found(node: str) -> ast.FunctionDef:
    """The function of a test, by its node id."""
    path, *names = node.split("::")
    here: Any = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    for name in names:
        (here,) = [one for one in here.body if getattr(one, "name", None) == name]
    assert isinstance(here, ast.FunctionDef)
    return here


@pytest.mark.parametrize("node", sorted({node for _, node in ROWS}))
def test_the_test_of_a_requirement_is_one_that_is_run(node: str) -> None:
    function = found(node)
    assert function.name.startswith("test_")
    assert not re.search(r"soak|skip", " ".join(map(ast.unparse, function.decorator_list)))
    assert "pytest.skip" not in ast.unparse(function)


def test_there_are_requirements_enough_and_no_row_without_a_test() -> None:
    table = (ROOT / "SECURITY.md").read_text(encoding="utf-8").partition("| ASVS 5.0 |")[2]
    assert len(ROWS) == table.count("\n| ")
    assert len({number for numbers, _ in ROWS for number in numbers.split(", ")} - {"none"}) >= 25
