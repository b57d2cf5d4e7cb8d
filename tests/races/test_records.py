"""The same record made at once: one wins. `-s` shows who, and how often."""

# ruff: noqa: B023 - the works of a race end before the next turn of the loop

from functools import partial

import pytest

from tests.ends import End
from tests.races.racers import CALLERS, Connection, Racers, each, no_failures
from tests.waiting import second_of
from tests.worlds import World
from useraim import AlreadyExists, users
from useraim.ids import new_id
from useraim.values import Linked, User


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

    def test_who_loses_an_address_goes_on_with_the_transaction(self, race: Racers, setup: World) -> None:
        def create(conn: Connection) -> int:
            conn.execute("BEGIN")
            with pytest.raises(AlreadyExists):
                users.create(conn, email="ana@example.org", name="second")
            number = users.count(conn)
            conn.execute("COMMIT")
            return number

        first = partial(users.create, email="ANA@example.org", name="first")
        assert second_of(race.database, first, create) == 1
