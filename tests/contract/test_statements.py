"""Every statement any public function can send: the server prepares it, and its columns are those that are read."""

import re
from typing import Any

import psycopg
import pytest
from psycopg.pq import ExecStatus

from tests.calls import ID, LINK, MARK, OTHER, Shape, every_shape
from tests.contract.snapshot import SNAPSHOT, rendered
from useraim import aims, user_aims, users
from useraim.core.operation import Operation
from useraim.core.stream import Stream

SHAPES = list(every_shape())
RECORDS = "create_many get find_many exists update delete delete_many page count frame frames"
RELATION = (
    "append replace remove clear update create direct_control of load page count count_by_role has common frame frames"
)
MEMBERSHIPS = "create get find_many update grant revoke delete delete_many put_many merge page count frame frames"
PLACEHOLDER = re.compile(r"%(?:\((?P<name>\w+)\)s)?")


def text(sql: Any) -> str:
    return sql.decode() if isinstance(sql, bytes) else str(sql)


def numbered(sql: str) -> tuple[str, list[str]]:
    """The statement as the server gets it, and the names of its parameters."""
    names: list[str] = []

    def number(found: re.Match[str]) -> str:
        name = found["name"]
        assert name, f"a placeholder without a name in {sql}"
        if name not in names:
            names.append(name)
        return f"${names.index(name) + 1}"

    return PLACEHOLDER.sub(number, sql), names


def all_statements() -> dict[str, tuple[set[str], set[tuple[str, ...] | None]]]:
    """Each different statement, the values bound to it, and the columns its result should have."""
    found: dict[str, tuple[set[str], set[tuple[str, ...] | None]]] = {}
    for shape in SHAPES:
        for n, (sql, parameters) in enumerate(shape.call.statements):
            last = n == len(shape.call.statements) - 1
            names, columns = found.setdefault(text(sql), (set(parameters), set()))
            assert names <= set(parameters) or names >= set(parameters)
            columns.add(shape.columns if last else None)
    return found


ALL = all_statements()


def test_there_are_many() -> None:
    assert len(ALL) > 500


def test_every_public_operation_is_among_them() -> None:
    for module, name in ((users, "users"), (aims, "aims"), (user_aims, "user_aims")):
        for function, value in vars(module).items():
            if hasattr(value, "call") and not function.startswith("_"):
                assert any(sql.startswith(f"/* useraim {name}.") for sql in ALL)
    matches = {re.match(r"/\* useraim ([\w.]+)", sql) for sql in ALL}
    named = {match[1] for match in matches if match}
    assert named >= {f"{end}.{name}" for end in ("users", "aims") for name in RECORDS.split()}
    assert named >= {f"{end}.{name}" for end in ("users.aims", "aims.users") for name in RELATION.split()}
    assert named >= {f"user_aims.{name}" for name in MEMBERSHIPS.split()}


def test_the_server_prepares_each_and_gives_the_columns_that_are_read(conn: psycopg.Connection[Any]) -> None:
    conn.execute("SELECT 1")
    for sql, (given, expected) in ALL.items():
        query, names = numbered(sql)
        assert set(names) <= given, sql
        result = conn.pgconn.prepare(b"", query.encode())
        assert result.status == ExecStatus.COMMAND_OK, (result.error_message.decode(), query)
        described = conn.pgconn.describe_prepared(b"")
        columns = tuple((described.fname(n) or b"").decode() for n in range(described.nfields))
        for wanted in expected - {None}:
            assert wanted in (columns, columns[len(LINK) :] + columns[: len(LINK)]), sql


@pytest.mark.parametrize(
    "forbidden",
    [
        r"SELECT\s+(DISTINCT\s+)?\*", r"\.\s*\*", r",\s*\*", r"RETURNING\s+\*", r"\bMERGE\s+INTO\b", r"\bLATERAL\b",
        MARK, str(ID), str(OTHER), "2024-05-17", r"\bsearch_path\b", r"\badvisory\b", r"\bnextval\b", r";",
    ],
)  # fmt: skip
def test_none_contains(forbidden: str) -> None:
    pattern = re.compile(forbidden, re.IGNORECASE)
    assert [sql for sql in ALL if pattern.search(sql)] == []


def test_each_says_where_it_came_from() -> None:
    for sql in ALL:
        assert re.match(r"/\* useraim (users|aims|user_aims)\.[\w.]+( \(\w+\))? \*/ ", sql), sql


def test_literals_are_of_a_closed_list() -> None:
    """Words that outcomes are told by, defaults of columns, constants: nothing else is spelt in SQL."""
    literals = {literal for sql in ALL for literal in re.findall(r"'((?:[^']|'')*)'", sql)}
    words = {
        "added", "updated", "unchanged", "removed", "moved", "missing", "absent", "held", "source", "far", "users",
        "aims", "users_pkey", "aims_pkey", "users_email_key", "aims_title_key", "member", "{}", "UTC", "enable_seqscan",
        "useraim.enable_seqscan", "off", "hex", ",", "", "deleted", "version ", "UTF8", "0",
        *(f"rule {number} " for number in range(5)),
    }  # fmt: skip
    assert literals <= words


def test_a_shape_is_rendered_once_whatever_the_values() -> None:
    again = {text(sql) for shape in every_shape() for sql, _ in shape.call.statements}
    assert again == set(ALL)
    assert text(users.page.call(search="one").statements[0][0]) == text(users.page.call(search="two").statements[0][0])
    some = users.aims.append.call(ID, [ID]).statements[0][0]
    assert text(users.aims.append.call(OTHER, [ID, OTHER]).statements[0][0]) == text(some)


def test_calls_are_built_without_a_connection() -> None:
    shape: Shape
    for shape in SHAPES:
        assert len(shape.call.statements) <= 6
        for _, parameters in shape.call.statements:
            assert all(isinstance(name, str) for name in parameters)


def test_operations_know_their_pure_function() -> None:
    operations: list[Operation[..., Any] | Stream[..., Any]] = [
        users.get,
        users.stream,
        users.aims.of,
        aims.users.stream,
    ]
    for operation in operations:
        assert callable(operation.call)


def test_the_snapshot_is_what_is_sent() -> None:
    assert SNAPSHOT.read_text(encoding="utf-8") == rendered(), "`make statements` writes it anew"
