"""At a realistic size the intended index serves each read, and a page reads what it shows, however deep it is."""

from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from useraim import aims, user_aims, users
from useraim.core.statement import Call
from useraim.values import Aim, User

Conn = psycopg.Connection[Any]
Node = dict[str, Any]

FILL = """
INSERT INTO users (id, name, email, created_at)
SELECT md5('u' || n)::uuid, 'Name ' || n % 5000, 'user' || n || '@example.org',
    timestamptz '2024-01-01Z' + n * interval '1 min'
FROM generate_series(1, 50000) n;
INSERT INTO aims (id, title, created_at)
SELECT md5('a' || n)::uuid, 'Title ' || n % 500, timestamptz '2024-01-01Z' + n * interval '1 min'
FROM generate_series(1, 5000) n;
INSERT INTO user_aims (user_id, aim_id, role, joined_at)
SELECT md5('u' || n)::uuid, md5('a1')::uuid, 'member', timestamptz '2024-03-01Z' + n % 10000 * interval '1 min'
FROM generate_series(1, 50000) n;
INSERT INTO user_aims (user_id, aim_id, role, joined_at)
SELECT md5('u' || n)::uuid, md5('a' || 2 + (n * 7) % 4999)::uuid, 'owner',
    timestamptz '2024-04-01Z' + n * interval '1 s'
FROM generate_series(1, 50000) n;
"""
"""Everybody shares the first aim, and all had joined it before they joined others."""


@pytest.fixture(scope="module")
def conn(create_database: Callable[[], str]) -> Iterator[Conn]:
    """A connection to a database with 50,000 users, 5,000 aims and 100,000 memberships, half of them of one aim."""
    with psycopg.connect(create_database(), autocommit=True) as conn:
        conn.execute("SET synchronous_commit = off")
        conn.execute(FILL.encode())
        conn.execute("VACUUM (ANALYZE) users, aims, user_aims")
        yield conn


@pytest.fixture(scope="module")
def big(conn: Conn) -> Aim:
    (aim,) = aims.page(conn, order_by="created_at", limit=1)
    assert aims.users.count(conn, [aim]) == {aim.id: 50_000}
    return aim


@pytest.fixture(scope="module")
def people(conn: Conn) -> list[User]:
    return users.page(conn, limit=100).items


@pytest.fixture(params=["force_custom_plan", "force_generic_plan"])
def explain(conn: Conn, request: pytest.FixtureRequest) -> Iterator[Callable[[Call[Any]], list[Node]]]:
    """All nodes of the plans of a call that is run, with values known to the planner and without."""
    conn.execute(f"SET plan_cache_mode = {request.param}".encode())

    def explain(call: Call[Any]) -> list[Node]:
        nodes: list[Node] = []
        for sql, parameters in call.statements:
            text = sql.decode() if isinstance(sql, bytes) else str(sql)
            query: Any = f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {text}"
            cursor = psycopg.Cursor(conn)
            row: Any = cursor.execute(query, parameters, prepare=True).fetchone()
            nodes += flat(row[0][0]["Plan"])
        return nodes

    yield explain
    conn.execute("RESET plan_cache_mode")


Explain = Callable[[Call[Any]], list[Node]]


def flat(node: Node) -> list[Node]:
    return [node, *(below for child in node.get("Plans", []) for below in flat(child))]


def indexes(nodes: list[Node]) -> set[str]:
    return {node["Index Name"] for node in nodes if "Index Name" in node}


def scanned(nodes: list[Node]) -> set[str]:
    return {node["Relation Name"] for node in nodes if node["Node Type"] == "Seq Scan"}


def most_read(nodes: list[Node]) -> float:
    """The most rows that one node of the plan gives or throws away."""
    read = [(node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) * node["Actual Loops"] for node in nodes]
    return float(max(read))


def deep(conn: Conn, page: Any, *args: Any, skip: int = 20, **asked: Any) -> str:
    """A cursor in the depth of an ordering."""
    cursor: str | None = None
    for _ in range(skip):
        cursor = page(conn, *args, limit=1000, after=cursor, **asked).next
    assert cursor
    return cursor


def test_get_reads_one_row_by_its_key(explain: Explain, people: list[User]) -> None:
    nodes = explain(users.get.call(people[50]))
    assert indexes(nodes) == {"users_pkey"}
    assert most_read(nodes) == 1


def test_find_by_email(explain: Explain) -> None:
    nodes = explain(users.find_by_email.call("USER777@example.org"))
    assert indexes(nodes) == {"users_email_key"}
    assert most_read(nodes) == 1


@pytest.mark.parametrize("sign", ["", "-"])
@pytest.mark.parametrize(
    ("order", "index"),
    [("created_at", "users_created_at_idx"), ("name", "users_name_idx"), ("email", "users_email_key")],
)
def test_pages_of_users(conn: Conn, explain: Explain, order: str, index: str, sign: str) -> None:
    cursor = deep(conn, users.page, order_by=sign + order)
    places: list[dict[str, Any]] = [{}, {"after": cursor}, {"before": cursor}]
    for asked in places:
        nodes = explain(users.page.call(order_by=sign + order, limit=50, **asked))
        assert indexes(nodes) == {index}
        assert scanned(nodes) == set()
        assert "Sort" not in {node["Node Type"] for node in nodes}
        assert most_read(nodes) <= 60


@pytest.mark.parametrize(("order", "index"), [("created_at", "aims_created_at_idx"), ("title", "aims_title_idx")])
def test_pages_of_aims(conn: Conn, explain: Explain, order: str, index: str) -> None:
    cursor = deep(conn, aims.page, order_by=order, skip=3)
    nodes = explain(aims.page.call(order_by=order, after=cursor))
    assert indexes(nodes) == {index}
    assert most_read(nodes) <= 60


@pytest.mark.parametrize("order_by", ["joined_at", "-joined_at"])
def test_pages_of_a_big_aims_members(conn: Conn, explain: Explain, big: Aim, order_by: str) -> None:
    cursor = deep(conn, aims.users.page, big, order_by=order_by)
    places: list[dict[str, Any]] = [{}, {"after": cursor}, {"before": cursor}]
    for asked in places:
        nodes = explain(aims.users.page.call(big, order_by=order_by, limit=50, **asked))
        assert indexes(nodes) == {"user_aims_aim_id_joined_at_idx", "users_pkey"}
        assert scanned(nodes) == set()
        assert not {node["Node Type"] for node in nodes} & {"Sort", "Incremental Sort"}
        assert most_read(nodes) <= 60


@pytest.mark.parametrize("order_by", ["joined_at", "-joined_at"])
def test_pages_of_all_memberships(conn: Conn, explain: Explain, order_by: str) -> None:
    cursor = deep(conn, user_aims.page, order_by=order_by)
    places: list[dict[str, Any]] = [{}, {"after": cursor}, {"before": cursor}]
    for asked in places:
        nodes = explain(user_aims.page.call(order_by=order_by, limit=50, **asked))
        assert indexes(nodes) == {"user_aims_joined_at_idx"}
        assert not {node["Node Type"] for node in nodes} & {"Sort", "Incremental Sort"}
        assert most_read(nodes) <= 60


def test_the_aims_of_a_user(explain: Explain, people: list[User]) -> None:
    for call in (users.aims.of.call(people[9]), users.aims.page.call(people[9])):
        nodes = explain(call)
        assert "user_aims_pkey" in indexes(nodes)
        assert "user_aims" not in scanned(nodes)
        assert most_read(nodes) <= 10


def test_load_of_a_hundred_users(explain: Explain, people: list[User]) -> None:
    nodes = explain(users.aims.load.call(people))
    assert "user_aims_pkey" in indexes(nodes)
    assert "user_aims" not in scanned(nodes)


@pytest.mark.parametrize("ends", [0, 1])
def test_has(explain: Explain, people: list[User], big: Aim, ends: int) -> None:
    call = aims.users.has.call(big, people[7]) if ends else users.aims.has.call(people[7], big)
    nodes = explain(call)
    assert indexes(nodes) == {"user_aims_pkey"}
    assert most_read(nodes) <= 1


def test_counts(explain: Explain, people: list[User], conn: Conn) -> None:
    nodes = explain(users.aims.count.call(people))
    assert indexes(nodes) == {"user_aims_pkey"}
    assert scanned(nodes) == set()
    small = aims.page(conn, order_by="-created_at", limit=5).items
    nodes = explain(aims.users.count.call(small))
    assert indexes(nodes) == {"user_aims_aim_id_joined_at_idx"}
    assert scanned(nodes) == set()


def test_a_membership_by_its_pair(explain: Explain, people: list[User], big: Aim) -> None:
    for call in (user_aims.get.call(people[3], big), user_aims.find_many.call([(one, big) for one in people[:20]])):
        nodes = explain(call)
        assert indexes(nodes) == {"user_aims_pkey"}
        assert "user_aims" not in scanned(nodes)
        assert most_read(nodes) <= 20


def test_the_cascade_from_aims_uses_the_index_that_leads_with_aim_id(conn: Conn) -> None:
    cascade = "EXPLAIN (FORMAT JSON) DELETE FROM ONLY user_aims WHERE aim_id = %s"
    row: Any = conn.execute(
        cascade,
        [aims.page(conn, order_by="-title").items[0].id],
    ).fetchone()
    assert indexes(flat(row[0][0]["Plan"])) == {"user_aims_aim_id_joined_at_idx"}
