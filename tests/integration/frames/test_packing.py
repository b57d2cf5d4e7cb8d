"""What the server packs and pyarrow shows, and what is said where that cannot be."""

import subprocess
import sys
from typing import Any

import psycopg
import psycopg_pool
import pytest
from psycopg.conninfo import make_conninfo

from tests.integration.frames.rows import by, fields, rows
from useraim import Error, Frame, NewAim, NewUser, aims, schema, user_aims, users
from useraim.core import frame
from useraim.core.pypika import Q, by_itself, table
from useraim.core.rows import whole
from useraim.core.running import run
from useraim.core.statement import Statement


def packed(conn: psycopg.Connection[Any], kinds: dict[str, str]) -> Frame:
    packs = table("packs")
    query = Q.from_(packs).select(*(frame.prepared(packs.field(name), kind).as_(name) for name, kind in kinds.items()))
    statement = Statement("packs", frame.packing(by_itself(query), kinds), whole)
    return run(conn, statement.call(frame.unpacking(kinds), {}))


def test_a_type_without_a_form_of_its_own_comes_as_text(conn: psycopg.Connection[Any]) -> None:
    conn.execute("CREATE TEMP TABLE packs (n integer, day date, held boolean)")
    conn.execute("INSERT INTO packs VALUES (7, '2024-05-17', true), (-1, '1900-01-01', false)")
    found = rows(packed(conn, {"n": "integer", "day": "date", "held": "boolean"}))
    assert found == [
        {"n": "7", "day": "2024-05-17", "held": "true"},
        {"n": "-1", "day": "1900-01-01", "held": "false"},
    ]


@pytest.mark.parametrize("kind", ["text", "uuid", "timestamptz", "text[]", "integer"])
def test_null_is_refused_and_moves_no_value_to_another_row(conn: psycopg.Connection[Any], kind: str) -> None:
    conn.execute(f"CREATE TEMP TABLE packs (n integer, held {kind})".encode())
    conn.execute("INSERT INTO packs VALUES (1, NULL), (2, NULL)")
    with pytest.raises(Error, match="held holds NULL"):
        packed(conn, {"n": "integer", "held": kind})


@pytest.mark.parametrize("encoding", ["UTF8", "LATIN1", "EUC_JP"])
def test_texts_are_right_whatever_the_encodings_of_the_client_and_the_database(
    server: str, encoding: str, create_database: Any
) -> None:
    text = "日本" if encoding == "EUC_JP" else "é£"
    name = f"useraim_frames_{encoding.lower()}"
    conninfo = make_conninfo(server, dbname=name)
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name} ENCODING '{encoding}' LOCALE 'C' TEMPLATE template0".encode())
        try:
            schema.apply(conninfo)
            for client in ("UTF8", encoding):
                with psycopg.connect(conninfo, client_encoding=client) as conn:
                    ana = users.create(conn, email="ana@example.org", name=f"{text} a {text}")
                    users.aims.create(conn, ana, [NewAim(text)], role=text, permissions=[text, f'{text}"\\,'])
                    assert rows(users.frame(conn)) == fields([ana])
                    assert rows(user_aims.frame(conn)) == fields(user_aims.stream(conn))
                    conn.rollback()
        finally:
            admin.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


def test_workers_pack_rows_as_one_process_does(database: str) -> None:
    with psycopg.connect(database, autocommit=True) as conn:
        people = users.create_many(conn, [NewUser(f"{n}@example.org", f"N{n}") for n in range(300)])
        goals = aims.create_many(conn, [NewAim(f"Goal {n}") for n in range(10)])
        for goal in goals:
            aims.users.append(conn, goal, people, role=goal.title, permissions=[goal.title, "x"])
        expected = by(["user_id", "aim_id"], fields(user_aims.stream(conn)))
        for setting in ("parallel_setup_cost", "parallel_tuple_cost", "min_parallel_table_scan_size"):
            conn.execute(f"SET {setting} = 0".encode())
        assert by(["user_id", "aim_id"], rows(user_aims.frame(conn))) == expected
        if conn.info.server_version >= 160000:  # before, string_agg is of one process
            (plan,) = conn.execute(f"EXPLAIN {user_aims.frame.call().statements[0][0]}".encode()).fetchmany(1)
            assert "Finalize Aggregate" in str(plan), "the query inside is one that workers can share"


def test_between_frames_a_pool_has_its_connection(database: str) -> None:
    with psycopg_pool.ConnectionPool[Any](database, min_size=1, max_size=1, timeout=10) as pool:
        people = users.create_many(pool, [NewUser(f"{n}@example.org", f"N{n}") for n in range(5)])
        found = [(len(one), users.count(pool)) for one in users.frames(pool, size=2)]
        assert found == [(2, 5), (2, 5), (1, 5)]
        assert len(people) == len(users.frame(pool))


MISSING = """
import sys
sys.modules["pyarrow"] = None
from useraim import users
try:
    users.frame.call()
except ModuleNotFoundError as error:
    print(error)
"""


def test_without_pyarrow_it_is_said_how_to_get_it() -> None:
    ran = subprocess.run([sys.executable, "-c", MISSING], capture_output=True, text=True, check=True, timeout=60)
    assert ran.stdout.strip() == "frames need pyarrow: pip install 'useraim[arrow]'"


def test_pyarrow_is_imported_by_those_who_ask_for_frames_only() -> None:
    program = "import sys, useraim; print('pyarrow' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert ran.stdout.strip() == "False"
