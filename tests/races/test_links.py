"""Writers of the same links at once: none fails. `-s` shows what came out, and how often."""

import random
from dataclasses import replace as with_
from itertools import count
from typing import Any, NamedTuple
from uuid import UUID

import pytest

from tests.ends import NOON, End, ids, make
from tests.races.racers import Connection, Racers, Work, no_failures, pairs, table
from tests.worlds import World
from useraim import NotFound, aims, transaction, user_aims, users
from useraim.values import Link, NewUserAim


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


NUMBERS = count()


class Writer(NamedTuple):
    """Writes the same links as another, in an order and with a role of its own."""

    end: End
    source: Any
    asked: list[Any]
    role: str

    def append(self, conn: Connection) -> object:
        return self.end.relation.append(conn, self.source, self.asked, role=self.role, on_match="update")

    def update(self, conn: Connection) -> object:
        return self.end.relation.update(conn, self.source, self.asked, role=self.role)

    def remove(self, conn: Connection) -> object:
        return self.end.relation.remove(conn, self.source, self.asked)

    def clear(self, conn: Connection) -> object:
        return self.end.relation.clear(conn, self.source)

    def replace(self, conn: Connection) -> object:
        return self.end.relation.replace(conn, self.source, self.asked[:100], role=self.role)

    def replace_by_nothing(self, conn: Connection) -> object:
        return self.end.relation.replace(conn, self.source, [])

    def put_many(self, conn: Connection) -> object:
        rows = [NewUserAim(*pair, role=self.role) for pair in self.pairs()]
        return user_aims.put_many(conn, rows, on_match="update")

    def delete_many(self, conn: Connection) -> object:
        return user_aims.delete_many(conn, self.pairs())

    def pairs(self) -> list[tuple[Any, Any]]:
        return [self.end.pair(self.source, record) for record in self.asked]


class Held(NamedTuple):
    """Links that lie in the table in another order than that of their keys."""

    end: End
    source: Any
    far: list[Any]

    def restore(self, setup: World) -> None:
        people, goals = zip(*(self.end.pair(self.source.id, record.id) for record in self.far), strict=True)
        setup.execute("DELETE FROM user_aims")
        setup.execute(
            "INSERT INTO user_aims (user_id, aim_id) SELECT * FROM unnest(%s::uuid[], %s::uuid[])",
            [list(people), list(goals)],
        )

    def write(self, name: str) -> Work:
        """One of the writes of a `Writer`, by its name."""
        writer = Writer(self.end, self.source, random.sample(self.far, len(self.far)), f"{name} {next(NUMBERS)}")
        work: Work = getattr(writer, name.replace(" ", "_"))
        return work


def started_again(work: Work) -> Work:
    return lambda conn: transaction.run(conn, work)


class TestWritesOfExistingLinks:
    """Writers of one source take turns, writers of many go in key order, wherever the rows lie: none deadlocks.

    Only a whole set beside a writer of many sources may: the database ends one of the two, which may start again.
    """

    @pytest.fixture
    def held(self, setup: World, end: End) -> Held:
        (source,), far = end.make_sources(setup, 1), end.make_far(setup, 200)
        return Held(end, source, random.sample(far, len(far)))

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
    def test_never_fail(self, race: Racers, setup: World, tries: int, held: Held, one: str, two: str) -> None:
        for _ in range(tries // 4):
            held.restore(setup)
            self.check(race, (one, two), race(held.write(one), held.write(two)))

    @pytest.mark.parametrize(
        ("one", "two"), [("put_many", "clear"), ("put_many", "replace"), ("delete_many", "replace by nothing")]
    )
    def test_never_fail_when_started_again(
        self, race: Racers, setup: World, tries: int, held: Held, one: str, two: str
    ) -> None:
        for _ in range(tries // 4):
            held.restore(setup)
            self.check(race, (one, two), race(started_again(held.write(one)), started_again(held.write(two))))

    @staticmethod
    def check(race: Racers, names: tuple[str, str], results: list[Any]) -> None:
        for name, result in zip(names, results, strict=True):
            # Links that the other has just removed are not there to update.
            gone = name == "update" and isinstance(result, NotFound)
            race.outcomes[f"{name}: {type(result).__name__}"] += 1
            if isinstance(result, Exception) and not gone:
                raise result
