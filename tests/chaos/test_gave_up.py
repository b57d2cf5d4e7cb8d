"""A client that gave up: what it asked for may be done later, but never by half.

`direct_control` and `delete_many` were once seen half done after a cancellation. They were not: their session was still
waiting for a lock when its client had given up, and the look at the tables was several statements, between which it
went on. Who wants to know what became of a call has to wait for the end of its session, or to look by one statement.
"""

import asyncio
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from typing import Any

import psycopg
import pytest
from psycopg import AsyncConnection
from psycopg.conninfo import make_conninfo

from tests.proxy import Wire, wire
from tests.waiting import until_waiting
from useraim import Link, NewAim, aims, user_aims, users
from useraim.values import Aim, User

Sent = Callable[["AsyncConnection[Any]", User, list[Aim]], Awaitable[object]]


def control(conn: "AsyncConnection[Any]", user: User, goals: list[Aim]) -> Awaitable[object]:
    return users.aims.direct_control(conn, user, [NewAim("New"), goals[0]])


def delete(conn: "AsyncConnection[Any]", user: User, goals: list[Aim]) -> Awaitable[object]:
    return user_aims.delete_many(conn, [(user.id, aim.id) for aim in goals])


def replace(conn: "AsyncConnection[Any]", user: User, goals: list[Aim]) -> Awaitable[object]:
    return users.aims.replace(conn, user, [Link(goals[0], role="kept")])


@pytest.fixture
def own(database: str) -> Iterator["psycopg.Connection[Any]"]:
    with psycopg.connect(database, autocommit=True) as conn:
        yield conn


@pytest.fixture
def ana(own: "psycopg.Connection[Any]") -> User:
    return users.create(own, email="ana@example.org", name="Ana")


@pytest.fixture
def goals(own: "psycopg.Connection[Any]", ana: User) -> list[Aim]:
    goals = aims.create_many(own, [NewAim(f"Aim {n}") for n in range(4)])
    users.aims.append(own, ana, goals)
    return goals


class TestAClientThatGaveUp:
    @pytest.mark.parametrize("sent", [control, delete, replace], ids=lambda sent: str(sent.__name__))
    def test_its_call_may_still_be_done_and_half_of_it_is_only_seen_by_two_looks(
        self, database: str, own: "psycopg.Connection[Any]", ana: User, goals: list[Aim], sent: Sent
    ) -> None:
        with psycopg.connect(database) as holder:
            holder.execute("SELECT FROM users WHERE id = %s FOR UPDATE", [ana.id])
            holder.execute("SELECT FROM user_aims WHERE user_id = %s FOR UPDATE", [ana.id])
            pid = asyncio.run(give_up(database, lambda conn: sent(conn, ana, goals)))
            before = look(own, ana)
            first = user_aims.find_many(own, [(ana.id, aim.id) for aim in goals])  # the first statement of a look
        until_gone(own, pid)
        second = user_aims.find_many(own, [(ana.id, aim.id) for aim in goals])  # and the second, of the same links
        assert all(one is not None for one in first)
        assert None in second, "the session that was given up was to go on when the lock was free"
        assert before == absent(goals)
        assert look(own, ana) == whole(goals, sent)

    @pytest.mark.parametrize("sent", [control, delete, replace], ids=lambda sent: str(sent.__name__))
    @pytest.mark.parametrize("threshold", [0, None])
    def test_all_statements_of_a_call_are_said_before_the_only_sync(
        self, database: str, ana: User, goals: list[Aim], sent: Sent, threshold: int | None
    ) -> None:
        """So they are one transaction: nothing is committed before the server has read all of it."""
        recorder = Recorder(database)

        async def main() -> None:
            async with await AsyncConnection.connect(
                recorder.conninfo, autocommit=True, prepare_threshold=threshold
            ) as conn:
                recorder.said.clear()
                await sent(conn, ana, goals)
                recorder.messages = kinds(bytes(recorder.said))

        asyncio.run(main())
        recorder.close()
        assert recorder.messages.count("S") == 1
        assert recorder.messages[-1] == "S"
        assert "Q" not in recorder.messages
        assert recorder.messages.count("E") >= (1 if sent is delete else 2)


class Recorder(Wire):
    """Keeps what the client says."""

    def __init__(self, database: str) -> None:
        with psycopg.connect(database) as conn:
            super().__init__((conn.info.host, conn.info.port))
            there: dict[str, Any] = {
                "host": "127.0.0.1",
                "port": self.port,
                "sslmode": "disable",
                "gssencmode": "disable",
            }
            self.conninfo = make_conninfo(database, **there)
        self.said = bytearray()
        self.messages = ""

    def _pass(self, source: Any, target: Any, is_client: bool, answered: threading.Event) -> None:
        with suppress(OSError):
            while piece := source.recv(1 << 16):
                if is_client:
                    self.said += piece
                target.sendall(piece)


def kinds(said: bytes) -> str:
    """The kinds of the messages, one letter each: P parse, B bind, E execute, S sync, Q a query of its own."""
    letters, at = "", 0
    while at < len(said):
        letters += chr(said[at])
        at += 1 + int.from_bytes(said[at + 1 : at + 5], "big")
    return letters


async def give_up(database: str, send: Callable[["AsyncConnection[Any]"], Awaitable[object]]) -> int:
    """Send a call, and when it waits for a lock cancel it, twice; the server does not hear of it."""
    with wire(database) as (away, network):
        conn = await AsyncConnection.connect(away, autocommit=True)
        pid = conn.info.backend_pid
        task = asyncio.ensure_future(send(conn))
        await asyncio.to_thread(until_waiting, database)
        network.listener.shutdown(socket.SHUT_RDWR)  # a request to cancel comes by a connection of its own
        network.listener.close()
        task.cancel()
        await asyncio.sleep(0.05)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
    assert conn.closed, "who gives up so has left answers unread"
    return pid


def look(conn: "psycopg.Connection[Any]", user: User) -> Any:
    """What is there, by one statement: the titles of all aims, and the links."""
    return conn.execute(
        "SELECT (SELECT array_agg(title ORDER BY title) FROM aims),"
        " (SELECT array_agg(role || ' ' || (SELECT title FROM aims WHERE id = aim_id) ORDER BY aim_id) FROM user_aims"
        " WHERE user_id = %s)", [user.id],
    ).fetchone()  # fmt: skip


def until_gone(conn: "psycopg.Connection[Any]", pid: int) -> None:
    for _ in range(20_000):
        if conn.execute("SELECT FROM pg_stat_activity WHERE pid = %s", [pid]).fetchone() is None:
            return
        conn.execute("SELECT pg_sleep(0.001)")
    raise AssertionError("the session that was given up is still there")


def absent(goals: list[Aim]) -> Any:
    """What there was before."""
    return [aim.title for aim in goals], [f"member {aim.title}" for aim in goals]


def whole(goals: list[Aim], sent: Sent) -> Any:
    """What the call leaves where nobody is in its way."""
    if sent is control:
        return ["Aim 0", "New"], ["member Aim 0", "member New"]
    return [aim.title for aim in goals], None if sent is delete else ["kept Aim 0"]
