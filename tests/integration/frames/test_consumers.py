"""Frames are read by anything that speaks the Arrow PyCapsule protocol, and equal what ADBC reads."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from importlib import import_module
from typing import Any
from urllib.parse import quote
from uuid import UUID

import psycopg
import pytest

from useraim import Frame, Link, NewAim, NewUser, aims, user_aims, users

adbc: Any = import_module("adbc_driver_postgresql.dbapi")
duckdb: Any = import_module("duckdb")
pandas: Any = import_module("pandas")
polars: Any = import_module("polars")
pyarrow: Any = import_module("pyarrow")

WHEN = datetime(2024, 5, 17, 12, 34, 56, 789, UTC)


@pytest.fixture(scope="module")
def conn(create_database: Callable[[], str]) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(create_database(), autocommit=True) as conn:
        people = users.create_many(conn, [NewUser(f"{n}@example.org", f"Nämé {n}") for n in range(50)])
        goals = aims.create_many(conn, [NewAim(f"Goal {n}", "x" * n) for n in range(20)])
        for n, user in enumerate(people):
            links = [Link(goal, f"role {n % 3}", ["a", "b,", "ç"][: n % 4]) for goal in goals[n % 7 :]]
            users.aims.append(conn, user, links, joined_at=WHEN)
        yield conn


@pytest.fixture
def frame(conn: psycopg.Connection[Any]) -> Frame:
    return user_aims.frame(conn)


class _Stream:
    """Nothing but the protocol: what reads this does not know the frame, nor pyarrow."""

    def __init__(self, frame: Frame) -> None:
        self.frame = frame

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self.frame.__arrow_c_stream__(requested_schema)


def test_adbc_reads_the_same_values_of_the_same_types(conn: psycopg.Connection[Any], frame: Frame) -> None:
    info = conn.info
    secret = f"&password={quote(info.password)}" if info.password else ""
    uri = f"postgresql:///{info.dbname}?host={quote(info.host)}&port={info.port}&user={info.user}{secret}"
    with adbc.connect(uri) as theirs, theirs.cursor() as cursor:
        cursor.execute("SELECT user_id, aim_id, role, permissions, joined_at FROM user_aims ORDER BY user_id, aim_id")
        expected = cursor.fetch_arrow_table()
    (ordered,) = user_aims.frames(conn)
    assert ordered.table.schema.types == expected.schema.types
    assert ordered.table.to_pylist() == expected.to_pylist()
    assert len(frame) == len(expected) > 500


def test_pyarrow_reads_it(frame: Frame) -> None:
    table = pyarrow.table(_Stream(frame))
    table.validate(full=True)
    assert table.equals(frame.table)
    assert pyarrow.schema(frame) == frame.table.schema


def test_polars_reads_it(frame: Frame) -> None:
    found = polars.DataFrame(_Stream(frame))
    assert found.shape == (len(frame), 5)
    assert found.schema["permissions"] == polars.List(polars.String)
    assert found.schema["joined_at"] == polars.Datetime("us", "UTC")
    sizes = found.group_by("role").len().sort("role")
    assert sizes["role"].to_list() == ["role 0", "role 1", "role 2"]
    assert sizes["len"].sum() == len(frame)
    first = found.row(0, named=True)
    assert UUID(bytes=first["user_id"]) == frame.table["user_id"][0].as_py()
    assert first["joined_at"] == WHEN


def test_pandas_reads_it(frame: Frame) -> None:
    found = pandas.DataFrame.from_arrow(_Stream(frame))
    assert found.shape == (len(frame), 5)
    assert found["user_id"].tolist() == frame.table["user_id"].to_pylist()
    assert found["joined_at"].iloc[0].to_pydatetime() == WHEN
    assert [[*one] for one in found["permissions"]] == frame.table["permissions"].to_pylist()


def test_duckdb_reads_it(frame: Frame) -> None:
    with duckdb.connect() as db:
        db.register("memberships", _Stream(frame))
        (found,) = db.sql(
            "SELECT user_id, aim_id, role, permissions FROM memberships ORDER BY user_id, aim_id LIMIT 1"
        ).fetchall()
    first: Any = min(frame.table.to_pylist(), key=lambda row: (row["user_id"], row["aim_id"]))
    assert isinstance(found[0], UUID)
    assert found == tuple(first[name] for name in ("user_id", "aim_id", "role", "permissions"))


def test_frames_are_read_one_after_the_other(conn: psycopg.Connection[Any], frame: Frame) -> None:
    found = polars.concat([polars.DataFrame(part) for part in user_aims.frames(conn, size=100)])
    keys = ["user_id", "aim_id"]
    assert found.equals(polars.DataFrame(frame).sort(keys))
