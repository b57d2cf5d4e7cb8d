"""The same by psycopg's async connection, for the operations of one short call: what an event loop costs by itself."""

from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import AsyncConnection
from psycopg.rows import scalar_row, tuple_row

from . import statements as sql
from .raw_psycopg import LINKED_AIM, LINKED_USER, USER, USER_AIM
from .shapes import Changes, LinkedAim, LinkedUser, User, UserAim


class PsycopgAsync:
    asynchronous = True

    async def open(self, conninfo: str) -> None:
        self.conn = await AsyncConnection.connect(conninfo, autocommit=True)

    async def close(self) -> None:
        await self.conn.close()

    async def run(self, statement: str, parameters: tuple[Any, ...], row: Callable[..., Any] = tuple_row) -> Any:
        cursor = self.conn.cursor(binary=True, row_factory=row)
        return await cursor.execute(statement, parameters, prepare=True)

    async def get_user(self, user: UUID) -> User | None:
        found: User | None = await (await self.run(sql.GET_USER, (user,), USER)).fetchone()
        return found

    async def create_user(self, name: str, email: str) -> User:
        created: User = await (await self.run(sql.CREATE_USER, (name, email), USER)).fetchone()
        return created

    async def create_one(self, user: UUID, aim: UUID) -> UserAim | None:
        created: UserAim | None = await (await self.run(sql.CREATE_ONE, (user, aim), USER_AIM)).fetchone()
        return created

    async def append_100(self, user: UUID, aims: list[UUID]) -> list[UUID]:
        added: list[UUID] = await (await self.run(sql.APPEND, (user, aims), scalar_row)).fetchall()
        return added

    async def load_one(self, user: UUID) -> list[LinkedAim]:
        links: list[LinkedAim] = await (await self.run(sql.LOAD_ONE, (user,), LINKED_AIM)).fetchall()
        return links

    async def replace(self, user: UUID, aims: list[UUID]) -> Changes:
        rows = await (await self.run(sql.REPLACE, (aims, user, user))).fetchall()
        return Changes([aim for new, aim in rows if new], [aim for new, aim in rows if not new])

    async def delete_one(self, user: UUID, aim: UUID) -> bool:
        return bool((await self.run(sql.DELETE_ONE, (user, aim))).rowcount)

    async def remove_100(self, user: UUID, aims: list[UUID]) -> list[UUID]:
        removed: list[UUID] = await (await self.run(sql.REMOVE, (user, aims), scalar_row)).fetchall()
        return removed

    async def has(self, user: UUID, aim: UUID) -> bool:
        answer: bool = await (await self.run(sql.HAS, (user, aim), scalar_row)).fetchone()
        return answer

    async def page(self, aim: UUID, joined_at: datetime, user: UUID) -> list[LinkedUser]:
        parameters = (aim, joined_at, user, 100)
        links: list[LinkedUser] = await (await self.run(sql.PAGE, parameters, LINKED_USER)).fetchall()
        return links

    async def batch(self, viewer: UUID, owner: UUID, aim: UUID) -> tuple[Any, ...]:
        async with self.conn.pipeline():
            asked = [
                await self.run(sql.GET_USER, (viewer,), USER),
                await self.run(sql.GET_USER, (owner,), USER),
                await self.run(sql.LOAD_ONE, (owner,), LINKED_AIM),
                await self.run(sql.COUNT, ([owner],)),
                await self.run(sql.HAS, (owner, aim), scalar_row),
            ]
        viewing, seen, links, counts, has = asked
        counted = {owner: 0, **dict(await counts.fetchall())}
        found = await viewing.fetchone(), await seen.fetchone(), await links.fetchall()
        return *found, counted, await has.fetchone()
