"""SQLAlchemy Core: statements built once, autocommit, rows with named columns; a transaction where there are two."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, bindparam, delete, exists, func, insert, select, tuple_
from sqlalchemy.dialects.postgresql import insert as insert_or_skip

from . import sqlalchemy_models as models
from .profile import one_by_one
from .shapes import Changes

USERS, AIMS, LINKS = models.User.__table__, models.Aim.__table__, models.UserAim.__table__
ATTRIBUTES = (LINKS.c.role, LINKS.c.permissions, LINKS.c.joined_at)
MINE = LINKS.c.user_id == bindparam("user")
THIS = MINE & (LINKS.c.aim_id == bindparam("aim"))
THESE = LINKS.c.aim_id.in_(bindparam("aims", expanding=True))
OF_USERS = LINKS.c.user_id.in_(bindparam("users", expanding=True))

GET_USER = select(USERS).where(USERS.c.id == bindparam("user"))
CREATE_USER = insert(USERS).returning(*USERS.c)
CREATE_ONE = insert_or_skip(LINKS).on_conflict_do_nothing().returning(*LINKS.c)
APPEND = insert_or_skip(LINKS).on_conflict_do_nothing().returning(LINKS.c.aim_id)
PUT_MANY = insert_or_skip(LINKS).on_conflict_do_nothing().returning(LINKS.c.user_id, LINKS.c.aim_id)
LOAD = select(LINKS.c.user_id, *AIMS.c, *ATTRIBUTES).join_from(LINKS, AIMS)
LOAD_ONE, LOAD_MANY = (LOAD.where(whose).order_by(LINKS.c.joined_at, LINKS.c.aim_id) for whose in (MINE, OF_USERS))
HELD = select(LINKS.c.aim_id).where(MINE)
DELETE_ONE = delete(LINKS).where(THIS)
REMOVE = delete(LINKS).where(MINE, THESE).returning(LINKS.c.aim_id)
HAS = select(exists().where(THIS))
COUNT = select(LINKS.c.user_id, func.count()).where(OF_USERS).group_by(LINKS.c.user_id)
MEMBERS = select(*USERS.c, *ATTRIBUTES).join_from(LINKS, USERS).where(LINKS.c.aim_id == bindparam("aim"))
LIST = MEMBERS.order_by(LINKS.c.joined_at, LINKS.c.user_id)
PLACE = tuple_(LINKS.c.joined_at, LINKS.c.user_id)
PAGE = LIST.where(tuple_(bindparam("joined_at"), bindparam("after")) < PLACE).limit(100)


KEYS = ("user_id", "aim_id", "role", "permissions")


def dicts(rows: list[Any]) -> list[dict[str, Any]]:
    """Rows as many statements at once take them."""
    return [dict(zip(KEYS, row, strict=True)) for row in rows]


class Core:
    asynchronous = False

    def open(self, conninfo: str) -> None:
        self.engines = [models.engine(conninfo, isolation_level="AUTOCOMMIT"), models.engine(conninfo)]
        self.conn, self.transactional = (engine.connect() for engine in self.engines)

    def close(self) -> None:
        for conn in (self.conn, self.transactional):
            conn.close()
        for engine in self.engines:
            engine.dispose()

    def get_user(self, user: UUID) -> Any:
        return self.conn.execute(GET_USER, {"user": user}).one_or_none()

    def create_user(self, name: str, email: str) -> Any:
        return self.conn.execute(CREATE_USER, {"name": name, "email": email}).one()

    def create_one(self, user: UUID, aim: UUID) -> Any:
        return self.conn.execute(CREATE_ONE, {"user_id": user, "aim_id": aim}).one_or_none()

    def append_100(self, user: UUID, aims: list[UUID]) -> Any:
        return self.conn.execute(APPEND, [{"user_id": user, "aim_id": aim} for aim in aims]).scalars().all()

    def load_one(self, user: UUID) -> Any:
        return self.conn.execute(LOAD_ONE, {"user": user}).all()

    def load_1000(self, users: list[UUID]) -> dict[UUID, list[Any]]:
        links: dict[UUID, list[Any]] = {user: [] for user in users}
        for row in self.conn.execute(LOAD_MANY, {"users": users}):
            links[row.user_id].append(row)
        return links

    def replace(self, user: UUID, aims: list[UUID]) -> Changes:
        with self.transactional.begin():
            return replace(self.transactional, user, aims)

    def delete_one(self, user: UUID, aim: UUID) -> bool:
        return bool(self.conn.execute(DELETE_ONE, {"user": user, "aim": aim}).rowcount)

    def remove_100(self, user: UUID, aims: list[UUID]) -> Any:
        return self.conn.execute(REMOVE, {"user": user, "aims": aims}).scalars().all()

    def has(self, user: UUID, aim: UUID) -> Any:
        return self.conn.execute(HAS, {"user": user, "aim": aim}).scalar_one()

    def count_1000(self, users: list[UUID]) -> dict[UUID, int]:
        counted = self.conn.execute(COUNT, {"users": users})
        return {**dict.fromkeys(users, 0), **dict(counted.all())}

    def page(self, aim: UUID, joined_at: datetime, user: UUID) -> Any:
        return self.conn.execute(PAGE, {"aim": aim, "joined_at": joined_at, "after": user}).all()

    batch = one_by_one

    def put_many(self, rows: list[Any]) -> Any:
        return self.conn.execute(PUT_MANY, dicts(rows)).all()

    def list_100k(self, aim: UUID) -> Any:
        return self.conn.execute(LIST, {"aim": aim}).all()

    def stream_100k(self, aim: UUID) -> int:
        options = {"stream_results": True, "yield_per": 1_000}
        with self.transactional.begin():
            return sum(1 for _ in self.transactional.execute(MEMBERS, {"aim": aim}, execution_options=options))

    def bulk_100k(self, rows: list[Any]) -> None:
        with self.transactional.begin():
            self.transactional.execute(insert_or_skip(LINKS).on_conflict_do_nothing(), dicts(rows))


def replace(conn: Connection, user: UUID, aims: list[UUID]) -> Changes:
    held = set(conn.execute(HELD, {"user": user}).scalars())
    removed, added = list(held.difference(aims)), [aim for aim in aims if aim not in held]
    if removed:
        conn.execute(delete(LINKS).where(MINE, THESE), {"user": user, "aims": removed})
    if added:
        conn.execute(insert(LINKS), [{"user_id": user, "aim_id": aim} for aim in added])
    return Changes(added, removed)
