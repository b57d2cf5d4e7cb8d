"""No statement has a form that a Citus cluster refuses, or answers wrongly: seen without a cluster, in the text itself.

Each form was tried on Citus 13; `make test-cluster` runs the statements there.
"""

import re
from functools import cache

import pytest

from tests.calls import every_shape

FORMS = {
    "MERGE": r"\bMERGE INTO\b",
    "LATERAL with a LIMIT": r"\bLATERAL\b(?s:.)*?\bLIMIT\b",
    "GROUPING SETS, CUBE, ROLLUP": r"\b(GROUPING SETS|CUBE|ROLLUP)\b",
    "ctid": r"\bctid\b",
    "a function that is not immutable in DO UPDATE": r"DO UPDATE SET[^)]*\b(now|clock_timestamp|random)\(",
    "a volatile function in UPDATE": r"\bUPDATE\b[^;]*?\bSET\b[^;]*?\b(clock_timestamp|random)\(",
    "a function that is not immutable in RETURNING": r"RETURNING [^\n]*\b(now|clock_timestamp)\(",
    "another user for a membership": r"UPDATE user_aims( \w+)? SET user_id\b",
    # Citus takes the question for one of no rows, and with it the whole INSERT … SELECT.
    "NOT EXISTS of what is always false": r"NOT \(?(false AND )?EXISTS \(SELECT 1 FROM \w+( \w+)? WHERE false\b",
    "NOT (false AND EXISTS": r"NOT \(false AND EXISTS",
    "many users locked by a statement of its own": r"^/\*[^*]*\*/ SELECT [^;]* = ANY ?\([^;]*\bFOR (NO KEY )?UPDATE",
}


@cache
def statements() -> frozenset[str]:
    return frozenset(sql for shape in every_shape() for sql, _ in shape.call.statements)


@pytest.mark.parametrize("form", FORMS)
def test_no_statement_has_a_form_that_a_cluster_cannot_run(form: str) -> None:
    assert [sql[:60] for sql in statements() if re.search(FORMS[form], sql)] == []


PLANTED = {
    "MERGE": "MERGE INTO aims USING x ON true",
    "LATERAL with a LIMIT": "SELECT 1 FROM aims, LATERAL (SELECT 1 FROM user_aims\nLIMIT 3) x",
    "GROUPING SETS, CUBE, ROLLUP": "SELECT 1 GROUP BY ROLLUP (a)",
    "ctid": "DELETE FROM user_aims WHERE ctid IN (SELECT 1)",
    "a function that is not immutable in DO UPDATE": "ON CONFLICT (id) DO UPDATE SET joined_at = now()",
    "a volatile function in UPDATE": "UPDATE users SET updated_at = clock_timestamp()",
    "a function that is not immutable in RETURNING": "RETURNING joined_at = now()",
    "another user for a membership": "UPDATE user_aims m SET user_id = 1",
    "NOT EXISTS of what is always false": "WHERE NOT EXISTS (SELECT 1 FROM aims WHERE false AND id = 1)",
    "NOT (false AND EXISTS": "WHERE NOT (false AND EXISTS (SELECT 1 FROM aims))",
    "many users locked by a statement of its own": (
        "/* useraim x */ SELECT id FROM users WHERE id = ANY (%(ids)s) ORDER BY id FOR NO KEY UPDATE"
    ),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_planted_one_is_found(form: str) -> None:
    assert re.search(FORMS[form], PLANTED[form])
