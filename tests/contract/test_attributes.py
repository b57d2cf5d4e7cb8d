"""Each attribute of memberships through every route in and out, from both ends: none is lost anywhere."""

from collections.abc import Callable
from dataclasses import fields
from typing import Any

import psycopg
import pytest

from tests.contract.routes import WRITES, Route, append, check, values
from tests.ends import ENDS, End
from tests.worlds import World
from useraim import user_aims
from useraim.relation.attributes import ATTRIBUTES
from useraim.values import Link, Linked, NewUserAim, UserAim


@pytest.fixture(params=ATTRIBUTES)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def route(call: World, end: End, name: str) -> Route:
    return Route(call, end, name, end.make_sources(call, 1)[0], end.make_far(call, 1)[0])


@pytest.mark.parametrize("write", WRITES, ids=lambda write: write.__name__)
def test_an_attribute_written_is_what_every_read_says(route: Route, write: Callable[[Route, Any], None]) -> None:
    write(route, values(route.name)[1])
    check(route, values(route.name)[1])


def test_records_created_with_an_attribute_come_back_with_it(route: Route) -> None:
    value = values(route.name)[1]
    (made,) = route.call(route.end.relation.create, route.source, [route.end.new("made")], **route.given(value))
    assert getattr(made, route.name) == value
    check(route._replace(far=made.record), value)


def test_links_that_do_not_give_it_get_the_default(route: Route) -> None:
    route.call(route.end.relation.append, route.source, [route.far])
    by_append = route.stored()
    route.call(route.end.relation.clear, route.source)
    more = route.end.make_far(route.call, 1)
    rows: list[Any] = [
        route.pair,
        NewUserAim(*route.end.pair(route.source, more[0]), **route.given(values(route.name)[1])),
    ]
    for write in (lambda: route.call(user_aims.put_many, rows), lambda: route.load(rows)):
        write()
        assert route.stored() == by_append, "the default of rows that leave it out where others give it"
        route.call(route.end.relation.clear, route.source)


def test_an_attribute_that_is_not_given_stays(route: Route) -> None:
    kept, given = values(route.name)[1], {other: values(other)[1] for other in ATTRIBUTES if other != route.name}
    append(route, kept)
    relation = route.end.relation
    route.call(relation.append, route.source, [Link(route.far, **given)], on_match="update")
    route.call(relation.replace, route.source, [Link(route.far, **given)])
    route.call(relation.update, route.source, [Link(route.far, **given)])
    route.call(user_aims.update, *route.pair, **given)
    route.call(user_aims.put_many, [NewUserAim(*route.pair, **given)], on_match="update")
    route.load([NewUserAim(*route.pair, **given)], on_match="update")
    check(route, kept)


def test_the_same_value_again_is_no_change_and_another_one_is(route: Route) -> None:
    one, other = values(route.name)
    route.call(user_aims.put_many, [route.row(one)])
    assert route.call(user_aims.put_many, [route.row(one)], on_match="update") == ["unchanged"]
    assert route.call(user_aims.put_many, [route.row(other)], on_match="update") == ["updated"]
    assert route.load([route.row(other)], on_match="update").unchanged == 1
    assert route.load([route.row(one)], on_match="update").updated == 1
    assert not route.call(route.end.relation.update, route.source, [route.link(one)])
    assert route.call(route.end.relation.update, route.source, [route.link(other)])


def test_a_dump_has_a_column_for_each_attribute(call: World) -> None:
    end = ENDS[0]
    route = Route(call, end, "role", end.make_sources(call, 1)[0], end.make_far(call, 1)[0])
    assert route.dump().decode().strip().split(",") == ["user_id", "aim_id", *ATTRIBUTES]


def test_every_attribute_is_a_column_and_a_field_of_the_values(conn: psycopg.Connection[Any]) -> None:
    columns = conn.execute(
        "SELECT attname FROM pg_attribute WHERE attrelid = 'user_aims'::regclass AND attnum > 0 AND NOT attisdropped"
        " ORDER BY attnum"
    ).fetchall()
    names = tuple(ATTRIBUTES)
    assert {column for (column,) in columns} == {"user_id", "aim_id", *names}
    for kind, before in ((UserAim, 2), (NewUserAim, 2), (Link, 1), (Linked, 1)):
        assert tuple(field.name for field in fields(kind))[before:] == names, kind
