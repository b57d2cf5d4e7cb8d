"""Merges at once, and beside other writers. `-s` shows what came out, and how often."""

from tests.ends import USERS_AIMS, ids, make
from tests.races.racers import Racers, no_failures, pairs, table
from tests.worlds import World
from useraim import aims, user_aims, users


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
