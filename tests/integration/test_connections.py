"""What callers bring: connections and pools of every setting, which stay as they were."""

import asyncio
import pickle
import sqlite3
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg.adapt import Loader
from psycopg.conninfo import make_conninfo
from psycopg.pq import TransactionStatus
from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool, AsyncNullConnectionPool, ConnectionPool, NullConnectionPool

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
    schema,
    user_aims,
    users,
)
from useraim.ids import AimId, UserId
from useraim.values import Aim, NewAim, NewUser, User

NOBODY = UserId(UUID(int=1))
NOTHING = AimId(UUID(int=2))
Settings = dict[str, Any]


def everything(call: World) -> None:
    """Use each kind of operation once: one statement, several, streams, arrays, times."""
    ana, bo = call(users.create_many, [NewUser("ana@example.org", "Ana"), NewUser("bo@example.org", "Bo")])
    run, read = call(aims.create_many, [NewAim("Run"), NewAim("Read")])
    assert call(users.find_by_email, "ANA@example.org") == ana
    assert call(users.aims.replace, ana, [run, read], role="owner", permissions=["a", "b"]).added == (run.id, read.id)
    (linked,) = call(aims.users.of, run)
    assert (linked.record, linked.role, linked.permissions) == (ana, "owner", ("a", "b"))
    assert linked.joined_at.utcoffset() == ana.created_at.utcoffset()
    assert [one.record for one in call(users.aims.load, [ana, bo])[ana.id]] == [run, read]
    assert call(user_aims.merge, ana, bo).added == (run.id, read.id)
    assert call.rows(users.stream) == [ana, bo]
    with pytest.raises(BrokenReference):
        call(users.aims.replace, bo, [NOTHING])
    assert call(users.aims.count, [bo]) == {bo.id: 2}
    assert [call(user_aims.delete, bo, run) for _ in range(2)] == [True, False]
    assert call(users.delete_many, [ana, bo]) == (ana.id, bo.id)
    assert call(aims.delete_many, [run, read]) == (run.id, read.id)


class TextUuid(Loader):
    def load(self, data: Any) -> str:
        return bytes(data).decode()


def state(conn: Any) -> tuple[Any, ...]:
    """The settings of a connection that its owner may rely on."""
    return (
        conn.autocommit, conn.row_factory, conn.cursor_factory, conn.prepare_threshold, conn.isolation_level,
        conn.info.encoding, conn.info.parameter_status("TimeZone"), conn.info.parameter_status("search_path"),
        conn.info.transaction_status, conn.pgconn.pipeline_status,
    )  # fmt: skip


@pytest.fixture(params=["sync", "async"])
def connect(request: pytest.FixtureRequest, runner: asyncio.Runner, database: str) -> Iterator[Callable[..., World]]:
    """Connects with settings."""
    opened: list[World] = []

    def connect(**settings: Any) -> World:
        db: Any
        if request.param == "sync":
            db = psycopg.connect(database, **settings)
        else:
            db = runner.run(psycopg.AsyncConnection.connect(database, **settings))
        opened.append(World(db, runner))
        return opened[-1]

    yield connect
    for world in opened:
        db: Any = world.db
        if world.kind == "sync":
            db.close()
        else:
            runner.run(db.close())


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"row_factory": dict_row},
        {"prepare_threshold": None},
        {"prepare_threshold": 0},
        {"options": "-c TimeZone=Asia/Kathmandu -c DateStyle=German,DMY -c IntervalStyle=sql_standard"},
        {"options": "-c bytea_output=escape -c extra_float_digits=0 -c standard_conforming_strings=off"},
        {"client_encoding": "latin1"},
    ],
    ids=str,
)
def test_settings_do_not_matter_and_stay(connect: Callable[..., World], settings: Settings) -> None:
    call = connect(autocommit=True, **settings)
    before = state(call.db)
    for _ in range(2):
        everything(call)
    assert state(call.db) == before


def test_the_callers_cursor_class_is_not_used(connect: Callable[..., World]) -> None:
    call = connect(autocommit=True)
    db: Any = call.db
    db.cursor_factory = psycopg.ClientCursor if call.kind == "sync" else psycopg.AsyncClientCursor
    everything(call)
    assert db.cursor_factory in (psycopg.ClientCursor, psycopg.AsyncClientCursor)


def test_the_callers_adapters_are_not_used(connect: Callable[..., World]) -> None:
    call = connect(autocommit=True)
    for type in ("uuid", "timestamptz", "text", "int8", "bool"):
        call.db.adapters.register_loader(type, TextUuid)
    everything(call)
    assert call.execute("SELECT gen_random_uuid()::text <> '', pg_typeof(now())::text")[0][1] != ""
    assert isinstance(call.execute("SELECT gen_random_uuid()")[0][0], str)


def test_latin1_texts_come_back(connect: Callable[..., World]) -> None:
    call = connect(autocommit=True, client_encoding="latin1")
    ana = call(users.create, email="zoë@example.org", name="Zoë ÿ")
    run = call(aims.create, title="Über")
    link = call(user_aims.create, ana, run, role="Führer", permissions=["é", 'ü"\\{}'])
    assert call(user_aims.get, ana, run) == link
    assert (link.role, link.permissions) == ("Führer", ("é", 'ü"\\{}'))
    assert connect()(users.get, ana) == ana


def test_names_are_found_by_the_callers_search_path(connect: Callable[..., World], database: str) -> None:
    call = connect(autocommit=True)
    call.execute("CREATE SCHEMA tenant")
    schema.apply(make_conninfo(database, options="-c search_path=tenant"))
    call.execute("SET search_path TO tenant")
    everything(call)
    call(users.create, email="tenant@example.org", name="Tenant")
    assert call.execute("SELECT (SELECT count(*) FROM public.users), (SELECT count(*) FROM tenant.users)") == [(0, 1)]


def test_autocommit_commits_on_return(connect: Callable[..., World]) -> None:
    call, other = connect(autocommit=True), connect(autocommit=True)
    ana = call(users.create, email="ana@example.org", name="Ana")
    assert call.db.info.transaction_status == TransactionStatus.IDLE
    assert other(users.get, ana) == ana
    run = call(aims.create, title="Run")
    call(users.aims.replace, ana, [run])
    assert call.db.info.transaction_status == TransactionStatus.IDLE
    assert other(users.aims.has, ana, run)


def test_an_idle_connection_without_autocommit_begins_a_transaction_and_leaves_it_open(
    connect: Callable[..., World],
) -> None:
    call, other = connect(), connect(autocommit=True)
    ana = call(users.create, email="ana@example.org", name="Ana")
    assert call.db.info.transaction_status == TransactionStatus.INTRANS
    run = call(aims.create, title="Run")
    call(users.aims.replace, ana, [run])
    assert call.db.info.transaction_status == TransactionStatus.INTRANS
    assert other(users.count) == 0
    call.execute("ROLLBACK")
    assert call(users.count) == 0


def test_a_first_operation_of_several_statements_begins_a_transaction_too(connect: Callable[..., World]) -> None:
    first, call, other = connect(autocommit=True), connect(), connect(autocommit=True)
    ana = first(users.create, email="ana@example.org", name="Ana")
    run = first(aims.create, title="Run")
    call(users.aims.replace, ana, [run])
    assert call.db.info.transaction_status == TransactionStatus.INTRANS
    assert not other(users.aims.has, ana, run)


@pytest.mark.parametrize("autocommit", [True, False])
def test_a_transaction_of_the_caller_is_joined(connect: Callable[..., World], autocommit: bool) -> None:
    call, other = connect(autocommit=autocommit), connect(autocommit=True)
    call.execute("BEGIN" if autocommit else "SELECT 1")
    call.execute("SAVEPOINT mine")
    ana = call(users.create, email="ana@example.org", name="Ana")
    call(users.aims.replace, ana, [])
    call.execute("ROLLBACK TO mine")
    assert call(users.find, ana) is None
    bo = call(users.create, email="bo@example.org", name="Bo")
    assert other(users.find, bo) is None
    call.execute("COMMIT")
    assert other(users.find, bo) == bo


def test_expected_failures_leave_the_transaction_usable(connect: Callable[..., World]) -> None:
    call = connect()
    ana = call(users.create, email="ana@example.org", name="Ana")
    run, read = call(aims.create_many, [NewAim("Run"), NewAim("Read")])
    call(user_aims.create, ana, run)
    failures: list[tuple[type[Error], Any, tuple[Any, ...], dict[str, Any]]] = [
        (AlreadyExists, users.create, (), {"email": "ANA@example.org", "name": "Ana"}),
        (AlreadyExists, users.create, (), {"email": "other@example.org", "name": "Ana", "id": ana.id}),
        (AlreadyExists, aims.create_many, ([NewAim("Run", id=run.id)],), {}),
        (AlreadyExists, user_aims.create, (ana, run), {}),
        (AlreadyExists, user_aims.put_many, ([(ana, run)],), {"on_match": "error"}),
        (AlreadyExists, users.aims.append, (ana, [run]), {"on_match": "error"}),
        (AlreadyExists, users.aims.replace, (ana, [run]), {"on_match": "error"}),
        (BrokenReference, user_aims.create, (NOBODY, NOTHING), {}),
        (BrokenReference, user_aims.put_many, ([(NOBODY, run), (ana, NOTHING)],), {}),
        (BrokenReference, user_aims.merge, (NOBODY, ana), {}),
        (BrokenReference, users.aims.replace, (ana, [NOTHING]), {}),
        (BrokenReference, aims.users.create, (NOTHING, [NewUser("bo@example.org", "Bo")]), {}),
        (BrokenReference, users.aims.direct_control, (NOBODY, []), {}),
        (NotFound, users.get, (NOBODY,), {}),
        (NotFound, users.update, (NOBODY,), {"name": "Nobody"}),
        (NotFound, user_aims.grant, (ana, read, ["x"]), {}),
        (NotFound, users.aims.update, (ana, [run, read]), {"role": "x"}),
        (NotFound, users.aims.direct_control, (ana, [run, read]), {}),
        (Conflict, user_aims.update, (ana, run), {"role": "x", "if_role": "y"}),
    ]
    for expected, operation, args, kwargs in failures:
        with pytest.raises(expected) as caught:
            call(operation, *args, **kwargs)
        assert call.db.info.transaction_status == TransactionStatus.INTRANS
        assert caught.value.__cause__ is None
        assert len(str(caught.value)) < 200
        assert "%(" not in str(caught.value)
    assert call(users.count) == call(user_aims.count) == 1
    assert call(user_aims.get, ana, run).role == "member"
    call.execute("COMMIT")
    assert connect(autocommit=True)(users.get, ana) == ana


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


def test_a_failure_behind_a_lock_leaves_an_autocommit_connection_idle(committed: World, database: str) -> None:
    ana = committed(users.create, email="ana@example.org", name="Ana")
    run = committed(aims.create, title="Run")
    committed(users.aims.append, ana, [run])
    committed.execute("SET lock_timeout = '50ms'")
    with psycopg.connect(database) as other:
        users.aims.replace(other, ana, [])
        for _ in range(7):  # also when the statements are prepared by then
            with pytest.raises(psycopg.errors.LockNotAvailable):
                committed(users.aims.replace, ana, [])
            assert committed.db.info.transaction_status == TransactionStatus.IDLE
            assert committed(users.aims.has, ana, run)
        other.rollback()
    with pytest.raises(BrokenReference):
        committed(users.aims.replace, ana, [NOTHING])
    assert committed.db.info.transaction_status == TransactionStatus.IDLE
    assert committed(users.aims.replace, ana, [run]).unchanged == (run.id,)


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


class TestPipelineOfTheCaller:
    def test_sync(self, database: str) -> None:
        with psycopg.connect(database, autocommit=True) as conn:
            with conn.pipeline():
                everything(World(conn, asyncio.Runner()))
            assert conn.info.transaction_status == TransactionStatus.IDLE

    def test_async(self, database: str) -> None:
        async def use() -> None:
            async with await psycopg.AsyncConnection.connect(database, autocommit=True) as conn, conn.pipeline():
                ana = await users.create(conn, email="ana@example.org", name="Ana")
                run = await aims.create(conn, title="Run")
                assert (await users.aims.replace(conn, ana, [run])).added == (run.id,)
                with pytest.raises(AlreadyExists):
                    await users.create(conn, email="ana@example.org", name="Ana")
                assert [user async for user in users.stream(conn)] == [ana]
                assert [await users.delete(conn, ana) for _ in range(2)] == [True, False]

        asyncio.run(use())

    def test_a_transaction_in_it_is_joined(self, database: str) -> None:
        with psycopg.connect(database) as conn:
            with conn.pipeline():
                ana = users.create(conn, email="ana@example.org", name="Ana")
                users.aims.replace(conn, ana, [])
            assert conn.info.transaction_status == TransactionStatus.INTRANS
            conn.rollback()
            assert users.count(conn) == 0


class TestPool:
    @pytest.mark.parametrize("kind", [ConnectionPool, NullConnectionPool])
    @pytest.mark.parametrize("autocommit", [True, False])
    def test_commits_on_return_and_gives_the_connection_back_as_it_was(
        self, database: str, kind: type[ConnectionPool[Any]], autocommit: bool
    ) -> None:
        settings = {"autocommit": autocommit, "row_factory": dict_row}
        with kind(database, min_size=0, max_size=1, kwargs=settings) as pool, psycopg.connect(database) as other:
            ana = users.create(pool, email="ana@example.org", name="Ana")
            run = aims.create(pool, title="Run")
            assert users.aims.replace(pool, ana, [run]).added == (run.id,)
            assert users.aims.has(other, ana, run)
            with pytest.raises(AlreadyExists):
                users.create(pool, email="ana@example.org", name="Ana")
            with pytest.raises(BrokenReference):
                users.aims.replace(pool, ana, [NOTHING])
            assert list(users.stream(pool)) == [ana]
            with pool.connection() as conn:
                assert conn.autocommit is autocommit
                assert conn.info.transaction_status == TransactionStatus.IDLE
                assert conn.execute("SELECT 1 AS one").fetchone() == {"one": 1}

    @pytest.mark.parametrize("kind", [AsyncConnectionPool, AsyncNullConnectionPool])
    @pytest.mark.parametrize("autocommit", [True, False])
    def test_async_commits_on_return_and_gives_the_connection_back_as_it_was(
        self, database: str, kind: type[AsyncConnectionPool[Any]], autocommit: bool
    ) -> None:
        async def use() -> None:
            pool = kind(database, min_size=0, max_size=1, kwargs={"autocommit": autocommit}, open=False)
            async with pool, other(database) as conn:
                ana = await users.create(pool, email="ana@example.org", name="Ana")
                run = await aims.create(pool, title="Run")
                assert (await users.aims.replace(pool, ana, [run])).added == (run.id,)
                assert await users.aims.has(conn, ana, run)
                with pytest.raises(AlreadyExists):
                    await users.create(pool, email="ana@example.org", name="Ana")
                assert [user async for user in users.stream(pool)] == [ana]
                async with pool.connection() as lent:
                    assert lent.autocommit is autocommit
                    assert lent.info.transaction_status == TransactionStatus.IDLE

        asyncio.run(use())

    def test_a_stream_keeps_no_connection_between_its_pages(self, database: str) -> None:
        with ConnectionPool[Any](database, min_size=1, max_size=1, timeout=2) as pool:
            made = users.create_many(pool, [NewUser(f"{n}@example.org", "N") for n in range(3)])
            rows = users.stream(pool)
            assert [users.get(pool, user) for user in rows] == made

    def test_a_failed_operation_does_not_use_the_pool_up(self, database: str) -> None:
        with ConnectionPool[Any](database, min_size=1, max_size=1, timeout=2) as pool:
            for _ in range(3):
                with pytest.raises(NotFound):
                    users.get(pool, NOBODY)
            assert users.count(pool) == 0


@asynccontextmanager
async def other(database: str) -> AsyncGenerator[psycopg.AsyncConnection[Any], None]:
    async with await psycopg.AsyncConnection.connect(database, autocommit=True) as conn:
        yield conn


@pytest.mark.parametrize(
    "db", [None, "postgres:///", 5, object(), NOBODY, User, sqlite3.connect(":memory:")], ids=ascii
)
def test_anything_else_in_place_of_a_database_is_a_type_error(db: Any) -> None:
    anyhow: Any = users
    uses: list[Callable[[], object]] = [
        lambda: anyhow.get(db, NOBODY), lambda: anyhow.create_many(db, []), lambda: anyhow.stream(db),
        lambda: anyhow.aims.replace(db, NOBODY, []), lambda: anyhow.page(db),
    ]  # fmt: skip
    for use in uses:
        with pytest.raises(TypeError):
            use()


def test_a_cursor_is_no_database(conn: psycopg.Connection[Any], run: Aim) -> None:
    anyhow: Any = aims.get
    with pytest.raises(TypeError):
        anyhow(conn.cursor(), run)
