"""Encrypted connections, and secrets that stay where they are."""

from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from tests.proxy import wire
from useraim import AlreadyExists, InvalidValue, scoped, users

SECRET = "zq-secret-zq"


def test_a_server_without_encryption_is_refused_where_it_is_asked_for(database: str) -> None:
    with wire(database) as (conninfo, _), pytest.raises(psycopg.OperationalError):
        psycopg.connect(make_conninfo(conninfo, sslmode="require"))


def test_errors_say_no_value_of_a_row(conn: psycopg.Connection[Any]) -> None:
    users.create(conn, email=f"{SECRET}@example.org", name="Ana")
    with pytest.raises(AlreadyExists) as taken:
        users.create(conn, email=f"{SECRET}@example.org", name=SECRET)
    with pytest.raises(InvalidValue) as long:
        users.create(conn, email="b@example.org", name=SECRET * 100)
    for caught in (taken, long):
        assert SECRET not in str(caught.value) + repr(caught.value)


def test_a_scope_does_not_show_its_settings(conn: psycopg.Connection[Any]) -> None:
    assert SECRET not in repr(scoped(conn, {"app.token": SECRET}))
