"""Two callers write one membership: the second waits, and acts on what the first left."""

import psycopg
import pytest

from tests.waiting import second_of
from useraim import AlreadyExists, Conflict, aims, user_aims, users
from useraim.ids import AimId, UserId


@pytest.fixture
def linked(database: str) -> tuple[UserId, AimId]:
    """A committed pair with the permission x and the role a."""
    with psycopg.connect(database) as conn:
        user = users.create(conn, email="ana@example.org", name="Ana")
        aim = aims.create(conn, title="Run")
        user_aims.create(conn, user, aim, role="a", permissions=["x"])
        return user.id, aim.id


def test_no_grant_is_lost_between_two_callers(database: str, linked: tuple[UserId, AimId]) -> None:
    row = second_of(
        database,
        lambda conn: user_aims.grant(conn, *linked, ["y"]),
        lambda conn: user_aims.grant(conn, *linked, ["z", "y"]),
    )
    assert row.permissions == ("x", "y", "z")


def test_a_grant_of_what_is_just_being_revoked_holds(database: str, linked: tuple[UserId, AimId]) -> None:
    row = second_of(
        database,
        lambda conn: user_aims.revoke(conn, *linked, ["x"]),
        lambda conn: user_aims.grant(conn, *linked, ["x"]),
    )
    assert row.permissions == ("x",)


def test_a_revoke_of_what_is_just_being_granted_holds(database: str, linked: tuple[UserId, AimId]) -> None:
    row = second_of(
        database,
        lambda conn: user_aims.grant(conn, *linked, ["y"]),
        lambda conn: user_aims.revoke(conn, *linked, ["y"]),
    )
    assert row.permissions == ("x",)


def test_if_role_looks_at_the_role_another_caller_has_just_left(database: str, linked: tuple[UserId, AimId]) -> None:
    row = second_of(
        database,
        lambda conn: user_aims.update(conn, *linked, role="b"),
        lambda conn: user_aims.update(conn, *linked, role="c", if_role="b"),
    )
    assert row.role == "c"
    with pytest.raises(Conflict):
        second_of(
            database,
            lambda conn: user_aims.update(conn, *linked, role="d"),
            lambda conn: user_aims.update(conn, *linked, role="e", if_role="c"),
        )


def test_of_two_updates_at_once_the_second_wins(database: str, linked: tuple[UserId, AimId]) -> None:
    row = second_of(
        database,
        lambda conn: user_aims.update(conn, *linked, role="b", permissions=["y"]),
        lambda conn: user_aims.update(conn, *linked, role="a"),
    )
    assert (row.role, row.permissions) == ("a", ("y",))


def test_of_two_that_create_at_once_the_second_finds_it_there(database: str, linked: tuple[UserId, AimId]) -> None:
    with psycopg.connect(database, autocommit=True) as conn:
        user_aims.delete(conn, *linked)
    with pytest.raises(AlreadyExists) as caught:
        second_of(database, lambda conn: user_aims.create(conn, *linked), lambda conn: user_aims.create(conn, *linked))
    assert caught.value.ids == (linked,)
