"""Defaults of columns stand in the migrations, and again in ATTRIBUTES for rows that leave them out."""

from typing import Any

import psycopg
import pytest

from useraim.relation.attributes import ATTRIBUTES
from useraim.relation.declaration import columns
from useraim.relation.tables import AIMS, USER_AIMS, USERS
from useraim.values import UserAim

CATALOGUE = """
SELECT a.attname, pg_get_expr(d.adbin, d.adrelid), format_type(a.atttypid, a.atttypmod)
FROM pg_attribute a LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE a.attrelid = %s::regclass AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum
"""


def test_every_attribute_is_a_column_with_the_same_default(conn: psycopg.Connection[Any]) -> None:
    found = {name: (default, kind) for name, default, kind in conn.execute(CATALOGUE, ["user_aims"])}
    assert tuple(ATTRIBUTES) == tuple(USER_AIMS.attributes)
    for name, attribute in ATTRIBUTES.items():
        default, _ = found[name]
        same = f"SELECT {attribute.default}::{attribute.type} IS NOT DISTINCT FROM {default}"
        assert psycopg.Cursor(conn).execute(same.encode()).fetchone() == (True,)
        (kind,) = psycopg.Cursor(conn).execute(f"SELECT pg_typeof({default})::text".encode()).fetchone() or ("",)
        assert kind in {attribute.type, "timestamp with time zone"}
        assert attribute.array_type.endswith("[]")


@pytest.mark.parametrize(
    ("table", "expected"),
    [("users", USERS.columns), ("aims", AIMS.columns), ("user_aims", columns(UserAim))],
)
def test_dataclasses_have_all_columns(conn: psycopg.Connection[Any], table: str, expected: tuple[str, ...]) -> None:
    assert {name for name, *_ in conn.execute(CATALOGUE, [table])} == set(expected)
