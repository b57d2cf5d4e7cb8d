"""The stage of a bulk load: how rows are packed for COPY, and the script of calls that takes them over."""

import csv
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import islice
from struct import Struct
from typing import IO, Any, Final, LiteralString, TypeAlias, cast
from uuid import UUID

from psycopg.sql import SQL, Composed, Identifier

from useraim import memberships
from useraim.accounts.user_aims import membership
from useraim.adapt import UuidArray, pack_text, pack_texts, pack_time
from useraim.errors import AlreadyExists, BrokenReference, InvalidValue
from useraim.ids import in_key_order
from useraim.operation import Script
from useraim.rows import single, whole
from useraim.statement import Statement, first, from_file, named
from useraim.tables import LINK_COLUMNS
from useraim.values import OnMatch, Pair

_KEY: Final = Struct("!hi16si16s")  # fields of the row, then length and bytes of each id
_SIGNATURE: Final = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_END: Final = b"\xff\xff"
_BLOCK: Final = 2_000  # rows a write: some 150 kB
COLUMNS: Final = ("user_id", "aim_id", *LINK_COLUMNS)

STAGE: Final = named("bulk.load (stage)", from_file("stage.sql"))
DROP: Final = named("bulk.load (drop)", "DROP TABLE useraim_stage")
_COUNT: Final = Statement(
    "bulk.load (count)",
    "SELECT count(*), count(role) AS roles, count(permissions) AS permissions, count(joined_at) AS times"
    " FROM useraim_stage",
    whole,
)
_MISSING: Final = Statement("bulk.load (missing)", from_file("stage_missing.sql"), whole)
_REJECT: Final = Statement("bulk.load (reject)", from_file("stage_reject.sql"), whole)
_HELD: Final = Statement("bulk.load (held)", from_file("stage_held.sql"), whole)


@dataclass(frozen=True, slots=True)
class Rejected:
    """A row that was left out: its index in the input, its pair, and why."""

    index: int
    pair: Pair
    reason: str


@dataclass(frozen=True, slots=True)
class BulkResult:
    """How many distinct pairs a load added, updated and found unchanged, and the rows it left out, in input order."""

    added: int
    updated: int
    unchanged: int
    rejected: list[Rejected]


def settle(on_match: OnMatch, *, skip: bool) -> Script[BulkResult]:
    """Take the staged rows over: yields the calls to make, receives their results."""
    total, *counts = yield _COUNT.call(first, {})
    if not total:
        return BulkResult(0, 0, 0, [])
    given = tuple((name, count == total) for name, count in zip(LINK_COLUMNS, counts, strict=True) if count)
    rejected: list[Rejected] = []
    if missing := (yield _MISSING.call(list, {})):
        users = tuple(in_key_order(id for side, id in missing if side == "users"))
        aims = tuple(in_key_order(id for side, id in missing if side == "aims"))
        if not skip:
            raise BrokenReference(users, aims)
        rows = yield _REJECT.call(list, {"users": UuidArray(users), "aims": UuidArray(aims)})
        rejected = [_rejected(row, set(users), set(aims)) for row in rows]
    if on_match == "error" and (held := (yield _HELD.call(list, {}))):
        raise AlreadyExists("user_aims_pkey", tuple(held))
    some_leave_it = on_match == "update" and not all(every for _, every in given)
    added, updated, pairs = yield _put(given, "ignore" if some_leave_it else on_match).call(first, {})
    if some_leave_it:
        updated = yield _update(given).call(first, {})
    return BulkResult(added, updated, pairs - added - updated, rejected)


def _rejected(row: tuple[int, UUID, UUID], users: set[UUID], aims: set[UUID]) -> Rejected:
    index, user, aim = row
    sides = [name for name, is_missing in (("user", user in users), ("aim", aim in aims)) if is_missing]
    return Rejected(index, (user, aim), f"no such {' and no such '.join(sides)}")


@cache
def _put(given: memberships.Shape, on_match: OnMatch) -> Statement[tuple[int, int, int]]:
    names = [name for name, _ in given]
    update = on_match == "update" and names
    query = from_file(
        "stage_put.sql",
        names=memberships.listed(names),
        values=memberships.listed(memberships.value(name, every=every, alias="s") for name, every in given),
        conflict="ON CONFLICT (user_id, aim_id) DO "
        + (memberships.update_set({name: f"excluded.{name}" for name in names}) if update else "NOTHING"),
    )
    return Statement("bulk.load (put)", query, whole)


@cache
def _update(given: memberships.Shape) -> Statement[int]:
    new = {name: f"coalesce(s.{name}, m.{name})" for name, _ in given}
    query = from_file(
        "stage_update.sql",
        names=memberships.listed(new),
        changes=", ".join(f"{name} = {value}" for name, value in new.items()),
        old=", ".join(f"m.{name}" for name in new),
        new=", ".join(new.values()),
    )
    return Statement("bulk.load (update)", query, single)


Blocks: TypeAlias = Iterator[tuple[bytes, int]]
"""What to send, and how many rows will have been sent with it."""


def blocks(rows: Any, encoding: str) -> tuple[Composed, Blocks]:
    """Give the COPY statement for rows, or for a file of CSV, and what to send with it."""
    if hasattr(rows, "read"):
        return _from_csv(rows)
    if isinstance(rows, str | bytes) or not isinstance(rows, Iterable):
        raise InvalidValue("rows", "a collection of memberships, or a binary file, is needed")
    return _copy("(FORMAT binary)", COLUMNS), _packed(cast("Iterable[object]", rows), encoding)


def blocks_async(rows: Any, encoding: str) -> tuple[Composed, AsyncIterator[tuple[bytes, int]]]:
    """Do what `blocks` does, for async iterables too."""
    if isinstance(rows, AsyncIterable):
        return _copy("(FORMAT binary)", COLUMNS), _packed_async(cast("AsyncIterable[object]", rows), encoding)
    copy, sync_blocks = blocks(rows, encoding)
    return copy, _as_async(sync_blocks)


def _packed(rows: Iterable[object], encoding: str) -> Blocks:
    source, sent = iter(rows), 0
    yield _SIGNATURE, 0
    while block := [_pack(row, encoding) for row in islice(source, _BLOCK)]:
        sent += len(block)
        yield b"".join(block), sent
    yield _END, sent


async def _packed_async(rows: AsyncIterable[object], encoding: str) -> AsyncIterator[tuple[bytes, int]]:
    sent, block = 0, [_SIGNATURE]
    async for row in rows:
        block.append(_pack(row, encoding))
        sent += 1
        if len(block) >= _BLOCK:
            yield b"".join(block), sent
            block = []
    yield b"".join([*block, _END]), sent


async def _as_async(blocks: Blocks) -> AsyncIterator[tuple[bytes, int]]:
    for block in blocks:
        yield block


def _pack(row: object, encoding: str) -> bytes:
    (user, aim), given = membership(row)
    key = _KEY.pack(5, 16, user.int.to_bytes(16), 16, aim.int.to_bytes(16))
    permissions = given.get("permissions")
    pack = _pack_once if permissions is None or len(permissions) <= memberships.FEW else _pack_texts
    attributes = pack(given.get("role"), permissions, encoding)
    return key + attributes + pack_time(given.get("joined_at"))


def _pack_texts(role: str | None, permissions: tuple[str, ...] | None, encoding: str) -> bytes:
    return pack_text(role, encoding) + pack_texts(permissions, encoding)


_pack_once = lru_cache(maxsize=1024)(_pack_texts)


def _from_csv(file: IO[bytes]) -> tuple[Composed, Blocks]:
    header = file.readline().decode("utf-8-sig").strip()
    names: list[str] = next(csv.reader([header]), list[str]())
    if len(set(names)) != len(names) or not {"user_id", "aim_id"} <= set(names) <= set(COLUMNS):
        raise InvalidValue(
            "rows", f"a header of CSV with user_id, aim_id and any of {', '.join(LINK_COLUMNS)} is needed"
        )
    return _copy("(FORMAT csv, ENCODING 'UTF8')", names), _lines(file)


def _lines(file: IO[bytes]) -> Blocks:
    sent = 0
    while block := file.read(256 * 1024):
        sent += block.count(b"\n")
        yield block, sent


def _copy(options: LiteralString, names: Iterable[str]) -> Composed:
    columns = SQL(", ").join(map(Identifier, names))
    return SQL("/* useraim bulk.load */ COPY useraim_stage ({}) FROM STDIN " + options).format(columns)
