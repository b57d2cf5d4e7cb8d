"""A hot standby: what reads answers as the primary does and locks nothing; what writes says that it cannot."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from tests.calls import ID, OTHER, every_shape
from tests.engines.replica import READS, REPLAYED, WRITTEN, primary, standby_of
from useraim import Conflict, Link, aims, schema, users
from useraim.core.running import run
from useraim.errors import is_retryable

Conn = psycopg.Connection[Any]
SHAPES = list(every_shape())


class Pair(NamedTuple):
    primary: str
    standby: str


@pytest.fixture(scope="module")
def pair() -> Iterator[Pair]:
    with primary() as first:
        schema.apply(first)
        with psycopg.connect(first, autocommit=True) as conn:
            for n, id in enumerate([ID, OTHER]):
                users.create(conn, email=f"{n}@example.org", name=f"N{n}", id=id)
                aims.create(conn, title=f"T{n}", id=id)
            users.aims.append(conn, ID, [ID, Link(OTHER, role="owner", permissions=["edit"])])
            users.aims.append(conn, OTHER, [ID])
            await_replay(conn, standby_of(first))
        yield Pair(first, standby_of(first))


def await_replay(conn: Conn, standby: str) -> None:
    """Wait, as a caller does who wants to read what it has written."""
    place = conn.execute(WRITTEN).fetchone()
    with psycopg.connect(standby, autocommit=True) as other:
        other.execute("SET statement_timeout = '20s'")
        while place and other.execute(REPLAYED, place).fetchone() != (True,):
            pass


@pytest.fixture
def both(pair: Pair) -> Iterator[tuple[Conn, Conn]]:
    with psycopg.connect(pair.primary) as first, psycopg.connect(pair.standby) as second:
        yield first, second


def name_of(call: Any) -> str:
    """The operation that a call belongs to, as its statement says."""
    sql = call.statements[0][0]
    text = sql.decode() if isinstance(sql, bytes) else str(sql)
    return text.split()[2].rpartition(".")[2]


def test_every_read_answers_as_the_primary_does_and_takes_no_lock(both: tuple[Conn, Conn]) -> None:
    first, second = both
    asked = [shape.call for shape in SHAPES if name_of(shape.call) in READS]
    assert len(asked) > 300
    for call in asked:
        assert run(second, call) == run(first, call)
    modes = "SELECT DISTINCT mode FROM pg_locks WHERE pid = pg_backend_pid() AND locktype <> 'virtualxid'"
    assert second.execute(modes.encode()).fetchall() == [("AccessShareLock",)]


def refusal(conn: Conn, call: Any) -> psycopg.Error | None:
    try:
        run(conn, call)
    except psycopg.errors.ReadOnlySqlTransaction as error:
        return error
    except Conflict:  # found by reading
        return None
    return None


def test_every_write_says_that_it_cannot(pair: Pair) -> None:
    """With an error after which `transaction.run` starts again on a new connection, which may lead to the primary."""
    written = [shape.call for shape in SHAPES if name_of(shape.call) not in READS]
    with psycopg.connect(pair.standby, autocommit=True) as conn:
        refused = [refusal(conn, call) for call in written]
    assert sum(error is not None and is_retryable(error) for error in refused) > 900
    # An update that gives no attribute is a read.
    assert {str(written[n].statements[0][0])[:40] for n, error in enumerate(refused) if error is None} == {
        "/* useraim user_aims.update */ SELECT fa"
    }


def test_the_state_of_the_schema_can_be_asked(pair: Pair) -> None:
    with psycopg.connect(pair.standby) as conn:
        schema.check(conn)


def hosts(*conninfos: str, **more: str) -> str:
    """One address of several hosts."""
    parts = [conninfo_to_dict(one) for one in conninfos]
    joined = {name: ",".join(str(part[name]) for part in parts) for name in ("host", "port")}
    return make_conninfo(conninfos[0], **{**joined, **more})


@pytest.mark.parametrize(
    ("wanted", "recovers"),
    [("read-write", False), ("primary", False), ("standby", True), ("prefer-standby", True), ("read-only", True)],
)
@pytest.mark.parametrize("turned", [False, True])
def test_one_address_of_both_leads_where_it_should(pair: Pair, wanted: str, recovers: bool, turned: bool) -> None:
    conninfo = hosts(*(reversed(pair) if turned else pair), target_session_attrs=wanted)
    with psycopg.connect(conninfo) as conn:
        assert conn.execute("SELECT pg_is_in_recovery()").fetchone() == (recovers,)
        assert users.exists(conn, ID)


@pytest.mark.parametrize("turned", [False, True])
def test_migrations_find_the_primary_themselves(pair: Pair, turned: bool) -> None:
    conninfo = hosts(*(reversed(pair) if turned else pair), target_session_attrs="prefer-standby")
    last = list(schema.checksums())[-1]
    assert schema.rollback(conninfo, to=list(schema.checksums())[-2]) == (last,)
    assert schema.apply(conninfo) == (last,)
    with pytest.raises(psycopg.OperationalError, match="read-only"):
        schema.apply(pair.standby)


def test_whoever_waits_for_the_replay_reads_what_was_written(pair: Pair) -> None:
    with (
        psycopg.connect(pair.primary, autocommit=True) as first,
        psycopg.connect(pair.standby, autocommit=True) as second,
    ):
        for n in range(50):
            user = users.create(first, email=f"written{n}@example.org", name="Ana")
            await_replay(first, pair.standby)
            assert users.get(second, user) == user


def test_a_snapshot_there_may_be_older_than_what_the_primary_has_said(pair: Pair) -> None:
    """What was answered first can be contradicted: who compares the two waits, or asks one of them only."""
    with psycopg.connect(pair.primary, autocommit=True) as first, psycopg.connect(pair.standby) as second:
        second.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        before = users.count(second)
        user = users.create(first, email="later@example.org", name="Ana")
        await_replay(first, pair.standby)
        assert users.count(second) == before
        assert users.find(second, user) is None
        second.rollback()
        assert users.find(second, user) == user
