"""From every earlier schema, with data loaded while it was the newest: they stay, and the catalogue is a new one's."""

from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from psycopg import sql

from tests.contract.migrations.catalogue import ATTRIBUTES, BARE, IDS, Catalogue, Conn, Steps, catalogue
from useraim import AllOf, Link, aims, schema, user_aims, users

NAME = "CASE i % 3 WHEN 0 THEN repeat('ü', 200) WHEN 1 THEN 'O''Neill {} \\ ' ELSE ' v ' END"
USERS = f"INSERT INTO users (name, email) SELECT {NAME}, 'U' || i || '@Example.ORG' FROM generate_series(1, 30) AS i"
AIMS = f"INSERT INTO aims (title, description) SELECT {NAME}, repeat('d', i * 600) FROM generate_series(1, 30) AS i"
LINKS = """
    INSERT INTO user_aims (user_id, aim_id)
    SELECT u.id, a.id FROM users AS u CROSS JOIN aims AS a
    WHERE (ascii(u.email) + length(a.description) / 600) % 2 = 0"""
DETAILS = """
    UPDATE user_aims SET role = repeat('r', 100), permissions = ARRAY['a', 'a', 'b,"c'], joined_at = '1999-12-31 UTC'
    WHERE aim_id IN (SELECT id FROM aims ORDER BY id LIMIT 10)"""


@pytest.fixture(scope="module")
def fresh(create_empty: Callable[[], str]) -> Catalogue:
    conninfo = create_empty()
    schema.apply(conninfo)
    return catalogue(conninfo)


def load(conn: Conn, applied: list[str]) -> None:
    """Fill what tables there are by now, to the limits of their checks."""
    for statement, needed in [(USERS, IDS[0]), (AIMS, IDS[1]), (LINKS, BARE), (DETAILS, ATTRIBUTES)]:
        if needed in applied:
            conn.execute(statement.encode())


def rows(conn: Conn) -> dict[str, list[tuple[Any, ...]]]:
    """All rows of all columns that there are now, as text."""
    found: dict[str, list[tuple[Any, ...]]] = {}
    for table, columns in columns_of(conn).items():
        names = sql.SQL(", ").join(sql.SQL("{}::text").format(sql.Identifier(name)) for name in columns)
        asked = sql.SQL("SELECT {} FROM {} ORDER BY 1, 2").format(names, sql.Identifier(table))
        found[table] = conn.execute(asked).fetchall()
    return found


def columns_of(conn: Conn) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for table, column in conn.execute(
        "SELECT table_name, column_name FROM information_schema.columns"
        " WHERE table_schema = 'public' AND table_name !~ 'yoyo' ORDER BY table_name, ordinal_position"
    ):
        found.setdefault(table, []).append(column)
    return found


def goes_on(conn: Conn) -> None:
    """The operations of this version work on what was there before."""
    ana, created = users.ensure(conn, email="u1@example.org", name="Ana")
    assert not created
    run = aims.create(conn, title="Run")
    users.aims.replace(conn, ana, [Link(run, role="owner")])
    assert [user.email for user in users.page(conn, where=[AllOf([run])])] == ["U1@Example.ORG"]
    assert user_aims.get(conn, ana, run).role == "owner"


@pytest.mark.parametrize("applied", [IDS[:n] for n in range(1, len(IDS))], ids=lambda applied: applied[-1][8:])
def test_an_upgrade_keeps_what_there_is(empty: str, steps: Steps, fresh: Catalogue, applied: list[str]) -> None:
    for one in applied:
        steps.apply(one)
    steps.backend.mark_migrations([steps.migrations[one] for one in applied])
    with psycopg.connect(empty) as conn:
        load(conn, applied)
        before, columns = rows(conn), columns_of(conn)
    assert schema.apply(empty) == tuple(IDS[len(applied) :])
    assert catalogue(empty) == fresh
    with psycopg.connect(empty) as conn:
        after, more = rows(conn), columns_of(conn)
        schema.check(conn)
        goes_on(conn)
    for table, kept in before.items():
        width = len(columns[table])
        assert len(kept) > 10
        assert more[table][:width] == columns[table]
        assert [row[:width] for row in after[table]] == kept
