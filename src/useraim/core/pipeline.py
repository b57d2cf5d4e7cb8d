"""How statements travel: all of one call in one write, one round trip and, on autocommit, one transaction.

psycopg's cursors send statement by statement and unlock the connection in between, so this is a small driver of its own
on psycopg's libpq wrapper. Its one rule: **a call leaves the connection idle, or closed**, whatever ends it. An error
of the server is an answer like any other, raised when all answers have been read. Whatever else comes in between
(Ctrl-C, a cancelled task, a lost server) and leaves answers unread closes the connection: they would be taken for
answers to later statements.
"""

# pyright: reportPrivateUsage=false
# The one private name of psycopg is `_prepared`, a connection's record of its prepared statements. It empties when a
# transaction is rolled back or the caller discards statements, so that a record of our own would be wrong.

from collections import deque
from collections.abc import Sequence
from typing import Any, TypeAlias, cast

from psycopg import AsyncConnection, Connection, OperationalError
from psycopg import Error as Failure
from psycopg.abc import PQGen, Transformer
from psycopg.adapt import PyFormat
from psycopg.adapt import Transformer as make_transformer
from psycopg.errors import error_from_result
from psycopg.generators import execute, fetch_many, send
from psycopg.pq import ConnStatus, DiagnosticField, ExecStatus, Format, PipelineStatus, TransactionStatus
from psycopg.pq.abc import PGconn, PGresult

from useraim.core.adapt import ADAPTERS, Context, ids_only, pack_ids
from useraim.core.statement import Parameters, Statement, Step, ToError
from useraim.errors import InvalidValue, translate

AnyConnection: TypeAlias = Connection[Any] | AsyncConnection[Any]

_UNKNOWN_NAME = frozenset(["26000", "42P05"])
_OVERTAKEN = frozenset([b"40001", b"40P01"])
_POOLER = "behind a pooler that does not track prepared statements, connect with prepare_threshold=None"

# As attributes of their classes they would be looked up at each call, by Python code.
_IDLE, _ACTIVE = TransactionStatus.IDLE, TransactionStatus.ACTIVE
_OK, _FATAL_ERROR = ConnStatus.OK, ExecStatus.FATAL_ERROR
_BINARY = Format.BINARY

_free: deque[Transformer] = deque(maxlen=64)


class Exchange:
    """The statements of one call with their values packed, and the server's answers to them.

    Making one sends nothing: values that cannot be packed are refused before anything is written. `may_start_again`:
    the server has undone all of it because of another transaction (a deadlock, a snapshot too old), and it was a
    transaction by itself, which nobody but this package can start again.
    """

    __slots__ = (
        "_answers",
        "_bound",
        "_failure",
        "_single",
        "_transformer",
        "_whole",
        "failed_step",
        "may_start_again",
    )

    def __init__(self, conn: AnyConnection, steps: Sequence[Step]) -> None:
        self._transformer = _transformer(conn)
        self._answers: list[PGresult] = []
        self._failure: PGresult | None = None
        self._whole = False
        self.may_start_again = False
        self._single: _Sent | None = None
        self._bound: list[_Bound] = []
        for self.failed_step, (statement, parameters) in enumerate(steps):
            self._bound.append(_Bound(self._transformer, statement, parameters))

    def generate(self, conn: AnyConnection, *, autocommit: bool) -> PQGen[list[PGresult] | None]:
        """Send everything and read everything, to be driven by `conn.wait` while `conn.lock` is held; `take` the rest.

        No error of the server is raised here. Nothing is done on the way out either, as psycopg may drop a generator
        at any time: `settle` looks at the connection itself.
        """
        is_idle = conn.pgconn.transaction_status == _IDLE
        self._whole = is_idle and autocommit
        if len(self._bound) == 1 and (autocommit or not is_idle):
            (one,) = self._bound
            prepare, name = conn._prepared.get(cast("Any", one))
            if prepare != prepare.SHOULD:
                one.send(conn.pgconn, name)
                self._single = one, prepare, name
                return cast("PQGen[list[PGresult] | None]", execute(conn.pgconn))
        return self._generate(conn, begins=is_idle and not autocommit)

    def take(self, conn: AnyConnection, answer: list[PGresult] | None) -> None:
        """Take what `generate` has given back: the answer to a statement that was sent alone, without a pipeline."""
        if answer is not None and self._single is not None:
            one, prepare, name = self._single
            self._answer(answer)
            one.note(conn._prepared, prepare, name, answer)

    def _generate(self, conn: AnyConnection, *, begins: bool) -> PQGen[None]:
        yield from maintained(conn)
        yield from self.after(conn, (begin(conn),) if begins else ())

    def after(self, conn: AnyConnection, before: Sequence[bytes]) -> PQGen[None]:
        """Send commands in front of everything, in the same write."""
        pgconn = conn.pgconn
        pgconn.enter_pipeline_mode()
        tell(pgconn, before)
        sent = self._sent(conn)
        # Nothing is committed before the server has read this: what is interrupted earlier leaves nothing behind.
        pgconn.pipeline_sync()
        yield from send(pgconn)
        yield from self._told(pgconn, before)
        yield from self._received(conn, sent)
        yield from self._synced(pgconn)
        pgconn.exit_pipeline_mode()

    def _sent(self, conn: AnyConnection) -> "list[_Sent]":
        prepared, pgconn = conn._prepared, conn.pgconn
        sent: list[_Sent] = []
        parsing: dict[bytes, bool] = {}
        for one in self._bound:
            prepare, name = prepared.get(cast("Any", one))
            if prepare == prepare.SHOULD:
                name = one.statement.name_for(one.types)
                if name in parsing:
                    prepare = prepare.YES
                else:
                    parsing[name] = True
                    pgconn.send_prepare(name, one.query, one.types)
            one.send(pgconn, name)
            sent.append((one, prepare, name))
        return sent

    def _received(self, conn: AnyConnection, sent: "list[_Sent]") -> PQGen[None]:
        prepared, pgconn = conn._prepared, conn.pgconn
        for one, prepare, name in sent:
            if prepare == prepare.SHOULD:
                parsed = yield from fetch_many(pgconn)
                self._check(parsed)
                if parsed and parsed[-1].status == ExecStatus.COMMAND_OK:  # and not skipped after a failure
                    one.note(prepared, prepare, name, parsed)
            answer = yield from fetch_many(pgconn)
            self._answer(answer)
            if prepare != prepare.SHOULD:
                one.note(prepared, prepare, name, answer)

    def _told(self, pgconn: PGconn, commands: Sequence[bytes]) -> PQGen[None]:
        for _ in commands:
            self._check((yield from fetch_many(pgconn)))

    def _synced(self, pgconn: PGconn) -> PQGen[None]:
        # A COMMIT that fails is answered in front of the Sync.
        while (end := (yield from fetch_many(pgconn))) and end[-1].status != ExecStatus.PIPELINE_SYNC:
            self._check(end)

    def _answer(self, results: list[PGresult]) -> None:
        self._check(results)
        self._answers += results[-1:]

    def _check(self, results: list[PGresult]) -> None:
        for result in results:
            if result.status == _FATAL_ERROR and self._failure is None:
                self._failure = result
                self.failed_step = len(self._answers)
                self.may_start_again = self._whole and result.error_field(DiagnosticField.SQLSTATE) in _OVERTAKEN

    def results(self, conn: AnyConnection, error: ToError) -> list[list[Any]]:
        """Give the rows, statement by statement, or raise the first error that the server has answered with."""
        try:
            self.raise_failure(conn)
        except Failure as failure:
            raise_known(failure, error, self.failed_step)
            raise
        return self.rows()

    def raise_failure(self, conn: AnyConnection) -> None:
        """Raise that error as it is, if there is one."""
        if self._failure is not None:
            error = error_from_result(self._failure, encoding=conn.info.encoding)
            if error.sqlstate in _UNKNOWN_NAME:
                error.add_note(_POOLER)
            raise error

    def rows(self) -> list[list[Any]]:
        """Make rows of the answers, statement by statement."""
        transformer = self._transformer
        results: list[list[Any]] = []
        for one, answer in zip(self._bound, self._answers, strict=True):
            transformer.set_pgresult(answer, format=_BINARY)
            results.append(transformer.load_rows(0, answer.ntuples, one.statement.row))
        transformer.set_pgresult(None)
        if transformer.connection is None:
            _free.append(transformer)
        return results


class _Bound:
    """A statement with its values packed. psycopg's record of prepared statements knows it by `query` and `types`."""

    __slots__ = ("formats", "query", "statement", "types", "values")

    def __init__(self, transformer: Transformer, statement: Statement[Any], parameters: Parameters) -> None:
        self.statement = statement
        self.query = statement.query
        values = [parameters[name] for name in statement.parameters]
        if known := ids_only(tuple(map(type, values))):  # psycopg's way takes three frames of Python for each
            self.values: Sequence[Any] = list(map(pack_ids, cast("Any", values)))
            self.types, self.formats = known
            return
        try:
            self.values = transformer.dump_sequence(values, statement.formats)
        except UnicodeEncodeError as error:
            raise _not_in_encoding(transformer, statement, values) from error
        self.types = transformer.types or ()
        self.formats = transformer.formats or []

    def send(self, pgconn: PGconn, name: bytes) -> None:
        """Hand it to libpq, by the name it is prepared under if it has one."""
        if name:
            pgconn.send_query_prepared(name, self.values, self.formats, _BINARY)
        else:
            pgconn.send_query_params(self.query, self.values, self.types, self.formats, _BINARY)

    def note(self, prepared: Any, prepare: Any, name: bytes, results: list[PGresult]) -> None:
        """Record that it was prepared, or sent once more."""
        key = prepared.maybe_add_to_cache(self, prepare, name)
        if key is not None:
            prepared.validate(key, prepare, name, results)


_Sent: TypeAlias = tuple[_Bound, Any, bytes]
"""A statement on its way: psycopg's decision on preparing it, and its name."""


def raise_known(failure: Failure, error: ToError, step: int = 0) -> None:
    """Say the violation of a constraint in the words of the call; any other failure passes."""
    if known := translate(failure):
        raise error(known, step) from failure


def tell(pgconn: PGconn, commands: Sequence[bytes]) -> None:
    """Hand commands without parameters to libpq."""
    for command in commands:
        pgconn.send_query_params(command, None)


def maintained(conn: AnyConnection) -> PQGen[None]:
    """Close prepared statements that others have displaced."""
    if conn.pgconn.transaction_status != TransactionStatus.INERROR:
        yield from conn._prepared.maintain_gen(conn)


def settle(pgconn: PGconn) -> None:
    """Close a connection on which answers are left unread."""
    if pgconn.pipeline_status != PipelineStatus.OFF or pgconn.transaction_status == TransactionStatus.ACTIVE:
        pgconn.finish()


def refuse_busy(pgconn: PGconn) -> None:
    """Raise, as psycopg does, for a connection that is closed or that something of the caller's is still using."""
    if pgconn.status != _OK:
        raise OperationalError("the connection is closed")
    if pgconn.transaction_status == _ACTIVE:
        raise OperationalError("another command is already in progress")


def begin(conn: AnyConnection) -> bytes:
    """Spell the BEGIN that the connection is set to."""
    words = ["BEGIN"]
    if conn.isolation_level is not None:
        words.append(f"ISOLATION LEVEL {conn.isolation_level.name.replace('_', ' ')}")
    if conn.read_only is not None:
        words.append("READ ONLY" if conn.read_only else "READ WRITE")
    if conn.deferrable is not None:
        words.append("DEFERRABLE" if conn.deferrable else "NOT DEFERRABLE")
    return " ".join(words).encode()


def _transformer(conn: AnyConnection) -> Transformer:
    """Give what packs values and reads rows. One that is used stands in no list, so no two calls meet on it."""
    encoding = conn.pgconn.parameter_status(b"client_encoding")
    if encoding != b"UTF8":
        if encoding == b"SQL_ASCII":
            raise InvalidValue("client_encoding", "SQL_ASCII does not say what texts mean; connect with UTF8")
        return make_transformer(Context(ADAPTERS, conn))
    try:
        return _free.pop()
    except IndexError:
        return make_transformer(Context(ADAPTERS, None))


def _not_in_encoding(transformer: Transformer, statement: Statement[Any], values: list[object]) -> InvalidValue:
    for name, value in zip(statement.parameters, values, strict=True):
        try:
            transformer.dump_sequence([value], [PyFormat.AUTO])
        except UnicodeEncodeError:
            field = name.removeprefix("new_").removeprefix("kept_")
            return InvalidValue(field, "has a character that the connection's client_encoding lacks")
    raise AssertionError("one of the values could not be packed")
