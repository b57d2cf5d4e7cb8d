"""Deletions under rules: of records whose far records shall still be as somebody demands."""

from collections.abc import Callable
from functools import cache, lru_cache
from typing import Any, TypeVar
from uuid import UUID

from useraim.core.adapt import UuidArray
from useraim.core.clauses import from_file
from useraim.core.pypika import Q, among, array, function, table
from useraim.core.rows import single, whole
from useraim.core.statement import UNWRITTEN, Call, Statement
from useraim.relation.declaration import Ends
from useraim.relation.rules import Demand, Rules, hold_row, slots

T = TypeVar("T")


def call(ends: Ends, keys: list[UUID], demanded: Rules, result: Callable[[list[UUID]], T]) -> Call[T]:
    """Delete records, given in key order, unless a rule breaks for a far record; `result` gets the ids deleted."""

    def read(rows: list[tuple[str, UUID]]) -> T:
        if broken := demanded.refusal(rows):
            raise broken
        return result([key for _, key in rows])

    ids = {"ids": UuidArray(keys)}
    # A record that is locked gets no further link, so that the far records are known. One by one, as Citus locks.
    held = [hold_row(ends).call(len, {"id": key}) for key in keys]
    deletion = _delete(ends, demanded.demand).call(read, {**ids, **demanded.parameters}, refuses=UNWRITTEN)
    return deletion.under(*held, _lock_far(ends).call(len, ids))


@cache
def _lock_far(ends: Ends) -> Statement[Any]:
    links = table(ends.join.name)
    far = links.field(ends.far_id)
    linked = Q.from_(links).select(far).distinct().where(among(links.field(ends.source_id), "ids")).orderby(far)
    return Statement(f"{ends.source.name}.delete (lock)", Q.select(function(ends.far.lock_many, array(linked))), single)


@lru_cache(maxsize=512)
def _delete(ends: Ends, demand: Demand) -> Statement[tuple[str, UUID]]:
    query = from_file(
        "records/delete.sql", source=ends.source.name, **slots(ends, demand, "rules/delete.sql", asked="far")
    )
    return Statement(f"{ends.source.name}.delete_many", query, whole)
