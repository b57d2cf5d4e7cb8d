"""The migrations, their single steps, and what the catalogue says of them."""

from importlib import import_module
from typing import Any

import psycopg
from psycopg import Connection

from tests.conftest import ROOT

Conn = Connection[Any]
YOYO: Any = import_module("yoyo")

FILES = sorted(path for path in (ROOT / "migrations").glob("*.sql") if not path.name.endswith(".rollback.sql"))
IDS = [path.stem for path in FILES]
BARE, ATTRIBUTES, CHECKED, INDEXED = IDS[2:6]
FOLDED = "useraim_0009_fold_email_alike"
INDEX = "user_aims_aim_id_joined_at_idx"
FOLDING = '(lower((lower((email COLLATE "C")) COLLATE "default")))'
UUID = "00000000-0000-7000-8000-000000000001"

COLUMNS = """
    SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, pg_get_expr(d.adbin, d.adrelid)
    FROM pg_class AS c
    JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    LEFT JOIN pg_attrdef AS d ON d.adrelid = c.oid AND d.adnum = a.attnum
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND c.relname !~ 'yoyo'
    ORDER BY c.relname, a.attnum"""
# PostgreSQL 18 lists NOT NULL here too, under names of its own.
CONSTRAINTS = """
    SELECT c.relname, t.conname, pg_get_constraintdef(t.oid), t.convalidated
    FROM pg_constraint AS t
    JOIN pg_class AS c ON c.oid = t.conrelid
    WHERE c.relnamespace = 'public'::regnamespace AND c.relname !~ 'yoyo' AND t.contype <> 'n'
    ORDER BY 1, 2"""
INDEXES = """
    SELECT c.relname, i.relname, pg_get_indexdef(i.oid), x.indisvalid AND x.indisready
    FROM pg_index AS x
    JOIN pg_class AS c ON c.oid = x.indrelid
    JOIN pg_class AS i ON i.oid = x.indexrelid
    WHERE c.relnamespace = 'public'::regnamespace AND c.relname !~ 'yoyo'
    ORDER BY 1, 2"""
OTHERS = """
    SELECT relkind::text, relname FROM pg_class
    WHERE relnamespace = 'public'::regnamespace AND relname !~ 'yoyo' AND relkind NOT IN ('r', 'i')
    UNION ALL SELECT 'trigger', tgname FROM pg_trigger WHERE NOT tgisinternal
    UNION ALL SELECT 'function', proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace
    ORDER BY 1, 2"""
FUNCTIONS = """
    SELECT proname, pg_get_functiondef(oid) FROM pg_proc WHERE pronamespace = 'public'::regnamespace ORDER BY 1, 2"""

Catalogue = dict[str, list[tuple[Any, ...]]]


def catalogue(conninfo: str) -> Catalogue:
    with psycopg.connect(conninfo) as conn:
        parts = {"columns": COLUMNS, "constraints": CONSTRAINTS, "indexes": INDEXES, "others": OTHERS}
        return {
            name: conn.execute(query.encode()).fetchall() for name, query in {**parts, "functions": FUNCTIONS}.items()
        }


def unvalidated(found: Catalogue) -> Catalogue:
    """The same without what a rollback need not undo: that checks were validated."""
    rows = [(table, name, text.removesuffix(" NOT VALID")) for table, name, text, _ in found["constraints"]]
    return {**found, "constraints": rows}


class Steps:
    """Single migrations by yoyo's own steps, whether or not they are marked."""

    def __init__(self, backend: Any) -> None:
        self.backend = backend
        self.migrations: dict[str, Any] = {one.id: one for one in YOYO.read_migrations(str(ROOT / "migrations"))}

    def apply(self, name: str) -> None:
        self.migrations[name].process_steps(self.backend, "apply")

    def rollback(self, name: str) -> None:
        self.migrations[name].process_steps(self.backend, "rollback")


def apply_before(steps: Steps, name: str) -> None:
    for one in IDS[: IDS.index(name)]:
        steps.apply(one)


def email_index(conninfo: str) -> list[tuple[str, str, bool]]:
    """Of the indexes of e-mail addresses: name, expression, validity."""
    found = [(name, text, valid) for _, name, text, valid in catalogue(conninfo)["indexes"] if "email" in name]
    return [(name, text.partition("btree ")[2], valid) for name, text, valid in found if text.startswith("CREATE UNIQ")]
