"""Hand-written asyncpg: it prepares by itself, speaks binary, and gives records to make objects of."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg
from psycopg.conninfo import conninfo_to_dict

from . import statements
from .profile import one_by_one_async
from .shapes import Changes, LinkedAim, LinkedUser, User, UserAim

SQL = {name: statements.numbered(text) for name, text in vars(statements).items() if isinstance(text, str)}
COLUMNS = ["user_id", "aim_id", "role", "permissions"]
# asyncpg names the types of parameters by the server, and one parameter may stand in two places.
REPLACE = SQL["REPLACE"].replace("SELECT $3,", "SELECT $2,")
APPEND = SQL["APPEND"].replace("SELECT $1,", "SELECT $1::uuid,")


class Asyncpg:
    asynchronous = True

    async def open(self, conninfo: str) -> None:
        given = conninfo_to_dict(conninfo)
        self.conn = await asyncpg.connect(
            host=given.get("host"),
            port=given.get("port"),
            user=given.get("user"),
            password=given.get("password"),
            database=given.get("dbname"),
            ssl=False,
        )

    async def close(self) -> None:
        await self.conn.close()

    async def get_user(self, user: UUID) -> User | None:
        row = await self.conn.fetchrow(SQL["GET_USER"], user)
        return User(*row) if row else None

    async def create_user(self, name: str, email: str) -> User:
        return User(*await self.conn.fetchrow(SQL["CREATE_USER"], name, email))

    async def create_one(self, user: UUID, aim: UUID) -> UserAim | None:
        row = await self.conn.fetchrow(SQL["CREATE_ONE"], user, aim)
        return UserAim(*row) if row else None

    async def append_100(self, user: UUID, aims: list[UUID]) -> list[UUID]:
        return [row[0] for row in await self.conn.fetch(APPEND, user, aims)]

    async def load_one(self, user: UUID) -> list[LinkedAim]:
        return [LinkedAim(*row) for row in await self.conn.fetch(SQL["LOAD_ONE"], user)]

    async def load_1000(self, users: list[UUID]) -> dict[UUID, list[LinkedAim]]:
        links: dict[UUID, list[LinkedAim]] = {user: [] for user in users}
        for user, *columns in await self.conn.fetch(SQL["LOAD_MANY"], users):
            links[user].append(LinkedAim(*columns))
        return links

    async def replace(self, user: UUID, aims: list[UUID]) -> Changes:
        rows = await self.conn.fetch(REPLACE, aims, user)
        return Changes([aim for new, aim in rows if new], [aim for new, aim in rows if not new])

    async def delete_one(self, user: UUID, aim: UUID) -> bool:
        status: str = await self.conn.execute(SQL["DELETE_ONE"], user, aim)
        return status != "DELETE 0"

    async def remove_100(self, user: UUID, aims: list[UUID]) -> list[UUID]:
        return [row[0] for row in await self.conn.fetch(SQL["REMOVE"], user, aims)]

    async def has(self, user: UUID, aim: UUID) -> bool:
        answer: bool = await self.conn.fetchval(SQL["HAS"], user, aim)
        return answer

    async def count_1000(self, users: list[UUID]) -> dict[UUID, int]:
        return {**dict.fromkeys(users, 0), **dict(await self.conn.fetch(SQL["COUNT"], users))}

    async def page(self, aim: UUID, joined_at: datetime, user: UUID) -> list[LinkedUser]:
        return [LinkedUser(*row) for row in await self.conn.fetch(SQL["PAGE"], aim, joined_at, user, 100)]

    batch = one_by_one_async  # it has no pipeline

    async def put_many(self, rows: list[Any]) -> list[tuple[UUID, UUID]]:
        return [tuple(row) for row in await self.conn.fetch(SQL["PUT_MANY"], *statements.columns(rows))]

    async def list_100k(self, aim: UUID) -> list[LinkedUser]:
        return [LinkedUser(*row) for row in await self.conn.fetch(SQL["LIST"], aim)]

    async def stream_100k(self, aim: UUID) -> int:
        count = 0
        async with self.conn.transaction():
            async for record in self.conn.cursor(SQL["STREAM"], aim, prefetch=1_000):
                LinkedUser(*record)
                count += 1
        return count

    async def frame_100k(self) -> list[Any]:
        records: list[Any] = await self.conn.fetch(SQL["FRAME"])
        return records

    async def bulk_100k(self, rows: Iterable[Any]) -> int:
        async with self.conn.transaction():
            await self.conn.execute(SQL["STAGE"])
            await self.conn.copy_records_to_table("stage", records=rows, columns=COLUMNS)
            return int((await self.conn.execute(SQL["MERGE_STAGE"])).split()[-1])

    async def bulk_1m(self, rows: Iterable[Any]) -> int:
        """A bare COPY, as psycopg's."""
        return int((await self.conn.copy_records_to_table("user_aims", records=rows, columns=COLUMNS)).split()[-1])
