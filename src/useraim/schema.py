"""The migrations from Python: apply them, roll them back, and compare a database with this version of the package.

Plain `yoyo apply` does the same work and may be used in turn. Three things are only here: processes that start at once
take turns, the lock of whoever was killed is removed, and a migration and its mark are one transaction (yoyo uses two
connections, and leaves a migration that is applied but not marked when it is killed in between).
"""

import sys
import time
from collections.abc import Coroutine, Generator, Iterable, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from glob import escape
from hashlib import sha256
from importlib import import_module
from pathlib import Path
from typing import Any, Final, overload
from uuid import uuid4

import psycopg
from psycopg import Connection
from psycopg.conninfo import conninfo_to_dict

from useraim.core import files
from useraim.core.clauses import from_file
from useraim.core.database import AsyncDatabase, Database, is_async
from useraim.core.pypika import Q, function
from useraim.core.rows import single, whole
from useraim.core.running import run, run_async
from useraim.core.statement import Call, Statement, first, literal, nothing
from useraim.errors import Conflict, InvalidValue, SchemaOutOfDate

_TURN: Final = int.from_bytes(b"useraim")  # the key of an advisory lock of PostgreSQL
_WAITING: Final = _TURN + 1  # of another, shared by all that wait for their turn
_POLL: Final = 0.1  # seconds
_PATIENCE: Final = 60.0  # seconds to wait for a plain yoyo that is at work, or may be

_EXISTS: Final = Statement(
    "schema.exists",
    Q.select(function("to_regclass", "_yoyo_migration").isnotnull() & function("to_regclass", "_yoyo_log").isnotnull()),
    single,
)
_APPLIED: Final = Statement("schema.status", from_file("schema/applied_migrations.sql"), whole)

_LOG: Final = """
    INSERT INTO _yoyo_log (id, migration_hash, migration_id, operation, username, comment, created_at_utc)
    VALUES (%s, %s, %s, %s, current_user, %s, %s)"""
_LOCKED: Final = "SELECT xmin::text, pid, ctime FROM yoyo_lock"
_POSSIBLE_HOLDERS: Final = literal(from_file("schema/possible_lock_holders.sql"))


@dataclass(frozen=True, slots=True)
class Status:
    """Migrations of this package, `applied` or `pending`, in their order.

    `unknown` are others that the database has: of a newer version, or of the application. `edited` are applied ones
    whose statements have changed since; those that plain yoyo applied carry no checksum and are never named there.
    """

    applied: tuple[str, ...]
    pending: tuple[str, ...]
    unknown: tuple[str, ...]
    edited: tuple[str, ...]


def apply(conninfo: str = "") -> tuple[str, ...]:
    """Apply what is pending and return its ids; nothing is written when nothing is pending.

    `conninfo` is libpq's, in either form, and names the server itself, not a transaction pooler. When several call at
    once, one does the work and the others wait for it. A plain yoyo that is at work, or was killed while sessions stay
    that may be its own, is waited for one minute; then `Conflict` says how to break its lock.
    """
    with psycopg.connect(conninfo, autocommit=True) as conn:
        if not status(conn).pending:
            return ()
    with _turn(conninfo) as backend:
        return _move(backend, backend.to_apply(_migrations()), "apply")


def rollback(conninfo: str = "", *, to: str | None) -> tuple[str, ...]:
    """Roll back the migrations after `to`, or all for None, and return their ids, last one first: their data is lost.

    `SchemaOutOfDate`, and nothing done, where a newer version of this package has applied further migrations: only
    that version can roll them back. Waits as `apply` does.
    """
    stay = _up_to(to)
    with psycopg.connect(conninfo, autocommit=True) as conn:
        if not _to_rollback(status(conn), stay):
            return ()
    with _turn(conninfo) as backend:
        going = _to_rollback(_status(backend.connection), stay)
        return _move(backend, [one for one in backend.to_rollback(_migrations()) if one.id in going], "rollback")


@overload
def status(db: Database, /) -> Status: ...
@overload
def status(db: AsyncDatabase, /) -> Coroutine[Any, Any, Status]: ...
def status(db: Any, /) -> Any:
    """Compare the database with this package, by SELECT alone.

    Two round trips: whether yoyo's tables are there has to be known before they can be read.
    """
    return _status_async(db) if is_async(db) else _status(db)


@overload
def check(db: Database, /) -> None: ...
@overload
def check(db: AsyncDatabase, /) -> Coroutine[Any, Any, None]: ...
def check(db: Any, /) -> Any:
    """Raise `SchemaOutOfDate` if migrations are pending or edited; a newer schema may have more, and that is fine."""
    return _check_async(db) if is_async(db) else _verify(_status(db))


def _status(db: Database) -> Status:
    return run(db, _read(run(db, _EXISTS.call(first, {}))))


async def _status_async(db: AsyncDatabase) -> Status:
    return await run_async(db, _read(await run_async(db, _EXISTS.call(first, {}))))


async def _check_async(db: AsyncDatabase) -> None:
    _verify(await _status_async(db))


def _read(exists: bool) -> Call[Status]:
    return _APPLIED.call(_compare, {}) if exists else nothing(_compare(()))


def _compare(rows: Iterable[tuple[str, str | None]]) -> Status:
    known, found = checksums(), dict(rows)
    return Status(
        applied=tuple(id for id in known if id in found),
        pending=tuple(id for id in known if id not in found),
        unknown=tuple(id for id in found if id not in known),
        edited=tuple(id for id in known if found.get(id) not in {None, known[id]}),
    )


def _verify(found: Status) -> None:
    wrong = {"pending": found.pending, "edited": found.edited}
    if any(wrong.values()):
        raise SchemaOutOfDate("; ".join(f"{what}: {', '.join(ids)}" for what, ids in wrong.items() if ids))


@cache
def checksums() -> Mapping[str, str]:
    """Give the ids of this package's migrations in their order, each with the checksum of its statements."""
    paths = sorted(files.folder("migrations").glob("*.sql"))
    return {path.stem: _checksum(path) for path in paths if not path.name.endswith(".rollback.sql")}


def _checksum(path: Path) -> str:
    lines = (line.strip() for line in path.read_text(encoding="utf-8").splitlines())
    return sha256("\n".join(line for line in lines if line and not line.startswith("--")).encode()).hexdigest()


def _up_to(to: str | None) -> set[str]:
    ids = list(checksums())
    if to is not None and to not in ids:
        raise InvalidValue("to", "no such migration")
    return set() if to is None else set(ids[: ids.index(to) + 1])


def _to_rollback(found: Status, stay: set[str]) -> set[str]:
    if newer := [id for id in found.unknown if id.startswith("useraim_")]:
        raise SchemaOutOfDate(f"applied by a newer version, which has to roll them back: {', '.join(newer)}")
    return set(found.applied) - stay


def _migrations() -> Any:
    return import_module("yoyo").read_migrations(escape(str(files.folder("migrations"))))


@contextmanager
def _turn(conninfo: str) -> Generator[Any, None, None]:
    """Give yoyo's backend, when it is our turn: both this package's lock and yoyo's are held meanwhile."""
    with _backend(conninfo) as backend:
        with suppress(psycopg.errors.InvalidParameterValue):  # where the server's system cannot tell
            # Without it what a killed process has begun goes on, and keeps the lock, until it is done.
            backend.connection.execute("SET client_connection_check_interval = '1s'")
        _take_turn(backend.connection)
        if not _found(backend.connection, "SELECT WHERE to_regclass('yoyo_lock') IS NOT NULL"):
            backend.create_lock_table()
        with ExitStack() as held:
            _lock(backend, held)
            # What tells it from a plain yoyo's: whoever has the turn knows that its holder is gone.
            backend.connection.execute("UPDATE yoyo_lock SET ctime = NULL")
            backend.ensure_internal_schema_updated()
            yield backend


def _backend(conninfo: str) -> Any:
    # Not yoyo's get_backend: its URL loses what it cannot spell, and it creates and drops a table each time.
    connections = import_module("yoyo.connections")
    uri = connections.DatabaseURI("postgresql+psycopg", None, None, None, None, None, conninfo_to_dict(conninfo))
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


def _move(backend: Any, migrations: Iterable[Any], direction: str) -> tuple[str, ...]:
    return tuple(_move_one(backend, migration, direction) for migration in migrations)


def _move_one(backend: Any, migration: Any, direction: str) -> str:
    migration.load()
    if not migration.use_transactions:
        migration.process_steps(backend, direction)
    with backend.transaction():
        if migration.use_transactions:
            migration.process_steps(backend, direction)
        _mark(backend, migration, direction)
    return str(migration.id)


def _mark(backend: Any, migration: Any, direction: str) -> None:
    mark, comment = (
        (backend.mark_one, checksums()[migration.id]) if direction == "apply" else (backend.unmark_one, None)
    )
    mark(migration, log=False)
    # Not yoyo's log_migration: it cannot comment, and fails for a user id without a name, as containers have.
    now = datetime.now(UTC).replace(tzinfo=None)
    backend.connection.execute(_LOG, [str(uuid4()), migration.hash, migration.id, direction, comment, now])


if __name__ == "__main__":
    sys.exit("not a command: run `yoyo apply`, or call useraim.schema.apply from Python")
