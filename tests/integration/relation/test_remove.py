"""Remove and clear."""

from typing import Any
from uuid import uuid4

from tests.ends import End, ids
from tests.integration.relation.cases import hold
from tests.worlds import World
from useraim.values import Changes


class TestRemove:
    def test_says_what_was_linked(self, call: World, end: End, source: Any, other: Any, far: list[Any]) -> None:
        hold(call, end, source, far[:5])
        hold(call, end, other, far)
        asked: list[Any] = [far[4], far[6], far[1].id, str(far[0].id), far[4], uuid4()]
        removed = tuple(sorted(ids([far[4], far[1], far[0]])))
        assert call(end.relation.remove, source, asked) == Changes(removed=removed)
        assert set(end.links(call, source)) == set(ids(far[2:4]))
        assert call(end.relation.remove, source, asked) == Changes()
        assert len(end.links(call, other)) == len(far)

    def test_of_a_source_that_is_not_there_removes_nothing(self, call: World, end: End, far: list[Any]) -> None:
        assert call(end.relation.remove, uuid4(), far) == Changes()
        assert call(end.relation.clear, uuid4()) == Changes()

    def test_clear_unlinks_everything(self, call: World, end: End, source: Any, other: Any, far: list[Any]) -> None:
        hold(call, end, source, far)
        hold(call, end, other, far)
        assert call(end.relation.clear, source) == Changes(removed=tuple(sorted(ids(far))))
        assert call(end.relation.clear, source.id) == Changes()
        assert end.links(call, source) == {}
        assert len(end.links(call, other)) == len(far)
        assert len(call(end.far.find_many, far)) == len(far)
