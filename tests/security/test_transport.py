"""Encrypted connections, and secrets that stay where they are."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from psycopg_pool import ConnectionPool

from tests.proxy import wire
from tests.security.encrypted import certificate, encrypted
from useraim import AlreadyExists, InvalidValue, scoped, users

SECRET = "zq-secret-zq"


@pytest.fixture
def trusted(tmp_path: Path) -> Path:
    return certificate(tmp_path, "localhost")


@pytest.fixture
def reached(database: str, trusted: Path) -> Iterator[str]:
    """The conninfo of a server that speaks TLS, which the client verifies."""
    with encrypted(database, trusted) as port:
        yield make_conninfo(
            database, host="localhost", hostaddr="127.0.0.1", port=port, gssencmode="disable",
            sslmode="verify-full", sslrootcert=str(trusted),
        )  # fmt: skip


def test_operations_run_over_an_encrypted_and_verified_connection(reached: str) -> None:
    with psycopg.connect(reached, autocommit=True) as conn:
        assert conn.pgconn.ssl_in_use
        assert users.create(conn, email="ana@example.org", name="Ana").name == "Ana"
    with ConnectionPool[Any](reached, min_size=1, max_size=1, kwargs={"autocommit": True}) as pool:
        assert users.count(pool) == 1


def test_a_server_that_shows_another_certificate_is_not_spoken_to(reached: str, tmp_path: Path) -> None:
    with pytest.raises(psycopg.OperationalError, match="certificate verify failed"):
        psycopg.connect(make_conninfo(reached, sslrootcert=str(certificate(tmp_path, "other"))))
    with pytest.raises(psycopg.OperationalError, match="does not match host name"):
        psycopg.connect(make_conninfo(reached, host="elsewhere"))


def test_a_server_without_encryption_is_not_spoken_to_where_it_is_asked_for(database: str) -> None:
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
