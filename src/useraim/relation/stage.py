"""The stage of a bulk load: how rows are checked and packed for COPY, and the script of calls that takes them over."""

from collections.abc import AsyncGenerator, AsyncIterable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from itertools import chain, islice, repeat
from struct import Struct
from typing import Any, Final, cast
from uuid import UUID

from useraim.core.adapt import pack_text, pack_texts, pack_time
from useraim.core.clauses import assigned, differs, existing, from_file, listed, literal
from useraim.core.pypika import Q, count, count_of, table
from useraim.core.rows import single, whole
from useraim.core.running import Script
from useraim.core.statement import Statement, first, named
from useraim.errors import AlreadyExists, BrokenReference, Conflict, Error, InvalidValue
from useraim.ids import in_key_order
from useraim.relation import csvfile, incoming
from useraim.relation.attributes import ATTRIBUTES, Shape
from useraim.relation.incoming import Chunk
from useraim.values import OnMatch, Pair

_NUMBER: Final = Struct("!hiq")  # fields of the row, then length and bytes of its place in the input
_NULLS: Final = repeat(pack_time(None))
_SIGNATURE: Final = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_END: Final = b"\xff\xff"
_FIRST, _MOST = 1_000, 2_500  # rows of the first COPY, and of later ones: some 250 kB
_PACK: Final[Mapping[str, Callable[[Any, str], bytes]]] = {"text": pack_text, "text[]": pack_texts}
_FIELDS: Final = 3 + len(ATTRIBUTES)

STAGE: Final = named(
    "bulk.load (stage)",
    from_file("bulk/stage.sql", columns=listed(f"{name} {attribute.type}" for name, attribute in ATTRIBUTES.items())),
)
COPY: Final = named("bulk.load", from_file("bulk/copy.sql", names=listed(ATTRIBUTES)))
DROP: Final = named("bulk.load (drop)", from_file("bulk/drop.sql"))
_s: Final = table("useraim_stage", "s", schema="pg_temp")
_u, _a, _m = table("users", "u"), table("aims", "a"), table("user_aims", "m")
_linked: Final = (_m.user_id == _s.user_id) & (_m.aim_id == _s.aim_id)
_p: Final = Q.from_(_s).select(_s.user_id, _s.aim_id).distinct().as_("p")
_GIVEN: Final = Statement(
    "bulk.load (given)", Q.from_(_s).select(count, *(count_of(_s.field(name)) for name in ATTRIBUTES)), whole
)
_MISSING: Final = Statement("bulk.load (missing)", from_file("bulk/missing.sql"), whole)
_HELD: Final = Statement(
    "bulk.load (held)",
    Q.from_(_s).join(_m).on(_linked).select(_s.user_id, _s.aim_id).distinct().orderby(_s.user_id, _s.aim_id),
    whole,
)
_REJECTED: Final = Statement(
    "bulk.load (rejected)",
    Q.from_(_s)
    .left_join(_u)
    .on(_u.id == _s.user_id)
    .left_join(_a)
    .on(_a.id == _s.aim_id)
    .select(_s.n, _s.user_id, _s.aim_id, _u.id.isnull().as_("no_user"), _a.id.isnull().as_("no_aim"))
    .where(_u.id.isnull() | _a.id.isnull())
    .orderby(_s.n),
    whole,
)
_LINKED: Final = Statement(
    "bulk.load (linked)",
    Q.from_(_p)
    .left_join(_m)
    .on((_m.user_id == _p.user_id) & (_m.aim_id == _p.aim_id))
    .select(count, count_of(_m.user_id)),
    whole,
)


@dataclass(frozen=True, slots=True)
class Rejected:
    """A row that was left out: its index in the input, its pair, and why."""

    index: int
    pair: Pair
    reason: str


@dataclass(frozen=True, slots=True)
class BulkResult:
    """How many distinct pairs a load added, updated and found unchanged, and the rows it left out, in input order."""

    added: int
    updated: int
    unchanged: int
    rejected: list[Rejected]


class Overtaken(Conflict):
    """What a load has looked up was changed by others before it was written: it has to look again."""


def settle(on_match: OnMatch, *, skip: bool, again: bool) -> Script[BulkResult]:
    """Take the staged rows over: yields the calls to make, receives their results.

    Others delete and link meanwhile: what came of the rows is counted after they are written, not assumed. Where that
    does not agree with what was found before, `Overtaken` asks for all of it to be undone and done `again`: only then
    it stands ready for pairs that others link meanwhile, which costs a tenth.
    """
    total, *counts = yield _GIVEN.call(first, {})
    given = tuple((name, count == total) for name, count in zip(ATTRIBUTES, counts, strict=True) if count)
    if not skip and (missing := (yield _MISSING.call(list, {}))):
        raise BrokenReference(_of("users", missing), _of("aims", missing))
    if on_match == "error" and (held := (yield _HELD.call(list, {}))):
        raise AlreadyExists("user_aims_pkey", tuple(held))
    some_leave_it = on_match == "update" and not all(every for _, every in given)
    takes = on_match == "update" and bool(given) and not some_leave_it
    put = _put(given, updates=takes, expects=takes or again)
    added, updated = yield put.call(first, {}).or_raise(_overtaken)
    if some_leave_it:
        updated = yield _update(given).call(first, {})
    rejected = [_rejected(*row) for row in (yield _REJECTED.call(list, {}))] if skip else []
    if added + len(rejected) == total:  # what is added stays until the transaction ends: nobody else sees it
        return BulkResult(added, 0, 0, rejected)
    pairs, linked = yield _LINKED.call(first, {})
    if linked != pairs - len({row.pair for row in rejected}) or (on_match == "error" and linked != added):
        raise Overtaken("others unlink or delete what is loaded, again and again")
    return BulkResult(added, updated, linked - added - updated, rejected)


def _of(side: str, missing: list[tuple[str, UUID]]) -> tuple[UUID, ...]:
    return tuple(in_key_order(id for name, id in missing if name == side))


def _rejected(index: int, user: UUID, aim: UUID, no_user: bool, no_aim: bool) -> Rejected:
    sides = [name for name, is_missing in (("user", no_user), ("aim", no_aim)) if is_missing]
    return Rejected(index, (user, aim), f"no such {' and no such '.join(sides)}")


def _overtaken(error: Error) -> Error:
    return Overtaken(str(error)) if isinstance(error, BrokenReference | AlreadyExists) else error


@cache
def _put(given: Shape, *, updates: bool, expects: bool) -> Statement[tuple[int, int]]:
    new = {name: f"excluded.{name}" for name, _ in given} if updates else {}
    query = from_file(
        "bulk/put.sql",
        names=listed(name for name, _ in given),
        values=ATTRIBUTES.new_values(given, "s"),
        all=literal(expects),
        conflict=existing("user_id, aim_id", new) if expects else "",
    )
    return Statement("bulk.load (put)", query, whole)


@cache
def _update(given: Shape) -> Statement[int]:
    new = {name: f"coalesce(s.{name}, m.{name})" for name, _ in given}
    query = from_file("bulk/update.sql", names=listed(new), changes=assigned(new), differs=differs("m", new))
    return Statement("bulk.load (update)", query, single)


def checked(rows: object) -> Iterator[Chunk]:
    """Draw rows, or those of a file of CSV, and check them: as many at a time as one COPY sends.

    No COPY is under way meanwhile: what makes the rows may use the same connection.
    """
    if hasattr(rows, "__arrow_c_stream__"):
        return _of_frame(rows)
    if hasattr(rows, "read"):
        rows = csvfile.memberships(cast("Any", rows))
    if isinstance(rows, str | bytes | bytearray | Mapping) or not isinstance(rows, Iterable):
        raise InvalidValue("rows", "a collection of memberships, a frame, or a binary file, is needed")
    return _checked(iter(cast("Iterable[object]", rows)))


def _of_frame(frame: object) -> Iterator[Chunk]:
    try:
        from useraim.relation import arrow
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError("frames need pyarrow: pip install 'useraim[arrow]'", name=error.name) from error
    return arrow.chunks(frame, _MOST)


async def checked_async(rows: object) -> AsyncGenerator[Chunk, None]:
    """Do what `checked` does, for async iterables too."""
    if not isinstance(rows, AsyncIterable):
        for chunk in checked(rows):
            yield chunk
        return
    drawn, before, size = list[object](), 0, _FIRST
    async for row in cast("AsyncIterable[object]", rows):
        drawn.append(row)
        if len(drawn) == size:
            yield _chunk(drawn, before)
            before += size
            drawn, size = [], min(2 * size, _MOST)
    if drawn:
        yield _chunk(drawn, before)


def _checked(rows: Iterator[object]) -> Iterator[Chunk]:
    before, size = 0, _FIRST
    while drawn := list(islice(rows, size)):
        yield _chunk(drawn, before)
        before += size
        size = min(2 * size, _MOST)


def _chunk(rows: Sequence[object], before: int) -> Chunk:
    ids, attributes = incoming.columns(rows, incoming.packed_ids, before)
    kinds = [(attribute.type, attributes.get(name)) for name, attribute in ATTRIBUTES.items()]
    return Chunk(len(rows), [*(partial(_as_it_is, column) for column in ids), *(partial(_pack, *one) for one in kinds)])


def _as_it_is(column: Iterable[bytes], _: str) -> Iterable[bytes]:
    return column


def _pack(kind: str, column: Sequence[Any] | None, encoding: str) -> Iterable[bytes]:
    if not column:
        return _NULLS
    if kind == "timestamptz":
        return map(pack_time, column)
    once = {value: _PACK[kind](value, encoding) for value in set(column)}
    return map(once.__getitem__, column)


def packed(chunk: Chunk, before: int, encoding: str) -> bytes:
    """Pack rows as the binary format of COPY has them, numbered from `before` on."""
    numbers = map(_NUMBER.pack, repeat(_FIELDS), repeat(8), range(before, before + chunk.size))
    rows = chain.from_iterable(zip(numbers, *(pack(encoding) for pack in chunk.columns), strict=False))
    return b"".join(chain((_SIGNATURE,), rows, (_END,)))
