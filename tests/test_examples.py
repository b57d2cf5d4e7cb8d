"""The examples run, and print what they should, on a migrated database."""

import subprocess
import sys
from pathlib import Path

import psycopg

from tests.conftest import yoyo
from tests.test_docs import environment

EXAMPLES = Path(__file__).parent.parent / "examples"


def printed(database: str, name: str) -> str:
    ran = subprocess.run(
        [sys.executable, "-W", "error", str(EXAMPLES / name)],
        env=environment(database),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def test_the_quickstart_prints_what_changed(database: str) -> None:
    first = printed(database, "quickstart.py")
    assert first.splitlines() == [
        "added 2 unchanged 0",
        "Run a marathon: member, may look",
        "Read more: owner, may edit",
        "removed 1 and kept 1",
        "Ana reads more: True",
    ]


def test_the_async_quickstart_does_the_same(database: str) -> None:
    assert printed(database, "quickstart_async.py").splitlines()[-2:] == [
        "removed 1 and kept 1",
        "Ana reads more: True",
    ]


def test_the_congress_is_loaded_once_and_answers(database: str) -> None:
    first = printed(database, "congress.py")
    assert "537 members, 230 committees, 3879 seats: 3879 new" in first
    assert "House Committee on Agriculture" in first
    assert printed(database, "congress.py") == first.replace("3879 new", "0 new")

    changes = printed(database, "committee_changes.py")
    assert "added     John Boozman, Mitch McConnell" in changes
    assert changes.endswith("unchanged 53\n")


def test_teams_have_all_that_users_and_aims_have(database: str) -> None:
    yoyo(database, "apply", "migrations", "examples/teams/migrations")
    expected = [
        "added 2",
        "Crew [('Ana', 'member'), ('Ben', 'captain')]",
        "Board []",
        "Ben is in ['Crew']",
        "empty: ['Board']",
    ]
    assert printed(database, "teams/demo.py").splitlines() == expected
    yoyo(database, "rollback", "--revision", "teams_0001_create_teams", "examples/teams/migrations", "migrations")
    with psycopg.connect(database) as conn:
        assert conn.execute("SELECT to_regclass('teams'), to_regclass('users') IS NOT NULL").fetchone() == (None, True)


def test_a_relation_of_ones_own_takes_less_than_a_hundred_lines() -> None:
    files = [path for path in (EXAMPLES / "teams").rglob("*") if path.is_file() and path.suffix in {".py", ".sql"}]
    lines = {path.name: len(path.read_text(encoding="utf-8").splitlines()) for path in files if path.name != "demo.py"}
    assert sum(lines.values()) < 100, lines
