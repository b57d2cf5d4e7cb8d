"""Streams whose rows are written meanwhile, by the reader itself: they end, and meet once what stays as it is."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.ends import ENDS, End, make, new
from tests.worlds import World
from useraim import user_aims
from useraim.ids import new_id
from useraim.values import NewUserAim

MANY = 2_500
STEP = 500
EARLIER = datetime(1950, 1, 1, tzinfo=UTC)
LATER = datetime(2400, 1, 1, tzinfo=UTC)


def at_most(count: int, rows: Iterator[Any]) -> Iterator[Any]:
    """The rows of a stream that shall end before."""
    for met, row in enumerate(rows, 1):
        assert met <= count, f"more than {count} rows of {MANY}"
        yield row


def linked(call: World, end: End) -> Any:
    """A source with several pages of links."""
    (source,) = end.make_sources(call, 1)
    call(end.relation.append, source, end.make_far(call, MANY))
    return source


@pytest.mark.parametrize("end", ENDS, ids=lambda end: end.name)
class TestRelation:
    def test_links_moved_to_the_end_as_they_are_met_are_met_once(self, call: World, end: End) -> None:
        source = linked(call, end)
        met: list[Any] = []
        for row in at_most(MANY, call.iterate(end.relation.stream, source)):
            met.append(row.record)
            if len(met) % STEP == 0:
                call(end.relation.update, source, met[-STEP:], joined_at=LATER + timedelta(seconds=len(met)))
        assert len(met) == len({one.id for one in met}) == MANY

    def test_links_that_stay_are_met_once_while_others_are_moved(self, call: World, end: End) -> None:
        source = linked(call, end)
        moved = [row.record.id for row in call(end.relation.of, source, limit=MANY // 2, offset=MANY // 4)]
        met: list[Any] = []
        for row in at_most(2 * MANY, call.iterate(end.relation.stream, source)):
            met.append(row.record.id)
            if len(met) % STEP == 0:
                call(end.relation.update, source, moved, joined_at=(LATER, EARLIER)[len(met) // STEP % 2])
        stayed = [one for one in met if one not in set(moved)]
        assert len(stayed) == len({*stayed}) == MANY - len(moved)

    def test_a_reader_who_adds_links_comes_to_an_end(self, call: World, end: End) -> None:
        source = linked(call, end)
        there = {row.record.id for row in call(end.relation.of, source)}
        met: list[Any] = []
        for row in at_most(2 * MANY, call.iterate(end.relation.stream, source)):
            met.append(row.record.id)
            if len(met) % STEP == 0:
                call(end.relation.create, source, some_new(end.far, STEP), joined_at=LATER)
        assert len(met) == len({*met})
        assert there <= {*met}

    def test_a_reader_who_creates_records_comes_to_an_end(self, call: World, end: End) -> None:
        there = {one.id for one in end.make_far(call, MANY)}
        met: list[Any] = []
        for row in at_most(2 * MANY, call.iterate(end.far.stream)):
            met.append(row.id)
            if len(met) % STEP == 0:
                make(call, end.far, STEP)
        assert len(met) == len({*met})
        assert there <= {*met}

    def test_all_links_may_go_meanwhile(self, call: World, end: End) -> None:
        source = linked(call, end)
        rows = call.iterate(end.relation.stream, source)
        next(rows)
        call(end.relation.clear, source)
        assert sum(1 for _ in at_most(1_000, rows)) < 1_000


@pytest.mark.parametrize(("order_by", "end_of_time"), [("joined_at", LATER), ("-joined_at", EARLIER)])
def test_memberships_moved_to_the_end_as_they_are_met_are_met_once(
    committed: World, order_by: str, end_of_time: datetime
) -> None:
    for end in ENDS:
        linked(committed, end)
    met: list[Any] = []
    for row in at_most(2 * MANY, committed.iterate(user_aims.stream, order_by=order_by)):
        met.append((row.user_id, row.aim_id))
        if len(met) % STEP == 0:
            moved = [NewUserAim(user, aim, joined_at=end_of_time) for user, aim in met[-STEP:]]
            committed(user_aims.put_many, moved, on_match="update")
    assert len(met) == len({*met}) == 2 * MANY


def some_new(repository: Any, count: int) -> list[Any]:
    return [new(repository, f"n-{key}", key) for key in (new_id() for _ in range(count))]
