"""sqlspec on psycopg: one session, rows mapped by `schema_type`, a statement stack, records loaded by COPY."""

from contextlib import ExitStack
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlspec import SQLSpec
from sqlspec.adapters.psycopg import PsycopgSyncConfig
from sqlspec.core.stack import StatementStack

from . import statements as sql
from .shapes import Changes, LinkedAim, LinkedUser, LoadedAim, User, UserAim

COLUMNS = ["user_id", "aim_id", "role", "permissions"]


class SqlspecPsycopg:
    asynchronous = False

    def open(self, conninfo: str) -> None:
        spec, self.opened = SQLSpec(), ExitStack()
        given: Any = {"conninfo": conninfo, "autocommit": True, "prepare_threshold": 0, "min_size": 1, "max_size": 1}
        config = spec.add_config(PsycopgSyncConfig(connection_config=given))
        self.opened.callback(config.close_pool)
        self.session: Any = self.opened.enter_context(spec.provide_session(config))

    def close(self) -> None:
        self.opened.close()

    def get_user(self, user: UUID) -> Any:
        return self.session.select_one_or_none(sql.GET_USER, (user,), schema_type=User)

    def create_user(self, name: str, email: str) -> Any:
        return self.session.select_one(sql.CREATE_USER, (name, email), schema_type=User)

    def create_one(self, user: UUID, aim: UUID) -> Any:
        return self.session.select_one_or_none(sql.CREATE_ONE, (user, aim), schema_type=UserAim)

    def append_100(self, user: UUID, aims: list[UUID]) -> list[UUID]:
        return [row["aim_id"] for row in self.session.select(sql.APPEND, (user, aims))]

    def load_one(self, user: UUID) -> Any:
        return self.session.select(sql.LOAD_ONE, (user,), schema_type=LinkedAim)

    def load_1000(self, users: list[UUID]) -> dict[UUID, list[LoadedAim]]:
        links: dict[UUID, list[LoadedAim]] = {user: [] for user in users}
        for link in self.session.select(sql.LOAD_MANY, (users,), schema_type=LoadedAim):
            links[link.user_id].append(link)
        return links

    def replace(self, user: UUID, aims: list[UUID]) -> Changes:
        rows = [tuple(row.values()) for row in self.session.select(sql.REPLACE, (aims, user, user))]
        return Changes([aim for new, aim in rows if new], [aim for new, aim in rows if not new])

    def delete_one(self, user: UUID, aim: UUID) -> bool:
        return bool(self.session.execute(sql.DELETE_ONE, (user, aim)).rows_affected)

    def remove_100(self, user: UUID, aims: list[UUID]) -> list[UUID]:
        return [row["aim_id"] for row in self.session.select(sql.REMOVE, (user, aims))]

    def has(self, user: UUID, aim: UUID) -> Any:
        return self.session.select_value(sql.HAS, (user, aim))

    def count_1000(self, users: list[UUID]) -> dict[UUID, int]:
        counted = self.session.select(sql.COUNT, (users,))
        return {**dict.fromkeys(users, 0), **{row["user_id"]: row["count"] for row in counted}}

    def page(self, aim: UUID, joined_at: datetime, user: UUID) -> Any:
        return self.session.select(sql.PAGE, (aim, joined_at, user, 100), schema_type=LinkedUser)

    def batch(self, viewer: UUID, owner: UUID, aim: UUID) -> tuple[Any, ...]:
        """A stack, which is a pipeline between BEGIN and COMMIT."""
        stack = StatementStack().push_execute(sql.GET_USER, (viewer,)).push_execute(sql.GET_USER, (owner,))
        stack = stack.push_execute(sql.LOAD_ONE, (owner,)).push_execute(sql.COUNT, ([owner],))
        results = self.session.execute_stack(stack.push_execute(sql.HAS, (owner, aim)))
        first, second, links, counts, has = (each.result for each in results)
        counted = {row["user_id"]: row["count"] for row in counts.all()}
        people = first.one_or_none(schema_type=User), second.one_or_none(schema_type=User)
        return *people, links.all(schema_type=LinkedAim), {owner: 0, **counted}, has.scalar()

    def put_many(self, rows: list[Any]) -> list[Any]:
        return [tuple(row.values()) for row in self.session.select(sql.PUT_MANY, sql.columns(rows))]

    def list_100k(self, aim: UUID) -> Any:
        return self.session.select(sql.LIST, (aim,), schema_type=LinkedUser)

    def stream_100k(self, aim: UUID) -> int:
        with self.session.select_stream(sql.STREAM, (aim,), schema_type=LinkedUser, chunk_size=1_000) as stream:
            return sum(1 for _ in stream)

    def frame_100k(self) -> Any:
        return self.session.select_to_arrow(sql.FRAME).data

    def bulk_100k(self, rows: list[Any]) -> None:
        with self.session.transaction():
            self.session.execute(sql.STAGE)
            self.session.load_from_records("stage", rows, columns=COLUMNS)
            self.session.execute(sql.MERGE_STAGE)

    def bulk_1m(self, rows: list[Any]) -> None:
        """A bare COPY, as psycopg's."""
        self.session.load_from_records("user_aims", rows, columns=COLUMNS)
