"""Records: the operations that users and aims share, written once for both tables."""

from collections.abc import Iterable
from functools import cache, partial
from typing import Any, Generic, TypeVar, cast
from uuid import UUID

from useraim import validate
from useraim.core import ordering
from useraim.core.adapt import UuidArray
from useraim.core.clauses import assigned, differs, from_file, literal
from useraim.core.frame import Frame
from useraim.core.operation import method
from useraim.core.ordering import ID
from useraim.core.parts import Parts, parts_method
from useraim.core.pypika import Q, among, param
from useraim.core.pypika import table as rows_of
from useraim.core.rows import maker, single, whole
from useraim.core.statement import UNWRITTEN, Call, Statement, first, first_or_none, nothing
from useraim.core.stream import Paged, stream_method
from useraim.errors import NotFound
from useraim.ids import in_key_order
from useraim.page import Page, Place, Window, window
from useraim.relation import deleting, finding, framing, rules
from useraim.relation.creating import (
    creation_arrays,
    creation_of_one_statement,
    creation_statement,
    creations,
    refuse_taken,
)
from useraim.relation.declaration import AnyTable, Ends, JoinTable, Record, Table
from useraim.relation.finding import Filter
from useraim.values import Condition, Must

Id = TypeVar("Id", bound=UUID)
R = TypeVar("R", bound=Record)
New = TypeVar("New")
FId = TypeVar("FId", bound=UUID)
F = TypeVar("F", bound=Record)


class Records(Generic[Id, R, New, FId, F]):
    """One table of records with an id of their own, at one end of a relation."""

    def __init__(self, join: JoinTable, table: Table[Id, R, New, Any], far: Table[FId, F, Any, Any]) -> None:
        self.table = table
        self.ends = Ends(join, table, far)
        rows = rows_of(table.name)
        one = rows.id == param("id")
        some = among(rows.id, "ids")
        self.make = maker(table.row)
        named = partial(self._named, row=self.make)
        self._get = named("get", lambda: Q.from_(rows).select(*table.columns).where(one))
        self._find_many = named("find_many", lambda: Q.from_(rows).select(*table.columns).where(some))
        self._exists = self._named("exists", lambda: Q.from_(rows).select(rows.id).where(one), row=single)
        self._delete = self._named("delete", lambda: Q.from_(rows).delete().where(one).returning("id"), row=single)
        self._delete_many = self._named(
            "delete_many", lambda: Q.from_(rows).delete().where(some).returning("id"), row=single
        )

    @method
    def get(self, id: Id | R) -> Call[R]:
        """Return the record; `NotFound` when there is none."""
        key = self.table.id(id)

        def read(rows: list[R]) -> R:
            if not rows:
                raise NotFound(self.table.name, (key,))
            return rows[0]

        return self._get.call(read, {"id": key})

    @method
    def find(self, id: Id | R) -> Call[R | None]:
        """Return the record, or None when there is none."""
        return self._get.call(first_or_none, {"id": self.table.id(id)})

    @method
    def find_many(self, ids: Iterable[Id | R]) -> Call[dict[Id, R]]:
        """Return the records that exist, by id, in the order asked."""
        keys: list[Any] = self.table.ids(ids)

        def read(rows: list[R]) -> dict[Id, R]:
            found: dict[Any, R] = {row.id: row for row in rows}
            return {key: found[key] for key in keys if key in found}

        return self._find_many.call(read, {"ids": UuidArray(keys)}, refuses=False) if keys else nothing({})

    @method
    def exists(self, id: Id | R) -> Call[bool]:
        """Say whether there is such a record."""
        return self._exists.call(bool, {"id": self.table.id(id)})

    @method
    def create_many(self, new: Iterable[New]) -> Call[list[R]]:
        """Create all of them or none; the records come back in input order.

        Raises `AlreadyExists` for an id or an e-mail address that is taken, or given twice.
        """
        return self.creation(validate.collection(new, "new"))

    @method
    def delete(self, id: Id | R, *, must: Must[Id | R] = ()) -> Call[bool]:
        """Delete the record and its memberships; say whether it was there. The far records stay.

        `must` is what shall hold afterwards for every far record that loses a link, else `RuleBroken` names all for
        which it would not, and nothing is deleted. The record and these far records are locked first.
        """
        key = self.table.id(id)
        if demanded := rules.rules(self.table, must):
            return deleting.call(self.ends, [key], demanded, bool)
        return self._delete.call(bool, {"id": key})

    @method
    def delete_many(self, ids: Iterable[Id | R], *, must: Must[Id | R] = ()) -> Call[tuple[Id, ...]]:
        """Delete records and their memberships; return the ids really deleted, in input order.

        `must` as in `delete`.
        """
        keys: list[Any] = self.table.ids(ids)
        demanded = rules.rules(self.table, must)

        def read(rows: list[UUID]) -> tuple[Id, ...]:
            gone = set(rows)
            return tuple(key for key in keys if key in gone)

        if not keys:
            return nothing(())
        # Sorted, so that two callers lock the same rows in the same order.
        ordered = in_key_order(keys)
        if demanded:
            return deleting.call(self.ends, ordered, demanded, read)
        return self._delete_many.call(read, {"ids": UuidArray(ordered)}, refuses=False)

    @method
    def page(
        self,
        *,
        where: Iterable[Condition[FId | F]] = (),
        search: str | None = None,
        order_by: str = "created_at",
        limit: int = 50,
        after: str | None = None,
        before: str | None = None,
    ) -> Call[Page[R]]:
        """Return one page of the records for which all conditions (at most 20) hold and whose text contains `search`.

        `order_by`: created_at, name and email (users) or title (aims), with `-` in front to descend; ties by id.
        """
        shape, parameters = finding.asked(self.ends, where, search)
        order, descending = ordering.parse(order_by, self.table.orders)
        scope = repr((self.table.name, order_by, shape, sorted(parameters.items())))
        asked = window(scope, (self.table.orders[order], ID), limit, after, before)
        return self._page(asked, shape, parameters, order, descending=descending)

    @method
    def count(self, *, where: Iterable[Condition[FId | F]] = (), search: str | None = None) -> Call[int]:
        """Count the records for which all conditions hold and whose text contains `search`."""
        shape, parameters = finding.asked(self.ends, where, search)
        return finding.count_of(self.ends, shape).call(first, parameters)

    @stream_method
    def stream(self, *, where: Iterable[Condition[FId | F]] = (), search: str | None = None) -> Paged[R]:
        """Iterate over the records of `page`, by created_at, in bounded memory.

        Over a pool: one query, one snapshot, on a connection of its own until it ends. Over a connection: page after
        page, and others use it meanwhile. Then every record that stays is met once, and none that comes behind the
        last one at the start.
        """
        shape, parameters = finding.asked(self.ends, where, search)
        pages = partial(self._page, shape=shape, parameters=parameters, order="created_at", descending=False)
        return Paged(pages, _by_created_at)

    @method
    def frame(self, *, where: Iterable[Condition[FId | F]] = (), search: str | None = None) -> Call[Frame]:
        """Return the records of `page` as Arrow columns, in no order. Needs the extra `[arrow]`."""
        return framing.records(self.ends, where, search).whole()

    @parts_method
    def frames(
        self, *, where: Iterable[Condition[FId | F]] = (), search: str | None = None, size: int = framing.SIZE
    ) -> Parts[Frame]:
        """Iterate over frames of at most `size` records of what `frame` returns, by id.

        Nothing is held between them; records that are written meanwhile may be met or not.
        """
        return framing.records(self.ends, where, search).parts(size)

    def creation_of_one(self, new: New) -> Call[R]:
        """Build the call that creates one record: unlike the one for many, it looks for what is in the way last."""
        ((key, record),) = creations(self.table, [new]).items()
        id_given = cast("Any", new).id is not None

        def read(rows: list[tuple[Any, ...]]) -> R:
            same_id, same_value, *row = rows[0]
            if row[0] is not None:
                return self.make(row)
            if same_id is not None:
                raise self.table.taken(f"{self.table.name}_pkey", (same_id,))
            if same_value is not None:
                raise self.table.taken(self.table.unique_key, (same_value,))
            # A row that another transaction committed meanwhile stands in the way without being seen.
            if id_given:
                raise self.table.taken(f"{self.table.name}_pkey", (key,))
            raise self.table.taken(self.table.unique_key, ())

        return creation_of_one_statement(self.table, id_given).call(read, {"id": key, **record}, refuses=UNWRITTEN)

    def creation(self, new: list[Any]) -> Call[list[R]]:
        """Build the call that creates records; shared with the functions that take one record's columns."""
        records = creations(self.table, new)

        def read(rows: list[tuple[Any, ...]]) -> list[R]:
            refuse_taken(self.table, rows)
            created = {row[2]: self.make(row[2:]) for row in rows}
            return [created[key] for key in records]

        return (
            creation_statement(self.table).call(read, creation_arrays(self.table, records), refuses=UNWRITTEN)
            if records
            else nothing([])
        )

    def change(self, id: object, **given: object) -> Call[R]:
        """Build the call that changes the columns given; the functions that name these columns call it."""
        key = self.table.id(id)
        checked = self.table.check(given)
        if not checked:
            return self.get.call(cast("Id", key))

        def read(rows: list[tuple[Any, ...]]) -> R:
            if not rows:
                raise NotFound(self.table.name, (key,))
            taken, *row = rows[0]
            if taken is not None:
                raise self.table.taken(self.table.unique_key, (taken,))
            return self.make(row)

        return _update(self.table, tuple(checked)).call(read, {"id": key, **checked}, refuses=UNWRITTEN)

    def _page(
        self, asked: Window, shape: Filter, parameters: dict[str, object], order: str, *, descending: bool
    ) -> Call[Page[R]]:
        statement = finding.page_of(self.ends, shape, order, descending, asked.direction)
        column = self.table.orders[order].column

        def place(row: R) -> Place:
            return getattr(row, column), row.id

        bound = {**parameters, **asked.parameters}
        return statement.call(lambda rows: asked.page(rows, place), bound, refuses=False)

    def _named(self, name: str, query: Any, row: Any) -> Statement[Any]:
        return Statement(f"{self.table.name}.{name}", query, row)


def _by_created_at(row: Record) -> Place:
    return row.created_at, row.id


@cache
def _update(table: AnyTable, given: tuple[str, ...]) -> Statement[tuple[Any, ...]]:
    new = {name: f"%({name})s::text" for name in given}
    query = from_file(
        "records/update.sql",
        table=table.name,
        columns=table.listed(),
        returned=table.listed("t"),
        changes=assigned(new),
        differs=differs("h", new),
        gives_unique=literal(table.unique in given),
        theirs=table.compared("t"),
        ours=table.given_compared if table.unique in given else "NULL",
    )
    return Statement(f"{table.name}.update", query, whole)
