"""Migrations from Python: apply, rollback, status, check."""

import asyncio
import multiprocessing
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from time import sleep
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg_pool import ConnectionPool

from tests.conftest import yoyo
from useraim import InvalidValue, SchemaOutOfDate, schema

ALL = tuple(schema.checksums())
NAMES = iter(range(1_000_000))


@pytest.fixture
def empty(server: str, template: str) -> Iterator[str]:
    """The conninfo of an empty database whose name needs quoting in a URL."""
    name = f"{template} empty?%41 {next(NAMES)}"
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute(f'CREATE DATABASE "{name}"'.encode())
        try:
            yield make_conninfo(server, dbname=name)
        finally:
            admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)'.encode())


def test_applying_gives_the_ids_and_applying_again_changes_nothing(empty: str) -> None:
    assert schema.apply(empty) == ALL
    assert schema.apply(empty) == ()
    with psycopg.connect(empty) as conn:
        assert schema.status(conn) == schema.Status(ALL, (), (), ())
        schema.check(conn)


def test_four_processes_at_once_apply_once(empty: str) -> None:
    with multiprocessing.get_context("spawn").Pool(4) as processes:
        applied = processes.map(schema.apply, [empty] * 4)
    assert sorted(applied) == [(), (), (), ALL]


def test_a_killed_process_is_recovered_from(empty: str) -> None:
    """Applied but not marked, yoyo's lock left behind, an index build interrupted."""
    schema.apply(empty)
    with psycopg.connect(empty, autocommit=True) as conn:
        conn.execute("DELETE FROM _yoyo_migration WHERE migration_id >= 'useraim_0003'")
        conn.execute("INSERT INTO yoyo_lock (locked, ctime, pid) VALUES (1, now(), 1)")
        conn.execute(
            "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'user_aims_aim_id_joined_at_idx'::regclass"
        )
    assert schema.apply(empty) == ALL[2:]
    with psycopg.connect(empty) as conn:
        assert conn.execute("SELECT count(*) FROM pg_index WHERE NOT indisvalid").fetchone() == (0,)
        assert conn.execute("SELECT count(*) FROM yoyo_lock").fetchone() == (0,)


@pytest.mark.parametrize("table", ["users", "aims", "user_aims"])
def test_a_table_of_another_application_is_neither_taken_over_nor_dropped(empty: str, table: str) -> None:
    columns = "id uuid, name text, email text, title text, user_id uuid, aim_id uuid, created_at timestamptz"
    with psycopg.connect(empty) as conn:
        conn.execute(f"CREATE TABLE {table} ({columns})".encode())
    with pytest.raises(psycopg.errors.UndefinedObject):
        schema.apply(empty)
    schema.rollback(empty)
    with psycopg.connect(empty) as conn:
        assert conn.execute("SELECT to_regclass(%s)::text", [table]).fetchone() == (table,)


def test_a_plain_yoyo_at_work_is_waited_for(empty: str, monkeypatch: pytest.MonkeyPatch) -> None:
    schema.apply(empty)
    schema.rollback(empty)
    monkeypatch.setattr(schema, "_STALE", 0.3)
    with psycopg.connect(empty) as migration, psycopg.connect(empty, autocommit=True) as lock:
        lock.execute("INSERT INTO yoyo_lock (locked, ctime, pid) VALUES (1, now(), 1)")
        migration.execute("CREATE TABLE working (id int); LOCK TABLE _yoyo_log IN SHARE UPDATE EXCLUSIVE MODE")
        with ThreadPoolExecutor() as threads:
            applied = threads.submit(schema.apply, empty)
            sleep(1)
            assert not applied.done()
            assert lock.execute("DELETE FROM yoyo_lock").rowcount == 1
            migration.rollback()
            assert applied.result() == ALL


def test_whoever_is_killed_in_the_middle_is_not_waited_for(empty: str) -> None:
    """Killed while an index build waits for a writer; the next one finds the lock and the half-built index."""
    schema.apply(empty)
    schema.rollback(empty, to=ALL[4])
    with psycopg.connect(empty) as writer:
        writer.execute("LOCK TABLE user_aims IN ROW EXCLUSIVE MODE")
        program = [sys.executable, "-c", f"from useraim import schema; schema.apply({empty!r})"]
        with subprocess.Popen(program) as process, psycopg.connect(empty, autocommit=True) as watch:
            while not watch.execute("SELECT 1 FROM pg_index WHERE NOT indisvalid").fetchone():
                sleep(0.02)
            process.kill()
    assert schema.apply(empty) == ALL[5:]
    with psycopg.connect(empty) as conn:
        assert conn.execute("SELECT count(*) FROM pg_index WHERE NOT indisvalid").fetchone() == (0,)
        assert conn.execute("SELECT count(*) FROM yoyo_lock").fetchone() == (0,)


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
    assert schema.rollback(empty) == ALL[3::-1]
    assert schema.apply(empty) == ALL


def test_an_unknown_migration_to_stop_at_is_refused(empty: str) -> None:
    with pytest.raises(InvalidValue):
        schema.rollback(empty, to="useraim_9999_nothing")


def test_a_migration_that_is_missing_is_pending(empty: str) -> None:
    with psycopg.connect(empty) as conn:
        assert schema.status(conn) == schema.Status((), ALL, (), ())
        with pytest.raises(SchemaOutOfDate):
            schema.check(conn)


def test_a_migration_of_a_newer_version_is_unknown_and_no_obstacle(empty: str) -> None:
    schema.apply(empty)
    with psycopg.connect(empty) as conn:
        conn.execute(
            "INSERT INTO _yoyo_migration (migration_hash, migration_id, applied_at_utc)"
            " VALUES ('x', 'useraim_9', now())"
        )
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
