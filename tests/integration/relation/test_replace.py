"""Replace: the links asked for, and no others."""

from typing import Any

import pytest

from tests.ends import End, ids
from tests.integration.relation.cases import CASES, HELD, Case, case_name, expectation, hold, mix, now
from tests.worlds import World
from useraim import AlreadyExists
from useraim.values import Changes, Link


class TestReplace:
    @pytest.mark.parametrize("case", CASES, ids=case_name)
    def test_leaves_exactly_what_is_asked(
        self, call: World, end: End, source: Any, other: Any, far: list[Any], case: Case
    ) -> None:
        record, *rest = far
        hold(call, end, other, far)
        hold(call, end, source, [record] * case.held + rest)
        changes = call(end.relation.replace, source, [Link(record, **case.given)])
        assert changes == Changes(**{case.outcome: (record.id,)}, removed=tuple(sorted(ids(rest))))
        assert end.links(call, source) == {record.id: case.expected(now(call))}
        assert end.links(call, other) == dict.fromkeys(ids(far), HELD)

    def test_the_cases_may_come_mixed(self, call: World, end: End, source: Any) -> None:
        mixed = mix(call, end, source, CASES)
        before = end.versions(call, source)
        changes = call(end.relation.replace, source, mixed.links)
        assert changes == Changes(
            added=mixed.named("added", cases=CASES),
            updated=mixed.named("updated", cases=CASES),
            unchanged=mixed.named("unchanged", cases=CASES),
            removed=tuple(sorted(ids(mixed.aside))),
        )
        assert end.links(call, source) == expectation(mixed, CASES, now(call))
        after = end.versions(call, source)
        assert {far for far in before if far in after and after[far] != before[far]} == set(changes.updated)
        assert call(end.relation.replace, source, mixed.links) == Changes(unchanged=ids(mixed.records))
        assert end.versions(call, source) == after

    def test_may_leave_the_attributes_of_survivors_alone(self, call: World, end: End, source: Any) -> None:
        mixed = mix(call, end, source, CASES)
        changes = call(end.relation.replace, source, mixed.links, on_match="ignore")
        held = mixed.named("updated", "unchanged", cases=CASES)
        removed = tuple(sorted(ids(mixed.aside)))
        assert changes == Changes(added=mixed.named("added", cases=CASES), unchanged=held, removed=removed)
        assert end.links(call, source) == expectation(mixed, CASES, now(call)) | dict.fromkeys(held, HELD)

    def test_with_error_refuses_survivors_and_removes_nothing(
        self, call: World, end: End, source: Any, far: list[Any]
    ) -> None:
        hold(call, end, source, far[:4])
        with pytest.raises(AlreadyExists) as caught:
            call(end.relation.replace, source, far[2:6], on_match="error")
        assert set(caught.value.ids) == set(ids(far[2:4]))
        assert caught.value.table == end.join
        assert end.links(call, source) == dict.fromkeys(ids(far[:4]), HELD)
        changes = call(end.relation.replace, source, far[4:6], on_match="error")
        assert changes == Changes(added=ids(far[4:6]), removed=tuple(sorted(ids(far[:4]))))

    def test_by_nothing_empties(self, call: World, end: End, source: Any, other: Any, far: list[Any]) -> None:
        hold(call, end, source, far)
        hold(call, end, other, far)
        assert call(end.relation.replace, source, []) == Changes(removed=tuple(sorted(ids(far))))
        assert call(end.relation.replace, source, iter(())) == Changes()
        assert end.links(call, source) == {}
        assert len(end.links(call, other)) == len(far)

    def test_without_links_before_is_an_append(self, call: World, end: End, source: Any, far: list[Any]) -> None:
        assert call(end.relation.replace, source, far, role="b") == Changes(added=ids(far))
        assert end.links(call, source) == dict.fromkeys(ids(far), ("b", (), now(call)))
