"""Calls made of calls: several as one, what one would do, and the plans of its statements."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Any, TypeVar

from useraim.core.rows import single
from useraim.core.statement import BY_KEY, UNWRITTEN, Call, Ending, Statement
from useraim.errors import Error, InvalidValue

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Plan:
    """How the server would run a statement, or has run it: its name, its SQL, and the text of EXPLAIN."""

    name: str
    sql: str
    text: str

    def __str__(self) -> str:
        return self.text


def batched(calls: Sequence[Any]) -> Call[tuple[Any, ...]]:
    """Make one call of several, in this order; errors say by `.index` whose they are."""
    made = [_checked(call, f"calls[{n}]") for n, call in enumerate(calls)]
    ends = [*accumulate((len(call.steps) for call in made), initial=0)]

    def read(results: list[list[Any]]) -> tuple[Any, ...]:
        parts = [results[start:end] for start, end in pairwise(ends)]
        return tuple(_of(n, call.read, part) for n, (call, part) in enumerate(zip(made, parts, strict=True)))

    def error(known: Error, step: int) -> Error:
        for n, call in enumerate(made):
            if ends[n] <= step < ends[n + 1]:
                known = call.error(known, step - ends[n])
                known.index = n
        return known

    steps = tuple(step for call in made for step in call.steps)
    return Call(steps, read, error, ending=Ending.SURE if _is_sure(made) else Ending.CHECKED)


def previewed(call: Call[T]) -> Call[T]:
    """Make a call whose work is undone."""
    return _checked(call, "call").ends(Ending.UNDONE)


def explained(call: Call[Any], *, analyze: bool) -> Call[list[Plan]]:
    """Make a call that asks for the plans of another's statements, and is undone.

    What sets the planner for the statements behind it is run as well, as without it they would be planned otherwise.
    """
    steps = _checked(call, "call").steps
    asked = [(_explain(statement, analyze), parameters) for statement, parameters in steps]
    to_run = [] if analyze else [(n, step) for n, step in enumerate(steps) if step[0] in BY_KEY]
    for n, step in reversed(to_run):
        asked.insert(n + 1, step)
    shown = [n for n, (statement, _) in enumerate(asked) if statement not in BY_KEY]

    def read(results: list[list[str]]) -> list[Plan]:
        texts = ["\n".join(results[n]) for n in shown]
        return [_plan(statement, text) for (statement, _), text in zip(steps, texts, strict=True)]

    return Call(tuple(asked), read, call.error, refuses=False, ending=Ending.UNDONE)


def _checked(call: Call[T], field: str) -> Call[T]:
    if not isinstance(call, Call):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise InvalidValue(field, f"a call is needed, as users.get.call(…) gives it, not {type(call).__name__}")
    return call


def _of(index: int, read: Callable[[list[list[Any]]], Any], results: list[list[Any]]) -> Any:
    try:
        return read(results)
    except Error as error:
        error.index = index
        raise


def _is_sure(calls: list[Call[Any]]) -> bool:
    """Say whether an answer that refuses leaves nothing to undo."""
    writing = [call for call in calls if call.writes]
    refusing = [call for call in calls if call.refuses]
    return not writing or not refusing or (refusing == writing and [call.refuses for call in writing] == [UNWRITTEN])


def _explain(statement: Statement[Any], analyze: bool) -> Statement[Any]:
    name, text = statement.name_and_text
    return Statement(f"{name} (explain)", f"EXPLAIN (ANALYZE {'on' if analyze else 'off'}) {text}", single)


def _plan(statement: Statement[Any], text: str) -> Plan:
    return Plan(statement.name_and_text[0], statement.sql, text)
