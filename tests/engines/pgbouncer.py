"""PgBouncer in transaction mode before a server: any database of it, under the same name."""

import os
import pwd
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

TRACKING = (1, 21)
"""Since when it knows which session has which prepared statements."""
MISSING = (
    "no PgBouncer here: install it (Debian: apt-get install pgbouncer), or name its program:"
    " make test-pooler PGBOUNCER=/path/to/pgbouncer"
)
TOO_OLD = "{} is PgBouncer {}: prepared statements are tracked from 1.21 on; name a newer one by PGBOUNCER=/path"
SETTINGS = """
[databases]
* = {server}
[pgbouncer]
listen_addr =
listen_port = 6432
unix_socket_dir = {folder}
logfile = {folder}/log
auth_type = trust
auth_file = {folder}/users
auth_user = {user}
pool_mode = transaction
max_client_conn = 1000
default_pool_size = 40
server_idle_timeout = 2
query_wait_timeout = 30
"""


def program() -> tuple[str, tuple[int, ...]]:
    """Find the program and its version, or end the tests with what is missing."""
    path = shutil.which(
        os.environ.get("PGBOUNCER") or "pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin"
    )
    if path is None:
        raise pytest.UsageError(MISSING)
    told = subprocess.run([path, "--version"], capture_output=True, text=True, check=True).stdout
    found = re.search(r"PgBouncer (\d+)\.(\d+)", told)
    assert found, told
    return path, tuple(map(int, found.groups()))


@contextmanager
def pooler(server: str, *, tracking: bool) -> Generator[dict[str, str], None, None]:
    """Run one before the server, and give what of a conninfo leads to it."""
    path, version = program()
    if tracking and version < TRACKING:
        raise pytest.UsageError(TOO_OLD.format(path, ".".join(map(str, version))))
    parts = {name: str(value) for name, value in conninfo_to_dict(server).items()}
    with tempfile.TemporaryDirectory(prefix="pgbouncer-", ignore_cleanup_errors=True) as name:
        folder, account = Path(name), owner(parts["host"])
        written = {name: value for name, value in parts.items() if name in {"host", "port"}}
        settings = SETTINGS.format(folder=folder, user=parts["user"], server=make_conninfo(**written))
        if version >= TRACKING:
            settings += f"max_prepared_statements = {200 if tracking else 0}\n"
        (folder / "ini").write_text(settings)
        (folder / "users").write_text(f'"{parts["user"]}" "{parts.get("password", "")}"\n')
        os.chown(folder, account or os.geteuid(), -1)
        with subprocess.Popen([path, "-q", str(folder / "ini")], user=account, cwd="/") as process:
            try:
                way = {"host": name, "port": "6432", "gssencmode": "disable", "sslmode": "disable"}
                await_first(make_conninfo(server, **way), folder / "log")
                yield way
            finally:
                process.terminate()


def owner(host: str) -> int | None:
    """Whoever may enter the folder of the server's socket: PgBouncer does not run as root."""
    if os.geteuid():
        return None
    return Path(host).stat().st_uid if host.startswith("/") else pwd.getpwnam("nobody").pw_uid


def await_first(conninfo: str, log: Path) -> None:
    end = time.monotonic() + 20
    while True:
        with suppress(psycopg.OperationalError), psycopg.connect(conninfo, connect_timeout=2):
            return
        assert time.monotonic() < end, f"PgBouncer lets nobody in: {log.read_text() if log.exists() else 'no log'}"
        time.sleep(0.05)
