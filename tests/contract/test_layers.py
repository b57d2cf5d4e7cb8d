"""Imports run one way: what is called knows the relation, the relation knows the core, the core knows no table."""

import ast
from pathlib import Path

import pytest

import useraim

PACKAGE = Path(useraim.__file__).parent
LAYERS = ["values", "core", "relation", "public"]
VALUES = {"values", "ids", "errors", "validate"}
"""What goes in and comes out, and its checks: everybody may know them, and they know nothing but each other."""
CORE = {"core", "page"}


def layer(module: str) -> str:
    first = module.split(".")[1] if "." in module else ""
    return "values" if first in VALUES else "core" if first in CORE else first if first == "relation" else "public"


def modules() -> list[str]:
    paths = (path.relative_to(PACKAGE.parent).with_suffix("") for path in PACKAGE.rglob("*.py"))
    return sorted(".".join(path.parts).removesuffix(".__init__") for path in paths)


def imported(module: str) -> set[str]:
    path = PACKAGE.parent.joinpath(*module.split("."))
    tree = ast.parse((path / "__init__.py" if path.is_dir() else path.with_suffix(".py")).read_text(encoding="utf-8"))
    known = set(modules())
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("useraim"):
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= (names & known) or {str(node.module)}
    return found


@pytest.mark.parametrize("module", modules())
def test_a_module_imports_from_its_own_layer_or_below(module: str) -> None:
    above = {name for name in imported(module) if LAYERS.index(layer(name)) > LAYERS.index(layer(module))}
    assert not above
