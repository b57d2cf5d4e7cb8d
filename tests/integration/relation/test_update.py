"""Update: what it changes, and what it finds missing."""

from typing import Any
from uuid import uuid4

import pytest

from tests.ends import NOON, End, ids
from tests.integration.relation.cases import HELD, UPDATES, Case, assert_named, case_name, expectation, hold, mix
from tests.worlds import World
from useraim import NotFound
from useraim.values import Changes, Link


class TestUpdate:
    @pytest.mark.parametrize("case", UPDATES, ids=case_name)
    def test_takes_what_is_given(
        self, call: World, end: End, source: Any, other: Any, far: list[Any], case: Case
    ) -> None:
        hold(call, end, source, far)
        hold(call, end, other, far)
        changes = call(end.relation.update, source, [Link(far[0], **case.given)])
        assert changes == Changes(**{case.outcome: (far[0].id,)})
        assert end.links(call, source) == {**dict.fromkeys(ids(far), HELD), far[0].id: case.expected(NOON)}
        assert end.links(call, other) == dict.fromkeys(ids(far), HELD)

    @pytest.mark.parametrize("case", [case for case in UPDATES if case.given], ids=case_name)
    def test_attributes_for_all_links_come_as_keywords(
        self, call: World, end: End, source: Any, far: list[Any], case: Case
    ) -> None:
        hold(call, end, source, far)
        changes = call(end.relation.update, source, far, **case.given)
        assert changes == Changes(**{case.outcome: ids(far)})
        assert end.links(call, source) == dict.fromkeys(ids(far), case.expected(NOON))

    def test_the_cases_may_come_mixed(self, call: World, end: End, source: Any) -> None:
        mixed = mix(call, end, source, UPDATES)
        before = end.versions(call, source)
        changes = call(end.relation.update, source, mixed.links)
        assert changes == Changes(
            updated=mixed.named("updated", cases=UPDATES), unchanged=mixed.named("unchanged", cases=UPDATES)
        )
        aside = dict.fromkeys(ids(mixed.aside), HELD)
        assert end.links(call, source) == expectation(mixed, UPDATES, NOON) | aside
        after = end.versions(call, source)
        assert {far for far in before if after[far] != before[far]} == set(changes.updated)

    def test_names_all_links_that_are_not_there_and_changes_nothing(
        self, call: World, end: End, source: Any, far: list[Any]
    ) -> None:
        hold(call, end, source, far[:3])
        nothing = uuid4()
        with pytest.raises(NotFound) as caught:
            call(end.relation.update, source, [far[5], far[0], nothing, far[4].id, far[5]], role="b")
        assert caught.value.table == end.join
        assert_named(caught.value.ids, [far[5].id, nothing, far[4].id])
        assert end.links(call, source) == dict.fromkeys(ids(far[:3]), HELD)
        assert call(end.relation.update, source, far[:3], role="b") == Changes(updated=ids(far[:3]))

    def test_without_attributes_still_finds_what_is_not_there(
        self, call: World, end: End, source: Any, far: list[Any]
    ) -> None:
        hold(call, end, source, far[:1])
        assert call(end.relation.update, source, far[:1]) == Changes(unchanged=ids(far[:1]))
        with pytest.raises(NotFound) as caught:
            call(end.relation.update, source, far[:2])
        assert caught.value.ids == (far[1].id,)

    def test_of_a_source_that_is_not_there_names_its_links(self, call: World, end: End, far: list[Any]) -> None:
        with pytest.raises(NotFound) as caught:
            call(end.relation.update, uuid4(), far[:2], role="b")
        assert set(caught.value.ids) == set(ids(far[:2]))
