"""Rows as users have them: every kind is written as the value with the same fields would be."""

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import cycle
from types import MappingProxyType
from typing import Any, NamedTuple
from uuid import UUID

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.ends import shown
from tests.integration.bad_input.values import BLANK, NOT_IDS, NOT_TEXT, NOT_TIMES, UNSTORABLE, Mixed, Plain, Text
from tests.integration.bulk.loads import JOINED, Pair, load, table
from tests.integration.test_properties import Conn, checked, permissions, roles, times
from tests.worlds import World
from useraim import UNSET, InvalidValue, NewAim, NewUser, NewUserAim, UserAim, aims, bulk, user_aims, users
from useraim.relation.attributes import ATTRIBUTES
from useraim.relation.incoming import FIELDS

NAMES = tuple(ATTRIBUTES)
Fields = Mapping[str, Any]


def as_value(row: Fields) -> NewUserAim:
    return NewUserAim(**row)


def as_tuple(row: Fields) -> tuple[Any, ...]:
    """As short as it can be; what is left out before the last one given is UNSET."""
    given = [name for name in FIELDS if name in row]
    return tuple(row.get(name, UNSET) for name in FIELDS[: FIELDS.index(given[-1]) + 1])


class Named(NamedTuple):
    user: Any
    aim: Any
    role: Any = UNSET
    permissions: Any = UNSET
    joined_at: Any = UNSET


KINDS: Mapping[str, Callable[[Fields], Any]] = {
    "value": as_value,
    "tuple": as_tuple,
    "list": lambda row: list(as_tuple(row)),
    "named tuple": lambda row: Named(*as_tuple(row)),
    "dict": dict,
    "dict in another order": lambda row: {name: row[name] for name in reversed([*row])},
    "dict with all fields": lambda row: {**dict.fromkeys(FIELDS, UNSET), **row},
    "mapping": lambda row: MappingProxyType(dict(row)),
    "subclass of dict": OrderedDict,
    "texts of ids": lambda row: {**row, "user_id": str(row["user_id"]), "aim_id": row["aim_id"].hex.upper()},
    "texts of ids, all alike": lambda row: {**row, "user_id": str(row["user_id"]), "aim_id": str(row["aim_id"])},
}
KIND = pytest.mark.parametrize("kind", KINDS)


def various(pairs: Sequence[Pair]) -> list[Fields]:
    """Each attribute given and left out, beside each other one."""
    values: dict[str, Iterator[Any]] = {
        "role": cycle(["owner", "s€cond", Text("own"), Mixed.OWNER]),
        "permissions": cycle([["read", "a,b"], (), {"x", "b"}, ["read", Text("t")], ("read",)]),
        "joined_at": (JOINED + timedelta(days=n) for n in range(1_000)),
    }
    assert set(values) == set(NAMES)
    rows: list[Fields] = []
    for n, (user, aim) in enumerate(pairs):
        given = {name: next(values[name]) for bit, name in enumerate(NAMES) if n >> bit & 1}
        rows.append({"user_id": user, "aim_id": aim, **given})
    return rows


def put(call: World, rows: Any, **options: Any) -> Any:
    return call(user_aims.put_many, rows, **options)


def stored(call: World, write: Callable[..., Any], rows: Sequence[Any], **options: Any) -> tuple[Any, Any]:
    """What a write answers and what is there then, both undone."""
    call.execute("SAVEPOINT kinds")
    answer = write(call, rows, **options), table(call)
    call.execute("ROLLBACK TO kinds")
    return answer


@KIND
@pytest.mark.parametrize("write", [load, put])
@pytest.mark.parametrize("on_match", ["ignore", "update"])
def test_a_row_of_any_kind_is_written_as_the_value(
    call: World, pairs: list[Pair], kind: str, write: Callable[..., Any], on_match: str
) -> None:
    load(call, [NewUserAim(*pair, role="old", permissions=["old"]) for pair in pairs[::5]])  # type: ignore[arg-type]
    rows = various(pairs)
    by_value = stored(call, write, [as_value(row) for row in rows], on_match=on_match)
    assert stored(call, write, [KINDS[kind](row) for row in rows], on_match=on_match) == by_value


@pytest.mark.parametrize("write", [load, put])
def test_rows_of_all_kinds_may_be_mixed(call: World, pairs: list[Pair], write: Callable[..., Any]) -> None:
    rows = various(pairs)
    kinds = cycle(KINDS.values())
    by_value = stored(call, write, [as_value(row) for row in rows])
    assert stored(call, write, [next(kinds)(row) for row in rows]) == by_value


@pytest.mark.parametrize("kind", ["tuple", "list", "dict", "mapping"])
@pytest.mark.parametrize("name", NAMES)
def test_rows_that_all_give_one_attribute(call: World, pairs: list[Pair], kind: str, name: str) -> None:
    rows = [{"user_id": row["user_id"], "aim_id": row["aim_id"], name: row[name]} for row in various(pairs * 3)[7::8]]
    by_value = stored(call, load, [as_value(row) for row in rows])
    for write in (load, put):
        assert stored(call, write, [KINDS[kind](row) for row in rows])[1] == by_value[1]


@pytest.mark.parametrize("write", [load, put])
def test_records_may_stand_for_their_ids_in_rows_of_any_kind(call: World, write: Callable[..., Any]) -> None:
    ana, run = call(users.create, email="a@b", name="Ana"), call(aims.create, title="Run")
    for row in ((ana, run, "owner"), {"user_id": ana, "aim_id": str(run.id), "role": "owner"}):
        found = stored(call, write, [row])[1]
        assert [(user, aim, role) for user, aim, role, *_ in found] == [(ana.id, run.id, "owner")]


def test_a_membership_that_was_read_is_written_again_from_its_fields(call: World, pairs: list[Pair]) -> None:
    load(call, [as_value(row) for row in various(pairs)])
    before = table(call)
    found = call(user_aims.page, limit=1_000).items
    columns: list[Any] = [[row.user_id, row.aim_id, row.role, row.permissions, row.joined_at] for row in found]
    for rows in (found, columns, before):
        call.execute("DELETE FROM user_aims")
        load(call, rows)
        assert table(call) == before


@pytest.mark.parametrize("write", [load, put])
def test_rows_are_drawn_once(call: World, pairs: list[Pair], write: Callable[..., Any]) -> None:
    drawn: list[int] = []

    def rows() -> Any:
        for n, (user, aim) in enumerate(pairs):
            drawn.append(n)
            yield user, aim, "owner", (text for text in ("read", "write"))

    write(call, rows())
    assert drawn == list(range(len(pairs)))
    assert {(row[2], tuple(row[3])) for row in table(call)} == {("owner", ("read", "write"))}


def test_put_many_of_plain_rows_says_what_became_of_each(call: World, pairs: list[Pair]) -> None:
    rows: list[Any] = [(*pair, "owner") for pair in reversed(pairs)]
    assert put(call, rows[:50]) == ["added"] * 50
    again = [*rows[40:60], (*pairs[0], "last"), (*pairs[-1], "guest")]
    again_too = [*again, (*pairs[0], "first counts")]
    assert put(call, again_too, on_match="update") == [
        *["unchanged"] * 10, *["added"] * 10, "added", "updated", "added",
    ]  # fmt: skip
    assert call(user_aims.get, *pairs[0]).role == "last"  # type: ignore[arg-type]


IDS: Pair = (UUID(int=1), UUID(int=2))
WHOLE: Fields = {"user_id": IDS[0], "aim_id": IDS[1], "role": "r", "permissions": ("p",), "joined_at": JOINED}
SHAPES: list[Any] = [(), (IDS[0],), (*[IDS[0]] * 5, 6), [], "ab", b"ab", 5, None, {*IDS}, object(), NewUser("a@b", "A")]


def refused(call: World, rows: list[Any], field: str, index: int) -> None:
    for write in (load, put):
        with pytest.raises(InvalidValue) as caught:
            write(call, rows)
        assert caught.value.field == field
        assert caught.value.reason.endswith(f"(row at index {index})")


@pytest.mark.parametrize("bad", SHAPES, ids=shown)
def test_what_is_no_row_is_refused_with_its_index(call: World, bad: Any) -> None:
    refused(call, [IDS, IDS, bad, None], "rows", 2)
    refused(call, [(*IDS, "r"), (*IDS, "r"), bad], "rows", 2)


@pytest.mark.parametrize("name", ["roles", "user", "", 5, None])
def test_a_key_that_is_no_field_is_named(call: World, name: Any) -> None:
    refused(call, [WHOLE, {**WHOLE, name: "x"}], str(name), 1)


@pytest.mark.parametrize("name", ["user_id", "aim_id"])
def test_a_mapping_without_an_id_is_refused(call: World, name: str) -> None:
    refused(call, [WHOLE, {key: value for key, value in WHOLE.items() if key != name}], name, 1)


BAD: list[tuple[str, Any]] = [
    *[(name, value) for name in ("user_id", "aim_id") for value in NOT_IDS],
    *[("role", value) for value in [*NOT_TEXT, *UNSTORABLE, *BLANK, "x" * 101]],
    *[("permissions", [value]) for value in [*NOT_TEXT, *UNSTORABLE, "", "x" * 101, ["list"]]],
    *[("permissions", value) for value in ("text", None, 5, {"a": 1}, b"x", Plain.OWNER)],
    *[("joined_at", value) for value in NOT_TIMES],
]


@pytest.mark.parametrize(("name", "value"), BAD, ids=shown)
def test_a_bad_field_among_good_ones_is_named_with_its_index(call: World, name: str, value: Any) -> None:
    for kind in ("tuple", "dict", "mapping", "value"):
        rows = [KINDS[kind](row) for row in (WHOLE, {**WHOLE, "role": "q"}, {**WHOLE, name: value}, WHOLE)]
        refused(call, rows, name, 2)


@st.composite
def memberships(draw: Any) -> list[Fields]:
    attributes = {
        "role": roles,
        "permissions": permissions,
        "joined_at": times | times.map(lambda at: at.astimezone(UTC)),
    }
    given = st.fixed_dictionaries({"place": st.integers(0, 5)}, optional={name: attributes[name] for name in NAMES})
    rows: list[Fields] = draw(st.lists(given, min_size=1, max_size=12))
    return rows


@checked
@example([{"place": 0, "joined_at": datetime.max.replace(tzinfo=UTC)}, {"place": 1}], "tuple").via("the last time")
@given(memberships(), st.sampled_from(sorted(KINDS)))
def test_any_rows_of_any_kind_are_written_as_the_values(conn: Conn, rows: list[Fields], kind: str) -> None:
    people = users.create_many(conn, [NewUser(f"{n}@b", "A") for n in range(2)])
    goals = aims.create_many(conn, [NewAim("T") for _ in range(3)])
    pairs: list[Any] = [(person.id, goal.id) for person in people for goal in goals]
    whole: list[Fields] = []
    for row in rows:
        user, aim = pairs[row["place"]]
        whole.append({"user_id": user, "aim_id": aim, **{name: row[name] for name in NAMES if name in row}})
    found: list[list[UserAim]] = []
    for make in (as_value, KINDS[kind]):
        made: list[Any] = [make(row) for row in whole]
        with conn.transaction(force_rollback=True):
            bulk.load(conn, made, on_match="update")
            found.append(user_aims.page(conn, limit=1_000).items)
        with conn.transaction(force_rollback=True):
            user_aims.put_many(conn, made, on_match="update")
            found.append(user_aims.page(conn, limit=1_000).items)
    assert found == [found[0]] * 4
    conn.rollback()
