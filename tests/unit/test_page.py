"""Pages and their cursors, which belong to one function, ordering and filter."""

import base64
import hashlib
import string
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from useraim import InvalidCursor, aims, user_aims, users
from useraim.core.ordering import Key
from useraim.core.statement import Call
from useraim.page import Page, Place, Window, seal, unseal, window
from useraim.values import AllOf, AnyOf, Link, LinkFilter

PLACE = (datetime(2024, 5, 17, 12, tzinfo=UTC), UUID("01890a5d-ac96-774b-bcce-b302099a8057"))
KEYS = (Key("joined_at", "timestamptz"), Key("user_id", "uuid"))
TEXT = Key("title", "text")
ID: Any = UUID(int=1)
OTHER: Any = UUID(int=2)


def test_a_page_is_iterable_and_has_a_length() -> None:
    page = Page([1, 2], None, "x")
    assert (list(page), len(page), page.next, page.previous) == ([1, 2], 2, None, "x")


def test_generic_values_can_be_made_by_their_full_names() -> None:
    assert Page[int]([1], None, None) == Page([1], None, None)
    assert AnyOf[Any]([ID]) == AnyOf([ID])
    assert Link[Any](ID) == Link(ID)


@pytest.mark.parametrize("place", [PLACE, ("", ""), ('"\\', "é𝄞\n"), ("x" * 500, "y")], ids=ascii)
def test_a_cursor_gives_its_place_back(place: Place) -> None:
    cursor = seal(place, "scope")
    assert unseal(cursor, "after", "scope", KEYS if place is PLACE else (TEXT, TEXT)) == place
    assert set(cursor) <= set(string.ascii_letters + string.digits + "-_")


def test_any_change_of_a_character_is_noticed() -> None:
    cursor = seal(PLACE, "scope")
    for n, right in enumerate(cursor):
        for wrong in "Aa0-_.=+/ \0é":
            if wrong != right:
                with pytest.raises(InvalidCursor):
                    unseal(cursor[:n] + wrong + cursor[n + 1 :], "after", "scope", KEYS)


def test_a_cut_lengthened_or_reordered_cursor_is_noticed() -> None:
    cursor = seal(PLACE, "scope")
    wrongs = [cursor[:n] for n in range(len(cursor))] + [cursor[n:] for n in range(1, len(cursor))]
    wrongs += [cursor + "A", cursor + "=", "A" + cursor, cursor[::-1], cursor * 2, cursor + "\n", " " + cursor]
    for wrong in wrongs:
        with pytest.raises(InvalidCursor):
            unseal(wrong, "after", "scope", KEYS)


def test_a_cursor_is_of_one_scope() -> None:
    with pytest.raises(InvalidCursor) as caught:
        unseal(seal(PLACE, "users"), "before", "aims", KEYS)
    assert caught.value.field == "before"


def made_up(body: bytes, scope: str) -> str:
    """A cursor as somebody makes it who has read how the seal is made."""
    seal = hashlib.blake2b(scope.encode() + b"\0" + body, digest_size=9).digest()
    return base64.urlsafe_b64encode(seal + body).decode().rstrip("=")


MOMENT, KEY = str(PLACE[0].isoformat()).encode(), str(PLACE[1]).encode()


@pytest.mark.parametrize(
    "body",
    [
        b"", b"\0", MOMENT, KEY, MOMENT + b"\0", b"\0" + KEY, KEY + b"\0" + MOMENT, MOMENT + b"\0" + KEY + b"\0",
        MOMENT + b"\0" + KEY + b"\0" + KEY, b"no time\0" + KEY, MOMENT + b"\0no id", MOMENT + b"\0" + KEY[1:],
        b"\xff\xfe\0" + KEY, b"\xed\xa0\x80\0" + KEY, b"now\0" + KEY, b"infinity\0" + KEY,
        b"2024-05-17T12:00:00\0" + KEY, b"2024-05-17\0" + KEY, b"2024-05-17T12:00:00+01:00\0" + KEY,
        b"10000-01-01T00:00:00+00:00\0" + KEY,
        b"0000-01-01T00:00:00+00:00\0" + KEY, b"2024-02-30T00:00:00+00:00\0" + KEY,
    ],
)  # fmt: skip
def test_a_made_up_cursor_that_names_no_place_is_invalid(body: bytes) -> None:
    assert unseal(made_up(MOMENT + b"\0" + KEY, "scope"), "after", "scope", KEYS) == PLACE
    for side in ("after", "before"):
        with pytest.raises(InvalidCursor) as caught:
            unseal(made_up(body, "scope"), side, "scope", KEYS)
        assert caught.value.field == side


def test_a_made_up_text_is_no_longer_than_a_title() -> None:
    assert unseal(made_up(b"x" * 500, "scope"), "after", "scope", [TEXT]) == ("x" * 500,)
    with pytest.raises(InvalidCursor):
        unseal(made_up(b"x" * 501, "scope"), "after", "scope", [TEXT])


def test_the_window_says_how_to_read() -> None:
    cursor = seal(PLACE, "scope")
    assert window("scope", KEYS, 5, None, None).direction == "start"
    assert window("scope", KEYS, 5, cursor, None).direction == "after"
    assert window("scope", KEYS, 5, None, cursor).direction == "before"
    assert Window("scope", 5, None, backward=True).direction == "end"
    assert window("scope", KEYS, 5, cursor, None).parameters == {"limit": 6, "place_0": PLACE[0], "place_1": PLACE[1]}


def place(row: str) -> tuple[str, ...]:
    return (row,)


@pytest.mark.parametrize(
    ("rows", "after", "before", "items", "has_next", "has_previous"),
    [
        ("", False, False, "", False, False),
        ("ab", False, False, "ab", False, False),
        ("abc", False, False, "ab", True, False),
        ("ab", True, False, "ab", False, True),
        ("abc", True, False, "ab", True, True),
        ("ba", False, True, "ab", True, False),
        ("cba", False, True, "bc", True, True),
    ],
)
def test_one_row_more_than_asked_for_tells_whether_there_are_further_ones(
    rows: str, after: bool, before: bool, items: str, has_next: bool, has_previous: bool
) -> None:
    cursor = seal(PLACE, "scope")
    asked = window("scope", KEYS, 2, cursor if after else None, cursor if before else None)
    page = asked.page(list(rows), place)
    assert "".join(page) == items
    assert (page.next is not None, page.previous is not None) == (has_next, has_previous)
    if page.next:
        assert unseal(page.next, "after", "scope", [TEXT]) == (items[-1],)
    if page.previous:
        assert unseal(page.previous, "before", "scope", [TEXT]) == (items[0],)


Pages = Callable[..., Call[Page[Any]]]
KINDS: list[tuple[str, Pages, dict[str, Any]]] = [
    ("users", users.page.call, {}),
    ("users by name", users.page.call, {"order_by": "name"}),
    ("users by -created_at", users.page.call, {"order_by": "-created_at"}),
    ("users found", users.page.call, {"search": "a"}),
    ("users with another", users.page.call, {"search": "A"}),
    ("users with aims", users.page.call, {"where": [AnyOf([ID])]}),
    ("users with other aims", users.page.call, {"where": [AnyOf([OTHER])]}),
    ("users with all aims", users.page.call, {"where": [AllOf([ID])]}),
    ("users with aims by role", users.page.call, {"where": [AnyOf([ID], LinkFilter(roles=["a"]))]}),
    ("users with aims by permission", users.page.call, {"where": [AnyOf([ID], LinkFilter(permissions=["a"]))]}),
    ("aims", aims.page.call, {}),
    ("aims by title", aims.page.call, {"order_by": "title"}),
    ("memberships", user_aims.page.call, {}),
    ("memberships, newest first", user_aims.page.call, {"order_by": "-joined_at"}),
    ("memberships by role", user_aims.page.call, {"link": LinkFilter(roles=["a"])}),
    ("aims of a user", users.aims.page.call, {"source": ID}),
    ("aims of another user", users.aims.page.call, {"source": OTHER}),
    ("aims of a user by role", users.aims.page.call, {"source": ID, "order_by": "role"}),
    ("owned aims of a user", users.aims.page.call, {"source": ID, "link": LinkFilter(roles=["a"])}),
    ("users of an aim", aims.users.page.call, {"source": ID}),
]


def cursor_of(page: Pages, asked: dict[str, Any]) -> str:
    """The cursor of a first page that has further ones, of rows that have every attribute."""

    class Row:
        id = user_id = aim_id = ID
        name = email = title = role = "x"
        created_at = joined_at = PLACE[0]

    Row.record = Row  # type: ignore[attr-defined]
    rows: Any = [Row, Row]
    cursor = page(limit=1, **asked).read([rows]).next
    assert cursor
    return cursor


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind[0])
def test_a_cursor_is_of_one_function_ordering_and_filter(kind: tuple[str, Pages, dict[str, Any]]) -> None:
    name, page, asked = kind
    cursor = cursor_of(page, asked)
    for other_name, other_page, other_asked in KINDS:
        if other_name == name:
            assert other_page(after=cursor, limit=3, **other_asked).steps
        else:
            for side in ("after", "before"):
                with pytest.raises(InvalidCursor):
                    other_page(**{side: cursor}, **other_asked)


def test_the_order_of_ids_in_a_condition_does_not_matter_to_cursors() -> None:
    cursor = cursor_of(users.page.call, {"where": [AnyOf([ID, OTHER])]})
    assert users.page.call(where=[AnyOf([OTHER, ID, OTHER])], after=cursor).steps
