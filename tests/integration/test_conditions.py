"""Conditions on the other end, held against a brute-force answer over random links."""

import random
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from tests.paging import there_and_back
from tests.worlds import World
from useraim import InvalidValue, aims, user_aims, users
from useraim.values import (
    AllOf,
    AnyOf,
    Condition,
    CountBetween,
    Exactly,
    LinkFilter,
    NewAim,
    NewUser,
    NewUserAim,
    NoneOf,
    UserAim,
)

START = datetime(2024, 1, 1, tzinfo=UTC)
ROLES = ["owner", "member", "guest"]
PERMISSIONS = ["read", "write"]


class Model:
    """The relation as seen from one end, in plain Python."""

    def __init__(self, ends: Iterable[UUID], links: Sequence[UserAim], *, from_users: bool) -> None:
        self.links: dict[UUID, list[tuple[UUID, UserAim]]] = {end: [] for end in ends}
        for link in links:
            near, far = (link.user_id, link.aim_id) if from_users else (link.aim_id, link.user_id)
            self.links[near].append((far, link))

    def matching(self, where: Iterable[Any]) -> set[UUID]:
        conditions = list(where)
        return {end for end in self.links if all(self.holds(condition, end) for condition in conditions)}

    def holds(self, condition: Condition[Any], end: UUID) -> bool:
        far = {far for far, link in self.links[end] if passes(link, condition.link)}
        if isinstance(condition, CountBetween):
            most = len(far) if condition.at_most is None else condition.at_most
            return condition.at_least <= len(far) <= most
        ids: set[UUID] = set(condition.ids)
        meanings = {AnyOf: bool(far & ids), AllOf: far >= ids, NoneOf: not far & ids, Exactly: far == ids}
        return meanings[type(condition)]


def passes(link: UserAim, asked: LinkFilter | None) -> bool:
    return asked is None or (
        (asked.roles is None or link.role in asked.roles)
        and (asked.permissions is None or set(asked.permissions) <= set(link.permissions))
        and (asked.joined_from is None or link.joined_at >= asked.joined_from)
        and (asked.joined_before is None or link.joined_at < asked.joined_before)
    )


def some_filter(chance: random.Random) -> LinkFilter | None:
    if chance.random() < 0.4:
        return None
    return LinkFilter(
        roles=chance.sample(ROLES, chance.randint(0, 2)) if chance.random() < 0.5 else None,
        permissions=chance.sample(PERMISSIONS, chance.randint(0, 2)) if chance.random() < 0.3 else None,
        joined_from=START + timedelta(days=chance.randint(0, 4)) if chance.random() < 0.3 else None,
        joined_before=START + timedelta(days=chance.randint(2, 6)) if chance.random() < 0.3 else None,
    )


def some_condition(chance: random.Random, far: Sequence[UUID], held: Sequence[set[UUID]]) -> Any:
    link = some_filter(chance)
    ids: list[UUID] = chance.choices([*far, UUID(int=7)], k=chance.randint(0, 3))
    if chance.random() < 0.5:
        ids = list(chance.choice(held))[: chance.randint(0, 5)]
    at_least = chance.randint(0, 3)
    at_most = chance.choice([None, 0, 1, 2, 4])
    return chance.choice(
        [
            AnyOf(ids, link),
            AllOf(ids, link),
            NoneOf(ids, link),
            Exactly(ids, link),
            CountBetween(at_least, at_most, link),
        ]
    )


@pytest.mark.parametrize("end", ["users", "aims"])
@pytest.mark.parametrize("seed", range(4))
def test_all_conditions_agree_with_brute_force(call: World, end: str, seed: int) -> None:
    chance = random.Random(f"{end} {seed}")
    people = [user.id for user in call(users.create_many, [NewUser(f"{n}@example.org", "N") for n in range(14)])]
    goals = [aim.id for aim in call(aims.create_many, [NewAim(f"T{n}") for n in range(7)])]
    pairs = [(user, aim) for user in people for aim in goals if chance.random() < 0.3]
    rows = [
        NewUserAim(
            user,
            aim,
            role=chance.choice(ROLES),
            permissions=chance.sample(PERMISSIONS, chance.randint(0, 2)),
            joined_at=START + timedelta(days=chance.randint(0, 5)),
        )
        for user, aim in pairs
    ]
    call(user_aims.put_many, rows)
    links = [link for link in call(user_aims.find_many, pairs) if link]
    from_users = end == "users"
    near: Any = users if from_users else aims
    ends, far = (people, goals) if from_users else (goals, people)
    model = Model(ends, links, from_users=from_users)
    held = [{one for one, _ in linked} for linked in model.links.values()]
    for _ in range(40):
        where = [some_condition(chance, far, held) for _ in range(chance.choice([1, 1, 2, 3]))]
        expected = model.matching(where)
        assert {row.id for row in call(near.page, where=where)} == expected, where
        assert call(near.count, where=where) == len(expected), where


@pytest.mark.parametrize("end", ["users", "aims"])
def test_conditions_of_nothing(call: World, people: Any, goals: Any, end: str) -> None:
    near, rows, linked = (users, people, goals[0]) if end == "users" else (aims, goals, people[0])
    relation: Any = users.aims if end == "users" else aims.users
    call(relation.append, rows[0], [linked])
    anyhow: Any = near
    everybody = {row.id for row in rows}

    def ids(*where: Any) -> set[UUID]:
        return {row.id for row in call(anyhow.page, where=where)}

    assert ids(AnyOf([])) == set()
    assert ids(AllOf([])) == ids(NoneOf([])) == ids(CountBetween()) == ids() == everybody
    assert ids(Exactly([])) == ids(CountBetween(at_most=0)) == everybody - {rows[0].id}
    assert ids(AnyOf([linked])) == ids(Exactly([linked, linked.id])) == ids(CountBetween(1)) == {rows[0].id}
    assert ids(CountBetween(2, 1)) == set()


@pytest.mark.parametrize("end", ["users", "aims"])
def test_conditions_go_with_search_order_pages_and_streams(call: World, people: Any, goals: Any, end: str) -> None:
    near, rows, far = (users, people, goals) if end == "users" else (aims, goals, people)
    relation: Any = users.aims if end == "users" else aims.users
    for row in rows[:3]:
        call(relation.append, row, far[:2], role="owner")
    anyhow: Any = near
    label = "name" if end == "users" else "title"
    where = [AllOf(far[:2], LinkFilter(roles=["owner"])), NoneOf([far[2]])]
    expected = sorted(rows[:3], key=lambda row: str(getattr(row, label)), reverse=True)
    assert there_and_back(call, anyhow.page, where=where, order_by=f"-{label}", limit=1) == expected
    assert call.rows(anyhow.stream, where=iter(where)) == sorted(expected, key=lambda row: row.id)
    search = str(getattr(rows[1], label)).upper()
    assert call(anyhow.page, where=where, search=search).items == [rows[1]]
    assert call(anyhow.count, where=where, search=search) == 1


@pytest.mark.parametrize("end", ["users", "aims"])
@pytest.mark.parametrize("kind", [AnyOf, AllOf, NoneOf, Exactly, CountBetween])
def test_twenty_conditions_are_possible(call: World, people: Any, goals: Any, end: str, kind: Any) -> None:
    """The server plans that many in no time."""
    near, rows, linked = (users, people, goals[0]) if end == "users" else (aims, goals, people[0])
    relation: Any = users.aims if end == "users" else aims.users
    call(relation.append, rows[0], [linked], role="owner")
    owners = LinkFilter(roles=["owner"])
    condition = CountBetween(1, link=owners) if kind is CountBetween else kind([linked], owners)
    anyhow: Any = near
    call.execute("SET LOCAL statement_timeout = '5s'")
    expected = len(rows) - 1 if kind is NoneOf else 1
    assert call(anyhow.count, where=[condition] * 20) == len(call(anyhow.page, where=[condition] * 20)) == expected


@pytest.mark.parametrize("near", [users, aims])
def test_more_than_twenty_conditions_are_refused(near: Any) -> None:
    for operation in (near.page, near.count, near.stream):
        for count in (21, 1_000):
            with pytest.raises(InvalidValue) as caught:
                operation.call(where=[AnyOf([UUID(int=1)])] * count)
            assert caught.value.field == "where"


@pytest.mark.parametrize("end", ["users", "aims"])
def test_conditions_of_the_same_kind_keep_their_own_values(call: World, people: Any, goals: Any, end: str) -> None:
    near, rows, far = (users, people, goals) if end == "users" else (aims, goals, people)
    relation: Any = users.aims if end == "users" else aims.users
    call(relation.append, rows[0], [far[0]], role="owner")
    call(relation.append, rows[0], [far[1]], role="guest")
    call(relation.append, rows[1], [far[0]], role="guest")
    call(relation.append, rows[1], [far[1]], role="owner")
    owner, guest = LinkFilter(roles=["owner"]), LinkFilter(roles=["guest"])
    anyhow: Any = near

    def found(*where: Any) -> list[Any]:
        return list(call(anyhow.page, where=where))

    assert found(AnyOf([far[0]], owner), AnyOf([far[1]], guest)) == [rows[0]]
    assert found(AnyOf([far[1]], guest), AnyOf([far[0]], owner)) == [rows[0]]
    assert found(NoneOf([far[0]], owner), NoneOf([far[1]], guest), AnyOf(far)) == [rows[1]]
    assert found(Exactly([far[0]], guest), Exactly([far[1]], owner)) == [rows[1]]
    assert found(CountBetween(2, 2), CountBetween(1, 1, owner), CountBetween(1, 1, guest)) == rows[:2]
