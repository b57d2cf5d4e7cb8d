"""What is written comes back as it was, whatever it is."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import psycopg
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from useraim import aims, user_aims, users
from useraim.values import Link, LinkFilter, NewAim, NewUser, NewUserAim

Conn = psycopg.Connection[Any]

checked = settings(
    deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], database=None
)
characters = st.characters(exclude_characters="\0", exclude_categories=["Cs"]) | st.sampled_from("'\"\\{},%_$;: NUL𝄞é")
texts = st.text(characters, min_size=1, max_size=100).filter(lambda text: bool(text.strip()))
roles = texts
permissions = st.lists(st.text(characters, min_size=1, max_size=100), max_size=5).map(tuple)
zones = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
times = st.datetimes(datetime(1900, 1, 2), datetime(9999, 12, 30), timezones=zones)


@checked
@example("{}").via("an empty array")
@example("NULL").via("no value")
@example("%(name)s %s %").via("placeholders")
@given(texts)
def test_names_and_titles(conn: Conn, text: str) -> None:
    user = users.create(conn, email=f"{text}@example.org", name=text)
    many = users.create_many(conn, [NewUser(f"many {text}@example.org", text)])
    assert [user.name, many[0].name] == [text, text]
    assert users.find_by_email(conn, f"{text}@example.org") == user
    assert users.update(conn, user, name=f"{text}x").name == f"{text}x"
    aim = aims.create_many(conn, [NewAim(text, text)])[0]
    assert (aim.title, aim.description) == (text, text)
    assert aim in aims.page(conn, search=text, limit=1000, order_by="-created_at").items
    conn.rollback()


@checked
@example("{}", ("{}", '"', "\\", "NULL", "null", ",", " ", "a,b", '\\"')).via("array syntax")
@given(roles, permissions)
def test_roles_and_permissions(conn: Conn, role: str, given: tuple[str, ...]) -> None:
    user, aim = users.create(conn, email="a@b", name="A"), aims.create(conn, title="T")
    link = user_aims.create(conn, user, aim, role=role, permissions=given)
    assert (link.role, link.permissions) == (role, given)
    assert user_aims.count(conn, link=LinkFilter(roles=[role], permissions=given)) == 1
    assert user_aims.update(conn, user, aim, role=role, permissions=given, if_role=role) == link
    assert user_aims.put_many(conn, [link, NewUserAim(user, aim, role="other")], on_match="update")[0] == "unchanged"
    other = NewUser("b@c", "B")
    (linked,) = aims.users.create(conn, aim, [other], role=role, permissions=given)
    assert (linked.role, linked.permissions) == (role, given)
    third = users.create(conn, email="c@d", name="C")
    users.aims.append(conn, third, [Link(aim.id, permissions=given)], role=role)
    assert user_aims.get(conn, third, aim).permissions == given
    assert users.aims.count_by_role(conn, [third]) == {third.id: {role: 1}}
    conn.rollback()


@checked
@given(permissions, permissions)
def test_grant_and_revoke_are_union_and_difference(conn: Conn, held: tuple[str, ...], given: tuple[str, ...]) -> None:
    user, aim = users.create(conn, email="a@b", name="A"), aims.create(conn, title="T")
    user_aims.create(conn, user, aim, permissions=held)
    new = tuple(dict.fromkeys(one for one in given if one not in held))
    assert user_aims.grant(conn, user, aim, given).permissions == held + new
    left = tuple(one for one in held if one not in given)
    assert user_aims.revoke(conn, user, aim, given).permissions == left
    conn.rollback()


@checked
@example(datetime(1900, 1, 1, tzinfo=UTC)).via("the first")
@example(datetime.max.replace(tzinfo=UTC)).via("the last")
@given(times)
def test_times_of_any_zone(conn: Conn, joined_at: datetime) -> None:
    user, aim = users.create(conn, email="a@b", name="A"), aims.create(conn, title="T")
    link = user_aims.create(conn, user, aim, joined_at=joined_at)
    assert link.joined_at == joined_at
    assert link.joined_at.tzinfo is UTC
    row = NewUserAim(user, aim, joined_at=joined_at)
    assert user_aims.put_many(conn, [row], on_match="update") == ["unchanged"]
    assert user_aims.count(conn, link=LinkFilter(joined_from=joined_at)) == 1
    assert user_aims.count(conn, link=LinkFilter(joined_before=joined_at)) == 0
    assert users.aims.of(conn, user)[0].joined_at == joined_at
    conn.rollback()
