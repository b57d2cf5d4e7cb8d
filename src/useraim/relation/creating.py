"""Creating records: checked, given ids, and written together by one statement; of users, aims, and linked ones."""

from functools import cache
from typing import Any, TypeAlias
from uuid import UUID

from useraim import validate
from useraim.core.adapt import TextArray, UuidArray
from useraim.core.clauses import columns, from_file, literal, rows_from
from useraim.core.rows import whole
from useraim.core.statement import Statement
from useraim.ids import in_key_order, new_id
from useraim.relation.declaration import AnyTable

Creations: TypeAlias = dict[UUID, dict[str, Any]]


def creations(table: AnyTable, values: list[Any]) -> Creations:
    """Check records to create and give those without an id one; an id given twice is `AlreadyExists`."""
    records: Creations = {}
    for value in values:
        if not isinstance(value, table.new):
            raise validate.wrong("new", table.new, value)
        given: Any = value
        key = new_id() if given.id is None else validate.uuid(given.id, "id")
        if key in records:
            raise table.taken(f"{table.name}_pkey", (key,))
        records[key] = {name: check(getattr(given, name), name) for name, check in table.given.items()}
    return records


def creation_arrays(table: AnyTable, records: Creations) -> dict[str, object]:
    """Turn records to create into one array a column."""
    given = {f"new_{name}": TextArray(record[name] for record in records.values()) for name in table.given}
    return {"ids": UuidArray(records), **given}


@cache
def creation_statement(table: AnyTable) -> Statement[tuple[Any, ...]]:
    """Render sql/records/create_many.sql; rows are (reason, refused id, columns of the table …)."""
    query = from_file(
        "records/create_many.sql",
        table=table.name,
        given=columns(table.given),
        columns=table.listed(),
        added=table.listed("a"),
        arrays=rows_from("%(ids)s::uuid[]", *(f"%(new_{name})s::text[]" for name in table.given)),
        **unique_slots(table, "t", "n"),
    )
    return Statement(f"{table.name}.create_many", query, whole)


@cache
def creation_of_one_statement(table: AnyTable, id_given: bool) -> Statement[tuple[Any, ...]]:
    """Render sql/records/create.sql; rows are (same id, same value, columns of the table …)."""
    compared = {"theirs": table.compared("t"), "ours": table.given_compared}
    query = from_file(
        "records/create.sql",
        table=table.name,
        given=columns(table.given),
        values=columns(f"%({name})s" for name in table.given),
        columns=table.listed(),
        target="(id)" if id_given else "",
        free_id=from_file("records/free/id.sql", table=table.name) if id_given else "",
        free_value=from_file("records/free/value.sql", table=table.name, **compared) if table.unique else "",
        has_unique=literal(table.unique is not None),
        **compared,
    )
    return Statement(f"{table.name}.create", query, whole)


def unique_slots(table: AnyTable, theirs: str, ours: str) -> dict[str, str]:
    """Name the unique column of two aliases, if there is one, for the branch that looks for values that are taken."""
    return {
        "has_unique": literal(table.unique is not None),
        "unique_key": table.unique_key,
        "theirs": table.compared(theirs),
        "ours": table.compared(ours),
    }


def refuse_taken(table: AnyTable, rows: list[tuple[Any, ...]]) -> None:
    """Raise `AlreadyExists` for the first constraint in the way of a creation, naming all rows that hold it."""
    if rows and rows[0][0] is not None:
        constraint = rows[0][0]
        raise table.taken(constraint, tuple(in_key_order({row[1] for row in rows if row[0] == constraint})))
