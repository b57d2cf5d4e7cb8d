"""The papers keep their word: every block of Python runs, every link leads somewhere, every target is there."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from psycopg.conninfo import conninfo_to_dict

from useraim import local

ROOT = Path(__file__).parent.parent
PAPERS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]


def environment(conninfo: str) -> dict[str, str]:
    """PG* variables that name a database, for a program of its own."""
    password = conninfo_to_dict(conninfo).get("password")
    return {**os.environ, **local.settings(conninfo), **({"PGPASSWORD": str(password)} if password else {})}


@pytest.mark.parametrize("paper", PAPERS, ids=lambda paper: paper.stem)
def test_every_block_of_python_runs(database: str, paper: Path) -> None:
    """Each as a program of its own, one after the other, as a reader would try them."""
    for block in re.findall(r"```python\n(.*?)```", paper.read_text(encoding="utf-8"), re.DOTALL):
        program = [sys.executable, "-W", "error", "-c", block]
        ran = subprocess.run(program, env=environment(database), capture_output=True, text=True, check=False)
        assert ran.returncode == 0, block + ran.stderr


@pytest.mark.parametrize("paper", PAPERS, ids=lambda paper: paper.stem)
def test_every_link_leads_to_a_file(paper: Path) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)\)", paper.read_text(encoding="utf-8"))
    assert [link for link in links if not (paper.parent / link).exists()] == []


def test_every_target_named_is_in_the_makefile() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    texts = [paper.read_text(encoding="utf-8") for paper in PAPERS]
    named = {name for text in texts for name in re.findall(r"(?:^|`)make ([a-z-]+)", text, re.MULTILINE)}
    assert {"demo", "test", "check"} <= named
    assert named <= targets


def test_every_file_that_contributing_names_is_there() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    names = {name for name in re.findall(r"`([\w/]+\.py)`", text) if not name.startswith("tests/")}
    assert [name for name in names if not (ROOT / "src" / "useraim" / name).exists()] == []
