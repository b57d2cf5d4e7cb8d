"""The roles of sql/roles.sql can do what they are for, and no more."""

import asyncio
from typing import Any

import pytest
from psycopg.errors import InsufficientPrivilege

from tests.worlds import World
from useraim import aims, bulk, files, schema, users


@pytest.fixture
def ready(call: World) -> World:
    """The roles exist until the rollback, made twice as after a further migration."""
    for _ in range(2):
        call.execute(files.sql("roles.sql"))
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
