"""`version` and `if_version=`: a write of a set that is still the one the caller has seen."""

from datetime import timedelta
from typing import Any

import pytest

from tests.ends import NOON, End
from tests.integration.rules.demands import VERSIONED, held, outcome, writes
from tests.worlds import World
from useraim import Conflict, InvalidValue
from useraim.ids import new_id
from useraim.values import CountBetween, Link


@pytest.mark.parametrize("name", VERSIONED)
def test_a_write_happens_only_to_the_version_that_was_seen(
    call: World, end: End, source: Any, far: list[Any], name: str
) -> None:
    before = held(call, end, source, far)
    write = writes(end, far)[name]
    seen = call(end.relation.version, source)
    after = outcome(call, end, source, write)
    with pytest.raises(Conflict) as caught:
        write(call, end, source, if_version="0" * 64)
    assert caught.value.version == seen
    assert end.links(call, source) == before
    write(call, end, source, if_version=seen, must=CountBetween(at_most=len(after)))
    assert len(end.links(call, source)) == len(after)
    if end.links(call, source) != before:
        with pytest.raises(Conflict) as caught:
            call(end.relation.clear, source, if_version=seen)
        assert caught.value.version == call(end.relation.version, source) != seen


def test_a_version_changes_with_every_link_and_every_attribute(
    call: World, end: End, source: Any, far: list[Any]
) -> None:
    seen = [call(end.relation.version, source)]
    steps: list[Any] = [
        Link(far[0], role="a", permissions=["p"], joined_at=NOON), Link(far[0], role="b"),
        Link(far[0], permissions=["p", "q"]), Link(far[0], permissions=["p,q"]), Link(far[0], permissions=[]),
        Link(far[0], joined_at=NOON + timedelta(microseconds=1)), Link(far[0], role="b,{}"),
        Link(far[1], joined_at=NOON),
    ]  # fmt: skip
    for link in steps:
        call(end.relation.append, source, [link], on_match="update")
        seen.append(call(end.relation.version, source))
    assert len(set(seen)) == len(seen)
    call(end.relation.remove, source, far[1:2])
    assert call(end.relation.version, source) == seen[-2]
    call(end.relation.clear, source)
    assert call(end.relation.version, source) == seen[0] == call(end.relation.version, new_id())


def test_equal_sets_have_equal_versions_whatever_the_settings_of_the_session(
    call: World, end: End, source: Any, far: list[Any]
) -> None:
    links = [Link(one, role=f"r\u00e9{n}", permissions=["\u00e4", "\\"], joined_at=NOON) for n, one in enumerate(far)]
    call(end.relation.append, source, links)
    seen = call(end.relation.version, source)
    for setting in (
        "TimeZone = 'Asia/Tokyo'", "DateStyle = 'German'", "IntervalStyle = 'iso_8601'", "client_encoding = 'LATIN1'",
        "extra_float_digits = 0", "bytea_output = 'escape'", "quote_all_identifiers = on",
        "standard_conforming_strings = off",
    ):  # fmt: skip
        call.execute(f"SET LOCAL {setting}")
        assert call(end.relation.version, source) == seen
    call(end.relation.clear, source)
    call(end.relation.append, source, reversed(links))
    assert call(end.relation.version, source) == seen


@pytest.mark.parametrize("wrong", [1, b"x", "nul\0", ["a"]])
def test_a_version_is_text(end: End, call: World, source: Any, wrong: Any) -> None:
    with pytest.raises(InvalidValue) as caught:
        call(end.relation.clear, source, if_version=wrong)
    assert caught.value.field == "if_version"
