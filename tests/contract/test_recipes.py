"""The recipes of CONTRIBUTING, as patches, done to a copy of the tree: they name every place that is needed."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from tests.conftest import ROOT
from useraim import local

RECIPES = Path(__file__).parent / "recipes"


def test_one_more_attribute_of_memberships_goes_through_every_route(tmp_path: Path, server: str) -> None:
    for folder in ("src", "sql", "migrations", "tests", "examples"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for file in ("pyproject.toml", "yoyo.ini"):
        shutil.copy(ROOT / file, tmp_path)
    subprocess.run(
        ["git", "apply", "--whitespace=nowarn", str(RECIPES / "attribute.patch")], cwd=tmp_path, check=True, timeout=60
    )
    with psycopg.connect(server) as conn:
        parts: dict[str, Any] = {**conninfo_to_dict(server), "host": conn.info.host, "port": conn.info.port}
    settings = local.settings(make_conninfo(**parts))
    ran = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "tests/contract/test_attributes.py",
            "-k",
            "note",
            "-p",
            "no:cacheprovider",
        ],
        cwd=tmp_path,
        env={**os.environ, **settings, "PYTHONPATH": str(tmp_path / "src")},
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert ran.returncode == 0, ran.stdout[-5_000:] + ran.stderr[-2_000:]
    assert " passed" in ran.stdout
