"""Writers of one membership at once. `-s` shows what came out, and how often."""

# ruff: noqa: B023 - the works of a race end before the next turn of the loop

from tests.ends import NOON, make
from tests.races.racers import Racers, each, no_failures
from tests.worlds import World
from useraim import AlreadyExists, Conflict, aims, user_aims, users
from useraim.values import UserAim


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
