"""Counts, `has` and `common`."""

from typing import Any
from uuid import uuid4

import pytest

from tests.ends import End, ids
from tests.integration.relation.reads import LINKS, Expected
from tests.worlds import World
from useraim import InvalidValue
from useraim.values import LinkFilter


class TestCounts:
    @pytest.mark.parametrize("link", LINKS)
    def test_count(
        self, call: World, end: End, sources: list[Any], expected: Expected, link: LinkFilter | None
    ) -> None:
        nobody = uuid4()
        counts = call(end.relation.count, [sources[3], nobody, *sources, str(sources[0].id)], link=link)
        assert list(counts) == [sources[3].id, nobody, *ids(sources[:3])]
        assert counts == {one.id: len(expected.of(one, link=link)) for one in sources} | {nobody: 0}

    def test_count_by_role(self, call: World, end: End, sources: list[Any]) -> None:
        nobody = uuid4()
        assert call(end.relation.count_by_role, [*sources, nobody, sources[0].id]) == {
            sources[0].id: {"r0": 4, "r1": 4, "r2": 4, "r3": 4},
            sources[1].id: {"r0": 2, "r1": 2, "r2": 2, "r3": 2},
            sources[2].id: {"r0": 1},
            sources[3].id: {},
            nobody: {},
        }

    def test_has(self, call: World, end: End, assorted: list[Any], sources: list[Any]) -> None:
        assert call(end.relation.has, sources[2], assorted[0]) is True
        assert call(end.relation.has, str(sources[2].id), assorted[0].id) is True
        assert call(end.relation.has, sources[2], assorted[1]) is False
        assert call(end.relation.has, sources[2], sources[2].id) is False
        assert call(end.relation.has, uuid4(), uuid4()) is False

    def test_common(self, call: World, end: End, assorted: list[Any], sources: list[Any], expected: Expected) -> None:
        def by_label(records: list[Any]) -> list[Any]:
            return sorted(records, key=lambda one: (expected.ranks[end.labelled(one)], one.id))

        assert call(end.relation.common, sources[:1]) == by_label(assorted)
        assert call(end.relation.common, sources[:2]) == by_label(assorted[3:11])
        assert call(end.relation.common, iter([sources[1], sources[0].id, sources[1]])) == by_label(assorted[3:11])
        assert call(end.relation.common, sources[:3]) == []
        assert call(end.relation.common, sources) == []
        assert call(end.relation.common, [sources[0], uuid4()]) == []

    def test_of_nothing_sends_nothing(self, end: End) -> None:
        calls: list[Any] = [
            end.relation.count.call([]), end.relation.count_by_role.call(()), end.relation.common.call(iter(())),
        ]  # fmt: skip
        assert [(one.statements, one.read([])) for one in calls] == [((), {}), ((), {}), ((), [])]

    def test_a_bare_text_is_no_collection(self, end: End) -> None:
        wrong: list[Any] = [
            end.relation.load.call, end.relation.count.call, end.relation.count_by_role.call, end.relation.common.call,
        ]  # fmt: skip
        for build in wrong:
            with pytest.raises(InvalidValue):
                build(str(uuid4()))
