"""useraim by its public functions; the async contender calls the very same ones on an async connection."""

from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg
from psycopg_pool import AsyncConnectionPool, ConnectionPool

from useraim import batch
from useraim.accounts import user_aims, users
from useraim.works import aims

POOL: Any = {"min_size": 1, "max_size": 1, "kwargs": {"autocommit": True}}


class Useraim:
    asynchronous = False
    after: str | None = None

    def open(self, conninfo: str) -> Any:
        self.db: Any = psycopg.connect(conninfo, autocommit=True)
        self.pool: Any = ConnectionPool(conninfo, **POOL)

    def close(self) -> Any:
        self.pool.close()
        return self.db.close()

    def get_user(self, user: UUID) -> Any:
        return users.get(self.db, user)

    def create_user(self, name: str, email: str) -> Any:
        return users.create(self.db, email=email, name=name)

    def create_one(self, user: UUID, aim: UUID) -> Any:
        return user_aims.create(self.db, user, aim)

    def append_100(self, user: UUID, ids: list[UUID]) -> Any:
        return users.aims.append(self.db, user, ids)

    def load_one(self, user: UUID) -> Any:
        return users.aims.of(self.db, user)

    def load_1000(self, ids: list[UUID]) -> Any:
        return users.aims.load(self.db, ids)

    def replace(self, user: UUID, ids: list[UUID]) -> Any:
        return users.aims.replace(self.db, user, ids)

    def delete_one(self, user: UUID, aim: UUID) -> Any:
        return user_aims.delete(self.db, user, aim)

    def remove_100(self, user: UUID, ids: list[UUID]) -> Any:
        return users.aims.remove(self.db, user, ids)

    def has(self, user: UUID, aim: UUID) -> Any:
        return users.aims.has(self.db, user, aim)

    def count_1000(self, ids: list[UUID]) -> Any:
        return users.aims.count(self.db, ids)

    def page(self, aim: UUID, joined_at: datetime, user: UUID) -> Any:
        if self.after is None:
            self.walk(aim, user)
        return aims.users.page(self.db, aim, limit=100, after=self.after)

    def walk(self, aim: UUID, user: UUID) -> None:
        """Find the cursor of the page: it is opaque, so by turning pages up to this member."""
        page = aims.users.page(self.db, aim, limit=1_000)
        while page.items[-1].record.id != user:
            page = aims.users.page(self.db, aim, limit=1_000, after=page.next)
        self.after = page.next

    def batch(self, viewer: UUID, owner: UUID, aim: UUID) -> Any:
        mine = users.aims
        reads = mine.of.call(owner), mine.count.call([owner]), mine.has.call(owner, aim)
        return batch(self.db, users.get.call(viewer), users.get.call(owner), *reads)

    def put_many(self, rows: list[Any]) -> Any:
        return user_aims.put_many(self.db, rows)

    def list_100k(self, aim: UUID) -> Any:
        return aims.users.of(self.db, aim)

    def stream_100k(self, aim: UUID) -> Any:
        """Over a pool, where it can hold a connection of its own."""
        return self.streamed(self.pool, aim)

    def streamed(self, db: Any, aim: UUID) -> int:
        return sum(1 for _ in aims.users.stream(db, aim))

    def frame_100k(self) -> Any:
        import pyarrow

        return pyarrow.table(user_aims.frame(self.db))

    def bulk_100k(self, rows: list[Any]) -> Any:
        from useraim import bulk

        return bulk.load(self.db, rows)

    bulk_1m = bulk_100k


class UseraimAsync(Useraim):
    asynchronous = True
    bulk_1m = None  # it takes as long as the sync one

    async def open(self, conninfo: str) -> None:
        self.db = await psycopg.AsyncConnection.connect(conninfo, autocommit=True)
        self.pool = AsyncConnectionPool(conninfo, open=False, **POOL)
        await self.pool.open()

    async def close(self) -> None:
        await self.pool.close()
        await self.db.close()

    async def page(self, aim: UUID, joined_at: datetime, user: UUID) -> Any:
        if self.after is None:
            await self.walk(aim, user)
        return await aims.users.page(self.db, aim, limit=100, after=self.after)

    async def walk(self, aim: UUID, user: UUID) -> None:
        page = await aims.users.page(self.db, aim, limit=1_000)
        while page.items[-1].record.id != user:
            page = await aims.users.page(self.db, aim, limit=1_000, after=page.next)
        self.after = page.next

    async def stream_100k(self, aim: UUID) -> int:
        count = 0
        async for _ in aims.users.stream(self.pool, aim):
            count += 1
        return count

    async def frame_100k(self) -> Any:
        import pyarrow

        return pyarrow.table(await user_aims.frame(self.db))
