"""The files of the migrations, as they are written."""

import re
from itertools import pairwise
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.contract.migrations.catalogue import FILES, IDS


def rollback_of(path: Path) -> Path:
    return path.with_suffix(".rollback.sql")


def directives(path: Path) -> dict[str, str]:
    return dict(re.findall(r"^-- (depends|transactional): ?(.*)$", path.read_text(), re.MULTILINE))


def statements(path: Path) -> str:
    return re.sub(r"^\s*--.*$", "", path.read_text(), flags=re.MULTILINE)


def test_every_migration_has_its_rollback_and_every_rollback_its_migration() -> None:
    assert IDS
    assert {*FILES, *map(rollback_of, FILES)} == set((ROOT / "migrations").glob("*"))


def test_migrations_form_one_line() -> None:
    """Each depends on the one before: nothing can slip in between what others have applied."""
    assert directives(FILES[0])["depends"] == ""
    assert [(directives(one)["depends"], one.stem) for one in FILES[1:]] == list(pairwise(IDS))


@pytest.mark.parametrize("path", [*FILES, *map(rollback_of, FILES)], ids=lambda path: path.name)
def test_no_file_manages_transactions_by_itself(path: Path) -> None:
    outside_functions = re.sub(r"\$\$.*?\$\$", "", statements(path), flags=re.DOTALL)
    assert not re.search(r"^\s*(BEGIN|COMMIT|ROLLBACK|START TRANSACTION)\b", outside_functions, re.MULTILINE)


@pytest.mark.parametrize("path", [*FILES, *map(rollback_of, FILES)], ids=lambda path: path.name)
def test_whoever_alters_a_table_waits_seconds_at_most_for_its_lock(path: Path) -> None:
    if re.search(r"(ALTER|DROP) TABLE|REFERENCES", statements(path)):
        assert re.match(r"\s*SET LOCAL lock_timeout = '\d{1,2}s';", statements(path))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_concurrent_builds_stand_by_themselves_and_clear_what_an_interrupted_one_left(path: Path) -> None:
    alone = directives(path).get("transactional") == "false"
    assert alone == ("CONCURRENTLY" in path.read_text())
    if alone:
        drop, create = statements(path).split(";")[:2]
        (name,) = re.findall(r"CREATE (?:UNIQUE )?INDEX CONCURRENTLY (\w+)", create)
        assert drop.strip() == f"DROP INDEX CONCURRENTLY IF EXISTS {name}"
