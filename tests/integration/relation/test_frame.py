"""`frame` and `frames` of a relation: what `load` gives, as Arrow columns."""

from dataclasses import fields as fields_of
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from tests.ends import End
from tests.integration.frames.rows import Row, by, fields, rows
from tests.integration.relation.reads import LINKS
from tests.worlds import World
from useraim import Frame, InvalidValue, LinkFilter


def loaded(call: World, end: End, sources: list[Any], link: LinkFilter | None = None) -> list[Row]:
    found: list[Row] = []
    for source, linked in call(end.relation.load, sources, link=link).items():
        for row in fields(linked):
            record = row.pop("record")
            found.append({end.source_id: source, end.far_id: record.pop("id"), **row, **record})
    return by([end.source_id, end.far_id], found)


def parts(call: World, end: End, *args: Any, **asked: Any) -> list[Frame]:
    frames: Any = end.relation.frames
    return call.rows(frames, *args, **asked)


@pytest.mark.parametrize("link", LINKS)
def test_a_frame_holds_what_load_gives(call: World, end: End, sources: list[Any], link: LinkFilter | None) -> None:
    expected = loaded(call, end, sources, link)
    frame = call(end.relation.frame, [*sources, uuid4()], link=link)
    assert by([end.source_id, end.far_id], rows(frame)) == expected
    assert rows(*parts(call, end, sources, link=link)) == expected


def test_the_columns_are_both_ids_the_attributes_and_the_rest_of_the_far_record(call: World, end: End) -> None:
    columns = call(end.relation.frame, [uuid4()]).columns
    assert columns[:5] == (end.source_id, end.far_id, "role", "permissions", "joined_at")
    assert columns[5:] == tuple(field.name for field in fields_of(end.make_far(call, 1)[0]) if field.name != "id")


@pytest.mark.parametrize("size", [1, 4, 14, 10_000])
def test_frames_go_on_by_key_and_are_no_larger_than_asked(call: World, end: End, sources: list[Any], size: int) -> None:
    some = parts(call, end, sources, size=size)
    assert rows(*some) == loaded(call, end, sources)
    assert {len(one) for one in some[:-1]} <= {size}
    assert 0 < len(some[-1]) <= size


def test_of_no_sources_there_are_all_columns_and_no_rows(call: World, end: End) -> None:
    frame = call(end.relation.frame, [])
    assert len(frame) == 0
    assert frame.table.schema == call(end.relation.frame, [uuid4()]).table.schema
    assert end.relation.frame.call([]).statements == ()
    assert parts(call, end, []) == []
    assert parts(call, end, [uuid4()]) == []


def test_wrong_arguments_are_refused_before_any_sql(shared: str, end: End) -> None:
    relation: Any = end.relation
    with psycopg.connect(shared) as closed:
        pass
    for wrong, more in ((uuid4(), {}), (["x"], {}), ("x", {}), ([], {"link": "r0"})):
        for read in (relation.frame, relation.frames):
            with pytest.raises(InvalidValue):
                list(read(closed, wrong, **more))
    for size in (0, -1, 2**21, "7", None):
        with pytest.raises(InvalidValue):
            relation.frames(closed, [uuid4()], size=size)
