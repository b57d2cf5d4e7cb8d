"""Migrations at work: who may begin, how long a lock is waited for, and what is marked as done.

yoyo reads the files and keeps the books. Its own way of applying them uses two connections, and leaves a migration that
is applied but not marked when it is killed in between; here a migration and its mark are one transaction.
"""

import re
import time
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import psycopg
from psycopg import Connection
from psycopg.conninfo import conninfo_to_dict

from useraim.core.clauses import from_file
from useraim.core.statement import literal
from useraim.errors import Conflict, InvalidValue

_TURN: Final = int.from_bytes(b"useraim")  # the key of an advisory lock of PostgreSQL
_WAITING: Final = _TURN + 1  # of another, shared by all that wait for their turn
_POLL: Final = 0.1  # seconds
_PATIENCE: Final = 60.0  # seconds to wait for a plain yoyo that is at work, or may be, and for the locks of a migration
_PAUSE: Final = 1.0  # seconds between two tries to get a lock
_BRIEFLY: Final = "SET LOCAL lock_timeout = '200ms'"
_WAITS: Final = re.compile(r"SET LOCAL lock_timeout = '\w+'")

_LOG: Final = """
    INSERT INTO _yoyo_log (id, migration_hash, migration_id, operation, username, comment, created_at_utc)
    VALUES (%s, %s, %s, %s, current_user, %s, %s)"""
_LOCKED: Final = "SELECT xmin::text, pid, ctime FROM yoyo_lock"
_POSSIBLE_HOLDERS: Final = literal(from_file("schema/possible_lock_holders.sql"))
_IN_THE_WAY: Final = literal(from_file("schema/in_the_way.sql"))


def address(conninfo: str) -> dict[str, Any]:
    """Give the parts of a conninfo, and the primary among several hosts. No error repeats what may be a password."""
    parts: dict[str, Any] | None = None
    with suppress(psycopg.ProgrammingError):
        parts = conninfo_to_dict(conninfo)
    if parts is None or ("://" in conninfo and _misread(parts)):
        raise InvalidValue(
            "conninfo", "libpq cannot read it; in a URI, @ : / % of a name or password are written as %40 …"
        )
    return {**parts, "target_session_attrs": "read-write"}


def _misread(parts: Mapping[str, Any]) -> bool:
    """Say whether a password with @ or / in it has ended up as something else, which errors of the connection name."""
    names = (str(parts.get(name, ""))[1:] for name in ("host", "dbname"))
    return any("@" in name for name in names) or not re.fullmatch(r"[\d,]*", str(parts.get("port", "")))


@contextmanager
def turn(parts: Mapping[str, Any]) -> Generator[Any, None, None]:
    """Give yoyo's backend, when it is our turn: both this package's lock and yoyo's are held meanwhile."""
    with _backend(parts) as backend:
        with suppress(psycopg.errors.InvalidParameterValue):  # where the server's system cannot tell
            # Without it what a killed process has begun goes on, and keeps the lock, until it is done.
            backend.connection.execute("SET client_connection_check_interval = '1s'")
        # An index build that waits for older transactions holds up nobody. What does says itself how long it waits.
        backend.connection.execute("SET lock_timeout = 0")
        _take_turn(backend.connection)
        if not _found(backend.connection, "SELECT WHERE to_regclass('yoyo_lock') IS NOT NULL"):
            backend.create_lock_table()
        with ExitStack() as held:
            _lock(backend, held)
            # What tells it from a plain yoyo's: whoever has the turn knows that its holder is gone.
            backend.connection.execute("UPDATE yoyo_lock SET ctime = NULL")
            backend.ensure_internal_schema_updated()
            yield backend


def _backend(parts: Mapping[str, Any]) -> Any:
    # Not yoyo's get_backend: its URL loses what it cannot spell, and it creates and drops a table each time.
    connections = import_module("yoyo.connections")
    uri = connections.DatabaseURI("postgresql+psycopg", None, None, None, None, None, parts)
    return connections.get_backend_class(uri.scheme)(uri, connections.default_migration_table)


def _take_turn(conn: Connection[Any]) -> None:
    conn.execute("SELECT pg_advisory_lock_shared(%s)", [_WAITING])
    # Asked for again and again: a statement that waits would hold a snapshot, which CREATE INDEX CONCURRENTLY of
    # whoever has the lock would wait for.
    while not _found(conn, "SELECT WHERE pg_try_advisory_lock(%s)", _TURN):
        time.sleep(_POLL)


def _lock(backend: Any, held: ExitStack) -> None:
    taken = import_module("yoyo.exceptions").LockTimeout
    end = time.monotonic() + _PATIENCE
    while True:
        _await_yoyo(backend.connection, end)
        with suppress(taken):
            held.enter_context(backend.lock(timeout=_POLL))
            return


def _await_yoyo(conn: Connection[Any], end: float) -> None:
    """Wait until nobody has yoyo's lock; remove one whose holder is gone.

    A yoyo keeps the session that it locks with. So the holder is gone when no session is left of those that were there
    when its lock was seen first. Clocks say nothing: the time in the lock is that of another machine.
    """
    seen, suspects = None, set[int]()
    while lock := conn.execute(_LOCKED).fetchone():
        others = {pid for (pid,) in conn.execute(_POSSIBLE_HOLDERS, {"waiting": _WAITING})}
        seen, suspects = lock, suspects & others if lock == seen else others
        version, pid, since = lock
        if since is None or not suspects:
            conn.execute("DELETE FROM yoyo_lock WHERE xmin::text = %s", [version])
        elif time.monotonic() > end:
            raise Conflict(
                f"process {pid} has locked the database for yoyo since {since:%F %T} UTC: wait until it is done; if it"
                " was killed, run `yoyo break-lock`, or DELETE FROM yoyo_lock"
            )
        else:
            time.sleep(_POLL)


def _found(conn: Connection[Any], query: Any, *parameters: object) -> bool:
    return conn.execute(query, parameters or None).fetchone() is not None


def move(backend: Any, migrations: Iterable[Any], direction: str, checksums: Mapping[str, str]) -> tuple[str, ...]:
    """Apply migrations or roll them back, and give their ids."""
    return tuple(_move_one(backend, migration, direction, checksums) for migration in migrations)


def _move_one(backend: Any, migration: Any, direction: str, checksums: Mapping[str, str]) -> str:
    migration.load()
    conn, statements = backend.connection, _statements(migration, direction)
    alone, together = ([], statements) if migration.use_transactions else (statements, [])

    def finish() -> None:
        with backend.transaction():
            for one in together:
                conn.execute(one)
            _mark(backend, migration, direction, checksums.get(migration.id) if direction == "apply" else None)

    for one in alone:
        _until_there_is_room(conn, migration.id, partial(conn.execute, one))
    _until_there_is_room(conn, migration.id, finish)
    return str(migration.id)


def _statements(migration: Any, direction: str) -> list[str]:
    path = Path(migration.path)
    file = path if direction == "apply" else path.with_suffix(".rollback.sql")
    _, _, statements = import_module("yoyo.migrations").read_sql_migration(str(file))
    return [_WAITS.sub(_BRIEFLY, one) for one in statements]


def _until_there_is_room(conn: Connection[Any], name: str, do: Callable[[], object]) -> None:
    """Do what needs the lock of a table, again and again: waited for briefly, as all others queue behind it."""
    end = time.monotonic() + _PATIENCE
    while True:
        try:
            do()
            return
        except psycopg.errors.LockNotAvailable as busy:
            if time.monotonic() > end:
                holders = ", ".join(str(pid) for (pid,) in conn.execute(_IN_THE_WAY)) or "that are gone by now"
                raise Conflict(
                    f"{name} has waited {_PATIENCE:.0f} seconds for the lock of a table: wait for the transactions of"
                    f" the sessions {holders}, or end them (pg_terminate_backend), and apply again"
                ) from busy
        time.sleep(_PAUSE)


def _mark(backend: Any, migration: Any, direction: str, checksum: str | None) -> None:
    mark = backend.mark_one if direction == "apply" else backend.unmark_one
    mark(migration, log=False)
    # Not yoyo's log_migration: it cannot comment, and fails for a user id without a name, as containers have.
    now = datetime.now(UTC).replace(tzinfo=None)
    backend.connection.execute(_LOG, [str(uuid4()), migration.hash, migration.id, direction, checksum, now])
