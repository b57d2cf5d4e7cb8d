"""Any text is a value: it comes back as it was given, or is refused before any SQL; it is never part of a statement."""

from collections.abc import Callable
from typing import Any, TypeAlias

import psycopg
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from useraim import Aim, InvalidValue, Link, LinkFilter, NewAim, NewUserAim, User, aims, bulk, scoped, user_aims, users
from useraim.values import EditAim

INJECTIONS = [
    "'; DROP TABLE users; --", "' OR '1'='1", '"; DROP TABLE aims; --', "\\'; SELECT pg_sleep(9); --",
    "$$; SELECT 1; $$",
    "%(id)s", "%s %%", "$1", "{0} {table}", "*/ DELETE FROM users /*", "{a,b}", '{"a\\"', "NULL", "\\N", "\\.", "now()",
    "a\0b", "\ud800", "\u202e", "x@example.org\r\nBcc: y@example.org", "%", "_", "\\",
]  # fmt: skip
TEXTS = st.text(max_size=40) | st.sampled_from(INJECTIONS)
Conn: TypeAlias = psycopg.Connection[Any]
Use: TypeAlias = Callable[[Conn, User, Aim, str], object]


def named(conn: Conn, user: User, aim: Aim, text: str) -> object:
    return users.update(conn, user, name=text).name


def addressed(conn: Conn, user: User, aim: Aim, text: str) -> object:
    address = f"{text}@example.org"
    made = users.update(conn, user, email=address)
    assert users.find_by_email(conn, address) == made
    return made.email.removesuffix("@example.org")


def titled(conn: Conn, user: User, aim: Aim, text: str) -> object:
    return users.aims.create(conn, user, [NewAim(text)])[0].record.title


def described(conn: Conn, user: User, aim: Aim, text: str) -> object:
    users.aims.direct_control(conn, user, [EditAim(aim, description=text)])
    return aims.get(conn, aim.id).description


def in_the_role(conn: Conn, user: User, aim: Aim, text: str) -> object:
    users.aims.append(conn, user, [Link(aim, role=text)], on_match="update")
    assert users.aims.has(conn, user, aim, link=LinkFilter(roles=[text]))
    assert user_aims.update(conn, user, aim, role=text, if_role=text).role == text
    return user_aims.get(conn, user, aim).role


def permitted(conn: Conn, user: User, aim: Aim, text: str) -> object:
    (permission,) = user_aims.grant(conn, user, aim, [text]).permissions
    assert user_aims.count(conn, link=LinkFilter(permissions=[text])) == 1
    assert user_aims.revoke(conn, user, aim, [text]).permissions == ()
    return permission


def staged(conn: Conn, user: User, aim: Aim, text: str) -> object:
    bulk.load(conn, [NewUserAim(user, aim, role=text, permissions=[text])], on_match="update")
    found = user_aims.get(conn, user, aim)
    assert found.permissions == (text,)
    return found.role


def searched(conn: Conn, user: User, aim: Aim, text: str) -> object:
    aims.update(conn, aim, title=f"<{text}>")
    assert [one.id for one in aims.page(conn, search=f"<{text}>")] == [aim.id]
    return text


def in_a_setting(conn: Conn, user: User, aim: Aim, text: str) -> object:
    assert users.exists(scoped(conn, {"app.text": text}), user)
    ((value,),) = conn.execute("SELECT current_setting('app.text')").fetchall()
    return value


USES: list[Use] = [named, addressed, titled, described, in_the_role, permitted, staged, searched, in_a_setting]


@pytest.mark.parametrize("use", USES, ids=lambda use: use.__name__)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True)
@given(text=TEXTS)
@example(text=INJECTIONS[0])
def test_a_text_is_a_value_or_refused(conn: psycopg.Connection[Any], use: Use, text: str) -> None:
    user = users.create(conn, email="fuzz@example.org", name="Fuzz")
    (linked,) = users.aims.create(conn, user, [NewAim("Fuzz")])
    assert kept_or_refused(conn, use, user, linked.record, text)
    assert users.exists(conn, user)
    conn.rollback()


def kept_or_refused(conn: Conn, use: Use, user: User, aim: Aim, text: str) -> bool:
    try:
        kept = use(conn, user, aim, text)
    except InvalidValue as error:
        return len(str(error)) < 300
    return kept == text


@pytest.mark.parametrize("text", INJECTIONS)
def test_what_chooses_is_chosen_from_a_list(conn: psycopg.Connection[Any], text: Any) -> None:
    """Names of columns, and cursors, cannot be made up."""
    user: Any = users.create(conn, email="fuzz@example.org", name="Fuzz").id
    wrong: list[Callable[[], object]] = [
        lambda: users.page(conn, order_by=text),
        lambda: users.aims.of(conn, user, order_by=text),
        lambda: users.page(conn, after=text),
        lambda: users.aims.pages(conn, {user: text}),
        lambda: users.aims.append(conn, user, [user], on_match=text),
        lambda: users.get(conn, text),
        lambda: scoped(conn, {text: "x"}),
    ]
    for use in wrong:
        with pytest.raises(InvalidValue):
            use()
