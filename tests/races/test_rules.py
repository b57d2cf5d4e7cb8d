"""Rules that all callers give: no race breaks them. `-s` shows what came out, and how often."""

# ruff: noqa: B023 - the works of a race end before the next turn of the loop

from typing import Any

import psycopg
import pytest
from psycopg import IsolationLevel

from tests.ends import ENDS, End, make
from tests.races.racers import CALLERS, Connection, Racers, each
from tests.worlds import World
from useraim import Conflict, RuleBroken, aims, transaction, users
from useraim.values import CountBetween, Link, LinkFilter

OWNERS = LinkFilter(roles=["owner"])
OWNED = CountBetween(at_least=1, link=OWNERS)
LEVELS = [IsolationLevel.READ_COMMITTED, IsolationLevel.REPEATABLE_READ, IsolationLevel.SERIALIZABLE]


def kinds(results: list[Any]) -> list[str]:
    for result in results:
        if isinstance(result, Exception) and not isinstance(result, (RuleBroken, Conflict)):
            raise result
    return [type(result).__name__ for result in results]


@pytest.mark.parametrize("end", ENDS, ids=lambda end: end.name)
@pytest.mark.parametrize("level", LEVELS, ids=lambda level: level.name)
def test_no_seat_is_given_twice(race: Racers, setup: World, tries: int, end: End, level: IsolationLevel) -> None:
    far = end.make_far(setup, CALLERS)
    seats = CountBetween(at_most=3)

    def join(conn: Connection, one: Any) -> Any:
        conn.isolation_level = level
        return transaction.run(conn, lambda inside: end.relation.append(inside, source, [one], must=seats), attempts=50)

    for _ in range(max(tries // 4, 2)):
        (source,) = end.make_sources(setup, 1)
        came = kinds(race(*each(far, join)))
        assert len(end.links(setup, source)) == 3
        assert sorted(came) == ["Changes"] * 3 + ["RuleBroken"] * (CALLERS - 3)


def test_the_last_owner_stays_whoever_goes(race: Racers, setup: World, tries: int) -> None:
    for _ in range(tries):
        (aim,), people = make(setup, aims, 1), make(setup, users, 5)
        setup(aims.users.append, aim, people, role="owner")
        one, two, three, four, five = people
        results = race(
            lambda conn: aims.users.remove(conn, aim, [one], must=OWNED),
            lambda conn: users.delete(conn, two, must=OWNED),
            lambda conn: aims.users.update(conn, aim, [three], role="member", must=OWNED),
            lambda conn: users.delete_many(conn, [four], must=OWNED),
            lambda conn: aims.users.append(conn, aim, [five], role="member", on_match="update", must=OWNED),
        )
        race.outcomes[",".join(kinds(results))] += 1
        assert kinds(results).count("RuleBroken") == 1
        assert [row for row in setup(aims.users.of, aim) if row.role == "owner"]


@pytest.mark.parametrize("level", LEVELS[1:], ids=lambda level: level.name)
def test_two_owners_that_go_in_snapshots_leave_one(
    race: Racers, setup: World, tries: int, level: IsolationLevel
) -> None:
    def leave(conn: Connection, user: Any) -> Any:
        conn.isolation_level = level
        return transaction.run(conn, lambda inside: users.delete(inside, user, must=OWNED), attempts=20)

    def step_down(conn: Connection, user: Any) -> Any:
        conn.isolation_level = level
        work = [Link(user, role="member")]
        return transaction.run(conn, lambda inside: aims.users.update(inside, aim, work, must=OWNED), attempts=20)

    for _ in range(tries):
        (aim,), (ana, bo) = make(setup, aims, 1), make(setup, users, 2)
        setup(aims.users.append, aim, [ana, bo], role="owner")
        came = kinds(race(lambda conn: leave(conn, ana), lambda conn: step_down(conn, bo)))
        race.outcomes[",".join(came)] += 1
        assert came.count("RuleBroken") == 1
        assert [row for row in setup(aims.users.of, aim) if row.role == "owner"]


def test_a_user_who_joins_meanwhile_is_not_passed_over(race: Racers, setup: World, tries: int) -> None:
    """The last owner leaves while a second one joins and is deleted: whatever comes first, somebody owns."""
    for _ in range(tries):
        (aim,), (ana, bo) = make(setup, aims, 1), make(setup, users, 2)
        setup(aims.users.append, aim, [Link(ana, role="owner")])
        results = race(
            lambda conn: users.aims.append(conn, bo, [aim], role="owner"),
            lambda conn: users.delete(conn, bo, must=OWNED),
            lambda conn: aims.users.remove(conn, aim, [ana], must=OWNED),
        )
        race.outcomes[",".join(type(result).__name__ for result in results)] += 1
        assert [row for row in setup(aims.users.of, aim) if row.role == "owner"]


@pytest.mark.parametrize("end", ENDS, ids=lambda end: end.name)
def test_of_two_that_saw_the_same_version_one_writes(race: Racers, setup: World, tries: int, end: End) -> None:
    far = end.make_far(setup, 6)
    (source,) = end.make_sources(setup, 1)
    for number in range(tries):
        setup(end.relation.replace, source, far[:1], role=str(number))
        seen = setup(end.relation.version, source)
        results = race(
            lambda conn: end.relation.replace(conn, source, far[1:3], if_version=seen),
            lambda conn: end.relation.append(conn, source, far[3:5], if_version=seen),
        )
        assert sorted(kinds(results)) == ["Changes", "Conflict"]
        (lost,) = (result for result in results if isinstance(result, Conflict))
        assert lost.version == setup(end.relation.version, source)


def test_a_refused_write_leaves_the_transaction_and_frees_the_lock_at_its_end(race: Racers, setup: World) -> None:
    (aim,), people = make(setup, aims, 1), make(setup, users, 2)
    conn = race.connections[0]
    with conn.transaction():
        with pytest.raises(RuleBroken):
            aims.users.append(conn, aim, people, must=CountBetween(at_most=1))
        assert conn.info.transaction_status == psycopg.pq.TransactionStatus.INTRANS
        assert aims.users.append(conn, aim, people[:1], must=CountBetween(at_most=1))
    with pytest.raises(RuleBroken):
        aims.users.append(race.connections[1], aim, people[1:], must=CountBetween(at_most=1))
