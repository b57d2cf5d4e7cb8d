"""Prepared statements: how many, under which names, and what loses them."""

from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from tests.integration.interruptions import Setting
from useraim import users


@pytest.mark.parametrize("threshold", [0, 2])
def test_no_more_statements_are_prepared_than_the_connection_allows(setting: Setting, threshold: int) -> None:
    orders = [sign + name for sign in ("", "-") for name in ("joined_at", "role", "created_at", "title")]
    with psycopg.connect(setting.conninfo, autocommit=True, prepare_threshold=threshold) as conn:
        conn.prepared_max = 5
        for _ in range(4):
            for order in orders:
                users.aims.of(conn, setting.user, order_by=order)
                users.aims.load(conn, [setting.user], order_by=order)
        prepared = conn.execute("SELECT FROM pg_prepared_statements").fetchall()
        assert len(prepared) <= 5 + 2  # those displaced by the last call are closed by the next one


def goes_on(setting: Setting, discard: Any, statement: Callable[[psycopg.Connection[Any]], object]) -> bool:
    """Say whether a prepared statement goes on to work after this, on a connection of its own."""
    with psycopg.connect(setting.conninfo, autocommit=True, prepare_threshold=0) as conn:
        statement(conn)
        conn.execute(discard, prepare=False)
        try:
            statement(conn)
        except psycopg.errors.InvalidSqlStatementName:
            return False
        return True


@pytest.mark.parametrize("discard", ["DISCARD ALL", "DEALLOCATE ALL"])
def test_what_discards_prepared_statements_is_noticed_where_psycopg_does(setting: Setting, discard: str) -> None:
    psycopg_does = goes_on(setting, discard, lambda conn: conn.execute("SELECT true"))
    assert goes_on(setting, discard, lambda conn: users.exists(conn, setting.user)) == psycopg_does


def test_a_rollback_which_makes_psycopg_discard_them_is_noticed(setting: Setting) -> None:
    with psycopg.connect(setting.conninfo, prepare_threshold=0) as conn:
        for _ in range(3):
            assert users.exists(conn, setting.user)
            conn.execute("SELECT 1")
            conn.rollback()


def test_a_prepared_name_is_made_of_the_statement_so_that_it_is_never_another_one(setting: Setting) -> None:
    with psycopg.connect(setting.conninfo, autocommit=True, prepare_threshold=0) as conn:
        users.get(conn, setting.user)
        users.exists(conn, setting.user)
        names = {name for (name,) in conn.execute("SELECT name FROM pg_prepared_statements", prepare=False)}
    get, exists = (call(setting.user) for call in (users.get.call, users.exists.call))
    uuid = 2950
    assert names == {call.steps[0][0].name_for((uuid,)).decode() for call in (get, exists)}


@pytest.mark.parametrize(("threshold", "sqlstate"), [(0, "26000")])
def test_behind_a_pooler_that_loses_statements_the_error_says_what_to_do(
    setting: Setting, threshold: int, sqlstate: str
) -> None:
    with psycopg.connect(setting.conninfo, autocommit=True, prepare_threshold=threshold) as conn:
        users.get(conn, setting.user)
        conn.pgconn.exec_(b"DEALLOCATE ALL")  # as if this were another server session now
        with pytest.raises(psycopg.errors.InvalidSqlStatementName) as caught:
            users.get(conn, setting.user)
    assert caught.value.sqlstate == sqlstate
    assert any("prepare_threshold=None" in note for note in caught.value.__notes__)
