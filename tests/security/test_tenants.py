"""sql/rls.sql: a tenant reads and writes its own rows, whatever it asks for and whoever had the connection before."""

import asyncio
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from psycopg.errors import InsufficientPrivilege

from tests.calls import every_shape
from tests.conftest import WRITER, as_role
from tests.contract.test_round_trips import costs, uses
from tests.proxy import Wire, wire
from tests.security.judge import Judge
from tests.security.random_calls import CALLS, Caller, marked
from tests.security.separated import SETTING, psql, separate
from tests.security.storm import fill, known, storm, storms, strays
from tests.sessions import KINDS, WORLDS, World, session
from useraim import (
    AlreadyExists,
    BrokenReference,
    NewAim,
    NewUser,
    Scoped,
    aims,
    bulk,
    preview,
    schema,
    scoped,
    user_aims,
    users,
)
from useraim.core import files

__all__ = ["uses"]  # a fixture


class Place(NamedTuple):
    """A database of tenants with the rows of each, seen by a program and by a superuser."""

    conninfo: str
    owner: psycopg.Connection[Any]


@pytest.fixture(scope="module")
def place(create_database: Callable[[], str], runner: asyncio.Runner) -> Iterator[Place]:
    database = create_database()
    assert separate(database, "0").returncode == 0
    with session(as_role(database, WRITER), "sync", runner, "autocommit") as given:
        fill(given)
    with psycopg.connect(database, autocommit=True) as owner:
        yield Place(as_role(database, WRITER), owner)


@pytest.fixture
def program(place: Place) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(place.conninfo, autocommit=True) as conn:
        yield conn


def of(tenant: int, conn: psycopg.Connection[Any]) -> Scoped:
    return scoped(conn, {SETTING: str(tenant)})


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("world", WORLDS)
def test_no_random_call_brings_a_foreign_row(place: Place, world: World, kind: str, runner: asyncio.Runner) -> None:
    judge = known(place.owner)
    with session(place.conninfo, world, runner, kind) as given:
        storm(given, 400, len(kind), judge)
    assert judge.verdict() == []
    assert strays(place.owner) == []


def test_nor_do_calls_of_threads_over_connections_that_change_hands(place: Place) -> None:
    judge = known(place.owner) + storms(place.conninfo, 2_000)
    assert judge.verdict() == []
    assert judge.calls - judge.refused > 1_000
    assert strays(place.owner) == []


def test_the_judge_sees_what_is_foreign_where_no_policy_holds(place: Place) -> None:
    judge, caller = Judge(), Caller(1, 1)
    for call in (caller.call() for _ in range(600)):
        if not call.refuses and not call.writes:
            judge.take(1, call, preview(place.owner, call))
    assert len(judge.verdict()) > 100


def test_every_operation_is_among_the_random_calls() -> None:
    caller = Caller(0, 0)
    made = {step[0].name_and_text[0] for make in CALLS for _ in range(30) for step in make(caller).steps}
    known = {step[0].name_and_text[0] for shape in every_shape() for step in shape.call.steps}
    assert known <= made


def test_without_a_tenant_there_is_nothing_and_nothing_is_written(program: psycopg.Connection[Any]) -> None:
    for _ in range(2):
        assert users.count(program) == aims.count(program) == user_aims.count(program) == 0
        with pytest.raises(InsufficientPrivilege):
            users.create(program, email="none@example.org", name="None")
        assert users.count(of(1, program)) > 0  # leaves '' in place of the setting that was never there
    with pytest.raises(InsufficientPrivilege):
        users.create(scoped(program, {SETTING: ""}), email="none@example.org", name="None")


def test_a_tenant_writes_no_row_of_another_one(program: psycopg.Connection[Any]) -> None:
    own = users.ensure(of(1, program), email="own@example.org", name="Own")[0]
    for statement in (
        "INSERT INTO users (name, email, tenant) VALUES ('x', 'x@example.org', '2')",
        f"UPDATE users SET tenant = '2' WHERE id = '{own.id}'",
    ):
        with program.transaction():
            program.execute(f"SET LOCAL {SETTING} = '1'".encode())
            with pytest.raises(InsufficientPrivilege), program.transaction():
                program.execute(statement.encode())
    assert users.delete(of(1, program), own)


def test_nobody_links_two_tenants_whoever_writes_it(place: Place) -> None:
    tenants = place.owner.execute("SELECT DISTINCT ON (tenant) id, tenant FROM users ORDER BY tenant").fetchall()
    foreign = place.owner.execute("SELECT id FROM aims WHERE tenant = '4' LIMIT 1").fetchall()
    for user, tenant in tenants:
        if tenant != "4":
            with pytest.raises(psycopg.errors.ForeignKeyViolation):
                place.owner.execute(
                    "INSERT INTO user_aims (user_id, aim_id, tenant) VALUES (%s, %s, %s)",
                    [user, foreign[0][0], tenant],
                )


def test_an_address_is_taken_within_a_tenant_only(program: psycopg.Connection[Any]) -> None:
    one, other = (users.create(of(n, program), email="same@example.org", name=f"t{n} x") for n in (1, 2))
    assert users.find_by_email(of(1, program), "SAME@example.org") == one
    assert users.ensure(of(2, program), email="same@example.org", name="x") == (other, False)
    assert users.find_by_email(of(3, program), "same@example.org") is None
    with pytest.raises(AlreadyExists) as caught:
        users.create(of(1, program), email="Same@example.org", name="x")
    assert caught.value.ids == (one.id,)
    assert users.delete(of(1, program), one)
    assert users.get(of(2, program), other.id) == other


def test_what_is_foreign_answers_as_what_exists_nowhere(place: Place, program: psycopg.Connection[Any]) -> None:
    mine, theirs = of(1, program), of(2, program)
    users.aims.create(theirs, users.create(theirs, email="far@example.org", name="t2 x"), [NewAim("t2 x")])
    user, aim = place.owner.execute(
        "SELECT user_id, aim_id FROM user_aims WHERE tenant = '2' ORDER BY joined_at DESC LIMIT 1"
    ).fetchall()[0]
    for one, relation, far in ((user, users.aims, aim), (aim, aims.users, user)):
        of_one: list[Any] = [relation.of, relation.page]
        of_many: list[Any] = [relation.load, relation.count, relation.count_by_role]
        for read in of_one:
            assert list(read(mine, one)) == []
        for read in of_many:
            assert not any(read(mine, [one]).values())
        assert relation.common(mine, [one]) == []
        assert not relation.has(mine, one, far)
        assert relation.clear(mine, one).removed == ()
        with pytest.raises(BrokenReference):
            relation.append(mine, one, [far])
    assert bulk.load(mine, [(user, aim)], on_broken="skip").added == 0
    assert not users.delete(mine, user)
    assert users.exists(theirs, user)


def test_an_id_that_is_taken_elsewhere_is_refused_and_tells_nothing_else(program: psycopg.Connection[Any]) -> None:
    taken = users.create(of(1, program), email="taken@example.org", name="t1 x", id=marked(1, 99, 1))
    for _ in range(2):
        with pytest.raises(AlreadyExists) as caught:
            users.create(of(2, program), email="new@example.org", name="t2 x", id=taken.id)
        assert caught.value.ids == (taken.id,)
    with pytest.raises(AlreadyExists):
        users.create_many(of(2, program), [NewUser("new@example.org", "t2 x", taken.id)])
    assert users.find_by_email(of(2, program), "new@example.org") is None
    assert users.delete(of(1, program), taken)


def test_the_owner_of_the_tables_is_bound_too(place: Place) -> None:
    with place.owner.transaction(force_rollback=True):
        for table in ("users", "aims", "user_aims"):
            place.owner.execute(f"ALTER TABLE {table} OWNER TO {WRITER}".encode())
        place.owner.execute(f"SET LOCAL ROLE {WRITER}".encode())
        assert users.count(place.owner) == user_aims.count(place.owner) == 0
        assert users.count(of(3, place.owner)) > 0


@pytest.fixture(scope="module")
def counted(create_database: Callable[[], str]) -> Iterator[tuple[str, Wire]]:
    database = create_database()
    assert separate(database, "0").returncode == 0
    with wire(make_conninfo(database, options=f"-c role={WRITER} -c {SETTING}=7")) as found:
        yield found


def test_a_tenant_costs_no_round_trip(counted: tuple[str, Wire], uses: list[Any]) -> None:
    conninfo, wire = counted
    with psycopg.connect(conninfo, autocommit=True, prepare_threshold=0) as conn:
        assert costs(wire, of(7, conn), uses, None) == {}
        assert user_aims.count(of(7, conn)) > 0
        assert user_aims.count(of(8, conn)) == 0


def test_rows_that_were_there_become_those_of_the_tenant_that_is_named(database: str) -> None:
    with psycopg.connect(database, autocommit=True) as owner:
        before = users.create(owner, email="ana@example.org", name="Ana")
        users.aims.create(owner, before, [NewAim("Run")])
        assert separate(database, "it's acme").returncode == 0
        assert separate(database, "another").returncode == 0  # does nothing
        schema.check(owner)
        with psycopg.connect(as_role(database, WRITER), autocommit=True) as conn:
            acme = scoped(conn, {SETTING: "it's acme"})
            assert users.get(acme, before.id) == before
            assert users.aims.count(acme, [before]) == {before.id: 1}
            assert users.count(scoped(conn, {SETTING: "another"})) == 0


def test_nothing_is_changed_where_no_tenant_is_named(database: str) -> None:
    assert psql(database, "-f", files.folder("sql") / "rls.sql").returncode == 3
    with psycopg.connect(database) as owner:
        assert owner.execute("SELECT FROM pg_attribute WHERE attname = 'tenant'").fetchall() == []
