"""What is called like ours, where the session looks first: another schema, and temporary tables.

That statements mean no function and no operator of another schema is held by tests/contract/test_search_path.py. The
tables that they mean are those of the caller's search_path, by design; the functions of the migrations mean the tables
beside them, whatever the session has.
"""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from tests.deadline import within
from useraim import NewAim, NewUser, aims, schema, users

EVIL = """
    CREATE SCHEMA evil;
    CREATE TABLE evil.users (LIKE public.users);
    CREATE TABLE evil.aims (LIKE public.aims);
    CREATE TABLE evil.user_aims (LIKE public.user_aims);
    CREATE FUNCTION evil.useraim_lock_user(source uuid) RETURNS void LANGUAGE plpgsql AS $$ BEGIN RAISE 'evil'; END $$;
    CREATE FUNCTION evil.useraim_lock_aim(source uuid) RETURNS void LANGUAGE plpgsql AS $$ BEGIN RAISE 'evil'; END $$;
    SET search_path = evil, public;
"""
TEMPORARY = """
    CREATE TEMP TABLE users (LIKE public.users);
    CREATE TEMP TABLE aims (LIKE public.aims);
    CREATE TEMP TABLE user_aims (LIKE public.user_aims);
"""
CALLS = {
    "useraim_lock_user": "(%(user)s)",
    "useraim_lock_aim": "(%(aim)s)",
    "useraim_lock_users": "(ARRAY[%(user)s])",
    "useraim_lock_aims": "(ARRAY[%(aim)s])",
    "useraim_lock_user_links": "(%(user)s, ARRAY[%(aim)s])",
    "useraim_lock_aim_links": "(%(aim)s, ARRAY[%(user)s])",
    "useraim_hold_user_links": "(%(user)s)",
    "useraim_hold_aim_links": "(%(aim)s)",
}
LOCKED = "SELECT FROM public.users u, public.aims a, public.user_aims m FOR UPDATE NOWAIT"


@pytest.fixture
def other(database: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(database, autocommit=True) as conn:
        user = users.create(conn, email="ana@example.org", name="Ana")
        users.aims.create(conn, user, [NewAim("Run")])
        yield conn


@pytest.fixture(params=[EVIL, TEMPORARY, EVIL + TEMPORARY], ids=["schema", "temporary", "both"])
def misled(
    request: pytest.FixtureRequest, database: str, other: psycopg.Connection[Any]
) -> Iterator[psycopg.Connection[Any]]:
    """A session that finds other tables and functions first."""
    with psycopg.connect(database) as conn:
        conn.execute(request.param)
        conn.commit()
        yield conn


@pytest.mark.parametrize("function", CALLS)
@pytest.mark.parametrize("isolation", psycopg.IsolationLevel, ids=lambda level: level.name)
def test_functions_lock_the_tables_beside_them(
    misled: psycopg.Connection[Any], other: psycopg.Connection[Any], function: str, isolation: psycopg.IsolationLevel
) -> None:
    ((user, aim),) = other.execute("SELECT user_id, aim_id FROM user_aims").fetchall()
    misled.isolation_level = isolation
    with within(20, "a lock"):
        misled.execute(f"SELECT public.{function}{CALLS[function]}".encode(), {"user": user, "aim": aim})
        with pytest.raises(psycopg.errors.LockNotAvailable):
            other.execute(LOCKED.encode())
        misled.rollback()
        assert other.execute(LOCKED.encode()).rowcount == 1


def test_every_function_of_the_migrations_is_tried_and_knows_where_to_look(other: psycopg.Connection[Any]) -> None:
    rows = other.execute(
        "SELECT proname, prosecdef, proconfig FROM pg_proc WHERE pronamespace = 'public'::regnamespace"
    ).fetchall()
    assert {name for name, _, _ in rows} == CALLS.keys()
    for _, as_owner, settings in rows:
        assert not as_owner
        assert "search_path=pg_catalog, public, pg_temp" in settings


def test_the_functions_of_another_schema_know_theirs(database: str) -> None:
    with psycopg.connect(database, autocommit=True) as conn:
        conn.execute('CREATE SCHEMA "Other one"')
        schema.apply(make_conninfo(database, options='-c search_path="Other\\ one"'))
        found = conn.execute("SELECT DISTINCT proconfig[1], proconfig[2] FROM pg_proc WHERE prosrc ~ 'user_aims' AND"
                             " pronamespace = '\"Other one\"'::regnamespace").fetchall()  # fmt: skip
    assert found
    assert all('search_path=pg_catalog, "Other one", pg_temp' in settings for settings in found)


def test_a_temporary_table_hides_ours_from_the_session_that_made_it_and_from_no_other(
    misled: psycopg.Connection[Any], other: psycopg.Connection[Any]
) -> None:
    assert users.count(misled) == 0
    assert aims.count(misled) == 0
    assert users.count(other) == aims.count(other) == 1


def test_who_wants_ours_whatever_the_session_has_says_so_in_the_search_path(
    misled: psycopg.Connection[Any],
) -> None:
    misled.execute("SET search_path = public, pg_temp")
    assert users.count(misled) == 1
    (bo,) = users.create_many(misled, [NewUser("bo@example.org", "Bo")])
    assert users.aims.replace(misled, bo, aims.page(misled).items).added
