"""Sync and async from one test body."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any, ParamSpec, TypeVar, cast

import psycopg
from psycopg import AsyncConnection, Connection

from useraim.core.operation import Operation
from useraim.core.stream import Stream

P = ParamSpec("P")
T = TypeVar("T")


class World:
    """Calls operations: `call(users.create, email=…)` is `users.create(conn, email=…)`, or its await."""

    def __init__(self, db: Connection[Any] | AsyncConnection[Any], runner: asyncio.Runner) -> None:
        self.db = db
        self.runner = runner

    @property
    def kind(self) -> str:
        return "sync" if isinstance(self.db, Connection) else "async"

    def __call__(self, operation: Operation[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        if isinstance(self.db, Connection):
            return operation(self.db, *args, **kwargs)
        return self.runner.run(operation(self.db, *args, **kwargs))

    def rows(self, stream: Stream[P, T], /, *args: P.args, **kwargs: P.kwargs) -> list[T]:
        return list(self.iterate(stream, *args, **kwargs))

    def iterate(self, stream: Stream[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Iterator[T]:
        if isinstance(self.db, Connection):
            return stream(self.db, *args, **kwargs)
        return self._awaited(stream(self.db, *args, **kwargs))

    def execute(self, sql: str, parameters: Any = None) -> list[tuple[Any, ...]]:
        """Run plain SQL on the same connection."""
        text = cast("Any", sql)
        if isinstance(self.db, Connection):
            cursor = psycopg.Cursor(self.db).execute(text, parameters)
            return cursor.fetchall() if cursor.description else []
        return self.runner.run(self._execute(self.db, text, parameters))

    def as_owner(self, script: str) -> None:
        """Run plain SQL that a program may not run, with the rights of whoever has connected."""
        ((role,),) = self.execute("SELECT current_user")
        self.execute("SET ROLE NONE")
        self.execute(script)
        self.execute(f"SET ROLE {role}")

    def _awaited(self, rows: AsyncIterator[T]) -> Iterator[T]:
        while True:
            try:
                yield self.runner.run(cast("Any", anext(rows)))
            except StopAsyncIteration:
                return

    async def _execute(self, db: AsyncConnection[Any], sql: Any, parameters: Any) -> list[tuple[Any, ...]]:
        cursor = await psycopg.AsyncCursor(db).execute(sql, parameters)
        return await cursor.fetchall() if cursor.description else []
