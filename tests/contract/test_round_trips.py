"""Every operation costs one round trip, counted on the wire: on a connection, in a transaction, and on a pool."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import count
from typing import Any, TypeAlias

import psycopg
import pytest
from psycopg_pool import AsyncConnectionPool, ConnectionPool

from tests.proxy import Wire, wire
from useraim import AlreadyExists, aims, user_aims, users
from useraim.ids import new_id
from useraim.values import AllOf, CountBetween, EditAim, EditUser, Link, LinkFilter, NewAim, NewUser, NewUserAim

Use: TypeAlias = tuple[str, Any, Callable[[], tuple[Any, ...]], dict[str, Any]]

NUMBERS = count()


@pytest.fixture(scope="module")
def counted(create_database: Callable[[], str]) -> Iterator[tuple[str, Wire]]:
    with wire(create_database()) as found:
        yield found


def fresh() -> str:
    return f"{next(NUMBERS)}@example.org"


@pytest.fixture(scope="module")
def uses(counted: tuple[str, Wire]) -> list[Use]:
    """Every operation with arguments that do its work, again and again."""
    with psycopg.connect(counted[0], autocommit=True) as conn:
        ana, bo, cy = users.create_many(conn, [NewUser(fresh(), name) for name in ("Ana", "Bo", "Cy")])
        run, read, rest = aims.create_many(conn, [NewAim(title) for title in ("Run", "Read", "Rest")])
        kept = aims.create(conn, title="Kept")
        users.aims.append(conn, ana, [run, read])
        users.aims.append(conn, cy, [kept])
        (friend,) = aims.users.create(conn, kept, [NewUser(fresh(), "Friend")])
    owner = LinkFilter(roles=["owner"])

    def plain(operation: Any, *args: Any, **kwargs: Any) -> Use:
        return repr(operation), operation, lambda: args, kwargs

    return [
        (
            "users.create_many",
            users.create_many,
            lambda: ([NewUser(fresh(), "New"), NewUser(fresh(), "New")],),
            {},
        ),
        ("users.ensure", EachTime(users.ensure), tuple, {"name": "New"}),
        ("users.create", EachTime(users.create), tuple, {"name": "New"}),
        plain(users.ensure, email=ana.email, name="Ana"),
        plain(users.get, ana),
        plain(users.find, ana),
        plain(users.find_by_email, ana.email),
        plain(users.find_many, [ana, bo]),
        plain(users.exists, ana),
        plain(users.update, ana, name="Ana"),
        ("users.update", users.update, lambda: (bo,), {"name": f"Bo {next(NUMBERS)}"}),
        plain(users.delete, kept.id),
        plain(users.delete_many, [kept.id, run.id]),
        plain(users.page),
        plain(users.page, where=[AllOf([run], owner)], search="a", order_by="-name"),
        plain(users.count),
        plain(users.frame, where=[AllOf([run], owner)], search="a"),
        plain(user_aims.frame, link=owner),
        plain(users.aims.frame, [ana, bo]),
        plain(aims.users.frame, [run, read], link=owner),
        plain(users.similar, ana),
        plain(users.suggest_aims, ana),
        plain(aims.create, title="New"),
        plain(aims.create_many, [NewAim("New"), NewAim("New")]),
        plain(aims.get, run),
        plain(aims.find_many, [run, read]),
        plain(aims.exists, run),
        plain(aims.update, run, title="Run"),
        plain(aims.delete, ana.id),
        plain(aims.delete_many, [ana.id]),
        plain(aims.page),
        plain(aims.count),
        ("user_aims.create", user_aims.create, lambda: (bo, rest), {}),
        plain(user_aims.delete, bo, rest),
        plain(user_aims.get, ana, run),
        plain(user_aims.find, ana, run),
        plain(user_aims.find_many, [(ana, run), (bo, run)]),
        plain(user_aims.update, ana, run, role="owner"),
        plain(user_aims.update, ana, run, role="owner", if_role="owner"),
        plain(user_aims.grant, ana, run, ["x"]),
        plain(user_aims.revoke, ana, run, ["x"]),
        plain(user_aims.delete_many, [(bo, rest)]),
        plain(user_aims.put_many, [NewUserAim(ana, run, role="owner"), (ana, read)], on_match="update"),
        plain(user_aims.merge, bo, ana),
        plain(user_aims.page),
        plain(user_aims.count, link=owner),
        plain(users.aims.append, ana, [run, Link(read, role="owner")], on_match="update"),
        plain(users.aims.replace, ana, [run, read]),
        plain(users.aims.replace, bo, []),
        plain(users.aims.update, ana, [run, read], role="owner"),
        plain(users.aims.remove, ana, [rest]),
        plain(users.aims.clear, bo),
        plain(users.aims.create, bo, [NewAim("New")]),
        plain(users.aims.direct_control, cy, [EditAim(kept, title="Kept")]),
        plain(users.aims.of, ana),
        plain(users.aims.load, [ana, bo], limit=2),
        plain(users.aims.page, ana, order_by="title"),
        plain(users.aims.count, [ana, bo], link=owner),
        plain(users.aims.count_by_role, [ana, bo]),
        plain(users.aims.has, ana, run, link=owner),
        plain(users.aims.version, ana),
        plain(users.aims.pages, {ana.id: None, bo.id: None}, limit=1),
        plain(users.aims.append, ana, [run], must=CountBetween(at_most=99)),
        plain(users.aims.replace, bo, [run, rest], must=[CountBetween(), CountBetween(at_least=1)]),
        plain(users.aims.update, ana, [run], role="owner", must=CountBetween(at_least=1)),
        plain(users.aims.remove, bo, [rest], must=CountBetween(at_most=99)),
        plain(users.aims.clear, bo, must=CountBetween(at_most=0)),
        plain(users.aims.create, bo, [NewAim("New")], must=CountBetween(at_least=1)),
        plain(users.aims.direct_control, cy, [EditAim(kept, title="Kept")], must=CountBetween(at_least=1)),
        plain(aims.delete, new_id(), must=CountBetween(at_least=1)),
        plain(aims.delete_many, [new_id(), new_id()], must=CountBetween(at_least=1)),
        plain(users.aims.common, [ana, bo]),
        plain(aims.users.append, run, [ana, bo]),
        plain(aims.users.replace, run, [ana]),
        plain(aims.users.update, run, [ana], role="owner"),
        plain(aims.users.remove, run, [bo]),
        plain(aims.users.clear, rest),
        ("aims.users.create", aims.users.create, lambda: (read, [NewUser(fresh(), "New")]), {}),
        plain(aims.users.direct_control, kept, [cy, EditUser(friend.record, name="Friend")]),
        plain(aims.users.of, run),
        plain(aims.users.load, [run, read]),
        plain(aims.users.page, run),
        plain(aims.users.count, [run, read]),
        plain(aims.users.count_by_role, [run]),
        plain(aims.users.has, run, ana),
        plain(aims.users.common, [run, read]),
    ]


class EachTime:
    """An operation with another e-mail address at each call."""

    def __init__(self, operation: Any) -> None:
        self.operation = operation

    def __call__(self, db: Any, **kwargs: Any) -> Any:
        return self.operation(db, email=fresh(), **kwargs)


def costs(wire: Wire, db: Any, uses: list[Use], runner: asyncio.Runner | None) -> dict[str, int]:
    """The round trips of each operation that takes another number of them than one, once it is warm."""

    def use(operation: Any, make: Callable[[], tuple[Any, ...]], kwargs: dict[str, Any]) -> None:
        with suppress(AlreadyExists):
            result = operation(db, *make(), **kwargs)
            if runner:
                runner.run(result)

    found: dict[str, int] = {}
    for name, operation, make, kwargs in uses:
        for _ in range(2):
            use(operation, make, kwargs)
        before = wire.round_trips
        use(operation, make, kwargs)
        if (trips := wire.round_trips - before) != 1:
            found[name] = trips
    return found


@pytest.mark.parametrize("threshold", [0, None])
@pytest.mark.parametrize("begin", [False, True], ids=["autocommit", "transaction"])
def test_on_a_connection(counted: tuple[str, Wire], uses: list[Use], begin: bool, threshold: int | None) -> None:
    conninfo, wire = counted
    with psycopg.connect(conninfo, autocommit=True, prepare_threshold=threshold) as conn:
        if begin:
            conn.execute("BEGIN")
        assert costs(wire, conn, uses, None) == {}


@pytest.mark.parametrize("begin", [False, True], ids=["autocommit", "transaction"])
def test_on_an_async_connection(
    counted: tuple[str, Wire], uses: list[Use], begin: bool, runner: asyncio.Runner
) -> None:
    conninfo, wire = counted
    conn = runner.run(psycopg.AsyncConnection.connect(conninfo, autocommit=True, prepare_threshold=0))
    try:
        if begin:
            runner.run(conn.execute("BEGIN"))
        assert costs(wire, conn, uses, runner) == {}
    finally:
        runner.run(conn.close())


@pytest.mark.parametrize("autocommit", [True, False])
def test_on_a_pool(counted: tuple[str, Wire], uses: list[Use], autocommit: bool) -> None:
    conninfo, wire = counted
    settings = {"prepare_threshold": 0, "autocommit": autocommit}
    with ConnectionPool[Any](conninfo, min_size=1, max_size=1, kwargs=settings) as pool:
        pool.wait()
        assert costs(wire, pool, uses, None) == {}


def test_on_an_async_pool(counted: tuple[str, Wire], uses: list[Use], runner: asyncio.Runner) -> None:
    conninfo, wire = counted
    pool = AsyncConnectionPool[Any](conninfo, min_size=1, max_size=1, kwargs={"prepare_threshold": 0}, open=False)
    runner.run(pool.open(wait=True))
    try:
        assert costs(wire, pool, uses, runner) == {}
    finally:
        runner.run(pool.close())


def test_a_statement_becomes_prepared_by_itself_and_costs_one_round_trip_then(counted: tuple[str, Wire]) -> None:
    conninfo, wire = counted
    with psycopg.connect(conninfo, autocommit=True) as conn:
        trips: list[int] = []
        for _ in range(10):
            before = wire.round_trips
            users.count(conn)
            trips.append(wire.round_trips - before)
    assert trips[:5] == trips[7:] + trips[:2] == [1] * 5


def test_an_open_transaction_begins_with_a_round_trip_of_its_own_at_most(counted: tuple[str, Wire]) -> None:
    conninfo, wire = counted
    with psycopg.connect(conninfo) as conn:
        before = wire.round_trips
        users.count(conn)
        users.count(conn)
        assert wire.round_trips - before <= 3


def test_nothing_to_do_costs_nothing(counted: tuple[str, Wire]) -> None:
    conninfo, wire = counted
    with psycopg.connect(conninfo, autocommit=True) as conn:
        ana = users.create(conn, email=fresh(), name="Ana")
        before = wire.round_trips
        assert users.create_many(conn, []) == []
        assert users.find_many(conn, []) == {}
        assert users.delete_many(conn, []) == ()
        assert not users.aims.append(conn, ana, [])
        assert not users.aims.update(conn, ana, [])
        assert not users.aims.remove(conn, ana, [])
        assert users.aims.create(conn, ana, []) == []
        assert users.aims.load(conn, []) == {}
        assert len(users.aims.frame(conn, [])) == 0
        assert list(users.aims.frames(conn, [])) == []
        assert users.aims.count(conn, []) == {}
        assert users.aims.count_by_role(conn, []) == {}
        assert user_aims.put_many(conn, []) == []
        assert user_aims.find_many(conn, []) == []
        assert user_aims.delete_many(conn, []) == ()
        assert wire.round_trips == before
        users.aims.replace(conn, ana, [])
        users.aims.direct_control(conn, ana, [])
        assert wire.round_trips - before == 2
