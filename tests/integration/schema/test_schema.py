"""Migrations from Python: apply, rollback, status, check."""

import asyncio
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from psycopg_pool import ConnectionPool

from tests.conftest import yoyo
from tests.integration.schema.marks import ALL, mark
from useraim import Conflict, InvalidValue, SchemaOutOfDate, schema


def test_applying_gives_the_ids_and_applying_again_changes_nothing(empty: str) -> None:
    assert schema.apply(empty) == ALL
    assert schema.apply(empty) == ()
    with psycopg.connect(empty) as conn:
        assert schema.status(conn) == schema.Status(ALL, (), (), ())
        schema.check(conn)


@pytest.mark.parametrize("kind", ["TABLE", "VIEW"])
@pytest.mark.parametrize("name", ["users", "aims", "user_aims"])
def test_a_table_of_another_application_is_refused_in_words_and_nothing_is_changed(
    empty: str, name: str, kind: str
) -> None:
    made = "(id uuid, name text, email text, title text)" if kind == "TABLE" else "AS SELECT 1 AS id"
    with psycopg.connect(empty) as conn:
        conn.execute(f"CREATE {kind} {name} {made}".encode())
    with pytest.raises(Conflict, match=f"has {name} of another application.*search_path"):
        schema.apply(empty)
    with psycopg.connect(empty) as conn:
        relations = "SELECT relname::text FROM pg_class WHERE relnamespace = 'public'::regnamespace"
        assert conn.execute(relations.encode()).fetchall() == [(name,)]


def test_all_tables_of_another_application_are_named_and_a_schema_of_its_own_serves(empty: str) -> None:
    with psycopg.connect(empty) as conn:
        conn.execute("CREATE TABLE users (id int)")
        conn.execute("CREATE TABLE aims (id int)")
        conn.execute("CREATE SCHEMA app")
    with pytest.raises(Conflict, match="aims, users"):
        schema.apply(empty)
    own = make_conninfo(empty, options="-c search_path=app,public")
    assert schema.apply(own) == ALL
    with psycopg.connect(own) as conn:
        schema.check(conn)
        assert conn.execute("SELECT 'users'::regclass::oid = 'app.users'::regclass").fetchone() == (True,)


def test_a_table_that_an_interrupted_yoyo_has_made_is_no_other_applications(empty: str) -> None:
    schema.apply(empty)
    with psycopg.connect(empty) as conn:
        conn.execute("DELETE FROM _yoyo_migration")
    assert schema.apply(empty) == ALL


def test_a_failed_migration_leaves_neither_its_work_nor_its_mark_nor_a_lock(empty: str) -> None:
    schema.apply(empty)
    schema.rollback(empty, to=ALL[1])
    with psycopg.connect(empty) as conn:
        conn.execute("CREATE VIEW user_aims_pkey AS SELECT 1 AS one")
    with pytest.raises(psycopg.errors.DuplicateTable):
        schema.apply(empty)
    with psycopg.connect(empty) as conn:
        assert schema.status(conn).applied == ALL[:2]
        assert conn.execute("SELECT count(*) FROM yoyo_lock").fetchone() == (0,)
        conn.execute("DROP VIEW user_aims_pkey")
    assert schema.apply(empty) == ALL[2:]


def test_rollback_stops_at_the_migration_that_stays(empty: str) -> None:
    schema.apply(empty)
    assert schema.rollback(empty, to=ALL[3]) == ALL[:3:-1]
    with psycopg.connect(empty) as conn:
        assert schema.status(conn) == schema.Status(ALL[:4], ALL[4:], (), ())
    assert schema.rollback(empty, to=None) == ALL[3::-1]
    assert schema.apply(empty) == ALL


def test_an_unknown_migration_to_stop_at_is_refused(empty: str) -> None:
    with pytest.raises(InvalidValue):
        schema.rollback(empty, to="useraim_9999_nothing")


def test_where_to_stop_has_to_be_said(empty: str) -> None:
    schema.apply(empty)
    roll_back: Any = schema.rollback
    with pytest.raises(TypeError, match="'to'"):
        roll_back(empty)
    with psycopg.connect(empty) as conn:
        schema.check(conn)


@pytest.mark.parametrize("to", [ALL[-2], None], ids=["one", "all"])
def test_what_a_newer_version_has_applied_is_not_pulled_from_under_it(empty: str, to: str | None) -> None:
    schema.apply(empty)
    with psycopg.connect(empty) as conn:
        mark(conn, "useraim_9999_newer")
        mark(conn, "application_0001")
    with pytest.raises(SchemaOutOfDate, match="useraim_9999_newer"):
        schema.rollback(empty, to=to)
    with psycopg.connect(empty) as conn:
        assert schema.status(conn).applied == ALL
        conn.execute("DELETE FROM _yoyo_migration WHERE migration_id = 'useraim_9999_newer'")
    assert schema.rollback(empty, to=to) == (ALL[:-2:-1] if to else ALL[::-1])


def test_it_is_no_command_and_says_so() -> None:
    program = [sys.executable, "-m", "useraim.schema", "apply"]
    ran = subprocess.run(program, capture_output=True, text=True, timeout=30, check=False)
    assert ran.returncode == 1
    assert "yoyo apply" in ran.stderr


def test_a_migration_that_is_missing_is_pending(empty: str) -> None:
    with psycopg.connect(empty) as conn:
        assert schema.status(conn) == schema.Status((), ALL, (), ())
        with pytest.raises(SchemaOutOfDate):
            schema.check(conn)


def test_a_migration_of_a_newer_version_is_unknown_and_no_obstacle(empty: str) -> None:
    schema.apply(empty)
    with psycopg.connect(empty) as conn:
        mark(conn, "useraim_9")
        assert schema.status(conn).unknown == ("useraim_9",)
        schema.check(conn)


def test_a_file_edited_after_it_was_applied_is_reported(empty: str, monkeypatch: pytest.MonkeyPatch) -> None:
    schema.apply(empty)
    sums = schema.checksums()
    monkeypatch.setattr(schema, "checksums", lambda: {**sums, ALL[1]: "other"})
    with psycopg.connect(empty) as conn:
        assert schema.status(conn).edited == (ALL[1],)
        with pytest.raises(SchemaOutOfDate, match=ALL[1]):
            schema.check(conn)


def test_plain_yoyo_can_be_used_beside_it(server: str, create_database: Callable[[], str]) -> None:
    migrated = create_database()
    with psycopg.connect(migrated) as conn:
        assert schema.status(conn) == schema.Status(ALL, (), (), ())
    assert schema.apply(migrated) == ()
    yoyo(migrated, "rollback", "--all")
    assert schema.apply(migrated) == ALL
    yoyo(migrated, "apply")


def test_looking_needs_no_more_than_select(empty: str) -> None:
    schema.apply(empty)
    with psycopg.connect(empty) as conn:
        conn.execute("CREATE ROLE useraim_reader")
        conn.execute("GRANT SELECT ON _yoyo_migration, _yoyo_log TO useraim_reader")
        conn.execute("SET LOCAL ROLE useraim_reader")
        conn.execute("SET TRANSACTION READ ONLY")
        assert schema.status(conn).applied == ALL
        conn.rollback()


def test_pools_and_async_connections_can_be_asked(database: str) -> None:
    async def main() -> schema.Status:
        async with await psycopg.AsyncConnection.connect(database) as conn:
            await schema.check(conn)
            return await schema.status(conn)

    with ConnectionPool(database, min_size=1, max_size=1) as pool:
        schema.check(pool)
        assert asyncio.run(main()) == schema.status(pool)


def test_yoyo_is_imported_by_those_who_migrate_only() -> None:
    program = "import sys, useraim.schema; sys.exit('yoyo' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
