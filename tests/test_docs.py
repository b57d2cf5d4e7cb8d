"""The papers keep their word: every block of Python runs, every link leads somewhere, every target is there."""

import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from useraim import local

ROOT = Path(__file__).parent.parent
OWN = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md")
PAPERS = [*(ROOT / name for name in OWN), *sorted((ROOT / "docs").glob("*.md"))]


def environment(conninfo: str) -> dict[str, str]:
    """PG* variables that name a database, for a program of its own."""
    password = conninfo_to_dict(conninfo).get("password")
    return {**os.environ, **local.settings(conninfo), **({"PGPASSWORD": str(password)} if password else {})}


@pytest.mark.parametrize("paper", PAPERS, ids=lambda paper: paper.stem)
def test_every_block_of_python_runs(database: str, paper: Path) -> None:
    """Each as a program of its own, one after the other, as a reader would try them."""
    for block in re.findall(r"```python\n(.*?)```", paper.read_text(encoding="utf-8"), re.DOTALL):
        program = [sys.executable, "-W", "error", "-c", block]
        ran = subprocess.run(
            program, env=environment(database), capture_output=True, text=True, check=False, timeout=60
        )
        assert ran.returncode == 0, block + ran.stderr


QUICKSTART = "Ana reads more: True"
ELSEWHERE = ("python3 -m venv", ". .venv/bin/activate", "pip install", "docker compose")
"""Commands that fetch or start what a test does not: this environment and its server stand in their place."""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of what a checkout has, to work in as a reader does."""
    for name in ("migrations", "examples"):
        shutil.copytree(ROOT / name, tmp_path / name)
    shutil.copy(ROOT / "yoyo.ini", tmp_path)
    return tmp_path


@pytest.fixture
def empty(server: str) -> Iterator[str]:
    """The conninfo of a database without tables."""
    name = f"useraim_first_steps_{os.getpid()}"
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name}".encode())
        yield make_conninfo(server, dbname=name)
        admin.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


@pytest.fixture
def steps() -> list[str]:
    """The blocks of commands that the README begins with."""
    section = (ROOT / "README.md").read_text(encoding="utf-8").partition("## First steps\n")[2].partition("\n## ")[0]
    blocks: list[str] = re.findall(r"```sh\n(.*?)```", section, re.DOTALL)
    return blocks


def pasted(commands: str, checkout: Path) -> str:
    """Paste commands into a shell that has no PG* variables yet, and give what they print."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    env["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{env['PATH']}"
    lines = [line for line in commands.splitlines() if not line.startswith(ELSEWHERE)]
    shell = ["sh", "-e", "-c", "\n".join(lines)]
    ran = subprocess.run(shell, cwd=checkout, env=env, capture_output=True, text=True, check=False, timeout=120)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


def test_the_first_steps_lead_to_the_quickstart_on_a_throwaway_server(checkout: Path, steps: list[str]) -> None:
    assert QUICKSTART in pasted(steps[0], checkout)


def test_the_first_steps_lead_to_the_quickstart_on_a_server_of_ones_own(
    checkout: Path, steps: list[str], empty: str
) -> None:
    settings = {name: value for name, value in environment(empty).items() if name.startswith("PG")}
    lines = [f"{name}={shlex.quote(value)}" for name, value in settings.items()]
    (checkout / ".env.example").write_text("\n".join(lines))
    assert QUICKSTART in pasted(steps[1], checkout)


def test_the_first_steps_install_what_there_is(steps: list[str]) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    extras = {name for names in re.findall(r"pip install [^`\n]*\[([\w,]+)\]", readme) for name in names.split(",")}
    assert {"binary", "local"} <= extras <= set(project["optional-dependencies"])
    assert ". .venv/bin/activate" in steps[0]


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
    assert [name for name in names if not any((ROOT / "src" / "useraim").rglob(name))] == []
