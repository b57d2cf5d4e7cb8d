"""sqlspec on asyncpg: the same, awaited."""

from contextlib import AsyncExitStack
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg.conninfo import conninfo_to_dict
from sqlspec import SQLSpec
from sqlspec.adapters.asyncpg import AsyncpgConfig

from . import statements
from .profile import one_by_one_async
from .raw_asyncpg import APPEND, COLUMNS, REPLACE, SQL
from .shapes import Changes, LinkedAim, LinkedUser, LoadedAim, User, UserAim


class SqlspecAsyncpg:
    asynchronous = True

    async def open(self, conninfo: str) -> None:
        own = {"host": "host", "port": "port", "user": "user", "password": "password", "dbname": "database"}
        parts = conninfo_to_dict(conninfo)
        given: Any = {name: parts[key] for key, name in own.items() if key in parts}
        given |= {"ssl": False, "min_size": 1, "max_size": 1}
        spec, self.opened = SQLSpec(), AsyncExitStack()
        config = spec.add_config(AsyncpgConfig(connection_config=given))
        self.opened.push_async_callback(config.close_pool)
        self.session: Any = await self.opened.enter_async_context(spec.provide_session(config))

    async def close(self) -> None:
        await self.opened.aclose()

    async def get_user(self, user: UUID) -> Any:
        return await self.session.select_one_or_none(SQL["GET_USER"], (user,), schema_type=User)

    async def create_user(self, name: str, email: str) -> Any:
        return await self.session.select_one(SQL["CREATE_USER"], (name, email), schema_type=User)

    async def create_one(self, user: UUID, aim: UUID) -> Any:
        return await self.session.select_one_or_none(SQL["CREATE_ONE"], (user, aim), schema_type=UserAim)

    async def append_100(self, user: UUID, aims: list[UUID]) -> list[UUID]:
        return [row["aim_id"] for row in await self.session.select(APPEND, (user, aims))]

    async def load_one(self, user: UUID) -> Any:
        return await self.session.select(SQL["LOAD_ONE"], (user,), schema_type=LinkedAim)

    async def load_1000(self, users: list[UUID]) -> dict[UUID, list[LoadedAim]]:
        links: dict[UUID, list[LoadedAim]] = {user: [] for user in users}
        for link in await self.session.select(SQL["LOAD_MANY"], (users,), schema_type=LoadedAim):
            links[link.user_id].append(link)
        return links

    async def replace(self, user: UUID, aims: list[UUID]) -> Changes:
        rows = [tuple(row.values()) for row in await self.session.select(REPLACE, (aims, user))]
        return Changes([aim for new, aim in rows if new], [aim for new, aim in rows if not new])

    async def delete_one(self, user: UUID, aim: UUID) -> bool:
        return bool((await self.session.execute(SQL["DELETE_ONE"], (user, aim))).rows_affected)

    async def remove_100(self, user: UUID, aims: list[UUID]) -> list[UUID]:
        return [row["aim_id"] for row in await self.session.select(SQL["REMOVE"], (user, aims))]

    async def has(self, user: UUID, aim: UUID) -> Any:
        return await self.session.select_value(SQL["HAS"], (user, aim))

    async def count_1000(self, users: list[UUID]) -> dict[UUID, int]:
        counted = await self.session.select(SQL["COUNT"], (users,))
        return {**dict.fromkeys(users, 0), **{row["user_id"]: row["count"] for row in counted}}

    async def page(self, aim: UUID, joined_at: datetime, user: UUID) -> Any:
        return await self.session.select(SQL["PAGE"], (aim, joined_at, user, 100), schema_type=LinkedUser)

    batch = one_by_one_async  # its stacks are sequential on asyncpg

    async def put_many(self, rows: list[Any]) -> list[Any]:
        return [tuple(row.values()) for row in await self.session.select(SQL["PUT_MANY"], statements.columns(rows))]

    async def list_100k(self, aim: UUID) -> Any:
        return await self.session.select(SQL["LIST"], (aim,), schema_type=LinkedUser)

    async def stream_100k(self, aim: UUID) -> int:
        count = 0
        stream = self.session.select_stream(SQL["STREAM"], (aim,), schema_type=LinkedUser, chunk_size=1_000)
        async with stream as rows:
            async for _ in rows:
                count += 1
        return count

    async def frame_100k(self) -> Any:
        return (await self.session.select_to_arrow(SQL["FRAME"])).data

    async def bulk_100k(self, rows: list[Any]) -> None:
        async with self.session.transaction():
            await self.session.execute(SQL["STAGE"])
            await self.session.load_from_records("stage", rows, columns=COLUMNS)
            await self.session.execute(SQL["MERGE_STAGE"])
