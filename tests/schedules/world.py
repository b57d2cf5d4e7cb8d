"""The few rows that all schedules start from, and how results and tables are told in short names."""

import re
from typing import Any, Final
from uuid import UUID

import psycopg


def _id(kind: int, number: int) -> Any:
    return UUID(int=(kind << 112) | (4 << 76) | (8 << 60) | number)


U1, U2, U3, U4, U5, U6, U7 = (_id(0xA, n) for n in range(1, 8))
A1, A2, A3, A4, A5, A6, A7 = (_id(0xB, n) for n in range(1, 8))
NAMES: Final[dict[str, str]] = {
    **{str(one): f"u{n}" for n, one in enumerate((U1, U2, U3, U4, U5, U6, U7), 1)},
    **{str(one): f"a{n}" for n, one in enumerate((A1, A2, A3, A4, A5, A6, A7), 1)},
}
THEN: Final = "2020-01-01 00:00:00+00"
"""When all rows of the start were made: whatever is later was made by the operations."""
TABLES: Final = f"""
    SELECT 'user', id::text, name, email, ARRAY[created_at > '{THEN}', updated_at > '{THEN}']::text FROM users
    UNION ALL
    SELECT 'aim', id::text, title, description, ARRAY[created_at > '{THEN}', updated_at > '{THEN}']::text FROM aims
    UNION ALL
    SELECT 'link', user_id::text || ' ' || aim_id, role, permissions::text, (joined_at > '{THEN}')::text FROM user_aims
    ORDER BY 1, 2"""

_UUID = re.compile(r"UUID\('([0-9a-f-]{36})'\)|([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})")
_AT_START = re.compile(r"datetime\.datetime\(2020, 1, 1, 0, 0,[^()]*(?:\([^()]*\))?\)")
_LATER = re.compile(r"datetime\.datetime\((?!2020)[^()]*(?:\([^()]*\))?\)")


def said(text: str) -> str:
    """Tell ids by their short names and times by whether they are of the start."""
    return _LATER.sub("now", _AT_START.sub("then", _UUID.sub(_name, text)))


def named_in(text: str) -> frozenset[str]:
    """Give the short names of rows that a text mentions."""
    return frozenset(re.findall(r"\b[ua]\d\b|\bnew\b", text))


def start() -> bytes:
    """Render what makes the tables those of the start again, whatever they hold."""
    people = ", ".join(f"('{one}', 'N{n}', 'e{n}@x.org', '{THEN}', '{THEN}')" for n, one in enumerate((U1, U2, U3), 1))
    goals = ", ".join(f"('{one}', 'T{n}', '', '{THEN}', '{THEN}')" for n, one in enumerate((A1, A2, A3, A4), 1))
    held = ((U1, A1, "owner", "{read}"), (U1, A2, "member", "{}"), (U2, A2, "member", "{}"), (U2, A3, "owner", "{}"))
    links = ", ".join(f"('{user}', '{aim}', '{role}', '{may}', '{THEN}')" for user, aim, role, may in held)
    return f"""
        DELETE FROM users; DELETE FROM aims;
        INSERT INTO users (id, name, email, created_at, updated_at) VALUES {people};
        INSERT INTO aims (id, title, description, created_at, updated_at) VALUES {goals};
        INSERT INTO user_aims (user_id, aim_id, role, permissions, joined_at) VALUES {links}""".encode()


def tables(conn: psycopg.Connection[Any]) -> tuple[str, ...]:
    """Read all rows, told in short."""
    rows = conn.execute(TABLES.encode(), prepare=True, binary=True).fetchall()
    return tuple(said(" ".join(row)) for row in rows)


def _name(found: re.Match[str]) -> str:
    return NAMES.get(found[1] or found[2], "new")
