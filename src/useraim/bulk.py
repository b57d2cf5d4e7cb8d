"""Very many memberships: COPY into a stage that vanishes with the transaction, then one INSERT … SELECT.

Only the COPY itself is written twice, for sync and async; what follows it is one script of calls for both.
COPY cannot share a pipeline with other statements, so a load costs a handful of round trips, whatever its size.
"""

from collections.abc import AsyncIterable, Awaitable, Callable, Generator, Iterable
from dataclasses import dataclass
from io import DEFAULT_BUFFER_SIZE
from struct import Struct
from typing import IO, Any, Final, Literal, TypeAlias, overload
from uuid import UUID

import psycopg
from psycopg import AsyncConnection, Connection

from useraim import filters, memberships, validate
from useraim.accounts.user_aims import Row, membership
from useraim.adapt import pack_text, pack_texts, pack_time
from useraim.errors import BrokenReference, InvalidValue, translate
from useraim.operation import AsyncDatabase, Database, async_connection, connection, is_async, run, run_async
from useraim.query import Q, table
from useraim.statement import Call, Statement, from_file, whole
from useraim.tables import LINK_COLUMNS
from useraim.values import LinkFilter, OnMatch, Pair

OnBroken: TypeAlias = Literal["error", "skip"]

_KEY: Final = Struct("!hi16si16s")  # fields of the row, then length and bytes of each id
_SIGNATURE: Final = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_END: Final = b"\xff\xff"
_BLOCK: Final = 2_000  # rows a write: some 150 kB
_COLUMNS: Final = ("user_id", "aim_id", *LINK_COLUMNS)


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
