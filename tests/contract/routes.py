"""Every route of one attribute in and out."""

import io
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from importlib import import_module
from types import SimpleNamespace
from typing import Any, NamedTuple, cast

import psycopg

from tests.ends import End
from tests.integration.frames.rows import rows
from tests.worlds import World
from useraim import Frame, bulk, user_aims, users
from useraim.relation.attributes import ATTRIBUTES
from useraim.values import Link, NewUserAim, UserAim

VALUES: Mapping[str, tuple[Any, Any]] = {
    "text": ("first", "s€cond, 'or' \"so\""),
    "text[]": (("first",), ("s€cond", 'th"i,rd')),
    "timestamptz": (datetime(2001, 2, 3, 4, 5, 6, 789, UTC), datetime(2010, 11, 12, 13, 14, 15, 0, UTC)),
}
"""Two values of each type, neither a default."""


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


def first_of(frame: Frame) -> Any:
    """The first row of a frame, a list as a tuple."""
    (row, *_) = rows(frame)
    return SimpleNamespace(**row)


def reads(at: Route) -> Iterator[tuple[str, Any]]:
    """What every read says of the only membership."""
    call, source, pair = at.call, at.source, at.pair
    relation: Any = at.end.relation
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
    yield "frame", first_of(call(relation.frame, [source]))
    yield "frames", first_of(call.rows(relation.frames, [source])[0])
    yield "user_aims.frame", first_of(call(user_aims.frame))
    yield "user_aims.frames", first_of(call.rows(cast("Any", user_aims.frames))[0])
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


def plain_rows(at: Route, value: Any) -> Iterator[Any]:
    """The pair with every attribute, as a tuple and by name."""
    user, aim = at.pair
    others = at.others(value)
    yield (user, aim, *(others[name] for name in ATTRIBUTES))
    yield {"aim_id": aim, **at.given(value), "user_id": str(user.id)}


def put_many_of_plain_rows(at: Route, value: Any) -> None:
    for row in plain_rows(at, value):
        at.call(user_aims.delete, *at.pair)
        at.call(user_aims.put_many, [row])
        assert at.stored() == value


def bulk_load_of_plain_rows(at: Route, value: Any) -> None:
    for row in plain_rows(at, value):
        at.call(user_aims.delete, *at.pair)
        at.load([row])
        assert at.stored() == value


def bulk_load_of_a_frame(at: Route, value: Any) -> None:
    user, aim = at.pair
    table: Any = import_module("pyarrow").table
    at.load(table({at.name: [value], "user_id": [str(user.id)], "aim_id": [aim.id.bytes]}))


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
    put_many_of_plain_rows,
    bulk_load_of_plain_rows,
    bulk_load_of_a_frame,
    bulk_load,
    bulk_load_of_many,
    bulk_load_to_a_link,
    bulk_load_of_many_to_a_link,
    dump_and_load,
    load_of_a_file_of_this_column,
    merge,
]
