"""Migrations from several processes, some of them killed: each is applied once, and no lock is left."""

import multiprocessing
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import sleep
from urllib.parse import quote, urlencode

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from tests.integration.schema.marks import ALL, leave_a_lock, wait_until
from useraim import Conflict, schema


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
    monkeypatch.setattr("useraim.core.migrating._PATIENCE", 3.0)
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
    monkeypatch.setattr("useraim.core.migrating._PATIENCE", 1.0)
    owner = ordinary(yoyo_at_work.conninfo)
    with psycopg.connect(yoyo_at_work.conninfo) as conn:
        conn.execute("GRANT ALL ON ALL TABLES IN SCHEMA public TO PUBLIC")
    with pytest.raises(Conflict):
        schema.apply(owner)
    assert yoyo_at_work.has_the_lock()


def test_the_lock_of_a_killed_yoyo_stays_while_a_session_may_be_its_own(
    empty: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("useraim.core.migrating._PATIENCE", 0.5)
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
