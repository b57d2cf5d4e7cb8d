"""Piccolo, which is async: objects with prefetched relations, `insert`, `exists`, `batch`; a pool of one connection.

It knows no key of two columns. The queries here need none; what goes by the key of an object is left alone, and so is
`add_m2m`, which fails on pairs that are known.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from piccolo.columns import UUID as Uuid
from piccolo.columns import Array, ForeignKey, Text, Timestamptz
from piccolo.engine.postgres import PostgresEngine
from piccolo.query.functions.aggregate import Count
from piccolo.table import Table
from psycopg.conninfo import conninfo_to_dict

from .profile import one_by_one_async
from .shapes import Changes

CHUNK = 1_000


class User(Table, tablename="users"):
    id = Uuid(primary_key=True)
    name = Text()
    email = Text()
    created_at = Timestamptz()
    updated_at = Timestamptz()


class Aim(Table, tablename="aims"):
    id = Uuid(primary_key=True)
    title = Text()
    description = Text()
    created_at = Timestamptz()
    updated_at = Timestamptz()


class UserAim(Table, tablename="user_aims"):
    user: Any = ForeignKey(User, db_column_name="user_id", primary_key=True)
    aim: Any = ForeignKey(Aim, db_column_name="aim_id")
    role = Text(default="member")
    permissions: Any = Array(Text())
    joined_at: Any = Timestamptz()
    user_id = property(lambda self: self.user)
    aim_id = property(lambda self: self.aim)


def links(rows: list[Any]) -> list[UserAim]:
    return [UserAim(user=user, aim=aim, role=role, permissions=given) for user, aim, role, given in rows]


def mine(user: UUID, aims: list[UUID]) -> list[UserAim]:
    return [UserAim(user=user, aim=aim) for aim in aims]


class Piccolo:
    asynchronous = True

    async def open(self, conninfo: str) -> None:
        given = conninfo_to_dict(conninfo)
        own = {"host": "host", "port": "port", "user": "user", "password": "password", "dbname": "database"}
        self.db = PostgresEngine({name: given[key] for key, name in own.items() if key in given} | {"ssl": False})
        for table in (User, Aim, UserAim):
            table._meta.db = self.db
        await self.db.start_connection_pool(min_size=1, max_size=1)

    async def close(self) -> None:
        await self.db.close_connection_pool()

    async def get_user(self, user: UUID) -> Any:
        return await User.objects().get(User.id == user)

    async def create_user(self, name: str, email: str) -> User:
        return await User.objects().create(name=name, email=email)

    async def create_one(self, user: UUID, aim: UUID) -> Any:
        return await UserAim.objects().create(user=user, aim=aim)

    async def append_100(self, user: UUID, aims: list[UUID]) -> list[UUID]:
        added = UserAim.insert(*mine(user, aims)).on_conflict(action="DO NOTHING").returning(UserAim.aim)
        return [row["aim_id"] for row in await added]

    async def load_one(self, user: UUID) -> Any:
        found = UserAim.objects(UserAim.aim).where(UserAim.user == user)
        return await found.order_by(UserAim.joined_at, UserAim.aim)

    async def load_1000(self, users: list[UUID]) -> dict[UUID, list[Any]]:
        found: dict[UUID, list[Any]] = {user: [] for user in users}
        links = UserAim.objects(UserAim.aim).where(UserAim.user.is_in(users))
        for link in await links.order_by(UserAim.joined_at, UserAim.aim):
            found[link.user].append(link)
        return found

    async def replace(self, user: UUID, aims: list[UUID]) -> Changes:
        async with self.db.transaction():
            held = set(await UserAim.select(UserAim.aim).where(UserAim.user == user).output(as_list=True))
            removed, added = list(held.difference(aims)), [aim for aim in aims if aim not in held]
            if removed:
                await UserAim.delete().where(UserAim.user == user, UserAim.aim.is_in(removed))
            if added:
                await UserAim.insert(*mine(user, added))
        return Changes(added, removed)

    async def delete_one(self, user: UUID, aim: UUID) -> bool:
        gone = UserAim.delete().where(UserAim.user == user, UserAim.aim == aim)
        return bool(await gone.returning(UserAim.aim))

    async def remove_100(self, user: UUID, aims: list[UUID]) -> list[UUID]:
        gone = UserAim.delete().where(UserAim.user == user, UserAim.aim.is_in(aims))
        return [row["aim_id"] for row in await gone.returning(UserAim.aim)]

    async def has(self, user: UUID, aim: UUID) -> bool:
        return await UserAim.exists().where(UserAim.user == user, UserAim.aim == aim)

    async def count_1000(self, users: list[UUID]) -> dict[UUID, int]:
        counted = UserAim.select(UserAim.user, Count()).where(UserAim.user.is_in(users)).group_by(UserAim.user)
        return {**dict.fromkeys(users, 0), **{row["user_id"]: row["count"] for row in await counted}}

    async def page(self, aim: UUID, joined_at: datetime, user: UUID) -> Any:
        after = (UserAim.joined_at > joined_at) | (UserAim.user > user)
        found = UserAim.objects(UserAim.user).where(UserAim.aim == aim, UserAim.joined_at >= joined_at, after)
        return await found.order_by(UserAim.joined_at, UserAim.user).limit(100)

    batch = one_by_one_async

    async def put_many(self, rows: list[Any]) -> list[Any]:
        added = UserAim.insert(*links(rows)).on_conflict(action="DO NOTHING")
        return await added.returning(UserAim.user, UserAim.aim)

    async def list_100k(self, aim: UUID) -> Any:
        found = UserAim.objects(UserAim.user).where(UserAim.aim == aim)
        return await found.order_by(UserAim.joined_at, UserAim.user)

    async def stream_100k(self, aim: UUID) -> int:
        count = 0
        found = UserAim.objects(UserAim.user).where(UserAim.aim == aim)
        async with await found.batch(batch_size=CHUNK) as batches:
            async for batch in batches:
                count += len(batch)
        return count

    async def bulk_100k(self, rows: list[Any]) -> None:
        async with self.db.transaction():
            for start in range(0, len(rows), CHUNK):
                await UserAim.insert(*links(rows[start : start + CHUNK])).on_conflict(action="DO NOTHING")
