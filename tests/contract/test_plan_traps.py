"""What a statement does grows with what it is given and what is there, never with one times the other.

The planner is led astray in the ways in which it is in production: statistics of a table that was empty when they were
made, a generic plan, skewed data. Work is compared, not time: rows that the nodes of a plan pass on or throw away, and
elements of arrays that these rows are compared with one by one.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import psycopg
import pytest

from tests.contract.test_plans import Node, flat
from useraim import (
    AimId,
    AllOf,
    AnyOf,
    CountBetween,
    EditAim,
    Exactly,
    Link,
    LinkFilter,
    NewAim,
    NewUser,
    NewUserAim,
    NoneOf,
    UserId,
    aims,
    user_aims,
    users,
)
from useraim.core.statement import Call

PEOPLE, GOALS, LINKS_OF_ONE, GIVEN = 2_000, 1_600, 1_200, 800
ROWS = PEOPLE + GOALS + PEOPLE * 4 + LINKS_OF_ONE * 2
MOST = 20 * ROWS
"""A row may pass twenty nodes. An array of GIVEN compared with each row of a table would be a hundred times that."""

FILL = f"""
INSERT INTO users (id, name, email) SELECT md5('u' || n)::uuid, 'Name', 'user' || n || '@example.org'
    FROM generate_series(1, {PEOPLE}) n;
INSERT INTO aims (id, title) SELECT md5('a' || n)::uuid, 'Title' FROM generate_series(1, {GOALS}) n;
INSERT INTO user_aims (user_id, aim_id) SELECT md5('u' || n)::uuid, md5('a' || k)::uuid
    FROM generate_series(1, {PEOPLE}) n, generate_series(1, 4) k;
INSERT INTO user_aims (user_id, aim_id) SELECT md5('u1')::uuid, md5('a' || n)::uuid
    FROM generate_series(5, {LINKS_OF_ONE}) n;
"""


def numbered(kind: str, count: int, first: int = 1) -> list[Any]:
    from hashlib import md5

    return [UUID(md5(f"{kind}{n}".encode(), usedforsecurity=False).hexdigest()) for n in range(first, first + count)]


U: list[UserId] = numbered("u", GIVEN)
A: list[AimId] = numbered("a", GIVEN)
ONE_USER, ONE_AIM = U[0], A[0]  # with thousands of links each
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
RULES = [CountBetween(at_least=1, at_most=10_000), CountBetween(at_least=1, link=LinkFilter(joined_from=LONG_AGO))]
CALLS: dict[str, Call[Any]] = {
    "users.find_many": users.find_many.call(U),
    "users.delete_many": users.delete_many.call(U),
    "aims.delete_many": aims.delete_many.call(A),
    "users.create_many": users.create_many.call([NewUser(f"new{n}@example.org", "New") for n in range(GIVEN)]),
    "users.page, any": users.page.call(where=[AnyOf(A)]),
    "users.page, all": users.page.call(where=[AllOf(A)]),
    "users.page, none": users.page.call(where=[NoneOf(A)]),
    "users.page, exactly": users.page.call(where=[Exactly(A)]),
    "aims.page, any": aims.page.call(where=[AnyOf(U)]),
    "aims.count, none": aims.count.call(where=[NoneOf(U)]),
    "users.aims.append": users.aims.append.call(ONE_USER, numbered("a", GIVEN, 801)),
    "users.aims.append, update": users.aims.append.call(ONE_USER, A, role="x", on_match="update"),
    "users.aims.append, update some": users.aims.append.call(
        ONE_USER, [Link(A[0], role="x"), *A[1:]], on_match="update"
    ),
    "users.aims.replace": users.aims.replace.call(ONE_USER, numbered("a", GIVEN, 801)),
    "users.aims.update": users.aims.update.call(ONE_USER, A, role="x"),
    "users.aims.remove": users.aims.remove.call(ONE_USER, A),
    "users.aims.direct_control": users.aims.direct_control.call(
        ONE_USER, [NewAim("n"), *(EditAim(one, title="x") for one in A[:400]), *A[400:]]
    ),
    "users.aims.create": users.aims.create.call(ONE_USER, [NewAim(f"{n}") for n in range(GIVEN)]),
    "users.aims.load": users.aims.load.call(U),
    "users.aims.load, limited": users.aims.load.call(U, limit=2),
    "users.aims.frame": users.aims.frame.call(U),
    "aims.users.frame": aims.users.frame.call(A),
    "users.frame, any": users.frame.call(where=[AnyOf(A)]),
    "users.aims.count": users.aims.count.call(U),
    "users.aims.count_by_role": users.aims.count_by_role.call(U),
    "users.aims.common": users.aims.common.call(U),
    "aims.users.append": aims.users.append.call(A[10], U),
    "aims.users.replace": aims.users.replace.call(ONE_AIM, U),
    "aims.users.update": aims.users.update.call(ONE_AIM, U, role="x"),
    "aims.users.remove": aims.users.remove.call(ONE_AIM, U),
    "aims.users.load": aims.users.load.call(A),
    "aims.users.load, limited": aims.users.load.call(A, limit=2),
    "aims.users.count": aims.users.count.call(A),
    "aims.users.common": aims.users.common.call(A[:4]),
    "users.aims.append, must": users.aims.append.call(ONE_USER, numbered("a", GIVEN, 801), must=RULES),
    "users.aims.append, if_version": users.aims.append.call(ONE_USER, numbered("a", GIVEN, 801), if_version="x"),
    "users.aims.replace, must": users.aims.replace.call(ONE_USER, numbered("a", GIVEN, 801), must=RULES),
    "users.aims.update, must": users.aims.update.call(ONE_USER, A, role="x", must=RULES),
    "users.aims.remove, must": users.aims.remove.call(ONE_USER, A, must=RULES),
    "aims.users.append, must": aims.users.append.call(A[10], U, must=RULES),
    "aims.users.remove, must": aims.users.remove.call(ONE_AIM, U, must=RULES),
    "users.delete, must": users.delete.call(ONE_USER, must=RULES),
    "aims.delete, must": aims.delete.call(ONE_AIM, must=RULES),
    "user_aims.find_many": user_aims.find_many.call([(user, ONE_AIM) for user in U]),
    "user_aims.delete_many": user_aims.delete_many.call([(user, ONE_AIM) for user in U]),
    "user_aims.put_many": user_aims.put_many.call([(user, goal) for user, goal in zip(U, A, strict=True)]),
    "user_aims.put_many, update": user_aims.put_many.call(
        [NewUserAim(user, ONE_AIM, role="x") for user in U], on_match="update"
    ),
    "user_aims.put_many, error": user_aims.put_many.call(
        [(user, goal) for user, goal in zip(U, reversed(A), strict=True)], on_match="error"
    ),
    "user_aims.merge": user_aims.merge.call(U[0], U[1]),
}


@pytest.fixture(scope="module")
def conn(create_database: Callable[[], str]) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(create_database(), options="-c statement_timeout=60s") as conn:
        for table in ("users", "aims", "user_aims"):
            conn.execute(f"ALTER TABLE {table} SET (autovacuum_enabled = off)".encode())
        conn.execute(FILL.encode())
        conn.commit()
        conn.autocommit = True
        conn.execute("VACUUM ANALYZE")
        conn.autocommit = False
        yield conn


PLACEHOLDER = re.compile(r"%\((\w+)\)s")
TRAPS = {
    "as it is": "SELECT",
    "generic plan": "SET LOCAL plan_cache_mode = force_generic_plan",
    # What VACUUM of a table leaves of which but a row is deleted, and which is filled again.
    "empty statistics": """UPDATE pg_class SET reltuples = 1 WHERE relname ~ '^(users|aims|user_aims)';
        DELETE FROM pg_statistic WHERE starelid::regclass::text IN ('users', 'aims', 'user_aims')""",
    "empty statistics, generic plan": """UPDATE pg_class SET reltuples = 1 WHERE relname ~ '^(users|aims|user_aims)';
        DELETE FROM pg_statistic WHERE starelid::regclass::text IN ('users', 'aims', 'user_aims');
        SET LOCAL plan_cache_mode = force_generic_plan""",
}


FOLLOWING_STATISTICS = {
    "users.page, any", "users.page, none", "users.page, exactly", "aims.count, none",
    "users.frame, any",
}  # fmt: skip
"""Joins of which the planner chooses the kind. It errs while it takes a table of thousands for one of one row, until
ANALYZE, autovacuum's within a minute, looks at it; forms that leave it no choice are slow where it is right."""


COMPARING_EACH_ROW = {
    "aims.delete_many",
    "aims.page, any",
    "aims.users.append",
    "aims.users.common",
    "aims.users.count",
    "aims.users.load",
    "aims.users.load, limited",
    "aims.users.remove",
    "aims.users.replace",
    "aims.users.update",
    "user_aims.find_many",
    "user_aims.put_many, error",
    "users.aims.append, update some",
    "users.aims.append, update",
    "users.aims.append",
    "users.aims.common",
    "users.aims.count",
    "users.aims.count_by_role",
    "users.aims.create",
    "users.aims.load, limited",
    "users.aims.load",
    "users.aims.remove",
    "users.aims.replace",
    "users.create_many",
    "users.aims.append, must",
    "users.aims.append, if_version",
    "users.aims.replace, must",
    "users.aims.remove, must",
    "aims.users.append, must",
}
"""With a generic plan besides, `= ANY` is a condition on each row of a table that is taken for one of a single row."""

NOT_HELD = {"users.page, none", "users.aims.frame", "aims.users.frame"}
"""A page of those without many aims looks for the whole array once a user, which the planner does not price; frames of
a relation are joined one way or the other, as the planner likes."""


NOW_AND_THEN = {"users.aims.direct_control", "aims.users.remove, must", "users.delete, must", "aims.delete, must"}
"""As those in the list above, by plans that are equally good to the planner."""


def holds(name: str, trap: str) -> bool | None:
    """Say whether the bound holds; None: now and then."""
    if name in NOT_HELD:
        return None
    if trap == "empty statistics, generic plan":
        return None if name in FOLLOWING_STATISTICS | NOW_AND_THEN else name not in COMPARING_EACH_ROW
    return trap != "empty statistics" or name not in FOLLOWING_STATISTICS


CASES = [(name, trap) for name in CALLS for trap in TRAPS if holds(name, trap) is not None]


@pytest.mark.parametrize(("name", "trap"), CASES)
def test_no_plan_compares_everything_given_with_everything_there(
    conn: psycopg.Connection[Any], name: str, trap: str
) -> None:
    done = work(conn, CALLS[name], trap)
    if holds(name, trap):
        assert done <= MOST
    else:
        assert done > MOST, "it is safe now: off the list"


def work(conn: psycopg.Connection[Any], call: Call[Any], trap: str) -> int:
    """What all nodes of the plans of a call do."""
    done = 0
    try:
        for statement in TRAPS[trap].split(";"):
            conn.execute(statement.encode())
        for sql, parameters in call.statements:
            if "set_config" in sql:  # EXPLAIN ANALYZE would run it too late for what comes next
                conn.execute(sql)
            else:
                done += sum(passed(node) for node in flat(explained(conn, str(sql), parameters)))
    finally:
        conn.rollback()
        conn.execute("DEALLOCATE ALL")
        conn.commit()
    return done


def explained(conn: psycopg.Connection[Any], sql: str, parameters: Mapping[str, Any]) -> Node:
    """Prepare by PREPARE and run by EXECUTE: with values bound to EXPLAIN itself the planner knows them always."""
    names = list(dict.fromkeys(PLACEHOLDER.findall(sql)))
    numbered = PLACEHOLDER.sub(lambda found: f"${names.index(found[1]) + 1}", sql).replace("%%", "%")
    conn.execute(f"PREPARE explained AS {numbered}".encode(), prepare=False)
    values: list[Any] = [plain(parameters[name]) for name in names]
    arguments = f"({', '.join(['%s'] * len(values))})" if values else ""
    query: Any = f"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) EXECUTE explained {arguments}"
    row: Any = psycopg.ClientCursor(conn).execute(query, values).fetchone()
    conn.execute("DEALLOCATE explained")
    plan: Node = row[0][0]["Plan"]
    return plan


def plain(value: Any) -> Any:
    """Spell an array as psycopg itself spells lists."""
    return [*value] if isinstance(value, list) else value


def passed(node: dict[str, Any]) -> int:
    """Rows, and what their number does not show: an array unknown to the planner is gone through for each of them."""
    rows = node.get("Actual Rows", 0) + sum(value for key, value in node.items() if key.startswith("Rows Removed"))
    loops = node.get("Actual Loops", 1)
    compared = GIVEN * rows if unhashed(node.get("Filter", "") + node.get("Join Filter", "")) else 0
    searched = GIVEN if "ANY ('{" in (found := node.get("Index Cond", "")) or unhashed(found) else 0
    return int((rows + compared + searched) * loops)


def unhashed(condition: str) -> bool:
    return re.search(r"(ANY|ALL) \(\$\d", condition) is not None
