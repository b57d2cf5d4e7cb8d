"""aiosql: functions made of named statements, with record classes, on a psycopg connection."""

import re
from datetime import datetime
from typing import Any
from uuid import UUID

import aiosql
import psycopg

from . import statements
from .profile import one_by_one
from .shapes import Changes, LinkedAim, LinkedUser, LoadedAim, User, UserAim

NAMES = {  # as aiosql has them: with the operator that says what is returned, parameters, and the class of the rows
    "get_user(user)^": (statements.GET_USER, User),
    "create_user(name, email)^": (statements.CREATE_USER, User),
    "create_one(user, aim)^": (statements.CREATE_ONE, UserAim),
    "append(user, aims)": (statements.APPEND, None),
    "load_one(user)": (statements.LOAD_ONE, LinkedAim),
    "load_many(users)": (statements.LOAD_MANY, LoadedAim),
    "replace(aims, user, again)": (statements.REPLACE, None),
    "delete_one(user, aim)!": (statements.DELETE_ONE, None),
    "remove(user, aims)": (statements.REMOVE, None),
    "has(user, aim)$": (statements.HAS, None),
    "counted(users)": (statements.COUNT, None),
    "page(aim, joined_at, user, most)": (statements.PAGE, LinkedUser),
    "put_many(users, aims, roles, permissions)": (statements.PUT_MANY, None),
    "members(aim)": (statements.LIST, LinkedUser),
    "frame()": (statements.FRAME, None),
}


def written() -> str:
    """Write the statements as they stand in a file for aiosql: with names in place of %s."""
    parts: list[str] = []
    for head, (statement, kind) in NAMES.items():
        names = iter(re.findall(r"\w+", head)[1:])
        record = f"-- record_class: {kind.__name__}\n" if kind else ""
        body = re.sub("%s", lambda _, names=names: f":{next(names)}", statement)  # type: ignore[misc]
        parts.append(f"-- name: {head}\n{record}{body};\n")
    return "\n".join(parts)


CLASSES = {kind.__name__: kind for _, kind in NAMES.values() if kind}
SQL: Any = aiosql.from_str(written(), "psycopg", record_classes=CLASSES)


class Aiosql:
    asynchronous = False

    def open(self, conninfo: str) -> None:
        self.conn = psycopg.connect(conninfo, autocommit=True, prepare_threshold=0)

    def close(self) -> None:
        self.conn.close()

    def get_user(self, user: UUID) -> Any:
        return SQL.get_user(self.conn, user=user)

    def create_user(self, name: str, email: str) -> Any:
        return SQL.create_user(self.conn, name=name, email=email)

    def create_one(self, user: UUID, aim: UUID) -> Any:
        return SQL.create_one(self.conn, user=user, aim=aim)

    def append_100(self, user: UUID, aims: list[UUID]) -> list[UUID]:
        return [row[0] for row in SQL.append(self.conn, user=user, aims=aims)]

    def load_one(self, user: UUID) -> list[LinkedAim]:
        return list(SQL.load_one(self.conn, user=user))

    def load_1000(self, users: list[UUID]) -> dict[UUID, list[LoadedAim]]:
        links: dict[UUID, list[LoadedAim]] = {user: [] for user in users}
        for link in SQL.load_many(self.conn, users=users):
            links[link.user_id].append(link)
        return links

    def replace(self, user: UUID, aims: list[UUID]) -> Changes:
        rows = list(SQL.replace(self.conn, aims=aims, user=user, again=user))
        return Changes([aim for new, aim in rows if new], [aim for new, aim in rows if not new])

    def delete_one(self, user: UUID, aim: UUID) -> bool:
        return bool(SQL.delete_one(self.conn, user=user, aim=aim))

    def remove_100(self, user: UUID, aims: list[UUID]) -> list[UUID]:
        return [row[0] for row in SQL.remove(self.conn, user=user, aims=aims)]

    def has(self, user: UUID, aim: UUID) -> Any:
        return SQL.has(self.conn, user=user, aim=aim)

    def count_1000(self, users: list[UUID]) -> dict[UUID, int]:
        return {**dict.fromkeys(users, 0), **dict(SQL.counted(self.conn, users=users))}

    def page(self, aim: UUID, joined_at: datetime, user: UUID) -> list[LinkedUser]:
        return list(SQL.page(self.conn, aim=aim, joined_at=joined_at, user=user, most=100))

    batch = one_by_one  # its functions read what they asked for at once: no pipeline

    def put_many(self, rows: list[Any]) -> list[Any]:
        users, aims, roles, permissions = statements.columns(rows)
        return list(SQL.put_many(self.conn, users=users, aims=aims, roles=roles, permissions=permissions))

    def list_100k(self, aim: UUID) -> list[LinkedUser]:
        return list(SQL.members(self.conn, aim=aim))

    def frame_100k(self) -> list[Any]:
        return list(SQL.frame(self.conn))
