"""The tables after all migrations: names, columns, and what they refuse."""

import psycopg
import pytest

from tests.contract.migrations.catalogue import UUID, Conn, catalogue


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
    named = [f"hold_{links}" for links in ("aim_links", "user_links")] + [f"lock_{rows}" for rows in locks]
    assert catalogue(migrated)["others"] == [("function", f"useraim_{name}") for name in named]


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
