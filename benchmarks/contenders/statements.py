"""The SQL that the hand-written contenders share, in psycopg's spelling; `numbered` turns it into asyncpg's."""

import re
from collections.abc import Sequence
from typing import Any
from uuid import UUID

AIM = "a.id, a.title, a.description, a.created_at, a.updated_at"
USER = "u.id, u.name, u.email, u.created_at, u.updated_at"
LINK = "ua.role, ua.permissions, ua.joined_at"

GET_USER = "SELECT id, name, email, created_at, updated_at FROM users WHERE id = %s"
CREATE_USER = "INSERT INTO users (name, email) VALUES (%s, %s) RETURNING id, name, email, created_at, updated_at"
CREATE_ONE = """INSERT INTO user_aims (user_id, aim_id) VALUES (%s, %s) ON CONFLICT DO NOTHING
RETURNING user_id, aim_id, role, permissions, joined_at"""
APPEND = """INSERT INTO user_aims (user_id, aim_id) SELECT %s, unnest(%s::uuid[])
ON CONFLICT DO NOTHING RETURNING aim_id"""
LOAD_ONE = f"""SELECT {AIM}, {LINK} FROM user_aims ua JOIN aims a ON a.id = ua.aim_id
WHERE ua.user_id = %s ORDER BY ua.joined_at, ua.aim_id"""
LOAD_MANY = f"""SELECT ua.user_id, {AIM}, {LINK} FROM user_aims ua JOIN aims a ON a.id = ua.aim_id
WHERE ua.user_id = ANY(%s::uuid[]) ORDER BY ua.joined_at, ua.aim_id"""
REPLACE = """WITH wanted (aim_id) AS (SELECT unnest(%s::uuid[])),
removed AS (DELETE FROM user_aims WHERE user_id = %s AND aim_id NOT IN (SELECT aim_id FROM wanted) RETURNING aim_id),
added AS (INSERT INTO user_aims (user_id, aim_id) SELECT %s, aim_id FROM wanted
          ON CONFLICT DO NOTHING RETURNING aim_id)
SELECT true, aim_id FROM added UNION ALL SELECT false, aim_id FROM removed"""
LOCK = "SELECT 1 FROM users WHERE id = %s FOR NO KEY UPDATE"
DELETE_ONE = "DELETE FROM user_aims WHERE user_id = %s AND aim_id = %s"
REMOVE = "DELETE FROM user_aims WHERE user_id = %s AND aim_id = ANY(%s::uuid[]) RETURNING aim_id"
HAS = "SELECT EXISTS (SELECT FROM user_aims WHERE user_id = %s AND aim_id = %s)"
COUNT = "SELECT user_id, count(*) FROM user_aims WHERE user_id = ANY(%s::uuid[]) GROUP BY user_id"
PAGE = f"""SELECT {USER}, {LINK} FROM user_aims ua JOIN users u ON u.id = ua.user_id
WHERE ua.aim_id = %s AND (ua.joined_at, ua.user_id) > (%s, %s) ORDER BY ua.joined_at, ua.user_id LIMIT %s"""
LIST = f"""SELECT {USER}, {LINK} FROM user_aims ua JOIN users u ON u.id = ua.user_id
WHERE ua.aim_id = %s ORDER BY ua.joined_at, ua.user_id"""
STREAM = f"SELECT {USER}, {LINK} FROM user_aims ua JOIN users u ON u.id = ua.user_id WHERE ua.aim_id = %s"
FRAME = "SELECT user_id, aim_id, role, permissions, joined_at FROM user_aims"
PUT_MANY = """INSERT INTO user_aims (user_id, aim_id, role, permissions)
SELECT user_id, aim_id, role, permissions::text[]
FROM unnest(%s::uuid[], %s::uuid[], %s::text[], %s::text[]) AS w (user_id, aim_id, role, permissions)
ON CONFLICT DO NOTHING RETURNING user_id, aim_id"""

STAGE = """CREATE TEMPORARY TABLE stage (user_id uuid, aim_id uuid, role text, permissions text[]) ON COMMIT DROP"""
COPY_STAGE = "COPY stage (user_id, aim_id, role, permissions) FROM STDIN"
MERGE_STAGE = """INSERT INTO user_aims (user_id, aim_id, role, permissions)
SELECT user_id, aim_id, role, permissions FROM stage ON CONFLICT DO NOTHING"""
COPY = "COPY user_aims (user_id, aim_id, role, permissions) FROM STDIN (FORMAT binary)"


def columns(rows: Sequence[tuple[UUID, UUID, str, list[str]]]) -> tuple[list[Any], ...]:
    """Turn rows into arrays; lists of lists do not exist in SQL, and these permissions need no quotes."""
    users, aims, roles, permissions = map(list, zip(*rows, strict=True))
    return users, aims, roles, ["{" + ",".join(given) + "}" for given in permissions]


def numbered(statement: str) -> str:
    counter = iter(range(1, 100))
    return re.sub("%s", lambda _: f"${next(counter)}", statement)
