"""Each attribute of memberships through every route in and out, from both ends: none is lost anywhere."""

import io
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any, NamedTuple

import psycopg
import pytest

from tests.ends import ENDS, End
from tests.worlds import World
from useraim import bulk, user_aims, users
from useraim.relation.attributes import ATTRIBUTES
from useraim.values import Link, Linked, NewUserAim, UserAim

VALUES: Mapping[str, tuple[Any, Any]] = {
    "text": ("first", "s€cond, 'or' \"so\""),
    "text[]": (("first",), ("s€cond", 'th"i,rd')),
    "timestamptz": (datetime(2001, 2, 3, 4, 5, 6, 789, UTC), datetime(2010, 11, 12, 13, 14, 15, 0, UTC)),
}
"""Two values of each type, neither a default."""


@pytest.fixture(params=ATTRIBUTES)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=ENDS, ids=lambda end: end.name)
def end(request: pytest.FixtureRequest) -> End:
    found: End = request.param
    return found


def values(name: str) -> tuple[Any, Any]:
    """Two values of an attribute; a type that has none here is a failure, not a gap."""
    return VALUES[ATTRIBUTES[name].type]


class Route(NamedTuple):
    """One attribute between a source and a far record that are not linked yet, seen from one end."""

    call: World
    end: End
    name: str
    source: Any
    far: Any

    @property
    def pair(self) -> tuple[Any, Any]:
        return self.end.pair(self.source, self.far)

    def given(self, value: Any) -> Mapping[str, Any]:
        return {self.name: value}

    def link(self, value: Any) -> Link[Any]:
        return Link(self.far, **self.given(value))

    def row(self, value: Any) -> NewUserAim:
        return NewUserAim(*self.pair, **self.given(value))

    def others(self, value: Any) -> dict[str, Any]:
        """Every attribute with a value of its own, this one with `value`."""
        return {**{name: values(name)[0] for name in ATTRIBUTES}, self.name: value}

    def load(self, rows: Any, **options: Any) -> Any:
        if isinstance(self.call.db, psycopg.Connection):
            return bulk.load(self.call.db, rows, **options)
        return self.call.runner.run(bulk.load(self.call.db, rows, **options))

    def dump(self) -> bytes:
        file = io.BytesIO()
        if isinstance(self.call.db, psycopg.Connection):
            bulk.dump(self.call.db, file)
        else:
            self.call.runner.run(bulk.dump(self.call.db, file))
        return file.getvalue()

    def stored(self) -> Any:
        user, aim = self.pair
        ((value,),) = self.call.execute(
            f"SELECT {self.name} FROM user_aims WHERE user_id = %s AND aim_id = %s", [user.id, aim.id]
        )
        return tuple(value) if ATTRIBUTES[self.name].type.endswith("[]") else value


@pytest.fixture
def route(call: World, end: End, name: str) -> Route:
    return Route(call, end, name, end.make_sources(call, 1)[0], end.make_far(call, 1)[0])


def reads(at: Route) -> Iterator[tuple[str, Any]]:
    """What every read says of the only membership."""
    call, relation, source, pair = at.call, at.end.relation, at.source, at.pair
    yield "of", call(relation.of, source)[0]
    yield "of, some", call(relation.of, source, limit=1, order_by="role")[0]
    yield "load", call(relation.load, [source])[source.id][0]
    yield "load, some", call(relation.load, [source], limit=1, order_by=f"-{at.end.label}")[source.id][0]
    yield "page", call(relation.page, source).items[0]
    yield "stream", call.rows(relation.stream, source)[0]
    yield "get", call(user_aims.get, *pair)
    yield "find", call(user_aims.find, *pair)
    yield "find_many", call(user_aims.find_many, [pair])[0]
    yield "user_aims.page", call(user_aims.page).items[0]
    yield "user_aims.stream", call.rows(user_aims.stream)[0]
    yield "update of nothing", call(user_aims.update, *pair)
    yield "grant", call(user_aims.grant, *pair, [])
    yield "revoke", call(user_aims.revoke, *pair, ["none"])


def check(at: Route, value: Any) -> None:
    """The membership has this value, and every read says so."""
    assert at.stored() == value
    for read, found in reads(at):
        assert getattr(found, at.name) == value, read


def append(at: Route, value: Any) -> None:
    at.call(at.end.relation.append, at.source, [at.link(value)])


def append_of_many(at: Route, value: Any) -> None:
    more = at.end.make_far(at.call, 2)
    at.call(at.end.relation.append, at.source, [more[0], at.link(value), more[1]])
    at.call(at.end.relation.remove, at.source, more)


def append_by_keyword(at: Route, value: Any) -> None:
    at.call(at.end.relation.append, at.source, [at.far], **at.given(value))


def append_to_a_link(at: Route, value: Any) -> None:
    at.call(at.end.relation.append, at.source, [at.link(values(at.name)[0])])
    at.call(at.end.relation.append, at.source, [at.link(value)], on_match="update")


def append_all(at: Route, value: Any) -> None:
    at.call(at.end.relation.append, at.source, [Link(at.far, **at.others(value))])


def replace(at: Route, value: Any) -> None:
    at.call(at.end.relation.replace, at.source, [at.link(value)])


def replace_by_keyword(at: Route, value: Any) -> None:
    at.call(at.end.relation.replace, at.source, [at.far], **at.given(value))


def replace_of_a_link(at: Route, value: Any) -> None:
    at.call(at.end.relation.append, at.source, [at.link(values(at.name)[0])])
    at.call(at.end.relation.replace, at.source, [at.link(value)])


def replace_that_does_not_name_it(at: Route, value: Any) -> None:
    append(at, value)
    at.call(at.end.relation.replace, at.source, [at.far])


def update(at: Route, value: Any) -> None:
    at.call(at.end.relation.append, at.source, [at.far])
    at.call(at.end.relation.update, at.source, [at.link(value)])


def update_by_keyword(at: Route, value: Any) -> None:
    at.call(at.end.relation.append, at.source, [at.far])
    at.call(at.end.relation.update, at.source, [at.far], **at.given(value))


def direct_control_keeps_it(at: Route, value: Any) -> None:
    append(at, value)
    at.call(at.end.relation.direct_control, at.source, [at.end.edit(at.far, "edited")])


def create_of_one(at: Route, value: Any) -> None:
    made = at.call(user_aims.create, *at.pair, **at.given(value))
    assert getattr(made, at.name) == value


def update_of_one(at: Route, value: Any) -> None:
    at.call(user_aims.create, *at.pair)
    made = at.call(user_aims.update, *at.pair, **at.given(value))
    assert getattr(made, at.name) == value


def put_many(at: Route, value: Any) -> None:
    at.call(user_aims.put_many, [at.row(value)])


def put_many_of_a_membership(at: Route, value: Any) -> None:
    user, aim = at.pair
    at.call(user_aims.put_many, [UserAim(user.id, aim.id, **at.others(value))])


def put_many_to_a_link(at: Route, value: Any) -> None:
    at.call(user_aims.put_many, [at.row(values(at.name)[0])])
    at.call(user_aims.put_many, [at.row(value)], on_match="update")


def bulk_load(at: Route, value: Any) -> None:
    at.load([at.row(value)])


def bulk_load_of_many(at: Route, value: Any) -> None:
    more = at.end.make_far(at.call, 2)
    at.load([at.end.pair(at.source, more[0]), at.row(value), at.end.pair(at.source, more[1])])
    at.call(at.end.relation.remove, at.source, more)


def bulk_load_to_a_link(at: Route, value: Any) -> None:
    at.call(user_aims.create, *at.pair)
    at.load([at.row(value)], on_match="update")


def bulk_load_of_many_to_a_link(at: Route, value: Any) -> None:
    (more,) = at.end.make_far(at.call, 1)
    at.call(user_aims.create, *at.pair)
    at.load([at.row(value), at.end.pair(at.source, more)], on_match="update")
    at.call(at.end.relation.remove, at.source, [more])


def dump_and_load(at: Route, value: Any) -> None:
    append_all(at, value)
    file = at.dump()
    at.call(at.end.relation.clear, at.source)
    at.load(io.BytesIO(file))


def load_of_a_file_of_this_column(at: Route, value: Any) -> None:
    append(at, value)
    lines = at.call.execute(f"SELECT user_id, aim_id, {at.name}::text FROM user_aims")
    ((user, aim, text),) = lines
    at.call(at.end.relation.clear, at.source)
    quoted = text.replace('"', '""')
    at.load(io.BytesIO(f'{at.name},aim_id,user_id\n"{quoted}",{aim},{user}\n'.encode()))


def merge(at: Route, value: Any) -> None:
    other = at.call(users.create, email="other@example.org", name="Other")
    user, aim = at.pair
    at.call(user_aims.create, other, aim, **at.others(value))
    at.call(user_aims.merge, other, user)


WRITES: list[Callable[[Route, Any], None]] = [
    append,
    append_of_many,
    append_by_keyword,
    append_to_a_link,
    append_all,
    replace,
    replace_by_keyword,
    replace_of_a_link,
    replace_that_does_not_name_it,
    update,
    update_by_keyword,
    direct_control_keeps_it,
    create_of_one,
    update_of_one,
    put_many,
    put_many_of_a_membership,
    put_many_to_a_link,
    bulk_load,
    bulk_load_of_many,
    bulk_load_to_a_link,
    bulk_load_of_many_to_a_link,
    dump_and_load,
    load_of_a_file_of_this_column,
    merge,
]


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
