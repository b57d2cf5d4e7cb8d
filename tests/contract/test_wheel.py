"""The package as users install it: a wheel in an environment of its own, far from the checkout."""

import os
import subprocess
import sys
import sysconfig
import tomllib
import venv
from collections.abc import Iterator
from pathlib import Path
from zipfile import ZipFile

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from tests.conftest import ROOT, TEMPLATE

PROGRAM = """
import sys
import psycopg
import useraim
from useraim import schema, users
from useraim.core import files

for path in (useraim.__file__, files.folder("sql"), files.folder("migrations")):
    assert str(path).startswith(sys.prefix), path
applied = schema.apply(sys.argv[1])
with psycopg.connect(sys.argv[1]) as conn:
    schema.check(conn)
    print(*applied, users.create(conn, email="ana@example.org", name="Ana").name, useraim.__version__)
"""


def output(*command: str | Path, cwd: Path) -> str:
    env = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    ran = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=False, timeout=120)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


def below(folder: Path) -> set[str]:
    """The files in a folder and its folders, with the folder's own name in front."""
    files = (path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return {path.relative_to(folder.parent).as_posix() for path in files}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    output(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder, cwd=ROOT)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with the wheel; what it depends on comes from the one of the tests."""
    folder = tmp_path_factory.mktemp("installed")
    venv.create(folder, symlinks=True)
    python = folder / "bin" / "python"
    pip: list[str | Path] = [sys.executable, "-m", "pip", "--python", python, "--disable-pip-version-check"]
    output(*pip, "install", "--quiet", "--no-deps", "--no-index", wheel, cwd=folder)
    # This adds a folder behind the wheel's own; the .pth files inside it, which may name the checkout, do not count.
    packages = Path(sysconfig.get_path("purelib", vars={"base": str(folder), "platbase": str(folder)}))
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib"))
    return python


@pytest.fixture
def empty(server: str) -> Iterator[str]:
    name = f"{TEMPLATE}_wheel"
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name}".encode())
        yield make_conninfo(server, dbname=name)
        admin.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


def test_a_wheel_holds_the_package_its_sql_and_its_migrations_and_nothing_else(wheel: Path) -> None:
    with ZipFile(wheel) as archive:
        found = {name for name in archive.namelist() if ".dist-info/" not in name}
    shipped = {f"useraim/{path}" for folder in ("sql", "migrations") for path in below(ROOT / folder)}
    assert found == shipped | below(ROOT / "src" / "useraim")
    assert "useraim/py.typed" in found


def test_its_metadata_say_what_it_needs_and_hold_licence_and_readme(wheel: Path) -> None:
    with ZipFile(wheel) as archive:
        names = {name.partition(".dist-info/")[2]: name for name in archive.namelist()}
        assert "licenses/LICENSE" in names
        head, _, readme = archive.read(names["METADATA"]).decode().partition("\n\n")
    assert {"Name: useraim", "License-Expression: MIT", "Requires-Python: >=3.11"} <= set(head.splitlines())
    assert readme.strip() == (ROOT / "README.md").read_text(encoding="utf-8").strip()


def test_installed_it_migrates_a_database_and_works(python: Path, empty: str, tmp_path: Path) -> None:
    migrations = sorted(Path(path).stem for path in below(ROOT / "migrations") if ".rollback." not in path)
    printed = output(python, "-W", "error", "-c", PROGRAM, empty, cwd=tmp_path)
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    assert printed.split() == [*migrations, "Ana", version]
