"""Bad searches, orders, limits, filters and cursors are `InvalidValue`, before any SQL."""

from typing import Any

import pytest

from tests.ends import shown
from tests.integration.bad_input.values import (
    ID,
    NOT_LIMITS,
    NOT_MATCHES,
    NOT_ORDERS,
    NOT_TEXT,
    UNSTORABLE,
    Aims,
    UserAims,
    Users,
    refused,
)
from tests.worlds import World
from useraim import InvalidCursor, InvalidValue, aims, users
from useraim.values import AnyOf, CountBetween, LinkFilter


@pytest.mark.parametrize("search", [*NOT_TEXT[1:], *UNSTORABLE], ids=shown)
def test_searches(closed: World, search: Any) -> None:
    for records in (Users, Aims):
        refused(closed, "search", records.page, search=search)
        refused(closed, "search", records.count, search=search)
        refused(closed, "search", records.stream, search=search)


@pytest.mark.parametrize("order_by", NOT_ORDERS, ids=shown)
def test_orders(closed: World, order_by: Any) -> None:
    for page in (Users.page, Aims.page, UserAims.page, UserAims.stream):
        refused(closed, "order_by", page, order_by=order_by)
    refused(closed, "order_by", users.aims.of, ID, order_by=order_by)
    refused(closed, "order_by", aims.users.page, ID, order_by=order_by)


@pytest.mark.parametrize("limit", NOT_LIMITS, ids=shown)
def test_limits(closed: World, limit: Any) -> None:
    for page in (Users.page, Aims.page, UserAims.page):
        refused(closed, "limit", page, limit=limit)
    refused(closed, "limit", users.aims.page, ID, limit=limit)
    refused(closed, "limit", Users.similar, ID, limit=limit)
    refused(closed, "limit", Users.suggest_aims, ID, limit=limit)


@pytest.mark.parametrize("number", [-1, True, "5", 5.0, 2**70], ids=shown)
def test_numbers_of_links(closed: World, number: Any) -> None:
    refused(closed, "limit", users.aims.of, ID, limit=number)
    refused(closed, "offset", users.aims.of, ID, offset=number)
    for field in ("at_least", "at_most"):
        with pytest.raises(InvalidValue) as caught:
            CountBetween(**{field: number})
        assert caught.value.field == field


@pytest.mark.parametrize("on_match", NOT_MATCHES, ids=shown)
def test_matches(closed: World, on_match: Any) -> None:
    refused(closed, "on_match", UserAims.put_many, [], on_match=on_match)
    refused(closed, "on_match", users.aims.append, ID, [ID], on_match=on_match)


@pytest.mark.parametrize("link", ["owner", ["owner"], {"roles": ["owner"]}, AnyOf([ID])], ids=shown)
def test_filters(closed: World, link: Any) -> None:
    for operation in (UserAims.page, UserAims.count, UserAims.stream):
        refused(closed, "link", operation, link=link)
    refused(closed, "link", Users.page, where=[AnyOf([ID], link)])
    refused(closed, "link", Users.page, where=[CountBetween(1, link=link)])


@pytest.mark.parametrize("condition", [None, ID, "any", LinkFilter()], ids=shown)
def test_conditions(closed: World, condition: Any) -> None:
    refused(closed, "where", Users.page, where=[condition])


@pytest.mark.parametrize("cursor", ["", "x", 5, b"x", "é", "\0", "\ud800", "AAAA", "=" * 8, "a" * 10_000], ids=shown)
def test_cursors(closed: World, cursor: Any) -> None:
    for page in (Users.page, Aims.page, UserAims.page):
        for field in ("after", "before"):
            with pytest.raises(InvalidCursor) as caught:
                closed(page, **{field: cursor})
            assert caught.value.field == field


def test_both_cursors(closed: World) -> None:
    for page in (Users.page, Aims.page, UserAims.page):
        with pytest.raises(InvalidValue) as caught:
            closed(page, after="x", before="x")
        assert caught.value.field == "before"
        assert not isinstance(caught.value, InvalidCursor)
