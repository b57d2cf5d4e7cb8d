"""Creating records: checked, given ids, and written together by one statement; of users, aims, and linked ones."""

from typing import Any, TypeAlias
from uuid import UUID

from useraim import validate
from useraim.core.adapt import TextArray, UuidArray
from useraim.core.rows import whole
from useraim.core.statement import Statement, from_file, rows_from
from useraim.errors import AlreadyExists
from useraim.ids import in_key_order, new_id
from useraim.relation.tables import Table

Creations: TypeAlias = dict[UUID, dict[str, Any]]


def creations(table: Table[Any], new: type[object], values: list[Any]) -> Creations:
    """Check records to create and give those without an id one; an id given twice is `AlreadyExists`."""
    records: Creations = {}
    for value in values:
        if not isinstance(value, new):
            raise validate.wrong("new", new, value)
        given: Any = value
        key = new_id() if given.id is None else validate.uuid(given.id, "id")
        if key in records:
            raise AlreadyExists(f"{table.name}_pkey", (key,))
        records[key] = {name: check(getattr(given, name), name) for name, check in table.given.items()}
    return records


def creation_arrays(table: Table[Any], records: Creations) -> dict[str, object]:
    """Turn records to create into one array a column."""
    columns = {f"new_{name}": TextArray(record[name] for record in records.values()) for name in table.given}
    return {"ids": UuidArray(records), **columns}


def creation_statement(
    table: Table[Any], name: str, *, refused: str = "", linked: str = "", source: str = "added a", also: str = ""
) -> Statement[tuple[Any, ...]]:
    """Render sql/create.sql; rows are (reason, refused id, columns of the table …)."""
    given = tuple(table.given)
    query = from_file(
        "create.sql",
        table=table.name,
        given=", ".join(given),
        arrays=rows_from("%(ids)s::uuid[]", *(f"%(new_{name})s::text[]" for name in given)),
        refused=_taken(table) + refused,
        columns=table.listed(),
        added=table.listed("a") + also,
        linked=linked,
        source=source,
    )
    return Statement(name, query, whole)


def _taken(table: Table[Any]) -> str:
    if table.unique is None:
        return ""
    constraint = f"{table.name}_{table.unique}_key"
    return from_file(
        "taken.sql", table=table.name, constraint=constraint, theirs=table.unique_of("t"), ours=table.unique_of("n")
    )


def refuse_taken(rows: list[tuple[Any, ...]]) -> None:
    """Raise `AlreadyExists` for the first constraint in the way of a creation, naming all rows that hold it."""
    if rows and rows[0][0] is not None:
        constraint = rows[0][0]
        raise AlreadyExists(constraint, tuple(in_key_order({row[1] for row in rows if row[0] == constraint})))
