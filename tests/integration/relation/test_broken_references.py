"""Sources and far records that are missing, for every write."""

from typing import Any
from uuid import uuid4

import pytest

from tests.ends import End, ids
from tests.integration.relation.cases import HELD, hold
from tests.worlds import World
from useraim import BrokenReference
from useraim.values import Link


class TestBrokenReference:
    @pytest.mark.parametrize("operation", ["append", "replace"])
    @pytest.mark.parametrize("on_match", ["ignore", "update", "error"])
    def test_names_everything_that_is_missing_and_nothing_is_written(
        self, call: World, end: End, source: Any, far: list[Any], operation: str, on_match: str
    ) -> None:
        hold(call, end, source, far[:2])
        one, two = uuid4(), uuid4()
        run: Any = getattr(end.relation, operation)
        with pytest.raises(BrokenReference) as caught:
            call(run, source, [far[5], two, Link(one, role="b"), far[6], two], on_match=on_match, role="c")
        assert end.missing(caught.value) == ((), tuple(sorted([one, two])))
        assert end.links(call, source) == dict.fromkeys(ids(far[:2]), HELD)
        call(run, source, [far[5]])
        assert far[5].id in end.links(call, source)

    @pytest.mark.parametrize("operation", ["append", "replace"])
    def test_names_both_sides(self, call: World, end: End, far: list[Any], operation: str) -> None:
        source, one, two = uuid4(), uuid4(), uuid4()
        run: Any = getattr(end.relation, operation)
        with pytest.raises(BrokenReference) as caught:
            call(run, source, [one, far[0], two])
        assert end.missing(caught.value) == ((source,), tuple(sorted([one, two])))
        with pytest.raises(BrokenReference) as caught:
            call(run, source, far)
        assert end.missing(caught.value) == ((source,), ())
        assert call.execute(f"SELECT count(*) FROM {end.join}") == [(0,)]

    def test_of_a_missing_source_that_shall_have_nothing(self, call: World, end: End) -> None:
        source = uuid4()
        operations: list[Any] = [end.relation.replace, end.relation.direct_control]
        for operation in operations:
            with pytest.raises(BrokenReference) as caught:
                call(operation, source, [])
            assert end.missing(caught.value) == ((source,), ())

    def test_ids_of_the_wrong_end_are_missing(self, call: World, end: End, source: Any, far: list[Any]) -> None:
        with pytest.raises(BrokenReference) as caught:
            call(end.relation.append, far[0].id, [source.id])
        assert end.missing(caught.value) == ((far[0].id,), (source.id,))

    def test_hundreds_are_all_named(self, call: World, end: End, source: Any, far: list[Any]) -> None:
        gone = [uuid4() for _ in range(300)]
        with pytest.raises(BrokenReference) as caught:
            call(end.relation.append, source, [*gone[:150], *far, *gone[150:]])
        assert end.missing(caught.value) == ((), tuple(sorted(gone)))
        assert end.links(call, source) == {}
