"""Append: what it adds, what it does to links that exist."""

from typing import Any

import pytest

from tests.ends import NOON, End, ids
from tests.integration.relation.cases import (
    CASES,
    HELD,
    LATER,
    Case,
    assert_named,
    case_name,
    expectation,
    hold,
    mix,
    now,
)
from tests.worlds import World
from useraim import AlreadyExists
from useraim.values import Changes, Link


class TestAppend:
    @pytest.mark.parametrize("case", CASES, ids=case_name)
    def test_with_update_takes_what_is_given(
        self, call: World, end: End, source: Any, other: Any, far: list[Any], case: Case
    ) -> None:
        record = far[0]
        hold(call, end, other, far)
        hold(call, end, source, [record] * case.held + far[1:3])
        changes = call(end.relation.append, source, [Link(record, **case.given)], on_match="update")
        assert changes == Changes(**{case.outcome: (record.id,)})
        assert bool(changes) is (case.outcome != "unchanged")
        aside = dict.fromkeys(ids(far[1:3]), HELD)
        assert end.links(call, source) == {record.id: case.expected(now(call)), **aside}
        assert end.links(call, other) == dict.fromkeys(ids(far), HELD)

    @pytest.mark.parametrize("case", [case for case in CASES if case.given], ids=case_name)
    def test_attributes_for_all_links_come_as_keywords(
        self, call: World, end: End, source: Any, far: list[Any], case: Case
    ) -> None:
        if case.held:
            hold(call, end, source, far[:3])
        changes = call(end.relation.append, source, far[:3], on_match="update", **case.given)
        assert changes == Changes(**{case.outcome: ids(far[:3])})
        assert end.links(call, source) == dict.fromkeys(ids(far[:3]), case.expected(now(call)))

    def test_the_cases_may_come_mixed(self, call: World, end: End, source: Any) -> None:
        mixed = mix(call, end, source, CASES)
        before = end.versions(call, source)
        changes = call(end.relation.append, source, mixed.links, on_match="update")
        assert changes == Changes(
            added=mixed.named("added", cases=CASES),
            updated=mixed.named("updated", cases=CASES),
            unchanged=mixed.named("unchanged", cases=CASES),
        )
        aside = dict.fromkeys(ids(mixed.aside), HELD)
        assert end.links(call, source) == expectation(mixed, CASES, now(call)) | aside
        after = end.versions(call, source)
        assert {far for far in before if after[far] != before[far]} == set(changes.updated)
        again = call(end.relation.append, source, mixed.links, on_match="update")
        assert again == Changes(unchanged=ids(mixed.records))
        assert end.versions(call, source) == after

    def test_ignores_links_that_exist_unless_told_otherwise(self, call: World, end: End, source: Any) -> None:
        mixed = mix(call, end, source, CASES)
        before = end.versions(call, source)
        changes = call(end.relation.append, source, mixed.links)
        held = mixed.named("updated", "unchanged", cases=CASES)
        assert changes == Changes(added=mixed.named("added", cases=CASES), unchanged=held)
        wanted = expectation(mixed, CASES, now(call)) | dict.fromkeys((*held, *ids(mixed.aside)), HELD)
        assert end.links(call, source) == wanted
        assert end.versions(call, source).items() >= before.items()
        assert call(end.relation.append, source, mixed.links, on_match="ignore") == Changes(
            unchanged=ids(mixed.records)
        )

    def test_with_error_names_all_links_that_exist_and_writes_nothing(self, call: World, end: End, source: Any) -> None:
        mixed = mix(call, end, source, CASES)
        before = end.links(call, source)
        with pytest.raises(AlreadyExists) as caught:
            call(end.relation.append, source, mixed.links, on_match="error")
        assert caught.value.table == end.join
        assert caught.value.constraint == f"{end.join}_pkey"
        assert_named(caught.value.ids, mixed.named("updated", "unchanged", cases=CASES))
        assert end.links(call, source) == before

    def test_with_error_adds_what_is_new(self, call: World, end: End, source: Any, far: list[Any]) -> None:
        links: list[Any] = [far[0], Link(far[1], role="b"), far[0]]
        assert call(end.relation.append, source, links, on_match="error") == Changes(added=ids(far[:2]))
        by_default = ("member", (), now(call))
        assert end.links(call, source) == {far[0].id: by_default, far[1].id: ("b", (), now(call))}

    def test_own_attributes_come_before_those_of_all(self, call: World, end: End, source: Any, far: list[Any]) -> None:
        links: list[Any] = [
            far[0],
            Link(far[1], role="own"),
            Link(far[2], permissions=[]),
            Link(far[3], joined_at=NOON),
        ]
        drawn: Any = iter(["x"])
        call(end.relation.append, source, links, role="all", permissions=drawn, joined_at=LATER)
        assert end.links(call, source) == {
            far[0].id: ("all", ("x",), LATER),
            far[1].id: ("own", ("x",), LATER),
            far[2].id: ("all", (), LATER),
            far[3].id: ("all", ("x",), NOON),
        }

    def test_hundreds_at_once_in_any_order(self, call: World, end: End, source: Any) -> None:
        records = end.make_far(call, 700)
        hold(call, end, source, records[100:200])
        changes = call(end.relation.append, source, records)
        assert changes == Changes(added=ids(records[:100] + records[200:]), unchanged=ids(records[100:200]))
        assert len(end.links(call, source)) == 700
