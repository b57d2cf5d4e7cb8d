"""The stage of a bulk load: how rows are checked and packed for COPY, and the script of calls that takes them over."""

from collections.abc import AsyncGenerator, AsyncIterable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import islice
from struct import Struct
from typing import Any, Final, TypeAlias, TypeVar, cast
from uuid import UUID

from useraim.core.adapt import pack_text, pack_texts, pack_time
from useraim.core.clauses import assigned, differs, existing, from_file, listed
from useraim.core.pypika import Q, count, count_of, table
from useraim.core.rows import single, whole
from useraim.core.running import Script
from useraim.core.statement import Statement, first, named
from useraim.errors import AlreadyExists, BrokenReference, Conflict, Error, InvalidValue
from useraim.ids import in_key_order
from useraim.relation import csvfile
from useraim.relation.attributes import ATTRIBUTES, Given, Shape
from useraim.relation.pairs import membership
from useraim.values import OnMatch, Pair

T = TypeVar("T")

_KEY: Final = Struct("!hiqi16si16s")  # fields of the row, then length and bytes of its place in the input and of ids
_SIGNATURE: Final = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_END: Final = b"\xff\xff"
_FIRST, _MOST = 1_000, 4_000  # rows of the first COPY, and of later ones: some 400 kB
_PACK: Final[Mapping[str, Callable[[Any, str], bytes]]] = {"text": pack_text, "text[]": pack_texts}
_TIMES: Final = tuple(name for name, attribute in ATTRIBUTES.items() if attribute.type == "timestamptz")
_TEXTS: Final = tuple(name for name in ATTRIBUTES if name not in _TIMES)
_FIELDS: Final = 3 + len(ATTRIBUTES)

STAGE: Final = named(
    "bulk.load (stage)",
    from_file("bulk/stage.sql", columns=listed(f"{name} {attribute.type}" for name, attribute in ATTRIBUTES.items())),
)
COPY: Final = named("bulk.load", from_file("bulk/copy.sql", names=listed(_TEXTS + _TIMES)))
DROP: Final = named("bulk.load (drop)", from_file("bulk/drop.sql"))
_s: Final = table("useraim_stage", "s", schema="pg_temp")
_u, _a, _m = table("users", "u"), table("aims", "a"), table("user_aims", "m")
_linked: Final = (_m.user_id == _s.user_id) & (_m.aim_id == _s.aim_id)
_pairs: Final = Q.from_(_s).select(_s.user_id, _s.aim_id).distinct().as_("p")
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
    Q.from_(_pairs).join(_m).on((_m.user_id == _pairs.user_id) & (_m.aim_id == _pairs.aim_id)).select(count),
    single,
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


def settle(on_match: OnMatch, *, skip: bool) -> Script[BulkResult]:
    """Take the staged rows over: yields the calls to make, receives their results.

    Others delete and link meanwhile: what came of the rows is counted after they are written, not assumed. Where that
    does not agree with what was found before, `Overtaken` asks for all of it to be undone and done again.
    """
    total, *counts = yield _GIVEN.call(first, {})
    given = tuple((name, count == total) for name, count in zip(ATTRIBUTES, counts, strict=True) if count)
    if not skip and (missing := (yield _MISSING.call(list, {}))):
        raise BrokenReference(_of("users", missing), _of("aims", missing))
    if on_match == "error" and (held := (yield _HELD.call(list, {}))):
        raise AlreadyExists("user_aims_pkey", tuple(held))
    some_leave_it = on_match == "update" and not all(every for _, every in given)
    put = _put(given, "ignore" if some_leave_it else on_match)
    added, updated, pairs = yield put.call(first, {}).or_raise(_overtaken)
    if some_leave_it:
        updated = yield _update(given).call(first, {})
    rejected = [_rejected(*row) for row in (yield _REJECTED.call(list, {}))] if skip else []
    linked = yield _LINKED.call(first, {})
    if linked != pairs - len({row.pair for row in rejected}) or (on_match == "error" and linked != added):
        raise Overtaken("others unlink or delete what is loaded, again and again")
    return BulkResult(added, updated, linked - added - updated, rejected)


def _of(side: str, missing: list[tuple[str, UUID]]) -> tuple[UUID, ...]:
    return tuple(in_key_order(id for name, id in missing if name == side))


def _rejected(index: int, user: UUID, aim: UUID, no_user: bool, no_aim: bool) -> Rejected:
    sides = [name for name, is_missing in (("user", no_user), ("aim", no_aim)) if is_missing]
    return Rejected(index, (user, aim), f"no such {' and no such '.join(sides)}")


def _overtaken(error: Error) -> Error:
    return Overtaken(str(error)) if isinstance(error, BrokenReference) else error


@cache
def _put(given: Shape, on_match: OnMatch) -> Statement[tuple[int, int, int]]:
    names = [name for name, _ in given]
    new = {name: f"excluded.{name}" for name in names} if on_match == "update" else {}
    query = from_file(
        "bulk/put.sql",
        names=listed(names),
        values=ATTRIBUTES.new_values(given, "s"),
        conflict=existing("user_id, aim_id", new),
    )
    return Statement("bulk.load (put)", query, whole)


@cache
def _update(given: Shape) -> Statement[int]:
    new = {name: f"coalesce(s.{name}, m.{name})" for name, _ in given}
    query = from_file("bulk/update.sql", names=listed(new), changes=assigned(new), differs=differs("m", new))
    return Statement("bulk.load (update)", query, single)


Row: TypeAlias = tuple[Pair, Given]
"""A row to stage, checked: its pair, and the attributes it gives."""


def checked(rows: object) -> Iterator[list[Row]]:
    """Draw rows, or those of a file of CSV, and check them: as many at a time as one COPY sends.

    No COPY is under way meanwhile: what makes the rows may use the same connection.
    """
    if hasattr(rows, "read"):
        return _chunks(csvfile.memberships(cast("Any", rows)))
    if isinstance(rows, str | bytes | bytearray | Mapping) or not isinstance(rows, Iterable):
        raise InvalidValue("rows", "a collection of memberships, or a binary file, is needed")
    return _checked(cast("Iterable[object]", rows))


async def checked_async(rows: object) -> AsyncGenerator[list[Row], None]:
    """Do what `checked` does, for async iterables too."""
    if not isinstance(rows, AsyncIterable):
        for chunk in checked(rows):
            yield chunk
        return
    drawn, before, size = list[object](), 0, _FIRST
    async for row in cast("AsyncIterable[object]", rows):
        drawn.append(row)
        if len(drawn) == size:
            yield _check(drawn, before)
            before += size
            drawn, size = [], min(2 * size, _MOST)
    if drawn:
        yield _check(drawn, before)


def _checked(rows: Iterable[object]) -> Iterator[list[Row]]:
    before = 0
    for drawn in _chunks(iter(rows)):
        yield _check(drawn, before)
        before += len(drawn)


def _chunks(rows: Iterator[T]) -> Iterator[list[T]]:
    size = _FIRST
    while chunk := list(islice(rows, size)):
        yield chunk
        size = min(2 * size, _MOST)


def _check(rows: Sequence[object], before: int) -> list[Row]:
    found: list[Row] = []
    try:
        found.extend(map(membership, rows))
    except InvalidValue as error:
        raise InvalidValue(error.field, f"{error.reason} (row at index {before + len(found)})") from None
    return found


def packed(rows: Sequence[Row], before: int, encoding: str) -> bytearray:
    """Pack rows as the binary format of COPY has them, numbered from `before` on."""
    data, texts = bytearray(_SIGNATURE), dict[tuple[object, ...], bytes]()
    for n, ((user, aim), given) in enumerate(rows, before):
        data += _KEY.pack(_FIELDS, 8, n, 16, user.int.to_bytes(16), 16, aim.int.to_bytes(16))
        # Many memberships have few different texts.
        own = tuple([given.get(name) for name in _TEXTS])
        if own not in texts:
            texts[own] = b"".join(
                [_PACK[ATTRIBUTES[name].type](value, encoding) for name, value in zip(_TEXTS, own, strict=True)]
            )
        data += texts[own]
        for name in _TIMES:
            data += pack_time(given.get(name))
    data += _END
    return data
