"""Migrations from Python: apply, rollback, status, check."""

import asyncio
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict
from psycopg_pool import ConnectionPool

from tests.conftest import yoyo
from tests.integration.schema.marks import ALL, mark
from useraim import InvalidValue, SchemaOutOfDate, schema


def test_applying_gives_the_ids_and_applying_again_changes_nothing(empty: str) -> None:
    assert schema.apply(empty) == ALL
    assert schema.apply(empty) == ()
    with psycopg.connect(empty) as conn:
        assert schema.status(conn) == schema.Status(ALL, (), (), ())
        schema.check(conn)


@pytest.mark.parametrize("table", ["users", "aims", "user_aims"])
def test_a_table_of_another_application_is_neither_taken_over_nor_dropped(empty: str, table: str) -> None:
    columns = "id uuid, name text, email text, title text, user_id uuid, aim_id uuid, created_at timestamptz"
    with psycopg.connect(empty) as conn:
        conn.execute(f"CREATE TABLE {table} ({columns})".encode())
    with pytest.raises(psycopg.errors.UndefinedObject):
        schema.apply(empty)
    schema.rollback(empty, to=None)
    with psycopg.connect(empty) as conn:
        assert conn.execute("SELECT to_regclass(%s)::text", [table]).fetchone() == (table,)


def test_a_failed_migration_leaves_neither_its_work_nor_its_mark_nor_a_lock(empty: str) -> None:
    schema.apply(empty)
    schema.rollback(empty, to=ALL[1])
    with psycopg.connect(empty) as conn:
        conn.execute("CREATE VIEW user_aims AS SELECT 1 AS one")
    with pytest.raises(psycopg.Error):
        schema.apply(empty)
    with psycopg.connect(empty) as conn:
        assert schema.status(conn).applied == ALL[:2]
        assert conn.execute("SELECT count(*) FROM yoyo_lock").fetchone() == (0,)
        conn.execute("DROP VIEW user_aims")
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


def test_a_url_is_as_good_as_key_and_value(database: str) -> None:
    parts: dict[str, Any] = conninfo_to_dict(database)
    host = str(parts["host"]).replace("/", "%2F")
    assert schema.apply(f"postgresql://{parts['user']}@/{parts['dbname']}?host={host}&port={parts['port']}") == ()
