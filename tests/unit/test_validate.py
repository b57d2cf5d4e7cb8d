"""Checks of arguments: what is accepted, and as what."""

import copy
import json
import pickle
from collections import ChainMap
from collections.abc import Sequence, Set
from datetime import UTC, datetime, timedelta, timezone
from types import MappingProxyType
from typing import Any, get_args, get_origin, get_type_hints
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from useraim import UNSET, Link, LinkFilter, NewUserAim, Unset, validate
from useraim.errors import InvalidValue

ID = UUID("01890a5d-ac96-774b-bcce-b302099a8057")


@pytest.mark.parametrize(
    "spelling",
    [ID, str(ID), str(ID).upper(), ID.hex, ID.urn, f"{{{ID}}}", ID.urn.upper(), f"urn:uuid:{str(ID).upper()}"],
    ids=str,
)
def test_ids_in_any_spelling(spelling: object) -> None:
    assert validate.uuid(spelling, "id") == ID


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("abc", "not the text of a UUID"),
        ("", "not the text of a UUID"),
        (f"{ID}0", "not the text of a UUID"),
        (5, "a UUID is needed, not int"),
        (None, "a UUID is needed, not None"),
        ((ID, "owner"), "a UUID is needed, not tuple"),
    ],
    ids=str,
)
def test_what_is_wrong_with_an_id_is_said(value: object, reason: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        validate.uuid(value, "id")
    assert str(caught.value) == f"id: {reason}"


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
    assert validate.permissions({"b": 1}.keys()) == ("b",)
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


@pytest.mark.parametrize("mapping", [{}, {"a": 1}, MappingProxyType({"a": 1}), ChainMap({"a": 1})], ids=str)
def test_a_mapping_is_no_collection_as_its_values_would_be_lost(mapping: Any) -> None:
    with pytest.raises(InvalidValue):
        validate.collection(mapping, "links")
    assert validate.collection(mapping.items(), "links") == [*mapping.items()]


@pytest.mark.parametrize(
    "text",
    ["null", "true", "0", "0.5", "[]", "[0]", "{}", '""', '"not given"', '"UNSET"', '"Unset.UNSET"', r'"\u0000"'],
)
def test_no_json_says_that_an_argument_was_not_given(text: str) -> None:
    with pytest.raises(ValueError, match="is not a valid Unset"):
        Unset(json.loads(text))


def test_a_schema_of_json_can_show_an_argument_that_was_not_given_but_nothing_takes_it_for_a_value() -> None:
    shown = UNSET.value.decode()
    assert json.loads(json.dumps(shown)) == shown
    checks: list[Any] = [validate.role, validate.permissions, validate.moment]
    for check in checks:
        with pytest.raises(InvalidValue):
            check(shown, "field")


@pytest.mark.parametrize("value", [Link, NewUserAim, LinkFilter], ids=lambda value: value.__name__)
def test_permissions_are_of_types_that_readers_of_request_bodies_know(value: Any) -> None:
    """Iterable and Collection are not: the one becomes an iterator that fails when it is read, the other is refused."""
    kinds = {get_origin(kind) for kind in get_args(get_type_hints(value)["permissions"])}
    assert kinds == {Sequence, Set, None}


def test_what_was_not_given_stays_itself_when_copied_and_pickled() -> None:
    assert copy.deepcopy(UNSET) is pickle.loads(pickle.dumps(UNSET)) is UNSET
    assert repr(UNSET) == "UNSET"


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
