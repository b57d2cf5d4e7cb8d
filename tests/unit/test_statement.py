"""Statements are made when they are needed, and their values packed as psycopg packs them."""

import subprocess
import sys
from uuid import UUID

import pytest
from psycopg.adapt import PyFormat, Transformer
from psycopg.pq import Format

from useraim.core.adapt import UuidArray, ids_only, pack_ids
from useraim.core.rows import whole
from useraim.core.statement import Statement

FEW = [UUID(int=1), UUID(int=2**128 - 1)]
OF_AN_IMPORT = """
import gc, sys, useraim
from useraim.core.statement import Statement

made = [one for one in gc.get_objects() if isinstance(one, Statement)]
assert made
for statement in made:
    try:
        Statement.sql.__get__(statement)
    except AttributeError:
        continue
    raise SystemExit(statement.sql)
assert "useraim.bulk" not in sys.modules
assert useraim.bulk is sys.modules["useraim.bulk"]
assert useraim.BulkResult is useraim.bulk.BulkResult
"""


def test_a_statement_is_built_once_when_it_is_asked_for() -> None:
    built = 0

    def build() -> str:
        nonlocal built
        built += 1
        return "SELECT %(one)s, %(other)s, %(one)s"

    statement = Statement("test", build, whole)
    assert built == 0
    for _ in range(2):
        assert statement.parameters == ("one", "other")
        assert statement.query == b"/* useraim test */ SELECT $1, $2, $1"
    assert built == 1


def test_an_import_renders_no_statement_and_leaves_bulk_for_later() -> None:
    subprocess.run([sys.executable, "-c", OF_AN_IMPORT], check=True, timeout=60)


@pytest.mark.parametrize("ids", [FEW, FEW[:1]])
def test_ids_are_packed_as_psycopg_packs_them(ids: list[UUID]) -> None:
    psycopg = Transformer()
    one, many = psycopg.dump_sequence([ids[0], ids], [PyFormat.BINARY] * 2)
    values: list[UUID | UuidArray] = [ids[0], UuidArray(ids)]
    assert pack_ids(values[0]) == bytes(one or b"")
    assert pack_ids(values[1])[8:] == bytes(many or b"")[8:]  # in front: dimensions, and whether NULLs may occur
    assert ids_only(tuple(map(type, values))) == (psycopg.types, [Format.BINARY] * 2)
    assert ids_only((UUID, str)) is None
