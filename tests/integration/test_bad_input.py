"""Bad input is `InvalidValue` naming the field, before any SQL: the connection used here is closed already."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from enum import Enum, StrEnum
from types import MappingProxyType
from typing import Any
from uuid import UUID

import psycopg
import pytest

from tests.worlds import World
from useraim import UNSET, InvalidCursor, InvalidValue, aims, user_aims, users
from useraim.values import (
    Aim,
    AllOf,
    AnyOf,
    CountBetween,
    EditAim,
    EditUser,
    Exactly,
    Link,
    LinkFilter,
    NewAim,
    NewUser,
    NewUserAim,
    NoneOf,
    User,
)

ID: Any = UUID(int=1)
OTHER: Any = UUID(int=2)
NOON = datetime(2024, 5, 17, 12, tzinfo=UTC)
ANA: Any = User(ID, "Ana", "ana@example.org", NOON, NOON)

# Without types: everything here is wrong on purpose.
Users: Any = users
Aims: Any = aims
UserAims: Any = user_aims
NewUsers: Any = NewUser
NewAims: Any = NewAim
Links: Any = Link
Rows: Any = NewUserAim
Filters: Any = LinkFilter


class Plain(Enum):
    OWNER = "owner"


class Number(Enum):
    ONE = 1


class Spelt(StrEnum):
    OWNER = "owner"


class Mixed(str, Enum):  # noqa: UP042 - the spelling before StrEnum, still widespread
    OWNER = "owner"


class MixedNumber(str, Enum):  # noqa: UP042
    ONE = 1


class Text(str):
    __slots__ = ()


NOT_TEXT: list[Any] = [None, 1, b"bytes", ["list"], Plain.OWNER, Number.ONE, object()]
UNSTORABLE: list[Any] = ["a\0b", "\0", "a\ud800b", "\udfff"]
BLANK = ["", " ", "\t\n", "\u3000"]
NOT_IDS: list[Any] = [
    None, 1, b"1" * 16, "", "x", "1234", str(ID)[:-1], f"{ID}0", f" {ID}", f"urn:uu\u0131d:{ID}",
    1.5, (ID,), Plain.OWNER,
]  # fmt: skip
NOT_COLLECTIONS: list[Any] = [
    None, "text", b"bytes", 5, ID, {}, {ID: "owner"}, {"owner": True}, MappingProxyType({ID: "owner"}),
]  # fmt: skip
NOT_TIMES: list[Any] = [
    None, "2024-01-01", 0, NOON.date(), NOON.replace(tzinfo=None), datetime(1899, 12, 31, 23, 59, 59, tzinfo=UTC),
    datetime(1900, 1, 1, tzinfo=timezone(timedelta(hours=1))), datetime.min.replace(tzinfo=UTC),
    datetime(9999, 12, 31, 23, tzinfo=timezone(timedelta(hours=-2))),
    datetime.min.replace(tzinfo=timezone(timedelta(hours=2))),
]  # fmt: skip
NOT_LIMITS: list[Any] = [0, -1, 1001, True, "5", 5.0, None, 2**70]
NOT_ORDERS: list[Any] = ["", "-", "id", "Name", "--name", "name ", "name desc", "name; --", None, 1, ["name"]]
NOT_MATCHES: list[Any] = ["", "Ignore", "replace", None, True]
NOT_EMAILS = ["@", "a@", "@b", "ab", "@@", "a" * 318 + "@bc"]


@pytest.fixture(scope="module", params=["sync", "async"])
def closed(request: pytest.FixtureRequest, shared: str, runner: asyncio.Runner) -> Iterator[World]:
    """A closed connection: whoever sends SQL on it fails."""
    if request.param == "sync":
        conn = psycopg.connect(shared)
        conn.close()
        yield World(conn, runner)
    else:
        aconn = runner.run(psycopg.AsyncConnection.connect(shared))
        runner.run(aconn.close())
        yield World(aconn, runner)


def refused(world: World, field: str, operation: Any, /, *args: Any, **kwargs: Any) -> None:
    with pytest.raises(InvalidValue) as caught:
        world(operation, *args, **kwargs)
    assert caught.value.field == field
    assert isinstance(caught.value, ValueError)
    assert str(caught.value).startswith(f"{field}: ")
    assert len(str(caught.value)) < 200


def test_a_closed_connection_is_noticed_by_good_input(closed: World) -> None:
    with pytest.raises(psycopg.OperationalError):
        closed(users.get, ID)


@pytest.mark.parametrize("name", [*NOT_TEXT, *UNSTORABLE, *BLANK, "x" * 201], ids=ascii)
def test_names(closed: World, name: Any) -> None:
    refused(closed, "name", Users.create, email="a@b", name=name)
    refused(closed, "name", Users.ensure, email="a@b", name=name)
    refused(closed, "name", Users.update, ID, name=name)
    refused(closed, "name", Users.create_many, [NewUsers("a@b", "A"), NewUsers("b@c", name)])
    refused(closed, "name", aims.users.create, ID, [NewUsers("a@b", name)])
    refused(closed, "name", aims.users.direct_control, ID, [EditUser(ID, name=name)])


@pytest.mark.parametrize("email", [*NOT_TEXT, *UNSTORABLE, *BLANK, *NOT_EMAILS], ids=ascii)
def test_addresses(closed: World, email: Any) -> None:
    refused(closed, "email", Users.create, email=email, name="A")
    refused(closed, "email", Users.ensure, email=email, name="A")
    refused(closed, "email", Users.update, ID, email=email)
    refused(closed, "email", Users.create_many, [NewUsers(email, "A")])


@pytest.mark.parametrize("email", [*NOT_TEXT, *UNSTORABLE], ids=ascii)
def test_addresses_to_find(closed: World, email: Any) -> None:
    refused(closed, "email", Users.find_by_email, email)


@pytest.mark.parametrize("title", [*NOT_TEXT, *UNSTORABLE, *BLANK, "x" * 501], ids=lambda one: ascii(one)[:20])
def test_titles(closed: World, title: Any) -> None:
    refused(closed, "title", Aims.create, title=title)
    refused(closed, "title", Aims.update, ID, title=title)
    refused(closed, "title", Aims.create_many, [NewAims(title)])
    refused(closed, "title", users.aims.create, ID, [NewAims(title)])
    refused(closed, "title", users.aims.direct_control, ID, [EditAim(ID, title=title)])


@pytest.mark.parametrize("description", [*NOT_TEXT, *UNSTORABLE, "x" * 20_001], ids=lambda one: ascii(one)[:20])
def test_descriptions(closed: World, description: Any) -> None:
    refused(closed, "description", Aims.create, title="T", description=description)
    refused(closed, "description", Aims.update, ID, description=description)


def test_the_longest_texts_are_stored(call: World) -> None:
    ana = call(users.create, email="é" * 318 + "@b", name="𝄞" * 200)
    assert (len(ana.email), len(ana.name)) == (320, 200)
    run = call(aims.create, title="𝄞" * 500, description="é" * 20_000)
    link = call(user_aims.create, ana, run, role="𝄞" * 100, permissions=["é" * 100, " "])
    assert call(user_aims.get, ana, run) == link
    assert call(users.get, ana) == ana
    assert call(aims.get, run) == run
    assert call(users.create, email="a@b", name="x").email == "a@b"


@pytest.mark.parametrize("role", [*NOT_TEXT, *UNSTORABLE, *BLANK, "x" * 101], ids=ascii)
def test_roles(closed: World, role: Any) -> None:
    refused(closed, "role", UserAims.create, ID, ID, role=role)
    refused(closed, "role", UserAims.update, ID, ID, role=role)
    refused(closed, "role", UserAims.put_many, [Rows(ID, ID, role=role)])
    refused(closed, "role", users.aims.append, ID, [Links(ID, role=role)])
    refused(closed, "role", users.aims.replace, ID, [ID], role=role)
    refused(closed, "role", aims.users.update, ID, [Links(ID, role=role)])
    refused(closed, "role", aims.users.create, ID, [NewUsers("a@b", "A")], role=role)
    if role is not None:
        refused(closed, "if_role", UserAims.update, ID, ID, role="x", if_role=role)


@pytest.mark.parametrize(
    "permissions",
    [*NOT_COLLECTIONS, [""], ["a", ""], ["x" * 101], [None], [1], [b"x"], [["x"]], ["\0"], ["\ud800"], [Plain.OWNER]],
    ids=ascii,
)
def test_permissions(closed: World, permissions: Any) -> None:
    refused(closed, "permissions", UserAims.create, ID, ID, permissions=permissions)
    refused(closed, "permissions", UserAims.update, ID, ID, permissions=permissions)
    refused(closed, "permissions", UserAims.grant, ID, ID, permissions)
    refused(closed, "permissions", UserAims.revoke, ID, ID, permissions)
    refused(closed, "permissions", UserAims.put_many, [Rows(ID, ID, permissions=permissions)])
    refused(closed, "permissions", users.aims.append, ID, [ID], permissions=permissions)


@pytest.mark.parametrize("joined_at", NOT_TIMES, ids=str)
def test_times(closed: World, joined_at: Any) -> None:
    refused(closed, "joined_at", UserAims.create, ID, ID, joined_at=joined_at)
    refused(closed, "joined_at", UserAims.update, ID, ID, joined_at=joined_at)
    refused(closed, "joined_at", UserAims.put_many, [Rows(ID, ID, joined_at=joined_at)])
    refused(closed, "joined_at", users.aims.append, ID, [Links(ID, joined_at=joined_at)])
    if joined_at is not None:
        for field in ("joined_from", "joined_before"):
            with pytest.raises(InvalidValue) as caught:
                Filters(**{field: joined_at})
            assert caught.value.field == field


@pytest.mark.parametrize(
    ("role", "stored"),
    [(Spelt.OWNER, "owner"), (Mixed.OWNER, "owner"), (MixedNumber.ONE, "1"), (Text("text"), "text")],
)
def test_text_of_other_classes_is_stored_by_value(call: World, ana: Any, run: Any, role: Any, stored: str) -> None:
    link = call(user_aims.create, ana, run, role=role, permissions=[role])
    assert (link.role, link.permissions) == (stored, (stored,))
    assert call(user_aims.update, ana, run, role="other", if_role=role).role == "other"
    call(user_aims.put_many, [NewUserAim(ana, run, role=role)], on_match="update")
    assert call(user_aims.get, ana, run).role == stored
    assert call(user_aims.count, link=LinkFilter(roles=[role], permissions=[role])) == 1
    assert type(call(users.update, ana, name=role).name) is str


@pytest.mark.parametrize("id", NOT_IDS, ids=ascii)
def test_ids(closed: World, id: Any) -> None:
    for records in (Users, Aims):
        refused(closed, "id", records.get, id)
        refused(closed, "id", records.find, id)
        refused(closed, "id", records.exists, id)
        refused(closed, "id", records.update, id)
        refused(closed, "id", records.delete, id)
        refused(closed, "ids", records.find_many, [ID, id])
        refused(closed, "ids", records.delete_many, [id])
    if id is not None:
        refused(closed, "id", Users.create, email="a@b", name="A", id=id)
        refused(closed, "id", Aims.create_many, [NewAims("T", id=id)])
    refused(closed, "user", Users.similar, id)
    refused(closed, "user_id", UserAims.get, id, ID)
    refused(closed, "aim_id", UserAims.get, ID, id)
    refused(closed, "user_id", UserAims.create, id, ID)
    refused(closed, "aim_id", UserAims.delete, ID, id)
    refused(closed, "aim_id", UserAims.find_many, [(ID, id)])
    refused(closed, "user_id", UserAims.put_many, [Rows(id, ID)])
    refused(closed, "from_user", UserAims.merge, id, ID)
    refused(closed, "into_user", UserAims.merge, ID, id)
    refused(closed, "where", Users.count, where=[AnyOf([id])])


def test_a_record_of_the_other_kind_is_no_id(closed: World) -> None:
    refused(closed, "id", Aims.get, ANA)
    refused(closed, "aim_id", UserAims.get, ANA, ANA)


@pytest.mark.parametrize("values", NOT_COLLECTIONS, ids=ascii)
def test_collections(closed: World, values: Any) -> None:
    for records in (Users, Aims):
        refused(closed, "new", records.create_many, values)
        refused(closed, "ids", records.find_many, values)
        refused(closed, "ids", records.delete_many, values)
        refused(closed, "where", records.page, where=values)
        refused(closed, "where", records.count, where=values)
        refused(closed, "where", records.stream, where=values)
    refused(closed, "pairs", UserAims.find_many, values)
    refused(closed, "pairs", UserAims.delete_many, values)
    refused(closed, "rows", UserAims.put_many, values)
    for condition in (AnyOf, AllOf, NoneOf, Exactly):
        anyhow: Any = condition
        with pytest.raises(InvalidValue):
            anyhow(values)
    for field in ("roles", "permissions"):
        if values is not None:
            with pytest.raises(InvalidValue) as caught:
                Filters(**{field: values})
            assert caught.value.field == field


@pytest.mark.parametrize("relation", [users.aims, aims.users], ids=["users.aims", "aims.users"])
@pytest.mark.parametrize("values", NOT_COLLECTIONS, ids=ascii)
def test_collections_of_a_relation(closed: World, relation: Any, values: Any) -> None:
    for write in (relation.append, relation.replace, relation.update):
        refused(closed, "links", write, ID, values)
    refused(closed, "ids", relation.remove, ID, values)
    refused(closed, "new", relation.create, ID, values)
    refused(closed, "items", relation.direct_control, ID, values)
    for read in (relation.load, relation.count, relation.count_by_role, relation.common):
        refused(closed, "sources", read, values)


def test_a_mapping_is_refused_with_the_reason(closed: World) -> None:
    wrong: Any = {ID: "owner"}
    with pytest.raises(InvalidValue, match="a collection is needed, not dict, whose values would be lost"):
        closed(users.aims.append, ID, wrong)


def test_what_a_record_needs_cannot_be_left_out_by_unset(closed: World) -> None:
    refused(closed, "name", Users.create, email="a@b", name=UNSET)
    refused(closed, "email", Users.create_many, [NewUsers(UNSET, "A")])
    refused(closed, "email", Users.ensure, email=UNSET, name="A")
    refused(closed, "name", Users.ensure, email="a@b", name=UNSET)
    refused(closed, "description", Aims.create, title="T", description=UNSET)
    refused(closed, "title", users.aims.create, ID, [NewAims(UNSET)])
    refused(closed, "email", aims.users.direct_control, ID, [NewUsers(UNSET, "A")])
    refused(closed, "id", Users.create, email="a@b", name="A", id=UNSET)
    refused(closed, "if_role", UserAims.update, ID, ID, if_role=UNSET)


@pytest.mark.parametrize("pair", [ID, None, (ID,), (ID, ID, ID), {ID, OTHER}, "ab", 5], ids=ascii)
def test_pairs(closed: World, pair: Any) -> None:
    refused(closed, "pairs", UserAims.find_many, [pair])
    refused(closed, "pairs", UserAims.delete_many, [pair])
    with pytest.raises(InvalidValue):
        closed(UserAims.put_many, [pair])


@pytest.mark.parametrize("new", [None, "Ana", ID, ANA, {"name": "Ana"}], ids=ascii)
def test_new_records(closed: World, new: Any) -> None:
    refused(closed, "new", Users.create_many, [new])
    refused(closed, "new", Aims.create_many, [NewAim("T"), new])


@pytest.mark.parametrize("search", [*NOT_TEXT[1:], *UNSTORABLE], ids=ascii)
def test_searches(closed: World, search: Any) -> None:
    for records in (Users, Aims):
        refused(closed, "search", records.page, search=search)
        refused(closed, "search", records.count, search=search)
        refused(closed, "search", records.stream, search=search)


@pytest.mark.parametrize("order_by", NOT_ORDERS, ids=ascii)
def test_orders(closed: World, order_by: Any) -> None:
    for page in (Users.page, Aims.page, UserAims.page, UserAims.stream):
        refused(closed, "order_by", page, order_by=order_by)
    refused(closed, "order_by", users.aims.of, ID, order_by=order_by)
    refused(closed, "order_by", aims.users.page, ID, order_by=order_by)


@pytest.mark.parametrize("limit", NOT_LIMITS, ids=ascii)
def test_limits(closed: World, limit: Any) -> None:
    for page in (Users.page, Aims.page, UserAims.page):
        refused(closed, "limit", page, limit=limit)
    refused(closed, "limit", users.aims.page, ID, limit=limit)
    refused(closed, "limit", Users.similar, ID, limit=limit)
    refused(closed, "limit", Users.suggest_aims, ID, limit=limit)


@pytest.mark.parametrize("number", [-1, True, "5", 5.0, 2**70], ids=ascii)
def test_numbers_of_links(closed: World, number: Any) -> None:
    refused(closed, "limit", users.aims.of, ID, limit=number)
    refused(closed, "offset", users.aims.of, ID, offset=number)
    for field in ("at_least", "at_most"):
        with pytest.raises(InvalidValue) as caught:
            CountBetween(**{field: number})
        assert caught.value.field == field


@pytest.mark.parametrize("on_match", NOT_MATCHES, ids=ascii)
def test_matches(closed: World, on_match: Any) -> None:
    refused(closed, "on_match", UserAims.put_many, [], on_match=on_match)
    refused(closed, "on_match", users.aims.append, ID, [ID], on_match=on_match)


@pytest.mark.parametrize("link", ["owner", ["owner"], {"roles": ["owner"]}, AnyOf([ID])], ids=ascii)
def test_filters(closed: World, link: Any) -> None:
    for operation in (UserAims.page, UserAims.count, UserAims.stream):
        refused(closed, "link", operation, link=link)
    refused(closed, "link", Users.page, where=[AnyOf([ID], link)])
    refused(closed, "link", Users.page, where=[CountBetween(1, link=link)])


@pytest.mark.parametrize("condition", [None, ID, "any", LinkFilter()], ids=ascii)
def test_conditions(closed: World, condition: Any) -> None:
    refused(closed, "where", Users.page, where=[condition])


@pytest.mark.parametrize("cursor", ["", "x", 5, b"x", "é", "\0", "\ud800", "AAAA", "=" * 8, "a" * 10_000], ids=ascii)
def test_cursors(closed: World, cursor: Any) -> None:
    for page in (Users.page, Aims.page, UserAims.page):
        for field in ("after", "before"):
            with pytest.raises(InvalidCursor) as caught:
                closed(page, **{field: cursor})
            assert caught.value.field == field


def test_both_cursors(closed: World) -> None:
    for page in (Users.page, Aims.page, UserAims.page):
        with pytest.raises(InvalidValue) as caught:
            closed(page, after="x", before="x")
        assert caught.value.field == "before"
        assert not isinstance(caught.value, InvalidCursor)


def test_a_collection_that_fails_half_way_writes_nothing(closed: World) -> None:
    def names() -> Iterator[NewUser]:
        yield NewUser("a@b", "A")
        raise LookupError

    with pytest.raises(LookupError):
        closed(users.create_many, names())


def test_a_link_may_be_used_again_though_its_permissions_came_from_an_iterator(
    call: World, ana: User, run: Aim
) -> None:
    drawn: Any = iter(["read", "write"])
    link = Link(run, permissions=drawn)
    call(users.aims.append, ana, [link])
    assert call(users.aims.replace, ana, [link]).unchanged == (run.id,)
    assert call(user_aims.get, ana, run).permissions == ("read", "write")


def test_a_row_may_be_used_again_though_its_permissions_came_from_an_iterator(call: World, ana: User, run: Aim) -> None:
    drawn: Any = (text for text in ("read", "write"))
    row = NewUserAim(ana, run, permissions=drawn)
    assert call(user_aims.put_many, [row, row]) == ["added", "added"]
    assert call(user_aims.put_many, [row], on_match="update") == ["unchanged"]
    assert call(user_aims.get, ana, run).permissions == ("read", "write")


def test_permissions_drawn_from_an_iterator_are_those_of_every_link(call: World, ana: User, run: Aim) -> None:
    drawn: Any = (text for text in ("read", "write"))
    read = call(aims.create, title="Read")
    call(users.aims.append, ana, [run, read], permissions=drawn)
    assert [link.permissions for link in call(users.aims.of, ana)] == [("read", "write")] * 2


def test_seventy_thousand_ids_at_once(call: World, ana: User) -> None:
    ids: Any = [UUID(int=n) for n in range(70_000)]
    assert call(users.find_many, [*ids, ana]) == {ana.id: ana}
    assert call(users.delete_many, [*ids, ana]) == (ana.id,)


def test_seventy_thousand_rows_at_once(database: str) -> None:
    with psycopg.connect(database, autocommit=True) as conn:
        people = users.create_many(conn, [NewUser(f"{n}@example.org", "N") for n in range(4)])
        conn.execute("INSERT INTO aims (title) SELECT 'T' FROM generate_series(1, 17500)")
        goals: list[Any] = [id for (id,) in conn.execute("SELECT id FROM aims")]
        rows = [NewUserAim(user, aim, role="owner") for user in people for aim in goals]
        assert user_aims.put_many(conn, rows) == ["added"] * 70_000
        assert user_aims.count(conn) == 70_000
