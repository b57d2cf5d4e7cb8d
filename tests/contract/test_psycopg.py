"""What of psycopg is used that it does not promise to keep, named one by one: a new release holds no surprise."""

import ast
import inspect
import re
from pathlib import Path

from psycopg import _preparing, generators
from psycopg.transaction import BaseTransaction

import useraim

SOURCES = sorted(Path(useraim.__file__).parent.rglob("*.py"))
PRIVATE = {
    # A connection's record of its prepared statements: emptied by a rollback and by DISCARD, shared with the caller's.
    "_prepared": {"pipeline.py"},
    # What a transaction does at its beginning, in which settings go along.
    "_enter_gen": {"opening.py"},
    "_get_enter_commands": {"opening.py"},
    # What a transaction does at its end, under the connection's lock: the only place to look before COMMIT is sent.
    "_commit_gen": {"transaction.py"},
}
UNDOCUMENTED = {
    "execute": ["pgconn"],  # flush what is queued, and read the results of one command
    "send": ["pgconn"],  # flush what is queued
    "fetch_many": ["pgconn"],  # read the results of one command
}
TRANSACTION = {
    "_commit_gen": ["self"],
    "_rollback_gen": ["self", "exc_val"],
    "_enter_gen": ["self"],
    "_get_enter_commands": ["self"],  # BEGIN, or SAVEPOINT
}
RECORD = {
    "get": ["self", "query", "prepare"],  # is it prepared, or should it be?
    "maybe_add_to_cache": ["self", "query", "prep", "name"],  # it was prepared, or sent once more
    "validate": ["self", "key", "prep", "name", "results"],  # it is new: make room
    "maintain_gen": ["self", "conn"],  # close those that had to make room
}


def private_names(path: Path) -> set[str]:
    """The private attributes that a module takes from anything but itself."""
    return {
        node.attr
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute)
        and re.fullmatch("_[a-z]\\w*", node.attr)
        and not (isinstance(node.value, ast.Name) and node.value.id == "self")
    }


def test_no_other_private_name_is_used() -> None:
    used: dict[str, set[str]] = {}
    for path in SOURCES:
        for name in private_names(path):
            used.setdefault(name, set()).add(path.name)
    assert used == PRIVATE


def test_they_are_what_is_expected_of_them() -> None:
    for name, parameters in UNDOCUMENTED.items():
        function = getattr(generators, f"_{name}")  # of the C version there is no signature
        assert list(inspect.signature(function).parameters) == parameters
    for name, parameters in RECORD.items():
        method = getattr(_preparing.PrepareManager, name)
        assert list(inspect.signature(method).parameters) == parameters
    for name, parameters in TRANSACTION.items():
        method = getattr(BaseTransaction, name)
        assert list(inspect.signature(method).parameters) == parameters
