"""Users: pages, searches, streams."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from tests.paging import there_and_back
from tests.worlds import World
from useraim import users
from useraim.values import NewUser, User

ORDERS = ["created_at", "-created_at", "name", "-name", "email", "-email"]
SQL_ORDERS = {"created_at": "created_at", "name": "name", "email": 'lower(lower(email COLLATE "C") COLLATE "default")'}
SEARCHES: list[tuple[str, Callable[[str], bool]]] = [
    ("an", lambda name: "an" in name.lower()),
    ("BO", lambda name: "bo" in name.lower()),
    ("%", lambda name: "%" in name),
    ("_", lambda name: "_" in name),
    ("\\", lambda name: "\\" in name),
    ("0 %", lambda name: "0 %" in name),
    ("x_", lambda name: "x_" in name),
    ("", lambda _: True),
    ("nobody", lambda _: False),
]


@pytest.fixture
def crowd(call: World) -> list[User]:
    """Users of whom many share a name or a time, and whose addresses differ in case."""
    names = ["Ana", "ana", "Bo", "Bo", "bo", "Zoë", "Ångström", "x_y", "xay", "100%", "100 %", "a\\b", "ab"]
    made = call(
        users.create_many, [NewUser(f"{'Pq'[n % 2]}{n % 7}{n}@Example.org", one) for n, one in enumerate(names * 2)]
    )
    for n, user in enumerate(made):
        when = datetime(2024, 1, 1 + n % 5, 12, 30, 0, n % 2, tzinfo=UTC)
        call.execute("UPDATE users SET created_at = %s WHERE id = %s", [when, user.id])
    return list(call(users.find_many, made).values())


@pytest.mark.parametrize("limit", [1, 4, 25, 26, 1_000])
@pytest.mark.parametrize("order_by", ORDERS)
def test_pages_are_the_same_there_and_back(call: World, crowd: list[User], order_by: str, limit: int) -> None:
    rows = there_and_back(call, users.page, order_by=order_by, limit=limit)
    direction = "DESC" if order_by.startswith("-") else "ASC"
    key = SQL_ORDERS[order_by.removeprefix("-")]
    ordered = call.execute(f"SELECT id FROM users ORDER BY {key} {direction}, id {direction}")
    assert [user.id for user in rows] == [id for (id,) in ordered]
    assert set(rows) == set(crowd)


def test_a_page_is_a_short_list(call: World, crowd: list[User]) -> None:
    page = call(users.page, limit=5)
    assert (len(page), list(page)) == (5, page.items)
    assert len(call(users.page)) == len(crowd)


def test_an_empty_page_leads_nowhere(call: World) -> None:
    page = call(users.page)
    assert (page.items, page.next, page.previous) == ([], None, None)


def test_a_cursor_survives_the_row_it_names(call: World, people: list[User]) -> None:
    first = call(users.page, order_by="name", limit=2)
    call(users.delete_many, first)
    rest = call(users.page, order_by="name", limit=2, after=first.next)
    assert rest.items == people[2:]


@pytest.mark.parametrize(("search", "matches"), SEARCHES)
def test_search_is_literal(call: World, crowd: list[User], search: str, matches: Callable[[str], bool]) -> None:
    expected = {user.id for user in crowd if matches(user.name)}
    rows = there_and_back(call, users.page, search=search, order_by="name", limit=3)
    assert {user.id for user in rows} == expected
    assert call(users.count, search=search) == len(expected)
    assert {user.id for user in call.rows(users.stream, search=search)} == expected


def test_search_looks_at_addresses_too(call: World, people: list[User]) -> None:
    assert call(users.page, search="BO@EXAMPLE").items == [people[1]]


def test_a_stream_gives_everybody_by_created_at(call: World) -> None:
    call.execute("INSERT INTO users (name, email) SELECT 'N', n || '@example.org' FROM generate_series(1, 2300) n")
    rows = call.rows(users.stream)
    ids = [id for (id,) in call.execute("SELECT id FROM users ORDER BY created_at, id")]
    assert [user.id for user in rows] == ids
    assert call(users.count) == 2300


def test_other_operations_go_on_during_a_stream_and_it_can_be_left(call: World) -> None:
    call.execute("INSERT INTO users (name, email) SELECT 'N', n || '@example.org' FROM generate_series(1, 1100) n")
    rows = call.iterate(users.stream)
    for user in rows:
        assert call(users.get, user) == user
        break
    del rows
    assert call(users.count) == 1100
