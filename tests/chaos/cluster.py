"""A primary and a standby that can be crashed and promoted; what is acknowledged has reached both.

They do not wait for the disk: programs are ended here, not the machine, and what a program has written to a file the
machine keeps. COMMIT is answered when the standby has it.
"""

# pyright: reportPrivateUsage=false

import shutil
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psycopg
from psycopg.conninfo import make_conninfo

from useraim import schema
from useraim.local import _account, _reachable, _Server, _Shell, _socket, newest

_SETTINGS = {
    "listen_addresses": "",
    "fsync": "off",
    "synchronous_commit": "on",
    "max_connections": "200",
    "deadlock_timeout": "50ms",
    "checkpoint_timeout": "30s",
    "wal_retrieve_retry_interval": "100ms",
    "log_line_prefix": "%e|%b|",
    "log_min_messages": "warning",
    "lc_messages": "C",
    "timezone": "UTC",
}
_DEADLINE = 60


class Cluster:
    """Two nodes on the ports 5432 and 5433 of one folder of sockets; `primary` is the one that takes writes."""

    def __init__(self, server: _Server, scratch: Path) -> None:
        self.server = server
        self.scratch = scratch
        self.primary = 5432
        self.server.create(self._data(self.primary))
        self._start(self.primary)
        with psycopg.connect(self._conninfo(self.primary, "postgres"), autocommit=True) as conn:
            conn.execute("CREATE DATABASE chaos")
        schema.apply(self._conninfo(self.primary))

    @property
    def standby(self) -> int:
        return 5432 + 5433 - self.primary

    def conninfo(self, **settings: Any) -> str:
        """Name both nodes: who connects gets the one that takes writes."""
        folder = self.server.socket
        both = {"host": f"{folder},{folder}", "port": "5432,5433", "target_session_attrs": "read-write"}
        return make_conninfo(**{**both, "user": "postgres", "dbname": "chaos", "connect_timeout": "5", **settings})

    def address(self, port: int) -> tuple[str, int]:
        """Where a node listens."""
        return str(self.server.socket), port

    def admin(self) -> "psycopg.Connection[Any]":
        return psycopg.connect(self._conninfo(self.primary), autocommit=True)

    def crash(self) -> None:
        """End the primary in the middle of everything, and start it again."""
        self._stop(self.primary)
        self._start(self.primary)

    def promote(self) -> None:
        """End the primary in the middle of everything, and let the standby take its place."""
        self._stop(self.primary)
        self.primary = self.standby
        self._run("promote", "pg_ctl", "-D", str(self._data(self.primary)), "-w", "promote")

    def follow(self) -> None:
        """Make the node that is not the primary a standby, and have COMMIT wait for it."""
        data = self._data(self.standby)
        shutil.rmtree(data, ignore_errors=True)
        source = ["-h", str(self.server.socket), "-p", str(self.primary), "-U", "postgres"]
        self._run("copy", "pg_basebackup", *source, "-D", str(data), "-R", "-c", "fast", "-X", "stream", "--no-sync")
        self._start(self.standby)
        with self.admin() as conn:
            conn.execute("ALTER SYSTEM SET synchronous_standby_names = '*'")
            conn.execute("SELECT pg_reload_conf()")
            _until(conn, "SELECT bool_or(sync_state = 'sync') FROM pg_stat_replication", "no standby is synchronous")
            (here,) = conn.execute("SELECT pg_current_wal_lsn()").fetchone() or ("",)
            # Whoever was answered before COMMIT had to wait.
            _until(conn, f"SELECT bool_or(flush_lsn >= '{here}') FROM pg_stat_replication", "the standby is behind")

    def log(self) -> Generator[str, None, None]:
        """Give the lines of both servers' logs."""
        for path in sorted(self.scratch.glob("log*")):
            with path.open(errors="replace") as lines:
                yield from lines

    def _start(self, port: int) -> None:
        options = "".join(f" -c {name}='{value}'" for name, value in self.server.config.items())
        where = f"{options} -p {port} -k '{self.server.socket}'"
        log = str(self.scratch / f"log.{port}")
        self._run("start", "pg_ctl", "-D", str(self._data(port)), "-w", "-l", log, "-o", where, "start")

    def _stop(self, port: int) -> None:
        self._run("stop", "pg_ctl", "-D", str(self._data(port)), "-w", "-m", "immediate", "stop")

    def _run(self, what: str, program: str, *arguments: str) -> None:
        self.server.shell.run(what, self.server._command(program, *arguments))

    def _data(self, port: int) -> Path:
        return self.scratch / f"data{port}"

    def _conninfo(self, port: int, dbname: str = "chaos") -> str:
        return make_conninfo(host=str(self.server.socket), port=port, user="postgres", dbname=dbname)


@contextmanager
def cluster(bindir: Path | None = None) -> Generator[Cluster, None, None]:
    """Run both while the context lasts; nothing is left of them, also when this process is killed."""
    with tempfile.TemporaryDirectory(prefix="chaos-", ignore_cleanup_errors=True) as folder, _socket() as socket:
        scratch = Path(folder)
        # Whatever runs at the end, whichever of the two it is.
        ends = f"for one in {folder}/data*/postmaster.pid; do kill -QUIT $(head -1 $one); done; sleep 1"
        with _Shell(scratch / "shell", ["sh", "-c", f"{ends}; rm -rf {folder} {socket}"]) as shell:
            account = _account()
            if account:
                shutil.chown(scratch, account.pw_uid, account.pw_gid)
            scratch.chmod(0o755)
            server = _Server(_reachable(bindir or newest(), scratch, account), account, socket, shell, _SETTINGS)
            yield Cluster(server, scratch)


def _until(conn: "psycopg.Connection[Any]", question: str, otherwise: str) -> None:
    end = time.monotonic() + _DEADLINE
    while conn.execute(question.encode()).fetchone() != (True,):
        assert time.monotonic() < end, f"{otherwise} after {_DEADLINE} s"
        with suppress(InterruptedError):
            time.sleep(0.02)
