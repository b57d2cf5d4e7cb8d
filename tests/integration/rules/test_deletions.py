"""Deletions under rules: of records whose far records shall keep what they must."""

from typing import Any

import pytest

from tests.ends import End
from tests.integration.rules.demands import OWNERS
from tests.worlds import World
from useraim import RuleBroken
from useraim.values import AllOf, AnyOf, CountBetween, Link

OWNED = CountBetween(at_least=1, link=OWNERS)


@pytest.fixture
def owned(call: World, end: End, far: list[Any]) -> list[Any]:
    """Three sources: the first owns two far records alone, the second shares a third with it, the last has no link."""
    sources = end.make_sources(call, 3)
    call(end.relation.append, sources[0], [Link(one, role="owner") for one in far[:3]])
    call(end.relation.append, sources[1], [far[0], Link(far[2], role="owner")])
    return sources


def test_all_far_records_that_would_lose_what_they_must_are_named(
    call: World, end: End, far: list[Any], owned: list[Any]
) -> None:
    deletions: list[tuple[Any, Any, Any, int]] = [
        (end.sources.delete, owned[0], OWNED, 2),
        (end.sources.delete_many, owned, [CountBetween(), OWNED], 3),
    ]
    for delete, sources, must, many in deletions:
        with pytest.raises(RuleBroken) as caught:
            call(delete, sources, must=must)
        assert caught.value.rule == OWNED
        assert (caught.value.count, caught.value.ids) == (0, tuple(sorted(one.id for one in far[:many])))
    assert len(end.links(call, owned[0])) == 3
    assert call(end.sources.exists, owned[0])


def test_a_deletion_that_breaks_no_rule_happens(call: World, end: End, far: list[Any], owned: list[Any]) -> None:
    assert call(end.sources.delete, owned[1], must=OWNED) is True
    assert call(end.sources.delete, owned[1], must=OWNED) is False
    assert call(end.sources.delete_many, [owned[2], owned[1]], must=OWNED) == (owned[2].id,)
    with pytest.raises(RuleBroken) as caught:
        call(end.sources.delete, owned[0], must=CountBetween(at_least=1))
    assert caught.value.ids == tuple(sorted(one.id for one in far[:3]))
    assert call(end.sources.delete_many, [], must=OWNED) == ()


def test_rules_of_a_deletion_are_about_the_end_that_is_deleted(
    call: World, end: End, far: list[Any], owned: list[Any]
) -> None:
    with pytest.raises(RuleBroken) as caught:
        call(end.sources.delete, owned[0], must=AnyOf([owned[1]]))
    assert caught.value.ids == (far[1].id,)
    with pytest.raises(RuleBroken):
        call(end.sources.delete, owned[1], must=AllOf([owned[1]]))
    assert call(end.sources.delete, owned[1], must=AllOf([owned[0]]))
