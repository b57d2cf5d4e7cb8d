"""Checks of arguments: what is accepted, and as what."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from useraim import validate
from useraim.errors import InvalidValue

ID = UUID("01890a5d-ac96-774b-bcce-b302099a8057")


@pytest.mark.parametrize(
    "spelling",
    [ID, str(ID), str(ID).upper(), ID.hex, ID.urn, f"{{{ID}}}", ID.urn.upper(), f"urn:uuid:{str(ID).upper()}"],
    ids=str,
)
def test_ids_in_any_spelling(spelling: object) -> None:
    assert validate.uuid(spelling, "id") == ID


@pytest.mark.parametrize("text", ["", "a", "𝄞", "'; DROP TABLE users; --", "{}", "\\", "\x01", "a\u0301", "\ufffd"])
def test_any_storable_text_passes_as_it_is(text: str) -> None:
    assert validate.plain_text(text, "text") is text


def test_limits_count_characters_not_bytes() -> None:
    assert validate.text("𝄞" * 5, "text", 5) == "𝄞" * 5
    with pytest.raises(InvalidValue):
        validate.text("𝄞" * 6, "text", 5)
    assert validate.text("", "text", 5, blank=True) == ""


@pytest.mark.parametrize("email", ["a@b", " @ ", "@@@", '"a b"@c', "ä@ö", "a" * 317 + "@bc"])
def test_an_address_needs_an_at_inside(email: str) -> None:
    assert validate.email(email) == email


def test_permissions_keep_their_order_unless_they_have_none() -> None:
    assert validate.permissions(["b", "a"]) == ("b", "a")
    assert validate.permissions({"b", "a"}) == ("a", "b")
    assert validate.permissions(frozenset("ba")) == ("a", "b")
    assert validate.permissions(one for one in "ba") == ("b", "a")
    assert validate.permissions({"b": 1}) == ("b",)
    assert validate.permissions(()) == ()


@pytest.mark.parametrize(
    "moment",
    [
        datetime(1900, 1, 1, tzinfo=UTC),
        datetime(1899, 12, 31, 23, 30, tzinfo=timezone(timedelta(hours=-1))),
        datetime.max.replace(tzinfo=UTC),
        datetime(2024, 3, 31, 2, 30, tzinfo=ZoneInfo("Europe/Berlin")),
        datetime(2024, 10, 27, 2, 30, fold=1, tzinfo=ZoneInfo("Europe/Berlin")),
    ],
    ids=str,
)
def test_times_are_put_in_utc(moment: datetime) -> None:
    checked = validate.moment(moment, "joined_at")
    assert checked.tzinfo is UTC
    assert checked == moment.astimezone(UTC)


def test_collections_are_consumed_once() -> None:
    values: Any = iter([1, 2])
    assert validate.collection(values, "ids") == [1, 2]
    assert list(values) == []


def test_numbers_are_whole_and_within_bounds() -> None:
    assert [validate.number(n, "limit", 1, 3) for n in (1, 2, 3)] == [1, 2, 3]
    for wrong in (0, 4, 1.0, True, "1", None):
        with pytest.raises(InvalidValue):
            validate.number(wrong, "limit", 1, 3)


def test_choices_are_from_a_closed_list() -> None:
    assert validate.choice("a", "on_match", ["a", "b"]) == "a"
    wrongs: list[Any] = ["c", "A", None, ["a"], ""]
    for wrong in wrongs:
        with pytest.raises(InvalidValue):
            validate.choice(wrong, "on_match", ["a", "b"])
