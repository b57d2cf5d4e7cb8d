"""The roles of sql/roles.sql can do what they are for, and no more.

Most other tests run as the writer too: the connections of `call` and `committed` have its rights.
"""

from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from psycopg.errors import InsufficientPrivilege

from tests.calls import Shape, every_shape
from tests.conftest import READER, ROLES, TEMPLATE, WRITER, as_role
from tests.security.separated import psql
from tests.worlds import World
from useraim import Error, aims, bulk, preview, schema, users
from useraim.core import files

READ, WRITE = {"SELECT"}, {"SELECT", "INSERT", "UPDATE", "DELETE"}
TABLES = ["users", "aims", "user_aims"]
MARKS = ["_yoyo_migration", "_yoyo_log"]
GRANTED = {
    READER: dict.fromkeys([*TABLES, *MARKS], READ),
    WRITER: {**dict.fromkeys(TABLES, WRITE), **dict.fromkeys(MARKS, READ)},
}
FORBIDDEN = [
    "CREATE TABLE mine (id int)",
    "CREATE SCHEMA mine",
    "CREATE FUNCTION mine() RETURNS int LANGUAGE sql RETURN 1",
    "CREATE VIEW mine AS SELECT 1",
    "CREATE INDEX ON users (name)",
    "CREATE TRIGGER mine BEFORE INSERT ON users EXECUTE FUNCTION suppress_redundant_updates_trigger()",
    "CREATE OR REPLACE FUNCTION useraim_lock_user(source uuid) RETURNS void LANGUAGE sql AS ''",
    "CREATE ROLE mine",
    "CREATE DATABASE mine",
    "ALTER TABLE users ADD COLUMN nickname text",
    "ALTER TABLE users OWNER TO current_user",
    "ALTER FUNCTION useraim_lock_user(uuid) RESET ALL",
    "ALTER SYSTEM SET work_mem = '1MB'",
    "TRUNCATE users CASCADE",
    "DROP TABLE user_aims",
    "DROP INDEX users_email_key",
    "DROP FUNCTION useraim_lock_user",
    "COPY users TO PROGRAM 'cat'",
    "COPY users FROM '/etc/passwd'",
    "SELECT pg_read_file('/etc/passwd')",
    "UPDATE _yoyo_migration SET migration_hash = ''",
    "DELETE FROM _yoyo_log",
    "SELECT locked FROM yoyo_lock",
]


@pytest.fixture(params=[READER, WRITER], ids=["reader", "writer"])
def role(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def filled(create_database: Callable[[], str]) -> str:
    return create_database()


@pytest.fixture
def session(filled: str, role: str) -> Iterator[psycopg.Connection[Any]]:
    """An autocommit connection with the rights of the role only."""
    with psycopg.connect(as_role(filled, role), autocommit=True) as conn:
        yield conn


def refused(conn: psycopg.Connection[Any], shape: Shape) -> bool:
    """Say whether a call is refused for want of a right; nothing of it is kept."""
    try:
        preview(conn, shape.call)
    except InsufficientPrivilege:
        return True
    except Error:
        pass
    return False


def shapes() -> dict[Any, Shape]:
    """One of each list of statements."""
    return {tuple(sql for sql, _ in shape.call.statements): shape for shape in every_shape()}


def test_the_roles_have_these_rights_on_tables_and_no_more(filled: str, role: str) -> None:
    with psycopg.connect(filled) as conn:
        rows = conn.execute(
            "SELECT c.relname, a.privilege_type FROM pg_class c, aclexplode(c.relacl) a"
            " WHERE a.grantee = %s::regrole UNION ALL"
            " SELECT format('%%s.%%s', t.attrelid::regclass, attname), a.privilege_type"
            " FROM pg_attribute t, aclexplode(t.attacl) a WHERE a.grantee = %s::regrole",
            [role, role],
        ).fetchall()
    granted: dict[str, set[str]] = {}
    for table, right in rows:
        granted.setdefault(table, set()).add(right)
    assert granted == GRANTED[role]


def test_the_roles_are_nobody_elses_and_nothing_is_theirs(filled: str, role: str) -> None:
    with psycopg.connect(filled) as conn:
        (attributes,) = conn.execute(
            "SELECT rolsuper, rolcreaterole, rolcreatedb, rolcanlogin, rolreplication, rolbypassrls"
            " FROM pg_roles WHERE rolname = %s",
            [role],
        ).fetchall()
        owned = conn.execute("SELECT relname FROM pg_class WHERE relowner = %s::regrole", [role]).fetchall()
        groups = conn.execute("SELECT roleid FROM pg_auth_members WHERE member = %s::regrole", [role]).fetchall()
    assert not any(attributes)
    assert owned == groups == []


@pytest.mark.parametrize("statement", FORBIDDEN)
def test_neither_changes_the_schema_or_leaves_it(session: psycopg.Connection[Any], statement: str) -> None:
    with pytest.raises(InsufficientPrivilege):
        session.execute(statement.encode())


@pytest.mark.parametrize("role", [WRITER], indirect=True, ids=["writer"])
def test_every_operation_in_every_shape_is_open_to_the_writer(session: psycopg.Connection[Any]) -> None:
    assert [shape.name for shape in shapes().values() if refused(session, shape)] == []


@pytest.mark.parametrize("role", [READER], indirect=True, ids=["reader"])
def test_every_read_is_open_to_the_reader_and_no_write(session: psycopg.Connection[Any]) -> None:
    reads = {name: shape for name, shape in shapes().items() if not locks_or_writes(shape)}
    writes = [shape for name, shape in shapes().items() if name not in reads]
    assert len(reads) > 100
    assert len(writes) > 100
    assert [shape.name for shape in reads.values() if refused(session, shape)] == []
    assert [shape.name for shape in writes if not refused(session, shape)] == []


def locks_or_writes(shape: Shape) -> bool:
    return shape.call.writes or any("useraim_lock_" in sql or "FOR UPDATE" in sql for sql, _ in shape.call.statements)


def test_the_roles_read_the_state_of_the_schema(session: psycopg.Connection[Any]) -> None:
    schema.check(session)
    assert schema.status(session).pending == ()


def test_the_writer_stages_a_bulk_load(call: World) -> None:
    user, goal = call(users.create, email="writer@example.org", name="Writer"), call(aims.create, title="Run")
    loaded: Any = bulk.load(call.db, [(user, goal)])
    assert (loaded if isinstance(call.db, psycopg.Connection) else call.runner.run(loaded)).added == 1


def test_the_script_may_run_again_as_after_a_further_migration(call: World) -> None:
    call.as_owner(ROLES)
    assert call(users.create, email="writer@example.org", name="Writer")


def test_an_owner_who_may_not_create_roles_gives_rights_to_those_of_an_administrator(call: World) -> None:
    owner = f"{TEMPLATE}_owner"
    tables = "".join(f"ALTER TABLE {table} OWNER TO {owner};" for table in [*TABLES, *MARKS])
    call.as_owner(f"DROP OWNED BY {READER}, {WRITER}; CREATE ROLE {owner}; GRANT {owner} TO CURRENT_USER;"
                  f"GRANT ALL ON SCHEMA public TO {owner} WITH GRANT OPTION; {tables}"
                  f"SET ROLE {owner}; {ROLES}")  # fmt: skip
    assert call(users.create, email="writer@example.org", name="Writer")


def test_psql_ends_with_a_status_of_failure_where_a_table_is_missing(database: str) -> None:
    """Nothing of it is kept."""
    steps = ["-c", "BEGIN", "-f", str(files.folder("sql") / "roles.sql"), "-c", "ROLLBACK"]
    assert psql(database, *steps).returncode == 0
    with psycopg.connect(database) as conn:
        conn.execute("DROP TABLE user_aims")
    assert psql(database, *steps).returncode == 3
