"""Nobody who may create functions where the caller's search_path leads gets them run by this package.

An overload for exactly our types is preferred to a polymorphic function of PostgreSQL's own, as `unnest(anyarray)` is.
Here every one of these has such overloads, which nobody may execute: a statement that means one of them is refused by
the server as soon as it is planned.
"""

import io
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from tests.calls import every_shape
from useraim import NewAim, NewUser, NewUserAim, aims, bulk, schema, user_aims, users
from useraim.core.rows import single
from useraim.core.running import run
from useraim.core.statement import Statement

TYPES = ["uuid", "text", "timestamptz"]
POLYMORPHIC = {
    "anyelement": "{}",
    "anynonarray": "{}",
    "anycompatible": "{}",
    "anycompatiblenonarray": "{}",
    "anyarray": "{}[]",
    "anycompatiblearray": "{}[]",
}
FUNCTIONS = """
    SELECT DISTINCT p.proname, ARRAY(SELECT pg_catalog.format_type(t, NULL) FROM pg_catalog.unnest(p.proargtypes) AS t),
           pg_catalog.format_type(p.prorettype, NULL), p.proretset
    FROM pg_proc p WHERE p.pronamespace = 'pg_catalog'::regnamespace AND p.provariadic = 0
    AND EXISTS (
        SELECT FROM pg_catalog.unnest(p.proargtypes) AS t JOIN pg_type y ON y.oid = t WHERE y.typname = ANY (%s)
    )"""
OPERATORS = """
    SELECT oprname, pg_catalog.format_type(oprleft, NULL), pg_catalog.format_type(oprright, NULL)
    FROM pg_operator WHERE oprnamespace = 'pg_catalog'::regnamespace AND oprleft <> 0 AND oprright <> 0
    AND EXISTS (SELECT FROM pg_type WHERE oid IN (oprleft, oprright) AND typname = ANY (%s))"""


def concrete(kind: str, element: str) -> str:
    return POLYMORPHIC.get(kind, kind).format(element)


def overload(conn: psycopg.Connection[Any], statement: str) -> None:
    try:
        with conn.transaction():
            conn.execute(statement.encode())
    except psycopg.Error:  # of a kind that cannot be written in SQL, or there already for another polymorphic one
        return


@pytest.fixture(scope="module")
def hostile(create_database: Callable[[], str]) -> Iterator[psycopg.Connection[Any]]:
    """A connection of a role that may use the tables, in a database full of overloads that it may not execute."""
    with psycopg.connect(create_database(), autocommit=True) as conn:
        users.aims.create(conn, users.create(conn, email="ana@example.org", name="Ana"), [NewAim("Run")])
        kinds = [list(POLYMORPHIC)]
        functions = conn.execute(FUNCTIONS, kinds).fetchall()
        operators = conn.execute(OPERATORS, kinds).fetchall()
        conn.execute("CREATE FUNCTION public.trap() RETURNS boolean LANGUAGE sql AS 'SELECT true'")
        for element in TYPES:
            for name, arguments, result, many in functions:
                types = ", ".join(concrete(kind, element) for kind in arguments)
                returned = ("SETOF " if many else "") + concrete(result, element)
                body = "LANGUAGE plpgsql AS $$ BEGIN RAISE 'ours'; END $$"
                overload(conn, f'CREATE FUNCTION public."{name}"({types}) RETURNS {returned} {body}')
            for number, (name, left, right) in enumerate(operators):
                types = f"{concrete(left, element)}, {concrete(right, element)}"
                function = f'public."op_{number}_{element}"'
                body = "LANGUAGE plpgsql AS $$ BEGIN RAISE 'ours'; END $$"
                overload(conn, f"CREATE FUNCTION {function}({types}) RETURNS boolean {body}")
                sides = f"LEFTARG = {types.split(', ')[0]}, RIGHTARG = {types.split(', ')[1]}"
                overload(conn, f"CREATE OPERATOR public.{name} (FUNCTION = {function}, {sides})")
        conn.execute("REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA public FROM PUBLIC")
        conn.execute("DROP ROLE IF EXISTS useraim_test_careful")
        conn.execute("CREATE ROLE useraim_test_careful")
        conn.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO useraim_test_careful")
        conn.execute(
            "DO $$ DECLARE lock regprocedure; BEGIN"
            " FOR lock IN SELECT oid FROM pg_proc WHERE proname ~ '^useraim_(lock|hold)_' LOOP"
            " EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO useraim_test_careful', lock); END LOOP; END $$"
        )
        conn.execute("SET ROLE useraim_test_careful")
        yield conn
        conn.execute("RESET ROLE")
        conn.execute("DROP OWNED BY useraim_test_careful")
        conn.execute("DROP ROLE useraim_test_careful")


@pytest.mark.parametrize(
    "query",
    [
        "SELECT unnest('{}'::uuid[])",
        "SELECT FROM unnest('{}'::uuid[])",
        "SELECT '{}'::text[] @> '{}'::text[]",
        "SELECT role FROM user_aims WHERE permissions IS DISTINCT FROM '{a}'::text[]",
        "SELECT permissions || '{a}'::text[] FROM user_aims",
    ],
)
def test_the_trap_catches_what_is_not_qualified(hostile: psycopg.Connection[Any], query: str) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        hostile.execute(query.encode())


def test_no_statement_means_a_function_of_another_schema(hostile: psycopg.Connection[Any]) -> None:
    caught: dict[str, str] = {}
    seen: set[str] = set()
    for shape in every_shape():
        for sql, parameters in shape.call.statements:
            if sql not in seen:
                seen.add(sql)
                try:
                    run(hostile, Statement("explain", f"EXPLAIN {sql}", single).call(list, parameters))
                except psycopg.errors.InsufficientPrivilege as error:
                    caught[sql] = str(error)
    assert caught == {}


def test_bulk_loads_and_dumps_and_the_state_of_the_schema_run_nothing_of_another_schema(
    hostile: psycopg.Connection[Any],
) -> None:
    ana, bo = users.create_many(hostile, [NewUser(f"{name}@example.net", name) for name in ("ana", "bo")])
    goal = aims.create(hostile, title="Read")
    for on_match in ("ignore", "update", "error"):
        user_aims.delete_many(hostile, [(ana, goal), (bo, goal)])
        rows = [NewUserAim(ana.id, goal.id, "lead", ["a"]), NewUserAim(bo.id, goal.id)]
        assert bulk.load(hostile, rows, on_match=on_match, on_broken="skip").added == 2
    file = io.BytesIO()
    bulk.dump(hostile, file)
    file.seek(0)
    assert bulk.load(hostile, file, on_match="update").added == 0
    assert user_aims.merge(hostile, ana, bo).unchanged == (goal.id,)
    assert schema.status(hostile).pending == ()
