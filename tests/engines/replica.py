"""A primary, its hot standby, and calls whose reads go to the standby once it has what was written."""

import asyncio
import os
import subprocess
import tempfile
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from psycopg import AsyncConnection, Connection
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from tests.worlds import World
from useraim import local

READS = {
    "get",
    "find",
    "find_by_email",
    "find_many",
    "exists",
    "page",
    "pages",
    "count",
    "count_by_role",
    "similar",
} | {*("suggest_aims", "of", "load", "has", "common", "version", "stream", "frame", "frames"), "frame", "frames"}
"""By name, the operations that change nothing. All others are writes."""
MISSING = "no pg_basebackup beside {}: a replica is made by it (Debian: apt-get install postgresql-client)"
WRITTEN = "SELECT pg_current_wal_insert_lsn()::text"
REPLAYED = "SELECT pg_last_wal_replay_lsn() >= %s::pg_lsn"
SETTINGS = {"max_standby_streaming_delay": "1s", "hot_standby_feedback": "on", "wal_receiver_status_interval": "1s"}


@contextmanager
def primary() -> Generator[str, None, None]:
    """Run a primary and a standby of it; `standby_of` leads from the one to the other."""
    with local.postgres() as first, tempfile.TemporaryDirectory(prefix="standby-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o755)
        copy(first, folder / "data")
        with local.postgres(folder / "data", bindir=local.newest(), config=SETTINGS) as second:
            STANDBYS[str(conninfo_to_dict(first)["host"])] = str(conninfo_to_dict(second)["host"])
            yield first


STANDBYS: dict[str, str] = {}
"""The sockets of standbys, by those of their primaries."""


def copy(first: str, data: Path) -> None:
    """Make the data of a standby, which are its account's."""
    command = local.newest() / "pg_basebackup"
    if not command.exists():
        raise FileNotFoundError(MISSING.format(local.newest()))
    to = ["-D", str(data), "--checkpoint=fast", "--wal-method=stream", "--write-recovery-conf", "--no-sync"]
    ran = subprocess.run([command, "-d", first, *to], capture_output=True, text=True, check=False, timeout=120)
    assert ran.returncode == 0, ran.stderr
    account = Path(str(conninfo_to_dict(first)["host"])).stat()
    for path in (data, *data.rglob("*")):
        os.chown(path, account.st_uid, account.st_gid)


def standby_of(conninfo: str) -> str:
    """Give the same database on the standby."""
    return make_conninfo(conninfo, host=STANDBYS[str(conninfo_to_dict(conninfo)["host"])])


class Beside(World):
    """Calls what writes on the primary, and what reads on the standby: whoever has written reads what was written."""

    def __init__(self, db: Connection[Any] | AsyncConnection[Any], standby: Any, runner: asyncio.Runner) -> None:
        super().__init__(db, runner)
        self.standby = World(standby, runner)

    def __call__(self, operation: Any, /, *args: Any, **kwargs: Any) -> Any:
        if is_read(operation):
            self.await_replay()
            return self.standby(operation, *args, **kwargs)
        return super().__call__(operation, *args, **kwargs)

    def iterate(self, stream: Any, /, *args: Any, **kwargs: Any) -> Iterator[Any]:
        self.await_replay()
        return self.standby.iterate(stream, *args, **kwargs)

    def await_replay(self) -> None:
        ((place,),) = self.execute(WRITTEN)
        await_replay(self.standby, place)


def await_replay(standby: World, place: str) -> None:
    """Wait until the standby has what was written up to this place in the log."""
    end = time.monotonic() + 20
    while standby.execute(REPLAYED, [place]) != [(True,)]:
        assert time.monotonic() < end, f"the standby has not come to {place}"
        time.sleep(0.001)


def is_read(operation: Any) -> bool:
    return operation.build.__name__ in READS


@contextmanager
def beside(conninfo: str, kind: str, runner: asyncio.Runner) -> Generator[Beside, None, None]:
    """Connect to a primary, in autocommit, and to its standby, which may be a moment behind with a new database."""
    with psycopg.connect(conninfo, autocommit=True) as first:
        place = World(first, runner).execute(WRITTEN)[0][0]
    with psycopg.connect(make_conninfo(standby_of(conninfo), dbname="postgres"), autocommit=True) as second:
        await_replay(World(second, runner), place)
    addresses = (conninfo, standby_of(conninfo))
    if kind == "sync":
        first, second = (psycopg.connect(one, autocommit=True) for one in addresses)
        with first, second:
            yield Beside(first, second, runner)
    else:
        opened = [runner.run(psycopg.AsyncConnection.connect(one, autocommit=True)) for one in addresses]
        yield Beside(opened[0], opened[1], runner)
        for conn in opened:
            runner.run(conn.close())
