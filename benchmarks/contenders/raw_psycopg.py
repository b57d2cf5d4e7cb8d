"""Hand-written psycopg, as a careful author writes it: the contender that all ratios are to.

Autocommit, prepared statements, binary results, one array for many ids, `args_row` into frozen slotted dataclasses; one
cursor, kept open, that everything runs on.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import args_row, scalar_row, tuple_row

from . import statements as sql
from .shapes import Changes, LinkedAim, LinkedUser, User, UserAim

USER = args_row(User)
USER_AIM = args_row(UserAim)
LINKED_AIM = args_row(LinkedAim)
LINKED_USER = args_row(LinkedUser)


class Psycopg:
    asynchronous = False

    def open(self, conninfo: str) -> None:
        self.conn = psycopg.connect(conninfo, autocommit=True)
        self.cursor: psycopg.Cursor[Any] = self.conn.cursor(binary=True)

    def close(self) -> None:
        self.conn.close()

    def run(self, statement: str, parameters: tuple[Any, ...], row: Callable[..., Any] = tuple_row) -> Any:
        self.cursor.row_factory = row
        return self.cursor.execute(statement, parameters, prepare=True)

    def get_user(self, user: UUID) -> User | None:
        found: User | None = self.run(sql.GET_USER, (user,), USER).fetchone()
        return found

    def create_user(self, name: str, email: str) -> User:
        created: User = self.run(sql.CREATE_USER, (name, email), USER).fetchone()
        return created

    def create_one(self, user: UUID, aim: UUID) -> UserAim | None:
        created: UserAim | None = self.run(sql.CREATE_ONE, (user, aim), USER_AIM).fetchone()
        return created

    def append_100(self, user: UUID, aims: list[UUID]) -> list[UUID]:
        added: list[UUID] = self.run(sql.APPEND, (user, aims), scalar_row).fetchall()
        return added

    def load_one(self, user: UUID) -> list[LinkedAim]:
        links: list[LinkedAim] = self.run(sql.LOAD_ONE, (user,), LINKED_AIM).fetchall()
        return links

    def load_1000(self, users: list[UUID]) -> dict[UUID, list[LinkedAim]]:
        links: dict[UUID, list[LinkedAim]] = {user: [] for user in users}
        for user, *columns in self.run(sql.LOAD_MANY, (users,)):
            links[user].append(LinkedAim(*columns))
        return links

    def replace(self, user: UUID, aims: list[UUID]) -> Changes:
        rows = self.run(sql.REPLACE, (aims, user, user)).fetchall()
        return Changes([aim for new, aim in rows if new], [aim for new, aim in rows if not new])

    def delete_one(self, user: UUID, aim: UUID) -> bool:
        return bool(self.run(sql.DELETE_ONE, (user, aim)).rowcount)

    def remove_100(self, user: UUID, aims: list[UUID]) -> list[UUID]:
        removed: list[UUID] = self.run(sql.REMOVE, (user, aims), scalar_row).fetchall()
        return removed

    def has(self, user: UUID, aim: UUID) -> bool:
        answer: bool = self.run(sql.HAS, (user, aim), scalar_row).fetchone()
        return answer

    def count_1000(self, users: list[UUID]) -> dict[UUID, int]:
        return {**dict.fromkeys(users, 0), **dict(self.run(sql.COUNT, (users,)))}

    def page(self, aim: UUID, joined_at: datetime, user: UUID) -> list[LinkedUser]:
        links: list[LinkedUser] = self.run(sql.PAGE, (aim, joined_at, user, 100), LINKED_USER).fetchall()
        return links

    def batch(self, viewer: UUID, owner: UUID, aim: UUID) -> tuple[Any, ...]:
        """A pipeline, so that they travel together."""
        with self.conn.pipeline():
            asked = [
                self.send(sql.GET_USER, (viewer,), USER),
                self.send(sql.GET_USER, (owner,), USER),
                self.send(sql.LOAD_ONE, (owner,), LINKED_AIM),
                self.send(sql.COUNT, ([owner],)),
                self.send(sql.HAS, (owner, aim), scalar_row),
            ]
        first, second, links, counts, has = asked
        return first.fetchone(), second.fetchone(), links.fetchall(), {owner: 0, **dict(counts)}, has.fetchone()

    def send(self, statement: str, parameters: tuple[Any, ...], row: Callable[..., Any] = tuple_row) -> Any:
        """Execute on a cursor that keeps its own answer."""
        cursor: psycopg.Cursor[Any] = self.conn.cursor(binary=True, row_factory=row)
        return cursor.execute(statement, parameters, prepare=True)

    def put_many(self, rows: list[Any]) -> list[tuple[UUID, UUID]]:
        added: list[tuple[UUID, UUID]] = self.run(sql.PUT_MANY, sql.columns(rows)).fetchall()
        return added

    def list_100k(self, aim: UUID) -> list[LinkedUser]:
        links: list[LinkedUser] = self.run(sql.LIST, (aim,), LINKED_USER).fetchall()
        return links

    def stream_100k(self, aim: UUID) -> int:
        cursor = self.conn.cursor(row_factory=LINKED_USER)
        return sum(1 for _ in cursor.stream(sql.STREAM, (aim,), binary=True))

    def frame_100k(self) -> list[Any]:
        """Plain tuples; a frame is still to be made of them."""
        rows: list[Any] = self.run(sql.FRAME, ()).fetchall()
        return rows

    def bulk_100k(self, rows: list[Any]) -> int:
        with self.conn.transaction(), self.conn.cursor() as cursor:
            cursor.execute(sql.STAGE)
            with cursor.copy(sql.COPY_STAGE) as copy:
                for row in rows:
                    copy.write_row(row)
            cursor.execute(sql.MERGE_STAGE)
            return cursor.rowcount

    def bulk_1m(self, rows: list[Any]) -> int:
        """A bare COPY, which could not stand a known row."""
        with self.conn.cursor() as cursor:
            with cursor.copy(sql.COPY) as copy:
                copy.set_types(["uuid", "uuid", "text", "text[]"])
                for row in rows:
                    copy.write_row(row)
            return cursor.rowcount


class Again(Psycopg):
    """The same code on another connection: how far its ratio is from 1 is how far any ratio can be trusted."""

    bulk_1m = None  # type: ignore[assignment]
