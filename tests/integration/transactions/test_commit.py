"""Failures during COMMIT."""

import socket
import threading
from collections.abc import Generator
from contextlib import contextmanager, suppress
from typing import Any

import psycopg
import pytest
from psycopg import Connection
from psycopg.conninfo import make_conninfo

from tests.integration.transactions.worlds import Conn, Failing, World, emails, until
from tests.proxy import Wire
from useraim import users


class Scissors(Wire):
    """Cuts the first connections that say COMMIT: the server hears it, the client never gets its answer."""

    def __init__(self, server: tuple[str, int], cuts: int) -> None:
        super().__init__(server)
        self.cuts = cuts

    def _pass(self, source: socket.socket, target: socket.socket, is_client: bool, answered: threading.Event) -> None:
        with suppress(OSError):
            while piece := source.recv(1 << 16):
                if is_client and self.cuts and b"COMMIT" in piece:
                    self.cuts -= 1
                    source.shutdown(socket.SHUT_RDWR)
                target.sendall(piece)
            target.shutdown(socket.SHUT_WR)


@contextmanager
def cut_at_commit(database: str, cuts: int) -> Generator[str, None, None]:
    with psycopg.connect(database) as conn:
        scissors = Scissors((conn.info.host, conn.info.port), cuts)
    try:
        yield make_conninfo(database, host="127.0.0.1", port=scissors.port, sslmode="disable", gssencmode="disable")
        assert scissors.cuts == 0, "the connection was never cut"
    finally:
        scissors.close()


class TestAFailureDuringCommit:
    def test_a_connection_lost_in_it_is_raised_since_the_work_may_be_stored(
        self, world: World, own: Connection[Any]
    ) -> None:
        work = Failing(0)
        with cut_at_commit(world.database, 1) as conninfo:
            pool = world.pool(conninfo)
            with pytest.raises(psycopg.OperationalError) as caught:
                world.run(pool, work)
            assert any("during COMMIT" in note for note in caught.value.__notes__)
            assert work.tries == 1
            until(own, "SELECT count(*) = 1 FROM users", "the server had heard COMMIT: the user was to be stored")
            world.result(pool.close())

    def test_a_connection_lost_in_it_is_tried_again_if_the_work_may_be_done_twice(
        self, world: World, own: Connection[Any]
    ) -> None:
        tries: list[int] = []

        def work(conn: Conn) -> Generator[Any, Any, str]:
            tries.append(1)
            user, _ = yield users.ensure(conn, email="a@example.org", name="A")
            return str(user.email)

        with cut_at_commit(world.database, 2) as conninfo:
            pool = world.pool(conninfo)
            assert world.run(pool, work, idempotent=True) == "a@example.org"
            world.result(pool.close())
        assert len(tries) == 3
        assert emails(own) == ["a@example.org"]

    def test_the_last_attempt_says_too_that_its_outcome_is_not_known(self, world: World) -> None:
        with cut_at_commit(world.database, 1) as conninfo:
            pool = world.pool(conninfo)
            with pytest.raises(psycopg.OperationalError) as caught:
                world.run(pool, Failing(0), idempotent=True, attempts=1)
            assert any("during COMMIT" in note for note in caught.value.__notes__)
            world.result(pool.close())

    @pytest.mark.parametrize(
        "clean",
        ["RAISE SQLSTATE '40001'", "RAISE SQLSTATE '40P01'",
         "RAISE 'failure on connection marked as essential: w:5432' USING ERRCODE = 'XX000'"],
    )  # fmt: skip
    def test_a_failure_that_tells_that_nothing_is_stored_is_always_tried_again(
        self, world: World, own: Connection[Any], clean: str
    ) -> None:
        fail_at_commit(own, clean, times=2)
        assert world.run(world.connect(), Failing(0)) == "try3@example.org"
        assert emails(own) == ["try3@example.org"]

    def test_a_lost_node_is_not_said_to_be_clean(self, world: World, own: Connection[Any]) -> None:
        fail_at_commit(own, "RAISE SQLSTATE '08006'", times=1)
        work, conn = Failing(0), world.connect()
        with pytest.raises(psycopg.errors.ConnectionFailure) as caught:
            world.run(conn, work)
        assert any("during COMMIT" in note for note in caught.value.__notes__)
        assert world.run(conn, work, idempotent=True) == "try2@example.org"

    def test_a_constraint_that_refuses_it_is_raised_as_it_is(self, world: World, own: Connection[Any]) -> None:
        fail_at_commit(own, "RAISE SQLSTATE '23514'", times=1)
        work = Failing(0)
        with pytest.raises(psycopg.errors.CheckViolation) as caught:
            world.run(world.connect(), work)
        assert not hasattr(caught.value, "__notes__")
        assert work.tries == 1


def fail_at_commit(own: Connection[Any], failure: str, *, times: int) -> None:
    """Let the first transactions that create a user fail, by a constraint that is looked at during COMMIT."""
    own.execute("CREATE SEQUENCE commits")
    own.execute(
        f"CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        f" IF nextval('commits') <= {times} THEN {failure}; END IF; RETURN NULL; END $$".encode()
    )
    own.execute(
        "CREATE CONSTRAINT TRIGGER refuse AFTER INSERT ON users DEFERRABLE INITIALLY DEFERRED"
        " FOR EACH ROW EXECUTE FUNCTION refuse()"
    )
