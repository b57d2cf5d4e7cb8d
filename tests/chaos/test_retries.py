"""What `transaction.run` does again and what it does not: each failure is one that a real server gives."""

import asyncio
import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from psycopg_pool import AsyncConnectionPool, ConnectionPool

import useraim
from tests.chaos.cluster import Cluster, cluster
from tests.chaos.either import Steps, work
from tests.integration.transactions.test_commit import cut_at_commit
from tests.integration.transactions.worlds import until
from tests.waiting import until_waiting
from useraim import UserId

# Called here in either world, which their types keep apart.
run: Any = useraim.transaction.run
users: Any = useraim.users
WAIT = 30.0
POOL = 8


@pytest.fixture(scope="module")
def servers() -> Iterator[Cluster]:
    with cluster() as both:
        both.follow()
        yield both


@pytest.fixture(params=["sync", "async"])
def world(request: pytest.FixtureRequest, servers: Cluster, runner: asyncio.Runner) -> "World":
    with servers.admin() as conn:
        conn.execute("TRUNCATE users CASCADE")
        ids = [users.create(conn, email=f"{n}@example.org", name="0").id for n in range(2)]
    return World(request.param, servers, runner, ids)


class World:
    """Two users, and pools of either world."""

    def __init__(self, kind: str, servers: Cluster, runner: asyncio.Runner, ids: list[UserId]) -> None:
        self.kind = kind
        self.servers = servers
        self.runner = runner
        self.ids = ids

    @contextmanager
    def pool(self, conninfo: str | None = None, **settings: Any) -> Generator[Any, None, None]:
        """A pool that has made all of its connections."""
        kind: Any = ConnectionPool if self.kind == "sync" else AsyncConnectionPool
        to = conninfo or self.servers.conninfo()
        pool = kind(to, min_size=POOL, max_size=POOL, timeout=WAIT, open=False, **settings)
        self.done(pool.open())
        self.done(pool.wait(WAIT))
        try:
            yield pool
        finally:
            self.done(pool.close())

    def run(self, pool: Any, steps: Callable[[Any], Steps[Any]], **asked: Any) -> Any:
        return self.done(run(pool, work(steps), **asked))

    def done(self, result: Any) -> Any:
        return self.runner.run(asyncio.wait_for(result, WAIT)) if asyncio.iscoroutine(result) else result

    def names(self) -> list[str]:
        with self.servers.admin() as conn:
            return [row[0] for row in conn.execute("SELECT name FROM users ORDER BY email").fetchall()]


class Counting:
    """Counts one up in a user's name, by a read and a write, and in the first try lets something happen between."""

    def __init__(self, world: World, between: Callable[[Any], object]) -> None:
        self.world = world
        self.between = between
        self.tries = 0

    def __call__(self, conn: Any) -> Steps[str]:
        self.tries += 1
        user = yield lambda: users.get(conn, self.world.ids[0])
        if self.tries == 1:
            self.between(conn)
        counted = yield lambda: users.update(conn, user, name=str(int(user.name) + 1))
        return str(counted.name)


class TestWhatIsDoneAgain:
    def test_what_decides_by_a_snapshot_that_another_has_overtaken(self, world: World) -> None:
        def overtake(_: Any) -> None:
            with world.servers.admin() as other:
                users.update(other, world.ids[0], name="10")

        work = Counting(world, overtake)
        level: dict[str, Any] = {"kwargs": {"options": "-c default_transaction_isolation=serializable"}}
        with world.pool(**level) as pool:
            assert world.run(pool, work) == "11"
        assert (work.tries, world.names()[0]) == (2, "11")

    def test_the_one_of_two_that_a_deadlock_ends(self, world: World) -> None:
        conninfo = world.servers.conninfo()
        other = psycopg.connect(conninfo, options="-c deadlock_timeout=10s")
        threads: list[threading.Thread] = []

        def cross(_: Any) -> None:
            users.update(other, world.ids[1], name="theirs")

        def steps(conn: Any) -> Steps[str]:
            tries.append(1)
            yield lambda: users.update(conn, world.ids[0], name="ours")
            if len(tries) == 1:
                cross(conn)
                threads.append(threading.Thread(target=finish))
                threads[0].start()
                yield lambda: None
                until_waiting(conninfo)
            yield lambda: users.update(conn, world.ids[1], name="ours")
            return "done"

        def finish() -> None:
            users.update(other, world.ids[0], name="theirs")
            other.commit()

        tries: list[int] = []
        with world.pool() as pool:
            assert world.run(pool, steps) == "done"
        threads[0].join(WAIT)
        other.close()
        assert len(tries) == 2
        assert world.names() == ["ours", "ours"]

    def test_what_was_on_a_backend_that_is_killed(self, world: World) -> None:
        def kill(conn: Any) -> None:
            with world.servers.admin() as admin:
                admin.execute("SELECT pg_terminate_backend(%s, 5000)", [conn.info.backend_pid])

        work = Counting(world, kill)
        with world.pool() as pool:
            assert world.run(pool, work) == "1"
        assert (work.tries, world.names()[0]) == (2, "1")

    def test_what_was_on_a_server_that_crashes_though_all_connections_of_the_pool_are_dead(self, world: World) -> None:
        work = Counting(world, lambda _: world.servers.crash())
        with world.pool() as pool:
            assert world.run(pool, work) == "1"
        assert world.names()[0] == "1"

    def test_what_was_on_a_primary_whose_standby_is_promoted(self, world: World) -> None:
        work = Counting(world, lambda _: world.servers.promote())
        with world.pool() as pool:
            assert world.run(pool, work) == "1"
        world.servers.follow()
        assert world.names()[0] == "1"


class TestWhatIsNotDoneAgain:
    def test_a_commit_that_was_not_answered_is_done_again_only_if_the_work_may_be_done_twice(
        self, world: World
    ) -> None:
        work = Counting(world, lambda _: None)
        with cut_at_commit(world.servers.conninfo(), 1) as away, world.pool(away) as pool:
            with pytest.raises(psycopg.OperationalError) as caught:
                world.run(pool, work)
            assert any("during COMMIT" in note for note in caught.value.__notes__)
        assert work.tries == 1
        with world.servers.admin() as own:
            until(own, "SELECT name = '1' FROM users ORDER BY email LIMIT 1", "the server had heard COMMIT")

        with cut_at_commit(world.servers.conninfo(), 1) as away, world.pool(away) as pool:
            assert world.run(pool, work, idempotent=True) == "3", "a count may not be done twice, and is"
        assert work.tries == 3

    @pytest.mark.parametrize("limit", ["statement_timeout", "lock_timeout"])
    def test_a_limit_that_the_caller_has_set(self, world: World, limit: str) -> None:
        def hold(_: Any) -> None:
            holder.execute("SELECT FROM users WHERE id = %s FOR UPDATE", [world.ids[0]])

        work = Counting(world, hold)
        expected = {"statement_timeout": "57014", "lock_timeout": "55P03"}[limit]
        with psycopg.connect(world.servers.conninfo()) as holder:
            with (
                world.pool(kwargs={"options": f"-c {limit}=50ms"}) as pool,
                pytest.raises(psycopg.OperationalError) as caught,
            ):
                world.run(pool, work)
            assert caught.value.sqlstate == expected
        assert (work.tries, world.names()[0]) == (1, "0")
