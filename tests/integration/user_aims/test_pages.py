"""Pages, streams and counts of memberships, filtered."""

from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from uuid import UUID

import pytest

from tests.ends import NOON
from tests.paging import there_and_back
from tests.worlds import World
from useraim import user_aims
from useraim.values import Aim, LinkFilter, NewUserAim, User, UserAim


@pytest.fixture
def many(call: World, people: list[User], goals: list[Aim]) -> list[UserAim]:
    """Every user shares every aim; many joined at the same time."""
    rows = [
        NewUserAim(
            user, aim, role="abc"[n % 3], permissions=["p", "q"][: n % 3], joined_at=NOON + timedelta(hours=n % 4)
        )
        for n, (user, aim) in enumerate((user, aim) for user in people for aim in goals)
    ]
    call(user_aims.put_many, rows)
    return [one for one in call(user_aims.find_many, [(row.user_id, row.aim_id) for row in rows]) if one]


def by_joined_at(link: UserAim) -> tuple[datetime, UUID, UUID]:
    return link.joined_at, link.user_id, link.aim_id


@pytest.mark.parametrize("limit", [1, 6, 20, 21])
def test_pages_are_the_same_there_and_back(call: World, many: list[UserAim], limit: int) -> None:
    ordered = sorted(many, key=by_joined_at)
    assert there_and_back(call, user_aims.page, limit=limit) == ordered
    assert there_and_back(call, user_aims.page, order_by="joined_at", limit=limit) == ordered
    assert there_and_back(call, user_aims.page, order_by="-joined_at", limit=limit) == ordered[::-1]


FILTERS: list[tuple[LinkFilter, Callable[[UserAim], bool]]] = [
    (LinkFilter(), lambda _: True),
    (LinkFilter(roles=["a", "b", "a"]), lambda link: link.role in {"a", "b"}),
    (LinkFilter(roles=[]), lambda _: False),
    (LinkFilter(permissions=["p"]), lambda link: "p" in link.permissions),
    (LinkFilter(permissions=["q", "p"]), lambda link: {"p", "q"} <= set(link.permissions)),
    (LinkFilter(permissions=[]), lambda _: True),
    (LinkFilter(joined_from=NOON + timedelta(hours=1)), lambda link: link.joined_at > NOON),
    (LinkFilter(joined_before=NOON + timedelta(hours=1)), lambda link: link.joined_at == NOON),
    (LinkFilter(joined_from=NOON, joined_before=NOON), lambda _: False),
    (
        LinkFilter(["a"], ["p"], NOON, NOON + timedelta(hours=3)),
        lambda link: link.role == "a" and "p" in link.permissions and link.joined_at < NOON + timedelta(hours=3),
    ),
]


@pytest.mark.parametrize(("link", "let_through"), FILTERS)
def test_filters(call: World, many: list[UserAim], link: LinkFilter, let_through: Callable[[UserAim], bool]) -> None:
    expected = [one for one in sorted(many, key=by_joined_at) if let_through(one)]
    assert there_and_back(call, user_aims.page, link=link, limit=3) == expected
    assert call(user_aims.count, link=link) == len(expected)
    assert call.rows(user_aims.stream, link=link) == expected


def test_a_stream_goes_either_way_beyond_its_pages(call: World) -> None:
    call.execute("INSERT INTO users (name, email) SELECT 'N', n || '@example.org' FROM generate_series(1, 1050) n")
    call.execute("INSERT INTO aims (title) VALUES ('One'), ('Two')")
    call.execute("INSERT INTO user_aims (user_id, aim_id) SELECT u.id, a.id FROM users u, aims a")
    rows = call.rows(user_aims.stream)
    assert len(rows) == call(user_aims.count) == 2100
    assert rows == sorted(rows, key=by_joined_at)


def test_a_range_of_times_may_be_given_in_any_zone(call: World, many: list[UserAim]) -> None:
    tokyo = timezone(timedelta(hours=9))
    link = LinkFilter(joined_from=NOON.astimezone(tokyo), joined_before=(NOON + timedelta(hours=1)).astimezone(tokyo))
    assert call(user_aims.count, link=link) == sum(one.joined_at == NOON for one in many)
