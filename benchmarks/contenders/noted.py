"""Other ways to do one operation by hand or by useraim; the report says them below its tables."""

from typing import Any
from uuid import UUID

from . import statements as sql
from .profile import one_by_one
from .raw_psycopg import LINKED_USER, Psycopg
from .shapes import Changes
from .with_useraim import Useraim


class ByHand:
    asynchronous = False

    def open(self, conninfo: str) -> None:
        self.hand = Psycopg()
        self.hand.open(conninfo)

    def close(self) -> None:
        self.hand.close()


class Locked(ByHand):
    """The replace that two callers at once cannot break, as most would write it: four round trips."""

    def replace(self, user: UUID, aims: list[UUID]) -> Changes:
        with self.hand.conn.transaction():
            self.hand.run(sql.LOCK, (user,))
            return self.hand.replace(user, aims)


class Apart(ByHand):
    def batch(self, viewer: UUID, owner: UUID, aim: UUID) -> tuple[Any, ...]:
        return one_by_one(self.hand, viewer, owner, aim)


class Chunked(ByHand):
    """libpq hands over a thousand rows at once, from its version 17 on."""

    def stream_100k(self, aim: UUID) -> int:
        cursor = self.hand.conn.cursor(row_factory=LINKED_USER)
        return sum(1 for _ in cursor.stream(sql.STREAM, (aim,), binary=True, size=1_000))


class Fetched(ByHand):
    """No stream: all rows are held."""

    def stream_100k(self, aim: UUID) -> int:
        return len(self.hand.run(sql.STREAM, (aim,), LINKED_USER).fetchall())


class ByUseraim:
    asynchronous = False

    def open(self, conninfo: str) -> None:
        self.useraim = Useraim()
        self.useraim.open(conninfo)

    def close(self) -> None:
        self.useraim.close()


class UseraimApart(ByUseraim):
    def batch(self, viewer: UUID, owner: UUID, aim: UUID) -> tuple[Any, ...]:
        return one_by_one(self.useraim, viewer, owner, aim)


class UseraimPages(ByUseraim):
    def stream_100k(self, aim: UUID) -> int:
        return self.useraim.streamed(self.useraim.db, aim)
