"""The roles of sql/roles.sql can do what they are for, and no more."""

import asyncio
import re
import subprocess
from typing import Any

import psycopg
import pytest
from psycopg.errors import InsufficientPrivilege

from tests.test_docs import environment
from tests.worlds import World
from useraim import aims, bulk, local, schema, users
from useraim.core import files

# Without what only psql understands.
SCRIPT = re.sub(r"^\\.*$", "", files.sql("roles.sql"), flags=re.MULTILINE)


@pytest.fixture
def ready(call: World) -> World:
    """The roles exist until the rollback, made twice as after a further migration."""
    for _ in range(2):
        call.execute(SCRIPT)
    return call


def finished(runner: asyncio.Runner, result: Any) -> Any:
    return runner.run(result) if asyncio.iscoroutine(result) else result


def test_a_writer_reads_and_writes_rows(ready: World, runner: asyncio.Runner) -> None:
    db: Any = ready.db
    ready.execute("SET LOCAL ROLE useraim_writer")
    finished(runner, schema.check(db))
    user = ready(users.create, email="writer@example.org", name="Writer")
    run, read = ready(aims.create, title="Run"), ready(aims.create, title="Read")
    assert ready(users.aims.replace, user, [run]).added == (run.id,)
    assert finished(runner, bulk.load(db, [(user, run), (user, read)])).added == 1
    assert ready(aims.users.replace, read, []).removed == (user.id,)
    assert ready(users.delete, user)


def test_a_writer_cannot_change_the_schema(ready: World) -> None:
    ready.execute("SET LOCAL ROLE useraim_writer")
    with pytest.raises(InsufficientPrivilege):
        ready.execute("ALTER TABLE users ADD COLUMN nickname text")


def test_a_reader_reads(ready: World, runner: asyncio.Runner) -> None:
    user = ready(users.create, email="read@example.org", name="Read")
    ready.execute("SET LOCAL ROLE useraim_reader")
    finished(runner, schema.check(ready.db))
    assert ready(users.get, user.id) == user
    assert ready(users.aims.load, [user]) == {user.id: []}


def test_a_reader_writes_nothing(ready: World) -> None:
    ready.execute("SET LOCAL ROLE useraim_reader")
    with pytest.raises(InsufficientPrivilege):
        ready(users.create, email="reader@example.org", name="Reader")


def test_an_owner_who_may_not_create_roles_gives_rights_to_those_of_an_administrator(call: World) -> None:
    call.execute("CREATE ROLE useraim_owner; GRANT ALL ON SCHEMA public TO useraim_owner WITH GRANT OPTION")
    for table in ("users", "aims", "user_aims", "_yoyo_migration", "_yoyo_log"):
        call.execute(f"ALTER TABLE {table} OWNER TO useraim_owner")
    call.execute("CREATE ROLE useraim_reader; CREATE ROLE useraim_writer; SET LOCAL ROLE useraim_owner")
    call.execute(SCRIPT)
    call.execute("SET LOCAL ROLE useraim_writer")
    assert call(users.create, email="writer@example.org", name="Writer")


def test_psql_ends_with_a_status_of_failure_where_a_table_is_missing(database: str) -> None:
    """Nothing of it is kept."""
    script = str(files.folder("sql") / "roles.sql")
    command = [str(local.newest() / "psql"), "--no-psqlrc", "-c", "BEGIN", "-f", script, "-c", "ROLLBACK"]

    def status() -> int:
        ran = subprocess.run(command, env=environment(database), capture_output=True, timeout=60, check=False)
        return ran.returncode

    assert status() == 0
    with psycopg.connect(database) as conn:
        conn.execute("DROP TABLE user_aims")
    assert status() == 3
