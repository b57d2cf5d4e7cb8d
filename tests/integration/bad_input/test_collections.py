"""Bad ids, pairs, records and collections of them are `InvalidValue`, before any SQL."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import psycopg
import pytest

from tests.ends import shown
from tests.integration.bad_input.values import (
    ANA,
    ID,
    NOT_COLLECTIONS,
    NOT_IDS,
    OTHER,
    Aims,
    Filters,
    NewAims,
    NewUsers,
    Rows,
    UserAims,
    Users,
    refused,
)
from tests.worlds import World
from useraim import UNSET, InvalidValue, aims, user_aims, users
from useraim.values import Aim, AllOf, AnyOf, Exactly, Link, NewAim, NewUser, NewUserAim, NoneOf, User


@pytest.mark.parametrize("id", NOT_IDS, ids=shown)
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


@pytest.mark.parametrize("values", NOT_COLLECTIONS, ids=shown)
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
@pytest.mark.parametrize("values", NOT_COLLECTIONS, ids=shown)
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


@pytest.mark.parametrize("pair", [ID, None, (ID,), (ID, ID, ID), {ID, OTHER}, "ab", 5], ids=shown)
def test_pairs(closed: World, pair: Any) -> None:
    refused(closed, "pairs", UserAims.find_many, [pair])
    refused(closed, "pairs", UserAims.delete_many, [pair])
    with pytest.raises(InvalidValue):
        closed(UserAims.put_many, [pair])


@pytest.mark.parametrize("new", [None, "Ana", ID, ANA, {"name": "Ana"}], ids=shown)
def test_new_records(closed: World, new: Any) -> None:
    refused(closed, "new", Users.create_many, [new])
    refused(closed, "new", Aims.create_many, [NewAim("T"), new])


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
