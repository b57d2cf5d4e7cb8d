"""Memberships: the rows that join a user to an aim, with role, permissions and joined_at."""

from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any, TypeVar, Unpack
from uuid import UUID

from useraim import validate
from useraim.core import ordering
from useraim.core.adapt import TextArray, UuidArray
from useraim.core.frame import Frame
from useraim.core.operation import operation
from useraim.core.parts import Parts, parts_operation
from useraim.core.statement import UNWRITTEN, Call, Statement, first, first_or_none, nothing
from useraim.core.stream import Paged, stream_operation
from useraim.errors import AlreadyExists, BrokenReference, Conflict, InvalidValue, NotFound
from useraim.ids import in_key_order, pairs_in_key_order
from useraim.page import Page, Place, Window, window
from useraim.relation import conditions, framing, incoming, pairs
from useraim.relation.attributes import ATTRIBUTES
from useraim.relation.pairs import DELETE_MANY, FIND_MANY, PairRef, Row, arrays, checked, key_of, one
from useraim.relation.tables import USER_AIMS, USERS
from useraim.values import (
    ON_MATCH,
    AimRef,
    Attributes,
    Changes,
    LinkFilter,
    OnMatch,
    Outcome,
    Pair,
    Texts,
    UserAim,
    UserRef,
)

T = TypeVar("T")


@operation
def create(
    user: UserRef,
    aim: AimRef,
    **attributes: Unpack[Attributes],
) -> Call[UserAim]:
    """Link a user and an aim; attributes not given get the database's defaults.

    Raises `AlreadyExists` when they are linked, and `BrokenReference` naming whichever of the two does not exist.
    """
    user_id, aim_id = key = key_of(user, aim)
    given = ATTRIBUTES.check(attributes)

    def read(rows: list[tuple[Any, ...]]) -> UserAim:
        has_user, has_aim, *row = rows[0]
        if row[0] is not None:
            return pairs.MAKE(row)
        if has_user and has_aim:
            raise AlreadyExists("user_aims_pkey", (key,))
        raise BrokenReference(() if has_user else (user_id,), () if has_aim else (aim_id,))

    parameters = {"user_id": user_id, "aim_id": aim_id, **ATTRIBUTES.bound(given)}
    return pairs.create(tuple(given)).call(read, parameters, refuses=UNWRITTEN)


@operation
def get(user: UserRef, aim: AimRef) -> Call[UserAim]:
    """Return the membership; `NotFound` when the two are not linked."""
    key = key_of(user, aim)
    return pairs.GET.call(lambda rows: _one_of(key, rows), one(key))


@operation
def find(user: UserRef, aim: AimRef) -> Call[UserAim | None]:
    """Return the membership, or None when the two are not linked."""
    return pairs.GET.call(first_or_none, one(key_of(user, aim)))


@operation
def find_many(pairs: Iterable[PairRef]) -> Call[list[UserAim | None]]:
    """Return a membership for each pair in the order asked, None where the two are not linked."""
    keys = checked(pairs)

    def read(rows: list[UserAim]) -> list[UserAim | None]:
        found: dict[Pair, UserAim] = {(row.user_id, row.aim_id): row for row in rows}
        return [found.get(key) for key in keys]

    if not keys:
        return nothing([])
    return FIND_MANY.call(read, arrays(pairs_in_key_order(set(keys))), refuses=False)


@operation
def update(
    user: UserRef,
    aim: AimRef,
    *,
    if_role: str | None = None,
    **attributes: Unpack[Attributes],
) -> Call[UserAim]:
    """Change the attributes given, and return the membership as it is then.

    Raises `NotFound`, and `Conflict` when `if_role` is given and the role is another one by now.
    """
    key = key_of(user, aim)
    given = ATTRIBUTES.check(attributes)
    expected = None if if_role is None else validate.role(if_role, "if_role")

    def read(rows: list[tuple[bool, UserAim]]) -> UserAim:
        updated, row = _one_of(key, rows)
        if expected not in (None, row.role) and not updated:
            raise Conflict(f"the role is {row.role!r}, not {expected!r}")
        return row

    parameters = {**one(key), **ATTRIBUTES.bound(given), "if_role": expected}
    return pairs.update(tuple(given)).call(read, parameters, refuses=UNWRITTEN)


@operation
def grant(user: UserRef, aim: AimRef, permissions: Texts) -> Call[UserAim]:
    """Add the permissions that are not there yet, after those that are; `NotFound` when the two are not linked."""
    return _permit(pairs.GRANT, user, aim, permissions)


@operation
def revoke(user: UserRef, aim: AimRef, permissions: Texts) -> Call[UserAim]:
    """Take permissions away; those not there are ignored. `NotFound` when the two are not linked."""
    return _permit(pairs.REVOKE, user, aim, permissions)


@operation
def delete(user: UserRef, aim: AimRef) -> Call[bool]:
    """Unlink the two; say whether they were linked."""
    return pairs.DELETE.call(bool, one(key_of(user, aim)))


@operation
def delete_many(pairs: Iterable[PairRef]) -> Call[tuple[tuple[UUID, UUID], ...]]:
    """Unlink pairs; return those really unlinked, in input order."""
    keys = list(dict.fromkeys(checked(pairs)))

    def read(rows: list[Pair]) -> tuple[Pair, ...]:
        gone = set(rows)
        return tuple(key for key in keys if key in gone)

    if not keys:
        return nothing(())
    return DELETE_MANY.call(read, arrays(pairs_in_key_order(keys)), refuses=False).by_key()


@operation
def put_many(rows: Iterable[Row], *, on_match: OnMatch = "ignore") -> Call[list[Outcome]]:
    """Write any number of memberships, all or nothing; return the outcome of each row, in input order.

    `on_match` says what happens to pairs that are linked: ignore leaves them alone, update takes the attributes
    given, error raises `AlreadyExists` naming all. A pair given twice counts once, with its first row's attributes.
    Raises `BrokenReference` naming all users and aims that do not exist. Tuples and mappings
    give the fields of `NewUserAim`, in its order or by name.
    """
    validate.choice(on_match, "on_match", ON_MATCH)
    given = validate.collection(rows, "rows")
    if not given:
        return nothing([])
    columns = incoming.columns(given, incoming.uuids)
    keys = [(user.int, aim.int) for user, aim in zip(*columns.ids, strict=True)]
    places: dict[tuple[int, int], int] = {}
    for n, key in enumerate(keys):
        places.setdefault(key, n)
    shape, parameters = pairs.columns(columns, [places[key] for key in sorted(places)])

    def read(rows: list[tuple[str, UUID, UUID]]) -> list[Outcome]:
        if rows and rows[0][0] not in {"added", "updated"}:
            raise _refusal(rows)
        outcomes: dict[tuple[int, int], Any] = {(user.int, aim.int): outcome for outcome, user, aim in rows}
        return [outcomes.get(key, "unchanged") for key in keys]

    return pairs.put(shape, on_match).call(read, parameters, refuses=UNWRITTEN)


@operation
def merge(from_user: UserRef, into_user: UserRef) -> Call[Changes]:
    """Move all memberships of one user to another, who keeps those held already as they are.

    `added` are the aims moved and `unchanged` those already held, by id. Raises `BrokenReference` for users that do
    not exist, `InvalidValue` for the same user twice. Both users are locked first, in id order, in the same round trip.
    """
    old, new = USERS.id(from_user, "from_user"), USERS.id(into_user, "into_user")
    if old == new:
        raise InvalidValue("into_user", "the same user")
    both = in_key_order((old, new))

    def read(rows: list[tuple[str, UUID]]) -> Changes:
        if missing := in_key_order(id for outcome, id in rows if outcome == "missing"):
            raise BrokenReference(users=tuple(missing))
        added = {id for outcome, id in rows if outcome == "added"}
        moved = in_key_order(id for outcome, id in rows if outcome == "moved")
        return Changes(tuple(in_key_order(added)), unchanged=tuple(id for id in moved if id not in added))

    parameters = {"from_user": old, "into_user": new, "users": UuidArray(both)}
    change = pairs.MERGE.call(read, parameters, refuses=UNWRITTEN)
    return change.under(*(pairs.LOCK_USER.call(len, {"id": id}) for id in both))


@operation
def page(
    *,
    link: LinkFilter | None = None,
    order_by: str = "joined_at",
    limit: int = 50,
    after: str | None = None,
    before: str | None = None,
) -> Call[Page[UserAim]]:
    """Return one page of all memberships by `joined_at`, or `-joined_at`; ties by key."""
    _, descending = ordering.parse(order_by, {"joined_at": pairs.KEYS[0]})
    parameters = conditions.link_parameters(link)
    scope = repr(("user_aims", order_by, sorted(parameters.items())))
    return _page_call(window(scope, pairs.KEYS, limit, after, before), link, parameters, descending=descending)


@operation
def count(*, link: LinkFilter | None = None) -> Call[int]:
    """Count the memberships that the filter lets through."""
    return pairs.count(conditions.link_shape(link)).call(first, conditions.link_parameters(link))


@stream_operation
def stream(*, link: LinkFilter | None = None, order_by: str = "joined_at") -> Paged[UserAim]:
    """Iterate over the memberships of `page` in bounded memory.

    Over a pool: one query, one snapshot, on a connection of its own until it ends. Over a connection: page after page,
    and others use it meanwhile. Then every membership that stays as it is is met once, and none that comes behind the
    one that is last at the start.
    """
    _, descending = ordering.parse(order_by, {"joined_at": pairs.KEYS[0]})
    parameters = conditions.link_parameters(link)
    return Paged(partial(_page_call, link=link, parameters=parameters, descending=descending), _place, descending)


@operation
def frame(*, link: LinkFilter | None = None) -> Call[Frame]:
    """Return the memberships that the filter lets through as Arrow columns, in no order. Needs the extra `[arrow]`."""
    return framing.memberships(USER_AIMS, link).whole()


@parts_operation
def frames(*, link: LinkFilter | None = None, size: int = framing.SIZE) -> Parts[Frame]:
    """Iterate over frames of at most `size` memberships of what `frame` returns, by user and aim.

    Nothing is held between them; memberships that are written meanwhile may be met or not.
    """
    return framing.memberships(USER_AIMS, link).parts(size)


def _one_of(key: Pair, rows: list[T]) -> T:
    if not rows:
        raise NotFound("user_aims", (key,))
    return rows[0]


def _refusal(rows: list[tuple[str, UUID, UUID]]) -> Exception:
    users = tuple(in_key_order(user for reason, user, _ in rows if reason == "users"))
    aims = tuple(in_key_order(aim for reason, _, aim in rows if reason == "aims"))
    if users or aims:
        return BrokenReference(users, aims)
    return AlreadyExists("user_aims_pkey", tuple(pairs_in_key_order((user, aim) for _, user, aim in rows)))


def _permit(
    statement: Statement[tuple[bool, UserAim]], user: UserRef, aim: AimRef, permissions: Texts
) -> Call[UserAim]:
    key = key_of(user, aim)
    named = TextArray(dict.fromkeys(validate.permissions(permissions)))
    parameters = {**one(key), "permissions": named}
    return statement.call(lambda rows: _one_of(key, rows)[1], parameters, refuses=UNWRITTEN)


def _page_call(
    asked: Window, link: LinkFilter | None, parameters: Mapping[str, object], *, descending: bool
) -> Call[Page[UserAim]]:
    statement = pairs.page(conditions.link_shape(link), descending, asked.direction)
    return statement.call(lambda rows: asked.page(rows, _place), {**parameters, **asked.parameters}, refuses=False)


def _place(row: UserAim) -> Place:
    return row.joined_at, row.user_id, row.aim_id
