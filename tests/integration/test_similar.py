"""Similar users and suggested aims, against the definition computed in Python from random links."""

import random
from fractions import Fraction

import pytest

from tests.worlds import World
from useraim import InvalidValue, NewAim, NewUser, aims, user_aims, users
from useraim.values import Aim, User


@pytest.fixture
def held(call: World) -> dict[User, set[Aim]]:
    dice = random.Random(7)
    people = call(users.create_many, [NewUser(f"p{n}@example.org", f"P{n}") for n in range(25)])
    goals = call(aims.create_many, [NewAim(f"Goal {n}") for n in range(12)])
    held = {person: set(dice.sample(goals, dice.randint(0, 6))) for person in people}
    call(user_aims.put_many, [(person, goal) for person, chosen in held.items() for goal in chosen])
    return held


def alike(held: dict[User, set[Aim]], user: User) -> dict[User, Fraction]:
    mine = held[user]
    return {
        other: Fraction(len(mine & theirs), len(mine | theirs))
        for other, theirs in held.items()
        if other != user and mine & theirs
    }


def test_similar_users_come_by_their_jaccard_index_ties_by_id(call: World, held: dict[User, set[Aim]]) -> None:
    for user in held:
        likeness = alike(held, user)
        expected = sorted(likeness, key=lambda other: (-likeness[other], other.id))
        assert call(users.similar, user, limit=1000) == expected
        assert call(users.similar, user.id, limit=3) == expected[:3]


def test_suggested_aims_score_the_likeness_of_their_holders(call: World, held: dict[User, set[Aim]]) -> None:
    for user, mine in held.items():
        scores: dict[Aim, Fraction] = {}
        for other, likeness in alike(held, user).items():
            for goal in held[other] - mine:
                scores[goal] = scores.get(goal, Fraction(0)) + likeness
        suggested = call(users.suggest_aims, user, limit=1000)
        assert set(suggested) == set(scores)
        # PostgreSQL divides to some 20 digits, so equal sums of unequal fractions may differ in the last of them.
        ranks = [float(scores[goal]) for goal in suggested]
        assert ranks == pytest.approx(sorted(ranks, reverse=True))
        assert call(users.suggest_aims, user, limit=2) == suggested[:2]


def test_a_user_without_aims_resembles_nobody(call: World, ana: User) -> None:
    assert call(users.similar, ana) == []
    assert call(users.suggest_aims, ana) == []


@pytest.mark.parametrize("limit", [0, -1, 1001, True, "5", None])
def test_a_strange_limit_is_refused(call: World, ana: User, limit: object) -> None:
    for function in (users.similar, users.suggest_aims):
        with pytest.raises(InvalidValue):
            function.call(ana, limit=limit)  # type: ignore[arg-type]
