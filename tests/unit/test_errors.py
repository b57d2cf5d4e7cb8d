"""Errors: what they say, how they travel, and which failures are worth another try."""

import pickle
from uuid import UUID

import psycopg
import psycopg_pool
import pytest
from psycopg import errors as pg
from psycopg.transaction import OutOfOrderTransactionNesting

import useraim
from useraim import AlreadyExists, BrokenReference, Conflict, Error, InvalidCursor, InvalidValue, NotFound
from useraim.errors import SchemaOutOfDate, is_retryable, is_undone, translate

IDS = tuple(UUID(int=n) for n in range(1, 100))


def test_all_are_errors_of_this_package() -> None:
    for kind in (NotFound, AlreadyExists, BrokenReference, InvalidValue, InvalidCursor, Conflict, SchemaOutOfDate):
        assert issubclass(kind, Error)
        assert getattr(useraim, kind.__name__) is kind
    assert issubclass(InvalidCursor, InvalidValue)
    assert issubclass(InvalidValue, ValueError)
    assert not issubclass(Error, psycopg.Error)


@pytest.mark.parametrize(
    "error",
    [
        NotFound("users", IDS),
        NotFound("user_aims", tuple(zip(IDS, IDS, strict=True))),
        AlreadyExists("users_pkey", IDS),
        AlreadyExists("user_aims_pkey", (), "user_aims"),
        BrokenReference(IDS, IDS),
        BrokenReference(),
        InvalidValue("name", "blank"),
        InvalidCursor("after"),
        Conflict("the role is 'x', not 'y'"),
        SchemaOutOfDate("behind"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_they_print_short_and_pickle_whole(error: Error) -> None:
    assert 0 < len(str(error)) < 300
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is type(error)
    assert (vars(again), again.args, str(again)) == (vars(error), error.args, str(error))


def test_long_lists_are_counted() -> None:
    assert str(NotFound("aims", IDS[:2])) == f"not found in aims: {IDS[0]}, {IDS[1]}"
    assert str(NotFound("aims", IDS)).endswith(f"{IDS[2]} and 96 more")
    assert str(NotFound("user_aims", ((IDS[0], IDS[1]),))) == f"not found in user_aims: ({IDS[0]}, {IDS[1]})"
    assert str(BrokenReference((), IDS[:1])) == f"no such aims {IDS[0]}"


@pytest.mark.parametrize(
    ("constraint", "table"), [("users_email_key", "users"), ("aims_pkey", "aims"), ("user_aims_pkey", "user_aims")]
)
def test_a_constraint_tells_its_table(constraint: str, table: str) -> None:
    assert AlreadyExists(constraint).table == table


ESSENTIAL = "failure on connection marked as essential: worker:5432"  # Citus, when it loses a worker


@pytest.mark.parametrize(
    "error",
    [
        pg.SerializationFailure(), pg.DeadlockDetected(), pg.AdminShutdown(), pg.CrashShutdown(), pg.CannotConnectNow(),
        pg.ConnectionException(), pg.ConnectionFailure(), pg.ConnectionDoesNotExist(), pg.ProtocolViolation(),
        pg.SqlclientUnableToEstablishSqlconnection(), pg.SqlserverRejectedEstablishmentOfSqlconnection(),
        pg.ReadOnlySqlTransaction(), pg.IdleSessionTimeout(), pg.InternalError_(ESSENTIAL),
    ],
    ids=lambda error: type(error).__name__,
)  # fmt: skip
def test_worth_another_try(error: Exception) -> None:
    assert is_retryable(error)


@pytest.mark.parametrize(
    "error",
    [
        pg.UniqueViolation(), pg.ForeignKeyViolation(), pg.QueryCanceled(), pg.SyntaxError(), pg.UndefinedTable(),
        pg.InvalidPassword(), pg.DiskFull(), pg.LockNotAvailable(), pg.InFailedSqlTransaction(),
        pg.TransactionResolutionUnknown(), pg.IdleInTransactionSessionTimeout(), pg.DatabaseDropped(),
        pg.InternalError_("cannot modify table"), ValueError(ESSENTIAL), NotFound("users", ()), Conflict("changed"),
        KeyboardInterrupt(),
    ],
    ids=lambda error: type(error).__name__,
)  # fmt: skip
def test_not_worth_another_try(error: BaseException) -> None:
    assert not is_retryable(error)


# Errors that the driver makes itself, without SQLSTATE.
OF_THE_DRIVER: dict[type[psycopg.Error], bool] = {
    psycopg.OperationalError: True,  # lost, refused, closed: all of these have only their text
    pg.ConnectionTimeout: True,
    psycopg_pool.PoolTimeout: True,
    psycopg_pool.TooManyRequests: True,  # the queue of the pool is full for now
    psycopg_pool.PoolClosed: False,
    pg.PipelineAborted: False,  # follows another failure, which tells
    pg.CancellationTimeout: False,  # the request to cancel got lost, not the connection
    psycopg.Error: False,
    psycopg.InterfaceError: False,
    psycopg.DatabaseError: False,
    psycopg.DataError: False,
    psycopg.IntegrityError: False,
    psycopg.InternalError: False,
    psycopg.ProgrammingError: False,
    psycopg.NotSupportedError: False,
    OutOfOrderTransactionNesting: False,
}


@pytest.mark.parametrize("kind", OF_THE_DRIVER, ids=lambda kind: kind.__name__)
def test_errors_without_sqlstate_are_worth_another_try_if_a_connection_was_lost_or_not_to_be_had(
    kind: type[psycopg.Error],
) -> None:
    assert is_retryable(kind("what happened")) is OF_THE_DRIVER[kind]


def test_every_public_error_without_sqlstate_is_decided() -> None:
    def kinds(kind: type[psycopg.Error]) -> set[type[psycopg.Error]]:
        return {kind}.union(*(kinds(one) for one in kind.__subclasses__()))

    modules = ("psycopg", "psycopg_pool")
    made_by_the_driver = {
        one for one in kinds(psycopg.Error)
        if one.sqlstate is None and one.__module__.split(".")[0] in modules and not one.__name__.startswith("_")
    }  # fmt: skip
    assert made_by_the_driver == set(OF_THE_DRIVER)


@pytest.mark.parametrize(
    ("error", "undone"),
    [
        (pg.SerializationFailure(), True), (pg.DeadlockDetected(), True), (pg.InternalError_(ESSENTIAL), True),
        (pg.ConnectionFailure(), False), (pg.AdminShutdown(), False), (psycopg.OperationalError("lost"), False),
    ],
)  # fmt: skip
def test_only_some_failures_of_commit_tell_that_nothing_is_stored(error: psycopg.Error, undone: bool) -> None:
    assert is_undone(error) is undone


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ('duplicate key value violates unique constraint "users_email_key_102008"', AlreadyExists),
        ('duplicate key value violates unique constraint "user_aims_pkey_102042"', AlreadyExists),
        (
            'insert or update on table "x" violates foreign key constraint "user_aims_aim_id_fkey_102042"',
            BrokenReference,
        ),
        ('new row for relation "users_102008" violates check constraint "users_name_check"', InvalidValue),
        ('duplicate key value violates unique constraint "orders_pkey"', None),
        ("deadlock detected", None),
    ],
)
def test_without_details_the_message_tells_the_constraint(message: str, expected: type[Error] | None) -> None:
    known = translate(pg.IntegrityError(message))
    assert type(known) is (expected or type(None))


def test_a_conflict_reads_as_its_message() -> None:
    assert str(Conflict("seen otherwise", "the version")) == "seen otherwise"
    assert Conflict("seen otherwise", "the version").version == "the version"
