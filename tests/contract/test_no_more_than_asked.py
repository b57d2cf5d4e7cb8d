"""Reads by ids send the rows that were asked for: a result made of them does not show what else came."""

from typing import Any

import psycopg
import pytest

from tests.ends import ENDS, End
from useraim import Link, aims, user_aims, users
from useraim.core.running import run
from useraim.core.statement import Call
from useraim.ids import new_id


def rows_of(conn: psycopg.Connection[Any], asked: Call[Any]) -> list[Any]:
    rows: list[Any]
    (rows,) = run(conn, asked._replace(read=_as_sent))
    return rows


def _as_sent(results: list[list[Any]]) -> Any:
    return results


@pytest.fixture
def sources(conn: psycopg.Connection[Any], end: End) -> list[Any]:
    """Two, each with links of its own."""
    made = end.sources.create_many(conn, [new(end.source_table, f"s{n}") for n in range(2)])
    far = end.far.create_many(conn, [new(end.far_table, f"f{n}") for n in range(4)])
    for n, source in enumerate(made):
        end.relation.append(conn, source, [Link(far[2 * n], role="one"), Link(far[2 * n + 1], role="other")])
    return list(made)


def new(table: str, label: str) -> Any:
    return next(end.new(label, new_id()) for end in ENDS if end.far_table == table)


def test_of_many_sources_those_asked_for(conn: psycopg.Connection[Any], end: End, sources: list[Any]) -> None:
    one = [sources[0]]
    assert len(rows_of(conn, end.relation.count.call(one))) == 1
    assert len(rows_of(conn, end.relation.count_by_role.call(one))) == 2
    assert len(rows_of(conn, end.relation.load.call(one))) == 4  # two records, two links


@pytest.mark.parametrize("records", [users, aims], ids=["users", "aims"])
def test_of_records_those_asked_for(conn: psycopg.Connection[Any], records: Any) -> None:
    table = "users" if records is users else "aims"
    made = records.create_many(conn, [new(table, f"n{n}") for n in range(3)])
    assert len(rows_of(conn, records.find_many.call([made[0].id]))) == 1


def test_of_memberships_those_asked_for(conn: psycopg.Connection[Any]) -> None:
    people = users.create_many(conn, [new("users", f"n{n}") for n in range(2)])
    goals = aims.create_many(conn, [new("aims", f"n{n}") for n in range(2)])
    for person in people:
        users.aims.append(conn, person, goals)
    assert len(rows_of(conn, user_aims.find_many.call([(people[0], goals[0])]))) == 1
