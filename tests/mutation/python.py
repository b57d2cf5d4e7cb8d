"""Mutants of the Python, made by cosmic-ray, without those that cannot matter."""

# pyright: reportMissingImports=false, reportMissingTypeStubs=false, reportUnknownVariableType=false
# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false
import warnings
from collections.abc import Iterator
from contextlib import suppress
from itertools import count, islice
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator, operator_names

from tests.mutation.idle import idle
from tests.mutation.mutant import Mutant

LEFT_OUT = ("schema.py", "local.py")
"""Of migrations and servers: one run of their tests takes minutes."""
_SAME = ("NoOp", "_Is_Eq", "_Eq_Is", "_IsNot_NotEq", "_NotEq_IsNot")
"""Of None, UNSET and the members of an enum, `is` and `==` ask the same."""


class Place(NamedTuple):
    """Where an operator can change a module."""

    line: int
    column: int
    operator: str
    occurrence: int


def sampled(root: Path, random: Random) -> Iterator[Mutant]:
    """Give mutants in random order, one for each place and kind of operator: not more for having more variants."""
    sources = {path: path.read_text(encoding="utf-8") for path in sorted((root / "src").rglob("*.py"))}
    spots = [
        (path, places)
        for path, source in sources.items()
        if path.name not in LEFT_OUT
        for places in _spots(source).values()
    ]
    random.shuffle(spots)
    for path, places in spots:
        random.shuffle(places)
        made = ((place, _mutated(sources[path], place)) for place in places)
        for place, code in islice(((place, code) for place, code in made if code), 1):
            yield _mutant(path.relative_to(root).as_posix(), sources[path], code, place)


def _mutated(source: str, place: Place) -> str | None:
    # A tuple of exceptions cannot be replaced.
    with suppress(AttributeError, SyntaxError), warnings.catch_warnings():
        warnings.simplefilter("error", SyntaxWarning)
        code: str | None = mutate_code(source, _operator(place.operator), place.occurrence)
        if code and code != source:
            compile(code, "mutant", "exec")
            return code
    return None


def _mutant(path: str, source: str, code: str, place: Place) -> Mutant:
    before, after = source.splitlines(), code.splitlines()
    line = next((n for n, (one, other) in enumerate(zip(before, after, strict=False)) if one != other), place.line - 1)
    change = f"{before[line].strip()} -> {after[line].strip() if line < len(after) else ''}"
    return Mutant(path, line + 1, _family(place.operator), change, code)


def _spots(source: str) -> dict[tuple[int, int, str], list[Place]]:
    """Group what can be done at each place by the family of the operator."""
    tree, still, lines = get_ast(source), idle(source), source.splitlines()
    spots: dict[tuple[int, int, str], list[Place]] = {}
    for name in operator_names():
        if get_operator(name).arguments() or name.endswith(_SAME):
            continue
        operator, numbers = _operator(name), count()
        for node in ast_nodes(tree):
            for (line, column), _ in operator.mutation_positions(node):
                place = Place(line, column, name, next(numbers))
                # The * and the / of a list of parameters are no operators.
                if lines[line - 1][column:].startswith(("*,", "/,")):
                    continue
                if not any(one <= (line, column) < end for one, end in still):
                    spots.setdefault((line, column, _family(name)), []).append(place)
    return spots


def _operator(name: str) -> Any:
    return get_operator(name)()


def _family(name: str) -> str:
    kind = name.partition("/")[2]
    for family in ("ReplaceBinaryOperator", "ReplaceComparisonOperator", "ReplaceUnaryOperator"):
        if kind.startswith(family):
            return family
    return kind
