"""Rows that no write changes are not written."""

from typing import Any
from uuid import uuid4

from tests.ends import NOON, End, ids
from tests.integration.relation.cases import hold
from tests.worlds import World
from useraim.values import Changes, Link


def test_an_unchanged_row_is_never_written_again(committed: World, end: End) -> None:
    """Each call is a transaction of its own here: xmin tells which of them wrote a row."""
    (source,), far = end.make_sources(committed, 1), end.make_far(committed, 4)
    hold(committed, end, source, far)
    before = end.versions(committed, source)
    same: list[Any] = [far[0], Link(far[1], role="a"), Link(far[2], permissions=["p"]), Link(far[3], joined_at=NOON)]
    operations: list[Any] = [end.relation.append, end.relation.replace, end.relation.update]
    for operation in operations:
        assert committed(operation, source, same) == Changes(unchanged=ids(far))
        assert committed(operation, source, far, role="a", permissions=["p"], joined_at=NOON) == Changes(
            unchanged=ids(far)
        )
    assert committed(end.relation.append, source, same, on_match="update") == Changes(unchanged=ids(far))
    assert committed(end.relation.remove, source, [uuid4()]) == Changes()
    assert end.versions(committed, source) == before
    committed(end.relation.replace, source, [*far[:3], Link(far[3], role="b")])
    after = end.versions(committed, source)
    assert {id for id in before if before[id] != after[id]} == {far[3].id}
