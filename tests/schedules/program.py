"""A call as the steps that a schedule is made of: BEGIN with the first statement, each further one, COMMIT.

BEGIN takes no snapshot and no lock, so that a step of its own would only repeat schedules; nor does a statement that
changes a setting of its own session: it goes with its neighbour.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import psycopg
from psycopg.abc import Transformer
from psycopg.adapt import PyFormat
from psycopg.adapt import Transformer as make_transformer
from psycopg.errors import error_from_result
from psycopg.pq import Format
from psycopg.pq.abc import PGresult

from tests.schedules.world import named_in, said
from useraim.core.adapt import ADAPTERS, Context
from useraim.core.statement import Call, Parameters, Statement
from useraim.errors import Error, translate

READ_COMMITTED = "READ COMMITTED"
_UNDONE = {"40P01": "deadlock", "40001": "overtaken"}


class Command(NamedTuple):
    """What is sent as one query; `answers` says that the call reads its rows."""

    told: str
    query: bytes
    values: Sequence[Any] = ()
    types: tuple[int, ...] = ()
    formats: Sequence[Format] = ()
    answers: bool = False


class Answer(NamedTuple):
    """What an operation gave its caller, told in short: a result, an error, or that the server has undone it."""

    text: str
    error: str = ""
    names: frozenset[str] = frozenset()
    found_late: bool = False
    undone: str = ""

    def agrees(self, serial: "Answer") -> bool:
        """Say whether it is this one. An error that only a constraint has found may name fewer rows."""
        if self.undone:
            return not serial.text
        if self.found_late and self.error == serial.error:
            return self.names <= serial.names
        return self.text == serial.text


class Program:
    """The steps of one call, its values packed once, and how answers of the server become its own."""

    def __init__(self, name: str, call: Call[Any], level: str = READ_COMMITTED) -> None:
        self.name = name
        self.call = call
        self.level = level
        self.steps = _steps(call, level)

    def answer(self, results: Sequence[PGresult], failure: PGresult | None) -> Answer:
        """Read the results as the package does."""
        if failure is not None:
            return self._failed(error_from_result(failure))
        try:
            rows = [_rows(one, result) for (one, _), result in zip(self.call.steps, results, strict=True)]
            return Answer(said(repr(self.call.read(rows))))
        except Error as error:
            return _refused(error, found_late=False)

    def _failed(self, error: psycopg.Error) -> Answer:
        if undone := _UNDONE.get(error.sqlstate or ""):
            return Answer(undone, undone=undone)
        known = translate(error)
        if known is None:
            return Answer(said(f"{type(error).__name__}: {error}"))
        return _refused(self.call.error(known, 0), found_late=True)


def _refused(error: Error, *, found_late: bool) -> Answer:
    text = said(repr(error))
    kind = f"{type(error).__name__} {getattr(error, 'constraint', '')}"
    return Answer(text, kind, named_in(text), found_late)


def _rows(statement: Statement[Any], result: PGresult) -> list[Any]:
    transformer = _transformer()
    transformer.set_pgresult(result, format=Format.BINARY)
    return transformer.load_rows(0, result.ntuples, statement.row)


def _steps(call: Call[Any], level: str) -> list[list[Command]]:
    begin = Command("BEGIN", f"BEGIN ISOLATION LEVEL {level}".encode())
    steps: list[list[Command]] = [[begin]]
    for statement, parameters in call.steps:
        command = _command(statement, parameters)
        if all(is_local(one) for one in steps[-1]):
            steps[-1].append(command)
        else:
            steps.append([command])
    commit = Command("COMMIT", b"COMMIT")
    return [*steps[:-1], [*steps[-1], commit]] if is_local(steps[-1][-1]) else [*steps, [commit]]


def is_local(command: Command) -> bool:
    """Say whether a command touches nothing that other sessions see."""
    return command.told == "BEGIN" or (b"set_config" in command.query and b" FROM " not in command.query)


def _command(statement: Statement[Any], parameters: Parameters) -> Command:
    transformer = _transformer()
    formats = [PyFormat.AUTO] * len(statement.parameters)
    values = transformer.dump_sequence([parameters[name] for name in statement.parameters], formats)
    told = statement.sql.partition("*/")[0].removeprefix("/* useraim ").strip()
    return Command(
        told, statement.query, values, tuple(transformer.types or ()), tuple(transformer.formats or ()), answers=True
    )


def _transformer() -> Transformer:
    return make_transformer(Context(ADAPTERS, None))
