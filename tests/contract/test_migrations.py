"""The migrations as operators run them, on every PostgreSQL of this machine: up, down, up, and over leftovers."""

import re
from collections.abc import Callable, Iterator
from importlib import import_module
from itertools import count, pairwise
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import psycopg
import pytest
from psycopg import Connection
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from tests.conftest import ROOT, yoyo
from useraim import local

Conn = Connection[Any]
YOYO: Any = import_module("yoyo")
SERVERS: list[int | str] = [*sorted(local.binaries())] or ["given"]

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

Catalogue = dict[str, list[tuple[Any, ...]]]


def catalogue(conninfo: str) -> Catalogue:
    with psycopg.connect(conninfo) as conn:
        parts = {"columns": COLUMNS, "constraints": CONSTRAINTS, "indexes": INDEXES, "others": OTHERS}
        return {name: conn.execute(query.encode()).fetchall() for name, query in parts.items()}


def unvalidated(found: Catalogue) -> Catalogue:
    """The same without what a rollback need not undo: that checks were validated."""
    rows = [(table, name, text.removesuffix(" NOT VALID")) for table, name, text, _ in found["constraints"]]
    return {**found, "constraints": rows}


@pytest.fixture(scope="module", params=SERVERS)
def postgres(request: pytest.FixtureRequest) -> Iterator[str]:
    """A server of each version there is; the one PG* names, where there is no other."""
    if request.param == "given":
        yield request.getfixturevalue("server")
    else:
        with local.postgres(bindir=local.binaries()[request.param]) as conninfo:
            yield conninfo


@pytest.fixture(scope="module")
def create_empty(postgres: str) -> Iterator[Callable[[], str]]:
    names: list[str] = []
    numbers = count()
    with psycopg.connect(postgres, autocommit=True) as admin:

        def create() -> str:
            names.append(f"useraim_migrations_{next(numbers)}")
            admin.execute(f"CREATE DATABASE {names[-1]}".encode())
            return make_conninfo(postgres, dbname=names[-1])

        yield create
        for name in names:
            admin.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


@pytest.fixture
def empty(create_empty: Callable[[], str]) -> str:
    return create_empty()


@pytest.fixture(scope="module")
def migrated(create_empty: Callable[[], str]) -> str:
    """A migrated database, that no test changes for the next."""
    conninfo = create_empty()
    yoyo(conninfo, "apply")
    return conninfo


class Steps:
    """Single migrations by yoyo's own steps, whether or not they are marked."""

    def __init__(self, backend: Any) -> None:
        self.backend = backend
        self.migrations: dict[str, Any] = {one.id: one for one in YOYO.read_migrations(str(ROOT / "migrations"))}

    def apply(self, name: str) -> None:
        self.migrations[name].process_steps(self.backend, "apply")

    def rollback(self, name: str) -> None:
        self.migrations[name].process_steps(self.backend, "rollback")


@pytest.fixture
def steps(empty: str) -> Iterator[Steps]:
    with YOYO.get_backend(f"postgresql+psycopg://?{urlencode(conninfo_to_dict(empty))}") as backend:
        yield Steps(backend)


def apply_before(steps: Steps, name: str) -> None:
    for one in IDS[: IDS.index(name)]:
        steps.apply(one)


@pytest.fixture
def conn(migrated: str) -> Iterator[Conn]:
    with psycopg.connect(migrated) as conn:
        conn.execute("INSERT INTO users (id, name, email) VALUES (%s, 'Ana', 'ana@example.org')", [UUID])
        conn.execute("INSERT INTO aims (id, title) VALUES (%s, 'Run')", [UUID])
        yield conn
        conn.rollback()


def rollback_of(path: Path) -> Path:
    return path.with_suffix(".rollback.sql")


def directives(path: Path) -> dict[str, str]:
    return dict(re.findall(r"^-- (depends|transactional): ?(.*)$", path.read_text(), re.MULTILINE))


def statements(path: Path) -> str:
    return re.sub(r"^\s*--.*$", "", path.read_text(), flags=re.MULTILINE)


def test_every_migration_has_its_rollback_and_every_rollback_its_migration() -> None:
    assert IDS
    assert {*FILES, *map(rollback_of, FILES)} == set((ROOT / "migrations").glob("*"))


def test_migrations_form_one_line() -> None:
    """Each depends on the one before: nothing can slip in between what others have applied."""
    assert directives(FILES[0])["depends"] == ""
    assert [(directives(one)["depends"], one.stem) for one in FILES[1:]] == list(pairwise(IDS))


@pytest.mark.parametrize("path", [*FILES, *map(rollback_of, FILES)], ids=lambda path: path.name)
def test_no_file_manages_transactions_by_itself(path: Path) -> None:
    outside_functions = re.sub(r"\$\$.*?\$\$", "", statements(path), flags=re.DOTALL)
    assert not re.search(r"^\s*(BEGIN|COMMIT|ROLLBACK|START TRANSACTION)\b", outside_functions, re.MULTILINE)


@pytest.mark.parametrize("path", [*FILES, *map(rollback_of, FILES)], ids=lambda path: path.name)
def test_whoever_alters_a_table_waits_seconds_at_most_for_its_lock(path: Path) -> None:
    if re.search(r"(ALTER|DROP) TABLE|REFERENCES", statements(path)):
        assert re.match(r"\s*SET LOCAL lock_timeout = '\d{1,2}s';", statements(path))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_concurrent_builds_stand_by_themselves_and_clear_what_an_interrupted_one_left(path: Path) -> None:
    alone = directives(path).get("transactional") == "false"
    assert alone == ("CONCURRENTLY" in path.read_text())
    if alone:
        drop, create = statements(path).split(";")[:2]
        (name,) = re.findall(r"CREATE (?:UNIQUE )?INDEX CONCURRENTLY (\w+)", create)
        assert drop.strip() == f"DROP INDEX CONCURRENTLY IF EXISTS {name}"


def test_up_down_and_up_again_leave_the_same_catalogue(empty: str) -> None:
    bare = catalogue(empty)
    yoyo(empty, "apply")
    up = catalogue(empty)
    yoyo(empty, "rollback", "--all")
    assert catalogue(empty) == bare
    yoyo(empty, "apply")
    assert catalogue(empty) == up
    assert up["columns"]


def test_every_rollback_undoes_its_own_migration(steps: Steps, empty: str) -> None:
    before: list[Catalogue] = []
    for one in IDS:
        before.append(unvalidated(catalogue(empty)))
        steps.apply(one)
    for one in reversed(IDS):
        steps.rollback(one)
        assert unvalidated(catalogue(empty)) == before.pop()


def test_a_migration_that_was_done_but_not_marked_can_be_done_again(steps: Steps, empty: str) -> None:
    """As a yoyo leaves it that was killed between the two."""
    for one in IDS:
        steps.apply(one)
        expected = catalogue(empty)
        steps.apply(one)
        assert catalogue(empty) == expected
    for one in reversed(IDS):
        steps.rollback(one)
        expected = catalogue(empty)
        steps.rollback(one)
        assert catalogue(empty) == expected


def test_a_populated_table_keeps_its_rows_and_gets_the_defaults(empty: str) -> None:
    yoyo(empty, "apply", "--revision", BARE)
    with psycopg.connect(empty, autocommit=True) as conn:
        conn.execute(
            "INSERT INTO users (name, email) SELECT 'u' || i, i || '@example.org' FROM generate_series(1, 50) i"
        )
        conn.execute("INSERT INTO aims (title) SELECT 'a' || i FROM generate_series(1, 50) i")
        conn.execute("INSERT INTO user_aims SELECT users.id, aims.id FROM users CROSS JOIN aims")
        file = conn.execute("SELECT pg_relation_filenode('user_aims')").fetchone()
        pairs = conn.execute("SELECT user_id, aim_id FROM user_aims ORDER BY 1, 2").fetchall()
        yoyo(empty, "apply")
        assert conn.execute("SELECT user_id, aim_id FROM user_aims ORDER BY 1, 2").fetchall() == pairs
        defaults = "SELECT DISTINCT role, permissions, joined_at <= now() FROM user_aims"
        assert conn.execute(defaults).fetchall() == [("member", [], True)]
        assert conn.execute("SELECT pg_relation_filenode('user_aims')").fetchone() == file, "the table was rewritten"


def test_what_an_interrupted_build_left_is_built_again(empty: str) -> None:
    yoyo(empty, "apply", "--revision", CHECKED)
    with psycopg.connect(empty, autocommit=True) as builder, psycopg.connect(empty) as writer:
        writer.execute("LOCK TABLE user_aims IN ROW EXCLUSIVE MODE")
        builder.execute("SET statement_timeout = '200ms'")
        with pytest.raises(psycopg.errors.QueryCanceled):
            builder.execute(f"CREATE INDEX CONCURRENTLY {INDEX} ON user_aims (aim_id, joined_at, user_id)".encode())
    assert (INDEX, False) in [(name, valid) for _, name, _, valid in catalogue(empty)["indexes"]]
    yoyo(empty, "apply")
    assert (INDEX, True) in [(name, valid) for _, name, _, valid in catalogue(empty)["indexes"]]


def email_index(conninfo: str) -> list[tuple[str, str, bool]]:
    """Of the indexes of e-mail addresses: name, expression, validity."""
    found = [(name, text, valid) for _, name, text, valid in catalogue(conninfo)["indexes"] if "email" in name]
    return [(name, text.partition("btree ")[2], valid) for name, text, valid in found if text.startswith("CREATE UNIQ")]


def test_addresses_are_unique_as_they_are_compared(migrated: str) -> None:
    assert email_index(migrated) == [("users_email_key", FOLDING, True)]


def test_an_interrupted_build_of_the_index_of_addresses_is_built_again(steps: Steps, empty: str) -> None:
    apply_before(steps, FOLDED)
    with psycopg.connect(empty, autocommit=True) as builder, psycopg.connect(empty) as writer:
        writer.execute("LOCK TABLE users IN ROW EXCLUSIVE MODE")
        builder.execute("SET statement_timeout = '200ms'")
        with pytest.raises(psycopg.errors.QueryCanceled):
            builder.execute("CREATE UNIQUE INDEX CONCURRENTLY users_email_new_key ON users (lower(email))")
    assert len(email_index(empty)) == 2
    steps.apply(FOLDED)
    assert email_index(empty) == [("users_email_key", FOLDING, True)]


def test_two_accounts_with_one_address_stop_the_migration_and_the_index_before_stays(steps: Steps, empty: str) -> None:
    apply_before(steps, FOLDED)
    with psycopg.connect(empty, autocommit=True) as conn:
        # As it is in a database by whose rules the two differ.
        conn.execute("DROP INDEX users_email_key")
        conn.execute("CREATE UNIQUE INDEX users_email_key ON users (email)")
        conn.execute("INSERT INTO users (name, email) VALUES ('One', 'info@example.org'), ('Two', 'INFO@example.org')")
        with pytest.raises(psycopg.errors.UniqueViolation, match=r"info@example\.org"):
            steps.apply(FOLDED)
        assert ("users_email_key", "(email)", True) in email_index(empty)
        conn.execute("DELETE FROM users WHERE name = 'Two'")
        steps.apply(FOLDED)
        assert email_index(empty) == [("users_email_key", FOLDING, True)]


def test_constraints_and_indexes_have_the_names_given_by_hand(migrated: str) -> None:
    found = catalogue(migrated)
    assert [name for _, name, *_ in found["constraints"]] == [
        *("aims_description_check", "aims_pkey", "aims_title_check"),
        *("user_aims_aim_id_fkey", "user_aims_joined_at_check", "user_aims_permissions_check", "user_aims_pkey"),
        *("user_aims_role_check", "user_aims_user_id_fkey"),
        *("users_email_check", "users_name_check", "users_pkey"),
    ]
    assert [name for _, name, *_ in found["indexes"]] == [
        *("aims_created_at_idx", "aims_pkey", "aims_title_idx"),
        *("user_aims_aim_id_joined_at_idx", "user_aims_joined_at_idx", "user_aims_pkey"),
        *("users_created_at_idx", "users_email_key", "users_name_idx", "users_pkey"),
    ]


def test_all_is_valid_in_the_end(migrated: str) -> None:
    found = catalogue(migrated)
    assert all(valid for *_, valid in [*found["constraints"], *found["indexes"]])


def test_there_are_no_sequences_or_triggers_and_no_functions_but_locks(migrated: str) -> None:
    """The former break or serialise a cluster."""
    locks = ("aim", "aim_links", "aims", "user", "user_links", "users")
    assert catalogue(migrated)["others"] == [("function", f"useraim_lock_{rows}") for rows in locks]


def test_the_join_table_is_as_agreed(migrated: str) -> None:
    found = catalogue(migrated)
    assert [column[1:] for column in found["columns"] if column[0] == "user_aims"] == [
        ("user_id", "uuid", True, None),
        ("aim_id", "uuid", True, None),
        ("role", "text", True, "'member'::text"),
        ("permissions", "text[]", True, "'{}'::text[]"),
        ("joined_at", "timestamp with time zone", True, "now()"),
    ]
    definitions = {name: text for _, name, text, _ in found["constraints"]}
    assert definitions["user_aims_pkey"] == "PRIMARY KEY (user_id, aim_id)"
    assert definitions["user_aims_user_id_fkey"].endswith("REFERENCES users(id) ON DELETE CASCADE")
    assert definitions["user_aims_aim_id_fkey"].endswith("REFERENCES aims(id) ON DELETE CASCADE")


REFUSED = [
    *[("users", "name", "users_name_check", text) for text in ("", " ", " \t\n\r\f\v ", "\n", "\t", "n" * 201)],
    *[
        ("users", "email", "users_email_check", text)
        for text in ("", "@", "a@", "@b", "ab", "nobody", "a@" + "b" * 319)
    ],
    *[("aims", "title", "aims_title_check", text) for text in ("", "  ", "\t\n", "\v\f\r", "t" * 501)],
    ("aims", "description", "aims_description_check", "d" * 20_001),
    *[("user_aims", "role", "user_aims_role_check", text) for text in ("", " ", "\t", "\n \r\f\v", "r" * 101)],
    *[
        ("user_aims", "permissions", "user_aims_permissions_check", array)
        for array in ([""], ["read", ""], [None], ["read", None], [["read"], ["write"]], ["p" * 101], ["r", "p" * 101])
    ],
    *[
        ("user_aims", "joined_at", "user_aims_joined_at_check", text)
        for text in (
            "infinity",
            "-infinity",
            "1899-12-31 23:59:59.999999+00",
            "10000-01-01 00:00:00+00",
            "0044-03-15 BC",
        )
    ],
]
ACCEPTED = [
    *[("users", "name", text) for text in ("v", "n" * 200, "ü" * 200, " v ", "a\nb", "\xa0", "😀")],
    *[("users", "email", text) for text in ("a@b", "A@B", "a@" + "b" * 318)],
    *[("aims", "title", text) for text in ("v", "t" * 500, "\\", "fvrnt")],
    *[("aims", "description", text) for text in ("", " \n", "d" * 20_000)],
    *[("user_aims", "role", text) for text in ("v", "t", "n", "r", "f", "x0b", "r" * 100, "ü" * 100, " v")],
    *[
        ("user_aims", "permissions", array)
        for array in ([], ["r"], ["r", "r"], ["p" * 100], ["ü" * 100], ["NULL", " "])
    ],
    *[("user_aims", "joined_at", text) for text in ("1900-01-01 00:00:00+00", "9999-12-31 23:59:59.999999+00")],
]
ROWS: dict[str, dict[str, object]] = {
    "users": {"name": "Bo", "email": "bo@example.org"},
    "aims": {"title": "Read", "description": ""},
    "user_aims": {"user_id": UUID, "aim_id": UUID, "role": "member", "permissions": [], "joined_at": "2024-01-01 UTC"},
}
CASTS = {"permissions": "%s::text[]", "joined_at": "%s::timestamptz", "user_id": "%s::uuid", "aim_id": "%s::uuid"}


def insert(conn: Conn, table: str, column: str, value: object) -> None:
    row = {**ROWS[table], column: value}
    slots = ", ".join(CASTS.get(name, "%s") for name in row)
    conn.execute(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({slots})".encode(), list(row.values()))


def shown(value: object) -> str:
    text = ascii(value)
    return text if len(text) < 30 else f"{text[:10]}…{len(text)}".encode("ascii", "replace").decode()


@pytest.mark.parametrize(("table", "column", "constraint", "value"), REFUSED, ids=shown)
def test_what_would_break_readers_is_refused(
    conn: Conn, table: str, column: str, constraint: str, value: object
) -> None:
    with pytest.raises(psycopg.errors.CheckViolation) as refused:
        insert(conn, table, column, value)
    assert refused.value.diag.constraint_name == constraint


@pytest.mark.parametrize(("table", "column", "value"), ACCEPTED, ids=shown)
def test_what_is_within_the_limits_is_accepted(conn: Conn, table: str, column: str, value: object) -> None:
    insert(conn, table, column, value)


@pytest.mark.parametrize(("table", "column"), [(table, column) for table, row in ROWS.items() for column in row])
def test_no_column_takes_null(conn: Conn, table: str, column: str) -> None:
    with pytest.raises(psycopg.errors.NotNullViolation):
        insert(conn, table, column, None)


def test_addresses_that_differ_in_case_only_are_one(conn: Conn) -> None:
    with pytest.raises(psycopg.errors.UniqueViolation) as refused:
        insert(conn, "users", "email", "ANA@example.ORG")
    assert refused.value.diag.constraint_name == "users_email_key"


@pytest.mark.parametrize("table", ["users", "aims"])
def test_memberships_go_with_either_end(conn: Conn, table: str) -> None:
    insert(conn, "user_aims", "role", "member")
    conn.execute(f"DELETE FROM {table} WHERE id = %s".encode(), [UUID])
    assert conn.execute("SELECT count(*) FROM user_aims").fetchone() == (0,)
