"""The migrations as operators run them, on every PostgreSQL of this machine: up, down, up, and over leftovers."""

import psycopg
import pytest

from tests.conftest import yoyo
from tests.contract.migrations.catalogue import (
    BARE,
    CHECKED,
    FOLDED,
    FOLDING,
    IDS,
    INDEX,
    Catalogue,
    Steps,
    apply_before,
    catalogue,
    email_index,
    unvalidated,
)


def test_up_down_and_up_again_leave_the_same_catalogue(empty: str) -> None:
    bare = catalogue(empty)
    yoyo(empty, "apply")
    up = catalogue(empty)
    yoyo(empty, "rollback", "--all")
    assert catalogue(empty) == bare
    yoyo(empty, "apply")
    assert catalogue(empty) == up
    assert up["columns"]


def test_every_rollback_undoes_its_own_migration(steps: Steps, empty: str) -> None:
    before: list[Catalogue] = []
    for one in IDS:
        before.append(unvalidated(catalogue(empty)))
        steps.apply(one)
    for one in reversed(IDS):
        steps.rollback(one)
        assert unvalidated(catalogue(empty)) == before.pop()


def test_a_migration_that_was_done_but_not_marked_can_be_done_again(steps: Steps, empty: str) -> None:
    """As a yoyo leaves it that was killed between the two."""
    for one in IDS:
        steps.apply(one)
        expected = catalogue(empty)
        steps.apply(one)
        assert catalogue(empty) == expected
    for one in reversed(IDS):
        steps.rollback(one)
        expected = catalogue(empty)
        steps.rollback(one)
        assert catalogue(empty) == expected


def test_a_populated_table_keeps_its_rows_and_gets_the_defaults(empty: str) -> None:
    yoyo(empty, "apply", "--revision", BARE)
    with psycopg.connect(empty, autocommit=True) as conn:
        conn.execute(
            "INSERT INTO users (name, email) SELECT 'u' || i, i || '@example.org' FROM generate_series(1, 50) i"
        )
        conn.execute("INSERT INTO aims (title) SELECT 'a' || i FROM generate_series(1, 50) i")
        conn.execute("INSERT INTO user_aims SELECT users.id, aims.id FROM users CROSS JOIN aims")
        file = conn.execute("SELECT pg_relation_filenode('user_aims')").fetchone()
        pairs = conn.execute("SELECT user_id, aim_id FROM user_aims ORDER BY 1, 2").fetchall()
        yoyo(empty, "apply")
        assert conn.execute("SELECT user_id, aim_id FROM user_aims ORDER BY 1, 2").fetchall() == pairs
        defaults = "SELECT DISTINCT role, permissions, joined_at <= now() FROM user_aims"
        assert conn.execute(defaults).fetchall() == [("member", [], True)]
        assert conn.execute("SELECT pg_relation_filenode('user_aims')").fetchone() == file, "the table was rewritten"


def test_what_an_interrupted_build_left_is_built_again(empty: str) -> None:
    yoyo(empty, "apply", "--revision", CHECKED)
    with psycopg.connect(empty, autocommit=True) as builder, psycopg.connect(empty) as writer:
        writer.execute("LOCK TABLE user_aims IN ROW EXCLUSIVE MODE")
        builder.execute("SET statement_timeout = '200ms'")
        with pytest.raises(psycopg.errors.QueryCanceled):
            builder.execute(f"CREATE INDEX CONCURRENTLY {INDEX} ON user_aims (aim_id, joined_at, user_id)".encode())
    assert (INDEX, False) in [(name, valid) for _, name, _, valid in catalogue(empty)["indexes"]]
    yoyo(empty, "apply")
    assert (INDEX, True) in [(name, valid) for _, name, _, valid in catalogue(empty)["indexes"]]


def test_addresses_are_unique_as_they_are_compared(migrated: str) -> None:
    assert email_index(migrated) == [("users_email_key", FOLDING, True)]


def test_an_interrupted_build_of_the_index_of_addresses_is_built_again(steps: Steps, empty: str) -> None:
    apply_before(steps, FOLDED)
    with psycopg.connect(empty, autocommit=True) as builder, psycopg.connect(empty) as writer:
        writer.execute("LOCK TABLE users IN ROW EXCLUSIVE MODE")
        builder.execute("SET statement_timeout = '200ms'")
        with pytest.raises(psycopg.errors.QueryCanceled):
            builder.execute("CREATE UNIQUE INDEX CONCURRENTLY users_email_new_key ON users (lower(email))")
    assert len(email_index(empty)) == 2
    steps.apply(FOLDED)
    assert email_index(empty) == [("users_email_key", FOLDING, True)]


def test_two_accounts_with_one_address_stop_the_migration_and_the_index_before_stays(steps: Steps, empty: str) -> None:
    apply_before(steps, FOLDED)
    with psycopg.connect(empty, autocommit=True) as conn:
        # As it is in a database by whose rules the two differ.
        conn.execute("DROP INDEX users_email_key")
        conn.execute("CREATE UNIQUE INDEX users_email_key ON users (email)")
        conn.execute("INSERT INTO users (name, email) VALUES ('One', 'info@example.org'), ('Two', 'INFO@example.org')")
        with pytest.raises(psycopg.errors.UniqueViolation, match=r"info@example\.org"):
            steps.apply(FOLDED)
        assert ("users_email_key", "(email)", True) in email_index(empty)
        conn.execute("DELETE FROM users WHERE name = 'Two'")
        steps.apply(FOLDED)
        assert email_index(empty) == [("users_email_key", FOLDING, True)]
