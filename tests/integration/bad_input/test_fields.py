"""Bad fields of records and links are `InvalidValue` naming the field, before any SQL."""

from typing import Any

import psycopg
import pytest

from tests.ends import shown
from tests.integration.bad_input.values import (
    BLANK,
    ID,
    NOT_COLLECTIONS,
    NOT_EMAILS,
    NOT_TEXT,
    NOT_TIMES,
    UNSTORABLE,
    Aims,
    Filters,
    Links,
    Mixed,
    MixedNumber,
    NewAims,
    NewUsers,
    Plain,
    Rows,
    Spelt,
    Text,
    UserAims,
    Users,
    refused,
)
from tests.worlds import World
from useraim import InvalidValue, aims, user_aims, users
from useraim.values import EditAim, EditUser, LinkFilter, NewUserAim


def test_a_closed_connection_is_noticed_by_good_input(closed: World) -> None:
    with pytest.raises(psycopg.OperationalError):
        closed(users.get, ID)


@pytest.mark.parametrize("name", [*NOT_TEXT, *UNSTORABLE, *BLANK, "x" * 201], ids=shown)
def test_names(closed: World, name: Any) -> None:
    refused(closed, "name", Users.create, email="a@b", name=name)
    refused(closed, "name", Users.ensure, email="a@b", name=name)
    refused(closed, "name", Users.update, ID, name=name)
    refused(closed, "name", Users.create_many, [NewUsers("a@b", "A"), NewUsers("b@c", name)])
    refused(closed, "name", aims.users.create, ID, [NewUsers("a@b", name)])
    refused(closed, "name", aims.users.direct_control, ID, [EditUser(ID, name=name)])


@pytest.mark.parametrize("email", [*NOT_TEXT, *UNSTORABLE, *BLANK, *NOT_EMAILS], ids=shown)
def test_addresses(closed: World, email: Any) -> None:
    refused(closed, "email", Users.create, email=email, name="A")
    refused(closed, "email", Users.ensure, email=email, name="A")
    refused(closed, "email", Users.update, ID, email=email)
    refused(closed, "email", Users.create_many, [NewUsers(email, "A")])


@pytest.mark.parametrize("email", [*NOT_TEXT, *UNSTORABLE], ids=shown)
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


@pytest.mark.parametrize("role", [*NOT_TEXT, *UNSTORABLE, *BLANK, "x" * 101], ids=shown)
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
    ids=shown,
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
