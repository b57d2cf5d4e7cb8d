"""libpq's own calls through `psycopg.pq`: what is left when a client does nothing but send, wait and make objects.

A floor, not a way to work: it blocks the interpreter while it waits, so that neither Ctrl-C nor a timeout comes
through, and tells errors by a status that somebody has to look at.
"""

import re
import struct
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
from psycopg import pq
from psycopg.adapt import Transformer

from . import statements
from .shapes import Changes, LinkedAim, LinkedUser, User, UserAim

BINARY = pq.Format.BINARY
EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
ANSWERED = (pq.ExecStatus.TUPLES_OK, pq.ExecStatus.COMMAND_OK)
HEAD = struct.Struct("!iiIii")
UUID_OID = 2950
# psycopg sends a parameter once a place; here one may stand in several.
SQL = {name: statements.numbered(text) for name, text in vars(statements).items() if isinstance(text, str)}
SQL["REPLACE"] = SQL["REPLACE"].replace("SELECT $3,", "SELECT $2,")
SQL["APPEND"] = SQL["APPEND"].replace("SELECT $1,", "SELECT $1::uuid,")
SQL["PAGE"] = re.sub(r"\$4", "$4::int", SQL["PAGE"])


def array(ids: list[UUID]) -> bytes:
    """Pack ids as PostgreSQL reads an array: a head, and the length before each."""
    return HEAD.pack(1, 0, UUID_OID, len(ids), 1) + b"".join([b"\0\0\0\x10" + one.bytes for one in ids])


def make(kind: Callable[..., Any]) -> Callable[[Any], Any]:
    return lambda row: kind(*row)


def single(row: Any) -> Any:
    return row[0]


USER = make(User)
USER_AIM = make(UserAim)
LINKED_AIM = make(LinkedAim)
LINKED_USER = make(LinkedUser)


class Libpq:
    asynchronous = False

    def open(self, conninfo: str) -> None:
        self.conn = psycopg.connect(conninfo, autocommit=True)
        self.pgconn = self.conn.pgconn
        self.reader = Transformer(self.conn)
        self.prepared: set[str] = set()

    def close(self) -> None:
        self.conn.close()

    def run(self, name: str, *values: bytes) -> pq.abc.PGresult:
        known = name.encode()
        if name not in self.prepared:
            self.pgconn.prepare(known, SQL[name].encode())
            self.prepared.add(name)
        result = self.pgconn.exec_prepared(known, values, [BINARY] * len(values), BINARY)
        if result.status not in ANSWERED:
            raise psycopg.DatabaseError(result.error_message.decode())
        return result

    def all(self, row: Callable[[Any], Any], name: str, *values: bytes) -> list[Any]:
        result = self.run(name, *values)
        self.reader.set_pgresult(result, format=BINARY)
        return self.reader.load_rows(0, result.ntuples, row)

    def one(self, row: Callable[[Any], Any], name: str, *values: bytes) -> Any:
        rows = self.all(row, name, *values)
        return rows[0] if rows else None

    def get_user(self, user: UUID) -> User | None:
        found: User | None = self.one(USER, "GET_USER", user.bytes)
        return found

    def create_user(self, name: str, email: str) -> User:
        created: User = self.one(USER, "CREATE_USER", name.encode(), email.encode())
        return created

    def create_one(self, user: UUID, aim: UUID) -> UserAim | None:
        created: UserAim | None = self.one(USER_AIM, "CREATE_ONE", user.bytes, aim.bytes)
        return created

    def append_100(self, user: UUID, aims: list[UUID]) -> list[UUID]:
        return self.all(single, "APPEND", user.bytes, array(aims))

    def load_one(self, user: UUID) -> list[LinkedAim]:
        return self.all(LINKED_AIM, "LOAD_ONE", user.bytes)

    def load_1000(self, users: list[UUID]) -> dict[UUID, list[LinkedAim]]:
        links: dict[UUID, list[LinkedAim]] = {user: [] for user in users}
        for user, *columns in self.all(tuple, "LOAD_MANY", array(users)):
            links[user].append(LinkedAim(*columns))
        return links

    def replace(self, user: UUID, aims: list[UUID]) -> Changes:
        rows = self.all(tuple, "REPLACE", array(aims), user.bytes)
        return Changes([aim for new, aim in rows if new], [aim for new, aim in rows if not new])

    def delete_one(self, user: UUID, aim: UUID) -> bool:
        return bool(self.run("DELETE_ONE", user.bytes, aim.bytes).command_tuples)

    def remove_100(self, user: UUID, aims: list[UUID]) -> list[UUID]:
        return self.all(single, "REMOVE", user.bytes, array(aims))

    def has(self, user: UUID, aim: UUID) -> bool:
        return self.run("HAS", user.bytes, aim.bytes).get_value(0, 0) == b"\1"

    def count_1000(self, users: list[UUID]) -> dict[UUID, int]:
        return {**dict.fromkeys(users, 0), **dict(self.all(tuple, "COUNT", array(users)))}

    def page(self, aim: UUID, joined_at: datetime, user: UUID) -> list[LinkedUser]:
        after = struct.pack("!q", (joined_at - EPOCH) // MICROSECOND)
        return self.all(LINKED_USER, "PAGE", aim.bytes, after, user.bytes, struct.pack("!i", 100))

    def list_100k(self, aim: UUID) -> list[LinkedUser]:
        return self.all(LINKED_USER, "LIST", aim.bytes)
