"""Callers at once, on connections of their own: what may come out, and what never does. `-s` shows how often."""

# ruff: noqa: B023 - the works of a race end before the next turn of the loop

import asyncio
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace as with_
from datetime import UTC, datetime
from functools import partial
from typing import Any, TypeAlias, TypeVar
from uuid import UUID

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from tests.ends import AIMS_USERS, ENDS, USERS_AIMS, End, ids, make, new
from tests.waiting import second_of, until_waiting
from tests.worlds import World
from useraim import AlreadyExists, BrokenReference, Conflict, NotFound, aims, transaction, user_aims, users
from useraim.ids import new_id
from useraim.values import Changes, Link, Linked, NewUserAim, User, UserAim

V = TypeVar("V")
Connection: TypeAlias = psycopg.Connection[Any]
Work: TypeAlias = Callable[[Connection], Any]
Pairs: TypeAlias = frozenset[tuple[UUID, UUID]]

NOON = datetime(2024, 5, 17, 12, tzinfo=UTC)
CALLERS = 8
# Whoever waits longer than this hangs: the test shall say so instead of hanging as well.
LIMITS = "-c lock_timeout=20s -c statement_timeout=30s"


class Racers:
    """Connections of their own, each with a thread; works start together and give results or exceptions."""

    def __init__(self, database: str) -> None:
        self.database = database
        conninfo = make_conninfo(database, options=LIMITS)
        self.connections = [psycopg.connect(conninfo, autocommit=True) for _ in range(CALLERS)]
        self.threads = ThreadPoolExecutor(CALLERS)
        self.outcomes: Counter[str] = Counter()

    def __call__(self, *works: Work) -> list[Any]:
        barrier = threading.Barrier(len(works))

        def run(conn: Connection, work: Work) -> Any:
            barrier.wait(timeout=30)
            try:
                return work(conn)
            except Exception as error:
                return error

        started = [self.threads.submit(run, *one) for one in zip(self.connections, works, strict=False)]
        return [one.result(timeout=60) for one in started]

    def close(self) -> None:
        self.threads.shutdown()
        for conn in self.connections:
            conn.close()


@pytest.fixture(scope="module")
def racers(create_database: Callable[[], str]) -> Iterator[Racers]:
    racers = Racers(create_database())
    yield racers
    racers.close()


@pytest.fixture
def race(racers: Racers, request: pytest.FixtureRequest) -> Iterator[Racers]:
    """The racers in an empty database."""
    racers.outcomes.clear()
    racers.connections[0].execute("TRUNCATE users, aims, user_aims")
    yield racers
    print(f"\n    {request.node.name}: {dict(racers.outcomes.most_common())}")


@pytest.fixture
def setup(race: Racers, runner: asyncio.Runner) -> World:
    """Prepares and looks, between the races."""
    return World(race.connections[0], runner)


@pytest.fixture(params=ENDS, ids=lambda end: end.name)
def end(request: pytest.FixtureRequest) -> End:
    chosen: End = request.param
    return chosen


@pytest.fixture(params=[100, pytest.param(1_000, marks=pytest.mark.soak)], ids=["", "soak"])
def tries(request: pytest.FixtureRequest) -> int:
    count: int = request.param
    return count


def each(values: Iterable[V], work: Callable[[Connection, V], Any]) -> list[Work]:
    """One work for each value."""
    return [partial(_swapped, work, value) for value in values]


def _swapped(work: Callable[[Connection, V], Any], value: V, conn: Connection) -> Any:
    return work(conn, value)


def no_failures(results: list[Any]) -> list[Any]:
    for result in results:
        if isinstance(result, Exception):
            raise result
    return results


def table(setup: World) -> Pairs:
    return frozenset((user, aim) for user, aim in setup.execute("SELECT user_id, aim_id FROM user_aims"))


def rows(setup: World) -> dict[tuple[UUID, UUID], tuple[str, tuple[str, ...]]]:
    found = setup.execute("SELECT user_id, aim_id, role, permissions FROM user_aims")
    return {(user, aim): (role, tuple(permissions)) for user, aim, role, permissions in found}


def pairs(end: End, source: Any, far: list[Any]) -> Pairs:
    return frozenset(end.pair(source.id, record.id) for record in far)


class TestReplaceAndReplace:
    def test_from_one_end_leave_one_of_the_two_sets(self, race: Racers, setup: World, end: End, tries: int) -> None:
        """The second sees what the first has left: no union, and its `Changes` say what it did to the first's set."""
        (source,), far = end.make_sources(setup, 1), end.make_far(setup, 10)
        sets = [far[:5], far[5:]]
        run = end.relation.replace
        for _ in range(tries):
            setup(end.relation.clear, source)
            one, two = no_failures(race(*each(sets, lambda conn, s: run(conn, source, s))))
            winner = [pairs(end, source, s) for s in sets].index(table(setup))
            race.outcomes[f"set {winner}"] += 1
            last, first = (one, two) if winner == 0 else (two, one)
            assert first == Changes(added=ids(sets[1 - winner]))
            assert last == Changes(added=ids(sets[winner]), removed=tuple(sorted(ids(sets[1 - winner]))))

    def test_of_overlapping_sets_keep_the_attributes_of_the_last(
        self, race: Racers, setup: World, end: End, tries: int
    ) -> None:
        (source,), far = end.make_sources(setup, 1), end.make_far(setup, 12)
        asked = {"a": far[:8], "b": far[4:][::-1]}
        run = end.relation.replace
        for _ in range(tries):
            no_failures(race(*each(asked, lambda conn, role: run(conn, source, asked[role], role=role))))
            left = rows(setup)
            (role,) = {role for role, _ in left.values()}
            assert frozenset(left) == pairs(end, source, asked[role])
            race.outcomes[f"set {role}"] += 1

    def test_from_both_ends_leave_what_one_after_the_other_would(self, race: Racers, setup: World, tries: int) -> None:
        """The user shall have no other aims, the aim no other users; they argue about the pair of the two."""
        people, goals = make(setup, users, 4), make(setup, aims, 4)
        ana, run = people[0], goals[0]
        for number in range(tries):
            setup.execute("DELETE FROM user_aims")
            if number % 2:
                setup(users.aims.append, ana, goals)
                setup(aims.users.append, run, people)
            no_failures(
                race(
                    lambda conn: users.aims.replace(conn, ana, goals[:2], role="by user"),
                    lambda conn: aims.users.replace(conn, run, people[1:3], role="by aim"),
                )
            )
            user_first = pairs(USERS_AIMS, ana, goals[1:2]) | pairs(AIMS_USERS, run, people[1:3])
            aim_first = user_first | pairs(USERS_AIMS, ana, [run])
            race.outcomes[{user_first: "user first", aim_first: "aim first"}[table(setup)]] += 1

    def test_by_many_callers_leave_one_of_their_sets(self, race: Racers, setup: World, end: End) -> None:
        (source,), far = end.make_sources(setup, 1), end.make_far(setup, 3 * CALLERS)
        sets = [far[n::CALLERS] for n in range(CALLERS)]
        for _ in range(40):
            no_failures(race(*each(sets, lambda conn, s: end.relation.replace(conn, source, s))))
            winner = [pairs(end, source, s) for s in sets].index(table(setup))
            race.outcomes[f"set {winner}"] += 1

    def test_in_transactions_of_the_callers(self, race: Racers, setup: World, end: End) -> None:
        (source,), far = end.make_sources(setup, 1), end.make_far(setup, 10)
        sets = [far[:5], far[5:]]

        def work(conn: Connection, chosen: list[Any]) -> None:
            with conn.transaction():
                end.relation.replace(conn, source, chosen)

        for _ in range(100):
            no_failures(race(*each(sets, work)))
            race.outcomes[f"set {[pairs(end, source, s) for s in sets].index(table(setup))}"] += 1


@pytest.mark.parametrize("end", ENDS, ids=lambda end: end.name)
def test_replace_and_replace_async(database: str, runner: asyncio.Runner, end: End, tries: int) -> None:
    outcomes: Counter[str] = Counter()

    async def main() -> None:
        one, two = [await psycopg.AsyncConnection.connect(database, autocommit=True) for _ in range(2)]
        async with one, two:
            (source,) = await end.sources.create_many(one, [new(end.sources, "source")])
            far = await end.far.create_many(one, [end.new(f"n{n}") for n in range(10)])
            sets = [far[:5], far[5:]]
            for _ in range(tries):
                await asyncio.wait_for(
                    asyncio.gather(
                        end.relation.replace(one, source, sets[0]), end.relation.replace(two, source, sets[1])
                    ),
                    timeout=30,
                )
                left = {linked.record.id for linked in await end.relation.of(one, source)}
                outcomes[f"set {[set(ids(s)) for s in sets].index(left)}"] += 1

    runner.run(main())
    print(f"\n    async {end.name}: {dict(outcomes)}")


class TestAppendAndAppend:
    @pytest.mark.parametrize("on_match", ["ignore", "update"])
    def test_of_the_same_links_in_opposite_orders_never_fail(
        self, race: Racers, setup: World, end: End, tries: int, on_match: Any
    ) -> None:
        (source,), far = end.make_sources(setup, 1), end.make_far(setup, 200)
        held = far[::3]
        for number in range(tries):
            setup.execute("DELETE FROM user_aims")
            if number % 2:
                setup(end.relation.append, source, random.sample(held, len(held)), role="before")
            one, two = no_failures(
                race(
                    lambda conn: end.relation.append(conn, source, far, role="one", on_match=on_match),
                    lambda conn: end.relation.append(conn, source, far[::-1], role="two", on_match=on_match),
                )
            )
            added = [*one.added, *two.added]
            assert sorted(added) == sorted(set(ids(far)) - (set(ids(held)) if number % 2 else set[UUID]()))
            assert table(setup) == pairs(end, source, far)
            race.outcomes["both add some" if one.added and two.added else "one adds all"] += 1

    def test_of_crossing_links_from_both_ends(self, race: Racers, setup: World) -> None:
        people, goals = make(setup, users, 20), make(setup, aims, 20)
        works: list[Work] = [
            lambda conn: [users.aims.append(conn, person, goals[::-1], on_match="update") for person in people],
            lambda conn: [aims.users.append(conn, goal, people, on_match="update") for goal in goals[::-1]],
            lambda conn: [users.aims.append(conn, person, goals) for person in people[::-1]],
            lambda conn: [aims.users.append(conn, goal, people[::-1]) for goal in goals],
        ]
        for _ in range(10):
            setup.execute("DELETE FROM user_aims")
            results = no_failures(race(*works))
            assert sum(len(changes.added) for result in results for changes in result) == 400
            assert len(table(setup)) == 400

    @pytest.mark.parametrize("on_match", ["ignore", "update"])
    def test_of_many_pairs_by_put_many(self, race: Racers, setup: World, tries: int, on_match: Any) -> None:
        people, goals = make(setup, users, 14), make(setup, aims, 14)
        rows = [NewUserAim(person, goal, role="one") for person in people for goal in goals]
        held = rows[::3]
        for number in range(tries):
            setup.execute("DELETE FROM user_aims")
            if number % 2:
                setup(user_aims.put_many, random.sample(held, len(held)))
            one, two = no_failures(
                race(
                    lambda conn: user_aims.put_many(conn, rows, on_match=on_match),
                    lambda conn: user_aims.put_many(
                        conn, [with_(row, role="two") for row in rows[::-1]], on_match=on_match
                    ),
                )
            )
            assert (one + two).count("added") == len(rows) - len(held) * (number % 2)
            assert len(table(setup)) == len(rows)
            race.outcomes["both add some" if {*one} & {*two} & {"added"} else "one adds all"] += 1

    def test_with_update_lose_none_of_the_others_attributes(
        self, race: Racers, setup: World, end: End, tries: int
    ) -> None:
        (source,), far = end.make_sources(setup, 1), end.make_far(setup, 30)
        run = end.relation.append
        for number in range(tries):
            setup.execute("DELETE FROM user_aims")
            if number % 2:
                setup(run, source, far)
            no_failures(
                race(
                    lambda conn: run(conn, source, far, role="one", on_match="update"),
                    lambda conn: run(conn, source, far[::-1], permissions=["two"], on_match="update"),
                    lambda conn: run(conn, source, [Link(one, joined_at=NOON) for one in far], on_match="update"),
                )
            )
            left = end.links(setup, source)
            assert left == dict.fromkeys(ids(far), ("one", ("two",), NOON))
            race.outcomes["held" if number % 2 else "new"] += 1


class TestWritesOfExistingLinks:
    """Writers of one source take turns, writers of many go in key order, wherever the rows lie: none deadlocks.

    Only a whole set beside a writer of many sources may: the database ends one of the two, which may start again.
    """

    @pytest.fixture
    def held(self, setup: World, end: End) -> tuple[Any, list[Any]]:
        """Links that lie in the table in another order than that of their keys."""
        (source,), far = end.make_sources(setup, 1), end.make_far(setup, 200)
        return source, random.sample(far, len(far))

    @pytest.mark.parametrize(
        ("one", "two"),
        [
            ("append", "update"),
            ("append", "remove"),
            ("append", "clear"),
            ("append", "replace"),
            ("append", "replace by nothing"),
            ("update", "update"),
            ("update", "remove"),
            ("update", "replace"),
            ("remove", "remove"),
            ("remove", "replace by nothing"),
            ("put_many", "delete_many"),
            ("put_many", "update"),
            ("put_many", "remove"),
        ],
    )
    def test_never_fail(
        self, race: Racers, setup: World, end: End, tries: int, held: tuple[Any, list[Any]], one: str, two: str
    ) -> None:
        self.race(race, setup, end, tries, held, one, two)

    @pytest.mark.parametrize(
        ("one", "two"), [("put_many", "clear"), ("put_many", "replace"), ("delete_many", "replace by nothing")]
    )
    def test_never_fail_when_started_again(
        self, race: Racers, setup: World, end: End, tries: int, held: tuple[Any, list[Any]], one: str, two: str
    ) -> None:
        self.race(race, setup, end, tries, held, one, two, run=transaction.run)

    def race(
        self,
        race: Racers,
        setup: World,
        end: End,
        tries: int,
        held: tuple[Any, list[Any]],
        one: str,
        two: str,
        run: Callable[[Any, Work], Any] = lambda conn, work: work(conn),
    ) -> None:
        source, far = held
        numbers = iter(range(10**6))

        def work(name: str) -> Work:
            role = f"{name} {next(numbers)}"
            asked = random.sample(far, len(far))
            keys = [end.pair(source, record) for record in asked]
            relation = end.relation
            works: dict[str, Work] = {
                "append": lambda conn: relation.append(conn, source, asked, role=role, on_match="update"),
                "update": lambda conn: relation.update(conn, source, asked, role=role),
                "remove": lambda conn: relation.remove(conn, source, asked),
                "clear": lambda conn: relation.clear(conn, source),
                "replace": lambda conn: relation.replace(conn, source, asked[:100], role=role),
                "replace by nothing": lambda conn: relation.replace(conn, source, []),
                "put_many": lambda conn: user_aims.put_many(
                    conn, [NewUserAim(*key, role=role) for key in keys], on_match="update"
                ),
                "delete_many": lambda conn: user_aims.delete_many(conn, keys),
            }
            return lambda conn: run(conn, works[name])

        for _ in range(tries // 4):
            setup.execute("DELETE FROM user_aims")
            people, goals = zip(*(end.pair(source.id, record.id) for record in far), strict=True)
            setup.execute(
                "INSERT INTO user_aims (user_id, aim_id) SELECT * FROM unnest(%s::uuid[], %s::uuid[])",
                [list(people), list(goals)],
            )
            results = race(work(one), work(two))
            for name, result in zip((one, two), results, strict=True):
                # Links that the other has just removed are not there to update.
                gone = name == "update" and isinstance(result, NotFound)
                race.outcomes[f"{name}: {type(result).__name__}"] += 1
                if isinstance(result, Exception) and not gone:
                    raise result


class TestAppendAndDeletion:
    def test_of_a_far_record(self, race: Racers, setup: World, end: End, tries: int) -> None:
        """Either the deletion came first, and nothing is linked, or it took its link along afterwards."""
        for _ in range(tries):
            (source,), far = end.make_sources(setup, 1), end.make_far(setup, 20)
            gone = random.choice(far)
            appended, deleted = race(
                lambda conn: end.relation.append(conn, source, far), lambda conn: end.far.delete(conn, gone)
            )
            assert deleted is True
            if isinstance(appended, BrokenReference):
                assert end.missing(appended) == ((), (gone.id,))
                assert end.links(setup, source) == {}
                caused = "constraint" if appended.__cause__ else "statement"
                race.outcomes[f"broken reference, by the {caused}"] += 1
            else:
                assert appended == Changes(added=ids(far))
                assert set(end.links(setup, source)) == {*ids(far)} - {gone.id}
                race.outcomes["linked, then deleted"] += 1

    def test_of_the_source(self, race: Racers, setup: World, end: End, tries: int) -> None:
        far = end.make_far(setup, 20)
        for _ in range(tries):
            (source,) = end.make_sources(setup, 1)
            appended, deleted = race(
                lambda conn: end.relation.append(conn, source, far), lambda conn: end.sources.delete(conn, source)
            )
            assert deleted is True
            assert table(setup) == frozenset()
            if isinstance(appended, BrokenReference):
                assert end.missing(appended) == ((source.id,), ())
                race.outcomes["broken reference"] += 1
            else:
                assert appended == Changes(added=ids(far))
                race.outcomes["linked, then deleted"] += 1

    def test_of_a_far_record_while_replacing(self, race: Racers, setup: World, end: End) -> None:
        for _ in range(100):
            (source,), far = end.make_sources(setup, 1), end.make_far(setup, 10)
            setup(end.relation.append, source, far[:5])
            gone = random.choice(far[5:])
            replaced, deleted = race(
                lambda conn: end.relation.replace(conn, source, far[5:]), lambda conn: end.far.delete(conn, gone)
            )
            assert deleted is True
            if isinstance(replaced, BrokenReference):
                assert end.missing(replaced) == ((), (gone.id,))
                assert set(end.links(setup, source)) == set(ids(far[:5]))
                race.outcomes["broken reference"] += 1
            else:
                assert replaced == Changes(added=ids(far[5:]), removed=tuple(sorted(ids(far[:5]))))
                assert set(end.links(setup, source)) == set(ids(far[5:])) - {gone.id}
                race.outcomes["replaced, then deleted"] += 1


def test_a_replace_does_not_hold_up_others(race: Racers, setup: World, end: End) -> None:
    """While its transaction is open, others link the same far records, and even the same source to further ones."""
    sources, far = end.make_sources(setup, 2), end.make_far(setup, 10)
    setup(end.relation.append, sources[0], far[:6])
    setup(end.relation.append, sources[1], far[:2])
    impatient = make_conninfo(race.database, options="-c lock_timeout=1s")
    with psycopg.connect(race.database) as holding, psycopg.connect(impatient, autocommit=True) as other:
        end.relation.replace(holding, sources[0], far[3:8], role="b")
        assert end.relation.append(other, sources[1], far).added == ids(far[2:])
        assert end.relation.replace(other, sources[1], [*far[:5], far[9]], role="c")
        assert end.relation.append(other, sources[0], far[8:9]).added == ids(far[8:9])
        assert end.relation.update(other, sources[1], far[:1], role="d")
        assert len(end.relation.of(other, sources[0])) == 7
        # From the other end as well: none of these rows is the one that is locked.
        opposite = ENDS[1 - ENDS.index(end)].relation
        assert opposite.replace(other, far[9], [sources[1]]).unchanged == (sources[1].id,)
        assert opposite.append(other, far[9], [sources[0]]).added == (sources[0].id,)
        with pytest.raises(psycopg.errors.LockNotAvailable):
            end.relation.replace(other, sources[0], far)
    assert table(setup) == pairs(end, sources[0], far[3:]) | pairs(end, sources[1], [*far[:5], far[9]])


class TestTheSecondOfTwo:
    """One has written and not committed yet; the other waits for it, and then acts on what it left."""

    @pytest.fixture
    def linked(self, setup: World, end: End) -> tuple[Any, list[Any]]:
        (source,), far = end.make_sources(setup, 1), end.make_far(setup, 6)
        setup(end.relation.append, source, far[:3], role="before")
        return source, far

    def test_updates_the_links_as_they_are_by_then(
        self, race: Racers, setup: World, end: End, linked: tuple[Any, list[Any]]
    ) -> None:
        source, far = linked
        changes = second_of(
            race.database,
            lambda conn: end.relation.update(conn, source, far[:2], role="first", permissions=["p"]),
            lambda conn: end.relation.update(conn, source, far[:2], role="second"),
        )
        assert changes == Changes(updated=ids(far[:2]))
        left = end.links(setup, source)
        assert [left[id][:2] for id in ids(far[:3])] == [("second", ("p",)), ("second", ("p",)), ("before", ())]

    def test_finds_no_link_to_update_that_is_just_being_removed(
        self, race: Racers, setup: World, end: End, linked: tuple[Any, list[Any]]
    ) -> None:
        source, far = linked
        with pytest.raises(NotFound) as caught:
            second_of(
                race.database,
                lambda conn: end.relation.remove(conn, source, far[1:2]),
                lambda conn: end.relation.update(conn, source, far[:3], role="second"),
            )
        assert caught.value.ids == (far[1].id,)
        assert {role for role, _, _ in end.links(setup, source).values()} == {"before"}

    @pytest.mark.parametrize(
        "removing", ["delete", "delete_many", "remove from the other end", "delete the far record"]
    )
    def test_does_not_take_a_link_that_is_just_being_removed_for_an_unchanged_one(
        self, race: Racers, setup: World, end: End, linked: tuple[Any, list[Any]], removing: str
    ) -> None:
        """Those who remove single links lock no source: an update meets them at the link itself."""
        source, far = linked
        key = end.pair(source, far[1])
        opposite = ENDS[1 - ENDS.index(end)].relation
        works: dict[str, Work] = {
            "delete": lambda conn: user_aims.delete(conn, *key),
            "delete_many": lambda conn: user_aims.delete_many(conn, [key]),
            "remove from the other end": lambda conn: opposite.remove(conn, far[1], [source]),
            "delete the far record": lambda conn: end.far.delete(conn, far[1]),
        }
        with pytest.raises(NotFound) as caught:
            second_of(
                race.database, works[removing], lambda conn: end.relation.update(conn, source, far[:3], role="second")
            )
        assert caught.value.ids == (far[1].id,)
        left = end.links(setup, source)
        assert {id: role for id, (role, _, _) in left.items()} == {far[0].id: "before", far[2].id: "before"}

    def test_does_not_take_a_far_record_that_is_just_being_deleted_for_an_unchanged_one(
        self, race: Racers, setup: World, end: End, linked: tuple[Any, list[Any]]
    ) -> None:
        source, far = linked
        labels = [end.labelled(setup(end.far.get, one)) for one in (far[0], far[2])]
        edits = [end.edit(one, "second") for one in far[:3]]
        with pytest.raises(BrokenReference) as caught:
            second_of(
                race.database,
                lambda conn: end.far.delete(conn, far[1]),
                lambda conn: end.relation.direct_control(conn, source, edits),
            )
        assert end.missing(caught.value) == ((), (far[1].id,))
        assert [end.labelled(setup(end.far.get, one)) for one in (far[0], far[2])] == labels

    def test_appends_what_is_just_being_removed(
        self, race: Racers, setup: World, end: End, linked: tuple[Any, list[Any]]
    ) -> None:
        source, far = linked
        changes = second_of(
            race.database,
            lambda conn: end.relation.remove(conn, source, far[1:2]),
            lambda conn: end.relation.append(conn, source, far[:3], role="second", on_match="update"),
        )
        assert changes == Changes(added=ids(far[1:2]), updated=(far[0].id, far[2].id))
        assert [role for role, _, _ in end.links(setup, source).values()] == ["second"] * 3

    @pytest.mark.parametrize("emptying", ["clear", "replace", "remove"])
    def test_removes_what_a_replace_leaves(
        self, race: Racers, setup: World, end: End, linked: tuple[Any, list[Any]], emptying: str
    ) -> None:
        source, far = linked
        works: dict[str, Work] = {
            "clear": lambda conn: end.relation.clear(conn, source),
            "replace": lambda conn: end.relation.replace(conn, source, []),
            "remove": lambda conn: end.relation.remove(conn, source, far),
        }
        changes = second_of(race.database, lambda conn: end.relation.replace(conn, source, far[2:5]), works[emptying])
        assert changes == Changes(removed=tuple(sorted(ids(far[2:5]))))
        assert end.links(setup, source) == {}

    def test_names_the_far_ids_of_links_that_are_just_being_added(
        self, race: Racers, setup: World, end: End, linked: tuple[Any, list[Any]]
    ) -> None:
        source, far = linked
        with pytest.raises(AlreadyExists) as caught:
            second_of(
                race.database,
                lambda conn: end.relation.append(conn, source, far[3:5]),
                lambda conn: end.relation.append(conn, source, far[3:], on_match="error"),
            )
        assert caught.value.table == "user_aims"
        # The first that stands in the way is known, perhaps not all; what is known are far ids.
        assert {*caught.value.ids} <= set(ids(far[3:5]))
        assert set(end.links(setup, source)) == set(ids(far[:5]))

    def test_gets_a_broken_reference_for_what_is_just_being_deleted(
        self, race: Racers, setup: World, end: End, linked: tuple[Any, list[Any]]
    ) -> None:
        source, far = linked
        for operation in (end.relation.append, end.relation.replace):
            gone = far.pop()
            with pytest.raises(BrokenReference) as caught:
                second_of(
                    race.database,
                    lambda conn: end.far.delete(conn, gone),
                    lambda conn: operation(conn, source, [far[0], gone]),
                )
            assert end.missing(caught.value) == ((), (gone.id,))
        assert set(end.links(setup, source)) == set(ids(far[:3]))

    def test_gets_a_broken_reference_for_a_source_that_is_just_being_deleted(
        self, race: Racers, end: End, linked: tuple[Any, list[Any]]
    ) -> None:
        source, far = linked
        works: list[Work] = [
            lambda conn: end.relation.replace(conn, source, far),
            lambda conn: end.relation.direct_control(conn, source, far[:3]),
        ]
        with pytest.raises(BrokenReference) as caught:
            second_of(race.database, lambda conn: end.sources.delete(conn, source), works[0])
        assert end.missing(caught.value) == ((source.id,), ())
        with pytest.raises(BrokenReference):
            works[1](race.connections[0])


class TestOneMembership:
    def test_grants_and_revokes_lose_nothing(self, race: Racers, setup: World, tries: int) -> None:
        (ana,), (run,) = make(setup, users, 1), make(setup, aims, 1)
        setup(user_aims.create, ana, run)
        for number in range(tries):
            setup(user_aims.update, ana, run, role="before", permissions=["old", "kept"], joined_at=NOON)
            role = f"role {number}"
            results: list[UserAim] = no_failures(
                race(
                    lambda conn: user_aims.grant(conn, ana, run, ["a", "b"]),
                    lambda conn: user_aims.grant(conn, ana, run, ["b", "c"]),
                    lambda conn: user_aims.grant(conn, ana, run, ["d"]),
                    lambda conn: user_aims.revoke(conn, ana, run, ["old"]),
                    lambda conn: user_aims.update(conn, ana, run, role=role),
                )
            )
            left = setup(user_aims.get, ana, run)
            assert sorted(left.permissions) == ["a", "b", "c", "d", "kept"]
            assert (left.role, left.joined_at) == (role, NOON)
            # Each saw its own work done.
            assert all(set(one.permissions) >= {*own} for one, own in zip(results, ("ab", "bc", "d"), strict=False))
            assert "old" not in results[3].permissions
            assert results[4].role == role
            race.outcomes[",".join(left.permissions[1:])] += 1

    def test_a_grant_and_a_revoke_of_the_same_end_as_one_after_the_other(
        self, race: Racers, setup: World, tries: int
    ) -> None:
        (ana,), (run,) = make(setup, users, 1), make(setup, aims, 1)
        setup(user_aims.create, ana, run)
        for number in range(tries):
            setup(user_aims.update, ana, run, permissions=["x"][: number % 2])
            granted, revoked = no_failures(
                race(
                    lambda conn: user_aims.grant(conn, ana, run, ["x"]),
                    lambda conn: user_aims.revoke(conn, ana, run, ["x"]),
                )
            )
            assert (granted.permissions, revoked.permissions) == (("x",), ())
            race.outcomes["granted last" if setup(user_aims.get, ana, run).permissions else "revoked last"] += 1

    def test_if_role_lets_one_of_two_win(self, race: Racers, setup: World, tries: int) -> None:
        (ana,), (run,) = make(setup, users, 1), make(setup, aims, 1)
        setup(user_aims.create, ana, run)
        for _ in range(tries):
            setup(user_aims.update, ana, run, role="open")
            results = race(
                *each(("one", "two"), lambda conn, r: user_aims.update(conn, ana, run, role=r, if_role="open"))
            )
            (winner,) = (one for one in results if isinstance(one, UserAim))
            (loser,) = (one for one in results if not isinstance(one, UserAim))
            assert isinstance(loser, Conflict)
            assert setup(user_aims.get, ana, run) == winner
            race.outcomes[winner.role] += 1

    def test_of_two_that_create_it_one_wins(self, race: Racers, setup: World, tries: int) -> None:
        (ana,), (run,) = make(setup, users, 1), make(setup, aims, 1)
        for _ in range(tries):
            setup(user_aims.delete, ana, run)
            results = race(*each(("one", "two"), lambda conn, r: user_aims.create(conn, ana, run, role=r)))
            (winner,) = (one for one in results if isinstance(one, UserAim))
            (loser,) = (one for one in results if not isinstance(one, UserAim))
            assert isinstance(loser, AlreadyExists)
            assert loser.ids == ((ana.id, run.id),)
            assert setup(user_aims.get, ana, run) == winner
            race.outcomes[winner.role] += 1


class TestRecords:
    def test_ensure_gives_everybody_the_same_user(self, race: Racers, setup: World) -> None:
        for number in range(50):
            addresses = [f"ana{number}@example.org", f"ANA{number}@example.org"]
            results: list[tuple[User, bool]] = no_failures(
                race(*each(range(CALLERS), lambda conn, n: users.ensure(conn, email=addresses[n % 2], name=f"{n}")))
            )
            assert sum(created for _, created in results) == 1
            (user,) = {user for user, _ in results}
            assert setup(users.find_by_email, addresses[0]) == user
            race.outcomes[f"created by caller {user.name}"] += 1
        assert setup(users.count) == 50

    def test_of_two_that_create_the_same_far_record_one_wins(
        self, race: Racers, setup: World, end: End, tries: int
    ) -> None:
        sources = end.make_sources(setup, 2)
        for _ in range(tries):
            id = new_id()
            asked = [end.new("n"), end.new("m", id)]
            results = race(*each(sources, lambda conn, s: end.relation.create(conn, s, asked)))
            lost = [isinstance(result, AlreadyExists) for result in results]
            assert sorted(lost) == [False, True]
            winner = lost.index(False)
            assert [one.record.id for one in results[winner]][-1:] == [id]
            assert all(isinstance(one, Linked) for one in results[winner])
            assert end.links(setup, sources[1 - winner]) == {}
            assert set(end.links(setup, sources[winner])) == {one.record.id for one in results[winner]}
            setup(end.far.delete_many, [one.record for one in results[winner]])
            race.outcomes[f"caller {winner}"] += 1

    def test_of_two_that_create_the_same_address_one_wins(self, race: Racers, setup: World, tries: int) -> None:
        for number in range(tries):
            email = f"{number}@example.org"
            results = race(*each(("one", "two"), lambda conn, n: users.create(conn, email=email, name=n)))
            (winner,) = (one for one in results if isinstance(one, User))
            (loser,) = (one for one in results if not isinstance(one, User))
            assert isinstance(loser, AlreadyExists)
            assert loser.constraint == "users_email_key"
            assert setup(users.find_by_email, email) == winner
            race.outcomes[winner.name] += 1


class TestMerge:
    def test_in_opposite_directions_does_not_deadlock(self, race: Racers, setup: World, tries: int) -> None:
        """One takes over everything, and hands everything on: all aims end with one of the two users."""
        (ana, bo), goals = make(setup, users, 2), make(setup, aims, 30)
        for _ in range(tries):
            setup.execute("DELETE FROM user_aims")
            setup(users.aims.append, ana, goals[:20])
            setup(users.aims.append, bo, goals[10:])
            to_bo, to_ana = no_failures(
                race(lambda conn: user_aims.merge(conn, ana, bo), lambda conn: user_aims.merge(conn, bo, ana))
            )
            everything = {"ana": pairs(USERS_AIMS, ana, goals), "bo": pairs(USERS_AIMS, bo, goals)}
            (holder,) = (name for name, held in everything.items() if held == table(setup))
            first, last = (to_bo, to_ana) if holder == "ana" else (to_ana, to_bo)
            assert (len(first.added), len(first.unchanged)) == (10, 10)
            assert set(last.added) == set(ids(goals))
            race.outcomes[f"all with {holder}"] += 1

    def test_of_two_users_into_one_brings_everything_together(self, race: Racers, setup: World) -> None:
        (ana, bo, cy), goals = make(setup, users, 3), make(setup, aims, 30)
        for _ in range(100):
            setup.execute("DELETE FROM user_aims")
            setup(users.aims.append, ana, goals[:20])
            setup(users.aims.append, bo, goals[10:])
            one, two = no_failures(
                race(lambda conn: user_aims.merge(conn, ana, cy), lambda conn: user_aims.merge(conn, bo, cy))
            )
            assert sorted([*one.added, *two.added]) == sorted(ids(goals))
            assert table(setup) == pairs(USERS_AIMS, cy, goals)
            race.outcomes["ana first" if len(one.added) == 20 else "bo first"] += 1

    def test_and_replace_end_as_one_after_the_other(self, race: Racers, setup: World) -> None:
        (ana, bo), goals = make(setup, users, 2), make(setup, aims, 20)
        for _ in range(100):
            setup.execute("DELETE FROM user_aims")
            setup(users.aims.append, ana, goals[:10])
            no_failures(
                race(
                    lambda conn: user_aims.merge(conn, ana, bo),
                    lambda conn: users.aims.replace(conn, ana, goals[10:]),
                )
            )
            merged_first = pairs(USERS_AIMS, bo, goals[:10]) | pairs(USERS_AIMS, ana, goals[10:])
            replaced_first = pairs(USERS_AIMS, bo, goals[10:])
            race.outcomes[{merged_first: "merged first", replaced_first: "replaced first"}[table(setup)]] += 1


class TestDirectControlAndDirectControl:
    def test_leave_one_of_the_two_sets(self, race: Racers, setup: World, end: End, tries: int) -> None:
        """The records that the first created are deleted by the second, as it does not mention them."""
        for number in range(tries):
            (source,), (kept, dropped) = end.make_sources(setup, 1), end.make_far(setup, 2)
            setup(end.relation.append, source, [kept, dropped])
            new = {"one": new_id(), "two": new_id()}

            def work(conn: Connection, name: str) -> Changes:
                items = [end.edit(kept, name), end.new(f"{name} {number}", new[name])]
                return end.relation.direct_control(conn, source, items)

            results = dict(zip(new, no_failures(race(*each(new, work))), strict=True))
            last = end.labelled(setup(end.far.get, kept))
            (first,) = new.keys() - {last}
            assert set(end.links(setup, source)) == {kept.id, new[last]}
            assert setup(end.far.find, new[first]) is None
            assert results[first] == Changes((new[first],), (kept.id,), (), (dropped.id,))
            assert results[last] == Changes((new[last],), (kept.id,), (), (new[first],))
            race.outcomes[f"{last} is last"] += 1

    def test_of_what_the_other_deletes(self, race: Racers, setup: World, end: End, tries: int) -> None:
        for _ in range(tries):
            (source,), (kept,) = end.make_sources(setup, 1), end.make_far(setup, 1)
            setup(end.relation.append, source, [kept])
            emptied, left = race(
                lambda conn: end.relation.direct_control(conn, source, []),
                lambda conn: end.relation.direct_control(conn, source, [kept]),
            )
            assert emptied == Changes(removed=(kept.id,))
            assert table(setup) == frozenset()
            if isinstance(left, BrokenReference):
                assert end.missing(left) == ((), (kept.id,))
                race.outcomes["deleted first"] += 1
            else:
                assert left == Changes(unchanged=(kept.id,))
                race.outcomes["kept first"] += 1


class TestSnapshots:
    """Sessions that keep one snapshot for a whole transaction: what they do not see must not be lost or left."""

    @pytest.fixture(params=["repeatable read", "serializable"])
    def isolated(self, request: pytest.FixtureRequest, race: Racers) -> Iterator[Racers]:
        for conn in race.connections:
            conn.execute(f"SET default_transaction_isolation = '{request.param}'".encode())
        yield race
        for conn in race.connections:
            conn.execute("RESET default_transaction_isolation")

    @pytest.mark.parametrize("name", ["replace", "direct_control"])
    def test_two_sets_at_once_end_as_one_of_them(
        self, isolated: Racers, setup: World, end: End, name: str, tries: int
    ) -> None:
        for _ in range(tries // 2):
            (source,), far = end.make_sources(setup, 1), end.make_far(setup, 6)
            if name == "replace":
                sets: list[Any] = [far[:3], far[3:]]
                results = isolated(*each(sets, lambda conn, s: end.relation.replace(conn, source, s)))
                ends = {pairs(end, source, s): number for number, s in enumerate(sets)}
                isolated.outcomes[f"set {ends[table(setup)]}"] += 1
            else:
                fresh = [new_id(), new_id()]
                sets = [[end.new(f"n {id}", id)] for id in fresh]
                results = isolated(*each(sets, lambda conn, s: end.relation.direct_control(conn, source, s)))
                (left,) = end.links(setup, source)
                isolated.outcomes[f"set {fresh.index(left)}"] += 1
            no_failures(results)
            setup(end.relation.clear, source)

    @pytest.mark.parametrize("name", ["replace", "remove", "clear", "update", "append", "merge"])
    def test_a_snapshot_from_before_anothers_change_is_a_failure_that_may_be_tried_again(
        self, isolated: Racers, setup: World, end: End, name: str
    ) -> None:
        (source, second), far = end.make_sources(setup, 2), end.make_far(setup, 4)
        setup(end.relation.append, source, far[:2])
        works: dict[str, Work] = {
            "replace": lambda conn: end.relation.replace(conn, source, far[1:3]),
            "remove": lambda conn: end.relation.remove(conn, source, far),
            "clear": lambda conn: end.relation.clear(conn, source),
            "update": lambda conn: end.relation.update(conn, source, far[:2], role="new"),
            "append": lambda conn: end.relation.append(conn, source, far[:2], role="new", on_match="update"),
            "merge": lambda conn: user_aims.merge(conn, source, second),
        }
        if name == "merge" and end is AIMS_USERS:
            return  # of users alone
        one, two = isolated.connections[:2]
        one.execute("BEGIN")
        one.execute("SELECT count(*) FROM user_aims")  # the snapshot is taken
        end.relation.replace(two, source, far[2:])
        with pytest.raises(psycopg.errors.SerializationFailure):
            works[name](one)
        one.rollback()
        assert table(setup) == pairs(end, source, far[2:])
        seen: list[int] = []

        def again(conn: Connection) -> Any:
            conn.execute("SELECT count(*) FROM user_aims")
            seen.append(1)
            if len(seen) == 1:
                end.relation.replace(two, source, far[:2])
            return works[name](conn)

        transaction.run(one, again)
        assert len(seen) == 2


class TestDeadlocks:
    """Locks taken in two orders: the server ends one of the two, which is sent again, or raised where it cannot be."""

    @pytest.fixture
    def cross(self, race: Racers, setup: World) -> Callable[[Callable[[User, list[Any]], Any]], Any]:
        """Another session and `call` wait for each other's links of one user; gives what became of `call`."""

        def run(call: Callable[[User, list[Any]], Any]) -> Any:
            (ana,), goals = make(setup, users, 1), make(setup, aims, 2)
            goals.sort(key=lambda goal: goal.id)
            setup(users.aims.append, ana, goals)
            # Who waits longer than deadlock_timeout looks for a circle once: the call does, after the other closed it.
            with (
                psycopg.connect(race.database, options=f"{LIMITS} -c deadlock_timeout=15s") as other,
                ThreadPoolExecutor(1) as thread,
            ):
                user_aims.update(other, ana, goals[1], role="of the other")
                waiting = thread.submit(call, ana, goals)
                until_waiting(race.database)
                user_aims.update(other, ana, goals[0], role="of the other")
                other.commit()
                return waiting.result(timeout=20)

        return run

    CALLER = f"{LIMITS} -c deadlock_timeout=400ms"

    @pytest.mark.parametrize("world", ["sync", "async"])
    def test_a_call_that_is_a_transaction_by_itself_is_sent_again(
        self, race: Racers, setup: World, cross: Callable[[Callable[[User, list[Any]], Any]], Any], world: str
    ) -> None:
        async def in_task(rows: list[NewUserAim]) -> Any:
            async with await psycopg.AsyncConnection.connect(
                race.database, autocommit=True, options=self.CALLER
            ) as conn:
                return await user_aims.put_many(conn, rows, on_match="update")

        def call(user: User, goals: list[Any]) -> Any:
            wanted = [NewUserAim(user, goal, role="mine") for goal in goals]
            if world == "async":
                return asyncio.run(in_task(wanted))
            with psycopg.connect(race.database, autocommit=True, options=self.CALLER) as conn:
                return user_aims.put_many(conn, wanted, on_match="update")

        before = self.deadlocks(setup)
        assert cross(call) == ["updated", "updated"]
        assert self.deadlocks(setup) > before
        assert {role for role, _ in rows(setup).values()} == {"mine"}

    def test_in_a_transaction_of_the_callers_it_is_raised_and_run_starts_again(
        self, race: Racers, setup: World, cross: Callable[[Callable[[User, list[Any]], Any]], Any]
    ) -> None:
        tries: list[BaseException] = []

        def call(user: User, goals: list[Any]) -> Any:
            def work(conn: Connection) -> Any:
                try:
                    return user_aims.put_many(
                        conn, [NewUserAim(user, goal, role="mine") for goal in goals], on_match="update"
                    )
                except psycopg.Error as error:
                    tries.append(error)
                    raise

            with psycopg.connect(race.database, options=self.CALLER) as conn:
                return transaction.run(conn, work)

        assert cross(call) == ["updated", "updated"]
        assert [type(error) for error in tries] == [psycopg.errors.DeadlockDetected]
        assert {role for role, _ in rows(setup).values()} == {"mine"}

    @pytest.mark.parametrize("other", ["delete_many", "direct_control", "merge", "put_many"])
    def test_beside_replaces_nothing_fails_and_nothing_is_left_behind(
        self, race: Racers, setup: World, other: str, tries: int
    ) -> None:
        for _ in range(tries // 4):
            people, goals = make(setup, users, 5), make(setup, aims, 16)
            for user in people:
                setup(users.aims.append, user, goals[:10])
            rows = [NewUserAim(user, goal, role="x") for goal in goals[:10] for user in people[:3]]
            works: dict[str, Work] = {
                "delete_many": lambda conn: aims.delete_many(conn, goals),
                "direct_control": lambda conn: users.aims.direct_control(conn, people[4], []),
                "merge": lambda conn: [user_aims.merge(conn, people[3], people[0]) for _ in goals],
                "put_many": lambda conn: user_aims.put_many(conn, rows, on_match="update"),
            }

            def replaces(conn: Connection) -> None:
                for user in people[:4]:
                    with suppress(BrokenReference):  # of what is deleted meanwhile
                        users.aims.replace(conn, user, goals[5:])

            def from_the_aims(conn: Connection) -> None:
                for goal in goals[:6]:
                    with suppress(BrokenReference):
                        aims.users.replace(conn, goal, people[:2])

            results = race(replaces, works[other], from_the_aims)
            no_failures([one for one in results if not isinstance(one, BrokenReference)])
            known = "SELECT 1 FROM user_aims JOIN users u ON u.id = user_id JOIN aims a ON a.id = aim_id"
            assert len(setup.execute(known)) == len(table(setup))

    @staticmethod
    def deadlocks(setup: World) -> int:
        """How many the server has found in this database; sessions tell when they are idle."""
        time.sleep(1.1)
        setup.execute("SELECT pg_stat_clear_snapshot()")
        ((count,),) = setup.execute("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
        return int(count)
