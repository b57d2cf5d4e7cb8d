"""The mutations of SQL take away what they say, and nothing else."""

import pytest

from tests.mutation.sql_text import applied, edits

PUT = """-- FOR UPDATE in a comment
WITH refused (reason, id) AS MATERIALIZED (
    SELECT 'source', 1 WHERE NOT EXISTS (SELECT 1 FROM a WHERE id = 1 FOR KEY SHARE)
    UNION ALL
    SELECT 'far', w.id FROM wanted w
)
SELECT s.id, w.x FROM wanted w JOIN a s ON s.id = 1
WHERE NOT EXISTS (SELECT 1 FROM refused) AND w.y < lower(w.z)
ORDER BY w.id, lower(w.x)
ON CONFLICT (id) DO NOTHING
"""


def without(kind: str, sql: str) -> list[str]:
    return [" ".join(applied(sql, edit).split()) for edit in edits(sql) if edit.kind == kind]


def bare(sql: str) -> str:
    return "".join(sql.split())


@pytest.mark.parametrize(
    ("kind", "gone"),
    [
        ("lock", " FOR KEY SHARE"),
        ("order", "\nORDER BY w.id, lower(w.x)"),
        ("conflict", "\nON CONFLICT (id) DO NOTHING"),
        ("predicate", " AND w.y < lower(w.z)"),
        ("refused branch", "\n    UNION ALL\n    SELECT 'far', w.id FROM wanted w"),
        ("materialized", " MATERIALIZED"),
    ],
    ids=lambda given: given.strip().partition(" ")[0],
)
def test_one_thing_is_gone(kind: str, gone: str) -> None:
    assert gone in PUT
    assert bare(PUT.replace(gone, "")) in map(bare, without(kind, PUT))


def test_a_join_is_dropped_with_what_reads_from_it() -> None:
    (sql,) = without("join", PUT)
    assert "SELECT 1, w.x FROM wanted w WHERE" in sql


def test_comments_are_left_alone() -> None:
    assert all(applied(PUT, edit).startswith("-- FOR UPDATE in a comment\n") for edit in edits(PUT))


def test_assignments_are_no_comparisons() -> None:
    assert without("equal", "UPDATE a SET b = 1 WHERE c = 2") == ["UPDATE a SET b = 1 WHERE c <> 2"]


def test_a_fallback_is_dropped() -> None:
    assert without("fallback", "SELECT coalesce(f(a, b), 0)") == ["SELECT f(a, b)"]
    assert without("inserted", "SELECT (xmax = 0)") == ["SELECT false", "SELECT true"]
