"""A PgBouncer in front of a database, in transaction mode: a client has another session for each transaction."""

import getpass
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

SESSIONS = 2
"""Of the server, for all clients."""


def program() -> str | None:
    """Where PgBouncer is, if it is."""
    return shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")


@contextmanager
def pooled(conninfo: str, role: str) -> Generator[str, None, None]:
    """Give a conninfo that leads there through PgBouncer; its sessions on the server have the rights of `role`."""
    with tempfile.TemporaryDirectory() as folder, psycopg.connect(conninfo) as conn:
        os.chmod(folder, 0o777)
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        ini = Path(folder, "pgbouncer.ini")
        info = conn.info
        server = f"host={info.host} port={info.port} dbname={info.dbname} user={info.user}"
        ini.write_text(
            f"[databases]\npooled = {server} connect_query='SET ROLE {role}'\n"
            f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nauth_type = any\npool_mode = transaction\n"
            f"default_pool_size = {SESSIONS}\nmax_client_conn = 50\nunix_socket_dir =\n"
        )
        # It refuses to run as root: then as whoever may enter where the server listens.
        user = ["-u", Path(info.host).owner()] if getpass.getuser() == "root" else []
        with subprocess.Popen([str(program()), "-q", *user, str(ini)], stderr=subprocess.DEVNULL) as running:
            try:
                password = {name: value for name, value in conninfo_to_dict(conninfo).items() if name == "password"}
                yield _reached(make_conninfo("", host="127.0.0.1", port=port, dbname="pooled", user="any", **password))
            finally:
                running.terminate()


def _reached(conninfo: str) -> str:
    until = time.monotonic() + 20
    while True:
        try:
            psycopg.connect(conninfo, connect_timeout=2).close()
        except psycopg.OperationalError:
            if time.monotonic() > until:
                raise
            time.sleep(0.1)
        else:
            return conninfo
