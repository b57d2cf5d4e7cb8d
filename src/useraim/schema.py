"""The migrations from Python: apply them, roll them back, and compare a database with this version of the package.

Plain `yoyo apply` does the same work and may be used in turn. Four things are only here: processes that start at once
take turns, the lock of whoever was killed is removed, a migration and its mark are one transaction, and one that needs
a table for itself asks again and again, instead of having all others queue behind it.
"""

import sys
from collections.abc import Coroutine, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from glob import escape
from hashlib import sha256
from importlib import import_module
from pathlib import Path
from typing import Any, Final, overload

import psycopg
from psycopg import Connection

from useraim.core import files
from useraim.core.clauses import from_file
from useraim.core.database import AsyncDatabase, Database, is_async
from useraim.core.migrating import address, move, turn
from useraim.core.pypika import Q, function
from useraim.core.rows import single, whole
from useraim.core.running import run, run_async
from useraim.core.statement import Call, Statement, first, literal, nothing
from useraim.errors import Conflict, InvalidValue, SchemaOutOfDate

_EXISTS: Final = Statement(
    "schema.exists",
    Q.select(function("to_regclass", "_yoyo_migration").isnotnull() & function("to_regclass", "_yoyo_log").isnotnull()),
    single,
)
_APPLIED: Final = Statement("schema.status", from_file("schema/applied_migrations.sql"), whole)

_FOREIGN: Final = literal(from_file("schema/foreign_tables.sql"))


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

    `conninfo` is libpq's, in any form, and names the server itself, not a transaction pooler; of several hosts the
    primary is taken. `InvalidValue` where it cannot be read; no error tells a password.

    When several call at once, one does the work and the others wait for it. `Conflict` where a table of one of its
    names is another application's, before anything is changed; and after one minute of waiting for a plain yoyo (at
    work, or killed while sessions stay that may be its own), or for the lock of a table: what is applied by then stays,
    and the next call goes on from there. No one else waits for such a lock longer than a fifth of a second at a time.
    """
    parts = address(conninfo)
    with psycopg.connect(**parts, autocommit=True) as conn:
        if not (pending := status(conn).pending):
            return ()
        _refuse_foreign(conn, pending)
    with turn(parts) as backend:
        return move(backend, backend.to_apply(_migrations()), "apply", checksums())


def rollback(conninfo: str = "", *, to: str | None) -> tuple[str, ...]:
    """Roll back the migrations after `to`, or all for None, and return their ids, last one first: their data is lost.

    `SchemaOutOfDate`, and nothing done, where a newer version of this package has applied further migrations: only
    that version can roll them back. Waits as `apply` does.
    """
    stay, parts = _up_to(to), address(conninfo)
    with psycopg.connect(**parts, autocommit=True) as conn:
        if not _to_rollback(status(conn), stay):
            return ()
    with turn(parts) as backend:
        going = _to_rollback(_status(backend.connection), stay)
        found = [one for one in backend.to_rollback(_migrations()) if one.id in going]
        return move(backend, found, "rollback", checksums())


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


def _refuse_foreign(conn: Connection[Any], pending: tuple[str, ...]) -> None:
    if found := [name for (name,) in conn.execute(_FOREIGN, {"pending": list(pending)})]:
        raise Conflict(
            f"the database has {', '.join(found)} of another application, and nothing was changed: give this package a"
            " schema of its own, by `options='-c search_path=…'` in the conninfo"
        )


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


if __name__ == "__main__":
    sys.exit("not a command: run `yoyo apply`, or call useraim.schema.apply from Python")
