"""Errors of the server as errors of the package, and those that pass through."""

import pickle
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from psycopg.pq import TransactionStatus

from tests.ends import NOBODY, NOTHING
from tests.waiting import second_of
from tests.worlds import World
from useraim import (
    AlreadyExists,
    BrokenReference,
    Conflict,
    Error,
    InvalidCursor,
    InvalidValue,
    NotFound,
    SchemaOutOfDate,
    aims,
    user_aims,
    users,
)
from useraim.values import NewUser


def test_other_failures_pass_through(connect: Callable[..., World]) -> None:
    call = connect(autocommit=True)
    call.execute("SET default_transaction_read_only = on")
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        call(users.create, email="ana@example.org", name="Ana")
    call.execute("SET default_transaction_read_only = off")
    call.execute("ALTER TABLE users ADD CONSTRAINT no_bo CHECK (name <> 'Bo')")
    with pytest.raises(psycopg.errors.CheckViolation):
        call(users.create, email="bo@example.org", name="Bo")
    call.execute("DROP TABLE user_aims")
    with pytest.raises(psycopg.errors.UndefinedTable):
        call(user_aims.count)


def test_a_check_of_the_schema_names_the_field(connect: Callable[..., World]) -> None:
    call = connect(autocommit=True)
    call.execute("ALTER TABLE user_aims DROP CONSTRAINT user_aims_role_check")
    call.execute("ALTER TABLE user_aims ADD CONSTRAINT user_aims_role_check CHECK (role = 'member')")
    call.execute("ALTER TABLE users DROP CONSTRAINT users_name_check")
    call.execute("ALTER TABLE users ADD CONSTRAINT users_name_check CHECK (name <> 'secret')")
    ana = call(users.create, email="ana@example.org", name="Ana")
    run = call(aims.create, title="Run")
    asks: list[tuple[str, Any, tuple[Any, ...], dict[str, Any]]] = [
        ("name", users.create, (), {"email": "bo@example.org", "name": "secret"}),
        ("name", users.update, (ana,), {"name": "secret"}),
        ("role", user_aims.create, (ana, run), {"role": "secret"}),
        ("role", users.aims.replace, (ana, [run]), {"role": "secret"}),
    ]
    for field, operation, args, kwargs in asks:
        with pytest.raises(InvalidValue) as caught:
            call(operation, *args, **kwargs)
        assert caught.value.field == field
        assert isinstance(caught.value.__cause__, psycopg.errors.CheckViolation)
        assert "secret" not in str(caught.value)
        assert call.db.info.transaction_status == TransactionStatus.IDLE
    assert call(user_aims.count) == 0


def test_a_lost_race_for_an_address_is_mapped(database: str) -> None:
    with pytest.raises(AlreadyExists) as caught:
        second_of(
            database,
            lambda conn: users.create(conn, email="ana@example.org", name="Ana"),
            lambda conn: users.create(conn, email="Ana@example.org", name="Ana"),
        )
    assert caught.value.constraint == "users_email_key"


def test_a_lost_race_for_an_id_names_it(database: str) -> None:
    with pytest.raises(AlreadyExists) as caught:
        second_of(
            database,
            lambda conn: users.create(conn, email="one@example.org", name="One", id=NOBODY),
            lambda conn: users.create(conn, email="two@example.org", name="Two", id=NOBODY),
        )
    assert (caught.value.constraint, caught.value.ids) == ("users_pkey", (NOBODY,))
    with pytest.raises(AlreadyExists) as caught:
        second_of(
            database,
            lambda conn: aims.create(conn, title="One", id=NOTHING),
            lambda conn: aims.create(conn, title="Two", id=NOTHING),
        )
    assert (caught.value.constraint, caught.value.ids) == ("aims_pkey", (NOTHING,))


def test_a_lost_race_of_many_keeps_the_servers_error_as_its_cause(database: str) -> None:
    with pytest.raises(AlreadyExists) as caught:
        second_of(
            database,
            lambda conn: users.create(conn, email="ana@example.org", name="Ana"),
            lambda conn: users.create_many(conn, [NewUser("Ana@example.org", "A"), NewUser("bo@example.org", "B")]),
        )
    assert caught.value.constraint == "users_email_key"
    assert isinstance(caught.value.__cause__, psycopg.errors.UniqueViolation)
    with psycopg.connect(database) as conn:
        assert users.count(conn) == 1


@pytest.mark.parametrize("gone", ["user", "aim"])
def test_an_end_that_vanishes_meanwhile_is_a_broken_reference(database: str, gone: str) -> None:
    with psycopg.connect(database) as conn:
        ana, run = users.create(conn, email="ana@example.org", name="Ana"), aims.create(conn, title="Run")
    with pytest.raises(BrokenReference) as caught:
        second_of(
            database,
            lambda conn: users.delete(conn, ana) if gone == "user" else aims.delete(conn, run),
            lambda conn: user_aims.create(conn, ana, run),
        )
    assert (caught.value.users, caught.value.aims) == (((ana.id,), ()) if gone == "user" else ((), (run.id,)))
    assert isinstance(caught.value.__cause__, psycopg.errors.ForeignKeyViolation)


ERRORS: list[Error] = [
    NotFound("users", (NOBODY,)),
    AlreadyExists("users_email_key", (NOBODY,)),
    BrokenReference((NOBODY,), (NOTHING,)),
    InvalidValue("name", "blank"),
    InvalidCursor("after", "damaged"),
    Conflict("changed"),
    SchemaOutOfDate("behind"),
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_errors_survive_pickling(error: Error) -> None:
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is type(error)
    assert (str(again), vars(again), again.args) == (str(error), vars(error), error.args)
