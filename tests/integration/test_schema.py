"""Migrations from Python: apply, rollback, status, check."""

import asyncio
import multiprocessing
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import monotonic, sleep
from typing import Any
from urllib.parse import quote, urlencode

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg_pool import ConnectionPool

from tests.conftest import yoyo
from useraim import Conflict, InvalidValue, SchemaOutOfDate, schema

ALL = tuple(schema.checksums())
NAMES = iter(range(1_000_000))


def wait_until(done: Callable[[], bool], otherwise: str) -> None:
    end = monotonic() + 30
    while not done():
        assert monotonic() < end, otherwise
        sleep(0.02)


def mark(conn: psycopg.Connection[Any], migration: str) -> None:
    """As a version of the package does that knows this migration."""
    conn.execute(
        "INSERT INTO _yoyo_migration (migration_hash, migration_id, applied_at_utc) VALUES (%s, %s, now())",
        [migration, migration],
    )


def leave_a_lock(conninfo: str) -> None:
    """As a yoyo does that is killed with one migration left to do."""
    schema.apply(conninfo)
    schema.rollback(conninfo, to=ALL[-2])
    with psycopg.connect(conninfo) as conn:
        conn.execute("INSERT INTO yoyo_lock (locked, ctime, pid) VALUES (1, now(), 1)")


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


@pytest.fixture
def ordinary(server: str, template: str) -> Iterator[Callable[[str], str]]:
    """Gives the conninfo of a database for a role that may log in, and no more."""
    name = f"{template}_ordinary"
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute(f"CREATE ROLE {name} LOGIN PASSWORD 'ordinary'".encode())
        yield lambda conninfo: make_conninfo(conninfo, user=name, password="ordinary")
        admin.execute(f"DROP ROLE {name}".encode())


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
    schema.rollback(empty, to=None)
    with psycopg.connect(empty) as conn:
        assert conn.execute("SELECT to_regclass(%s)::text", [table]).fetchone() == (table,)


class Yoyo:
    """A plain yoyo with work of its own, or a question, in a database that `schema.apply` has something to do in."""

    def __init__(self, conninfo: str, migrations: Path, *arguments: str) -> None:
        self.conninfo = conninfo
        url = f"postgresql+psycopg://?{urlencode(conninfo_to_dict(conninfo), quote_via=quote)}"
        options = ["--no-config-file", "--database", url, *arguments, str(migrations)]
        self.terminal, terminal = os.openpty()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "yoyo", "apply", *options], stdin=terminal, stdout=subprocess.DEVNULL
        )
        os.close(terminal)

    def has_the_lock(self) -> bool:
        with psycopg.connect(self.conninfo) as conn:
            try:
                return conn.execute("SELECT FROM yoyo_lock WHERE pid = %s", [self.process.pid]).fetchone() is not None
            except psycopg.errors.UndefinedTable:
                return False

    def end(self) -> None:
        self.process.kill()
        self.process.wait(30)
        os.close(self.terminal)


@pytest.fixture(params=["changing rows", "asking its user"])
def yoyo_at_work(request: pytest.FixtureRequest, empty: str, tmp_path: Path) -> Iterator[Yoyo]:
    schema.apply(empty)
    schema.rollback(empty, to=ALL[-2])
    (tmp_path / "rows.py").write_text(
        "from time import sleep\n"
        "from yoyo import step\n"
        "def work(conn):\n"
        "    conn.execute(\"INSERT INTO users (name, email) VALUES ('Ana', 'ana@example.org')\")\n"
        "    sleep(60)\n"
        "step(work)\n"
    )
    yoyo = Yoyo(empty, tmp_path, *(["--batch"] if request.param == "changing rows" else []))
    try:
        wait_until(yoyo.has_the_lock, "yoyo has not taken its lock")
        yield yoyo
    finally:
        yoyo.end()


def test_a_plain_yoyo_at_work_keeps_its_lock(yoyo_at_work: Yoyo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schema, "_PATIENCE", 3.0)
    with pytest.raises(Conflict, match=rf"process {yoyo_at_work.process.pid} .* `yoyo break-lock`"):
        schema.apply(yoyo_at_work.conninfo)
    assert yoyo_at_work.has_the_lock()


def test_a_plain_yoyo_at_work_is_waited_for_and_not_after_it_is_killed(yoyo_at_work: Yoyo) -> None:
    with ThreadPoolExecutor() as threads:
        applied = threads.submit(schema.apply, yoyo_at_work.conninfo)
        with pytest.raises(TimeoutError):
            applied.result(3)
        yoyo_at_work.process.kill()
        assert applied.result(30) == ALL[-1:]


def test_a_plain_yoyo_whose_sessions_hide_what_they_do_keeps_its_lock_too(
    yoyo_at_work: Yoyo, ordinary: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of other roles' sessions an ordinary role sees little, not even when they began."""
    monkeypatch.setattr(schema, "_PATIENCE", 1.0)
    owner = ordinary(yoyo_at_work.conninfo)
    with psycopg.connect(yoyo_at_work.conninfo) as conn:
        conn.execute("GRANT ALL ON ALL TABLES IN SCHEMA public TO PUBLIC")
    with pytest.raises(Conflict):
        schema.apply(owner)
    assert yoyo_at_work.has_the_lock()


def test_the_lock_of_a_killed_yoyo_stays_while_a_session_may_be_its_own(
    empty: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schema, "_PATIENCE", 0.5)
    leave_a_lock(empty)
    with psycopg.connect(empty), pytest.raises(Conflict):
        schema.apply(empty)
    assert schema.apply(empty) == ALL[-1:]


def test_the_lock_of_a_killed_yoyo_goes_beside_sessions_that_cannot_be_its_own(
    empty: str, ordinary: Callable[[str], str]
) -> None:
    """Of a role that may not lock; begun later; and of calls that wait for their turn."""
    leave_a_lock(empty)
    with psycopg.connect(ordinary(empty)), psycopg.connect(empty) as own, ThreadPoolExecutor() as threads:
        applied = [threads.submit(schema.apply, empty) for _ in range(3)]
        with pytest.raises(TimeoutError):
            applied[0].result(1)
        with psycopg.connect(empty):
            own.close()
            assert sorted(one.result(30) for one in applied) == [(), (), ALL[-1:]]


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
            process.wait(30)
            writer.rollback()
            # Beside a session that may lock too: what this package has locked needs no guess.
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
