"""Statement and Call: rendered SQL, bound values, and how rows become a result. Pure: no connection, no I/O."""

import re
from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from functools import partial
from itertools import accumulate
from types import MappingProxyType
from typing import (
    TYPE_CHECKING,
    Any,
    Final,
    Generic,
    Literal,
    LiteralString,
    NamedTuple,
    Protocol,
    TypeAlias,
    TypeVar,
    cast,
)

from psycopg.adapt import PyFormat

from useraim.core.pypika import Q, function
from useraim.core.rows import MakeRow
from useraim.errors import Error

Row = TypeVar("Row")
T = TypeVar("T")
U = TypeVar("U")
V = TypeVar("V")

Parameters = Mapping[str, object]
UNWRITTEN: Final = "unwritten"
Refuses: TypeAlias = bool | Literal["unwritten"]
"""Whether reading a result may raise; `UNWRITTEN`: only for what the statement has found, and then written nothing."""

_PLACEHOLDER = re.compile(r"%\((\w+)\)s")
_WRITES = re.compile(r"\b(?:insert|update|delete|merge|truncate)\b", re.IGNORECASE)
_READS = re.compile(r"\s*(?:select|with|values)\b", re.IGNORECASE)
_NAMED = re.compile(r"/\* useraim (.+?) \*/ (.*)", re.DOTALL)


class Query(Protocol):
    """A PyPika query, which renders itself, or the text of a file in sql/."""

    def __str__(self) -> str: ...


class Statement(Generic[Row]):
    """SQL rendered once, named by a leading comment, and what one row of its result becomes.

    Rows are made before a call's `read` sees them. `query` is the SQL as it travels: `$1` in place of `%(id)s`.
    It is rendered, and built if a function is given that does that, when first asked for.
    """

    __slots__ = ("_names", "_unrendered", "formats", "parameters", "query", "row", "sql")

    def __init__(self, name: str, query: Query | Callable[[], Query], row: MakeRow[Row]) -> None:
        self.row = row
        self._names: dict[tuple[int, ...], bytes] = {}
        self._unrendered = name, query

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            # Called for what is not there yet. Few programs use all statements, of which many are made by an import.
            if name not in self.__slots__:
                raise AttributeError(name)
            self._render()
            return object.__getattribute__(self, name)

    def _render(self) -> None:
        name, query = self._unrendered
        self.sql: LiteralString = named(name, query() if callable(query) else query)
        numbers: dict[str, str] = {}
        self.query = _PLACEHOLDER.sub(
            lambda found: numbers.setdefault(found[1], f"${len(numbers) + 1}"), self.sql
        ).encode()
        self.parameters = tuple(numbers)
        self.formats = [PyFormat.AUTO] * len(numbers)

    def name_for(self, types: tuple[int, ...]) -> bytes:
        """Give the name to prepare it under: made of its content, so that it can never be another statement's.

        Behind a pooler that moves clients between sessions, a counted name runs what somebody else has prepared.
        """
        if types not in self._names:
            from hashlib import sha256  # loads OpenSSL, which not every program that imports this package needs

            digest = sha256(self.query + repr(types).encode()).hexdigest()
            self._names[types] = b"useraim_" + digest[:32].encode()
        return self._names[types]

    def call(
        self, read: Callable[[list[Row]], T], parameters: Parameters, *, refuses: Refuses | None = None
    ) -> "Call[T]":
        """Bind values; `read` receives the rows, in the order the server sent them.

        `refuses=False` says that `read` never raises for what it finds; of `list`, `first` and the like that is known.
        `UNWRITTEN` says that the statement has not written anything when `read` raises.
        """
        may_refuse: Refuses = read not in _NEVER_REFUSES if refuses is None else refuses

        def read_first(results: list[list[Any]]) -> T:
            return read(results[0])

        return Call(((self, parameters),), read_first, _as_it_is, may_refuse)

    @property
    def name_and_text(self) -> tuple[str, str]:
        """Part the SQL from the name in front of it."""
        found = _NAMED.fullmatch(self.sql)
        return (found[1], found[2]) if found else ("", self.sql)

    @property
    def writes(self) -> bool:
        """Say whether it may leave something to undo, by the words of its SQL: of no SELECT without writing words."""
        _, text = self.name_and_text
        return not _READS.match(text) or _WRITES.search(text) is not None


Step: TypeAlias = tuple[Statement[Any], Parameters]
"""One statement of a call and the values bound to it."""

ToError: TypeAlias = Callable[[Error, int], Error]
"""Says an error in the words of a call, given the number of the statement that failed."""


class Ending(Enum):
    """What becomes of the work of a call, where it is not simply kept."""

    SURE = "kept; only an error of the server leaves something to undo"
    CHECKED = "kept when its result has been read, undone if that raises"
    UNDONE = "undone"


def _as_it_is(error: Error, _: int) -> Error:
    return error


class Call(NamedTuple, Generic[T]):
    """What an operation will send, and `read`, which turns the rows of each statement into the result.

    Several steps run in one transaction and one round trip; a call without steps sends nothing. `error` says the error
    for a constraint that the statement with this number violates; `refuses`, whether `read` may raise.
    """

    steps: tuple[Step, ...]
    read: Callable[[list[list[Any]]], T]
    error: ToError = _as_it_is
    refuses: Refuses = True
    ending: Ending | None = None

    @property
    def statements(self) -> tuple[tuple[LiteralString, Parameters], ...]:
        """The SQL and parameters in the order they are sent, for EXPLAIN and tests."""
        return tuple((statement.sql, MappingProxyType(dict(parameters))) for statement, parameters in self.steps)

    @property
    def writes(self) -> bool:
        """Say whether one of its statements may leave something to undo."""
        return any(statement.writes for statement, _ in self.steps)

    def under(self, *earlier: "Call[Any]") -> "Call[T]":
        """Send calls that lock first, in the same transaction, and drop their results."""
        before: tuple[Step, ...] = ()
        for call in earlier:
            before += call.steps
        return self._between(before, ())

    def by_key(self) -> "Call[T]":
        """Send it between two statements that forbid the planner to read whole tables, and allow it again.

        The planner takes a table that was empty when it was last looked at for one of a single row, and then compares
        each row with everything given: 40,000 pairs took minutes instead of a second.
        """
        first, last = _FOR_KEYS.call(list, {}), _AS_BEFORE.call(list, {})
        return self._between(first.steps, last.steps)

    def or_raise(self, error: Callable[[Error], Error]) -> "Call[T]":
        """Say the error for a violated constraint in the words of the caller."""

        def said(known: Error, _: int) -> Error:
            return error(known)

        return self._replace(error=said)

    def ends(self, ending: Ending) -> "Call[T]":
        """Say what becomes of its work."""
        return self._replace(ending=ending)

    def _between(self, before: tuple[Step, ...], after: tuple[Step, ...]) -> "Call[T]":
        start, end = len(before), len(before) + len(self.steps)

        def read(results: list[list[Any]]) -> T:
            return self.read(results[start:end])

        def error(known: Error, step: int) -> Error:
            return self.error(known, step - start)

        return Call(before + self.steps + after, read, error, self.refuses, self.ending)


def together(one: Call[T], other: Call[U], combine: Callable[[T, U], V]) -> Call[V]:
    """Send the statements of two calls in one transaction, and make one result of both."""
    n = len(one.steps)

    def read(results: list[list[Any]]) -> V:
        return combine(one.read(results[:n]), other.read(results[n:]))

    return Call(one.steps + other.steps, read)


def all_of(calls: Sequence[Call[T]], combine: Callable[[list[T]], V]) -> Call[V]:
    """Send the statements of many calls in one transaction, and make one result of all; `combine` never refuses."""
    ends = list(accumulate(len(call.steps) for call in calls))

    def read(results: list[list[Any]]) -> V:
        parts = zip(calls, [0, *ends], ends, strict=False)
        return combine([call.read(results[start:end]) for call, start, end in parts])

    steps = tuple(step for call in calls for step in call.steps)
    return Call(steps, read, refuses=any(call.refuses for call in calls))


def nothing(result: T) -> Call[T]:
    """Give a result without asking the database."""

    def read(_: list[list[Any]]) -> T:
        return result

    return Call((), read, refuses=False)


def named(name: str, query: Query) -> LiteralString:
    """Put the name in front, as pg_stat_statements and logs show it."""
    return literal(f"/* useraim {name} */ {query}")


def literal(sql: Any) -> LiteralString:
    """Vouch to the type checkers for text that is of this package alone; values are parameters."""
    return cast("LiteralString", sql)


def first(rows: list[T]) -> T:
    """Read the only row of a statement that always gives one."""
    return rows[0]


def first_or_none(rows: list[T]) -> T | None:
    """Read the row of a statement that gives one or none."""
    return rows[0] if rows else None


_NEVER_REFUSES: Final[frozenset[Callable[..., Any]]] = frozenset([list, tuple, len, bool, first, first_or_none])


_setting = partial(function, "pg_catalog.set_config")
_current = partial(function, "pg_catalog.current_setting")
_FOR_KEYS: Final = Statement(
    "user_aims.by_key",
    lambda: Q.select(
        _setting("useraim.enable_seqscan", _current("enable_seqscan"), True), _setting("enable_seqscan", "off", True)
    ),
    tuple,
)
_AS_BEFORE: Final = Statement(
    "user_aims.as_before", lambda: Q.select(_setting("enable_seqscan", _current("useraim.enable_seqscan"), True)), tuple
)

BY_KEY: Final = frozenset([_FOR_KEYS, _AS_BEFORE])
"""The statements around a call that is sent `by_key`."""
