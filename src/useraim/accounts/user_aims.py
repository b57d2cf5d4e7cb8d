"""Memberships: the rows that join a user to an aim, with role, permissions and joined_at."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from functools import cache, lru_cache
from typing import Any, Final, TypeAlias, TypeVar, cast
from uuid import UUID

from useraim import filters, memberships, ordering, validate
from useraim.adapt import TextArray, UuidArray
from useraim.errors import AlreadyExists, BrokenReference, Conflict, InvalidValue, NotFound
from useraim.ids import in_key_order, pairs_in_key_order
from useraim.memberships import Given, Shape
from useraim.operation import operation
from useraim.ordering import Key
from useraim.page import Page, Window, window
from useraim.query import Q, false, in_utc, param, table
from useraim.query import count as number
from useraim.statement import Call, Statement, first, first_or_none, from_file, nothing, single, whole
from useraim.stream import stream_operation
from useraim.tables import AIMS, USERS, columns
from useraim.validate import UNSET, Unset
from useraim.values import AimRef, Changes, LinkFilter, NewUserAim, OnMatch, Outcome, Pair, UserAim, UserRef

T = TypeVar("T")

PairRef: TypeAlias = tuple[UserRef, AimRef]
Row: TypeAlias = NewUserAim | UserAim | PairRef

_COLUMNS: Final = columns(UserAim)
_LISTED: Final = ", ".join(_COLUMNS)
_RETURNED: Final = ", ".join(f"m.{name}" for name in _COLUMNS)
_KEYS: Final = (Key("joined_at", "timestamptz", in_utc), Key("user_id", "uuid"), Key("aim_id", "uuid"))
_PAIRS: Final = memberships.Keys(
    name="user_aims.put_many",
    columns="user_id, aim_id",
    arrays="%(user_ids)s::uuid[], %(aim_ids)s::uuid[]",
    user="w.user_id",
    aim="w.aim_id",
    missing="""SELECT 'users', w.user_id, NULL::uuid
    FROM wanted w LEFT JOIN users u ON u.id = w.user_id WHERE u.id IS NULL
    UNION
    SELECT 'aims', NULL::uuid, w.aim_id
    FROM wanted w LEFT JOIN aims a ON a.id = w.aim_id WHERE a.id IS NULL""",
    held="SELECT 'held', m.user_id, m.aim_id FROM user_aims m JOIN wanted w USING (user_id, aim_id)",
)

_rows: Final = table("user_aims")
_one: Final = (_rows.user_id == param("user_id")) & (_rows.aim_id == param("aim_id"))
_GET: Final = Statement("user_aims.get", Q.from_(_rows).select(*_COLUMNS).where(_one), UserAim)
_FIND_MANY: Final = Statement("user_aims.find_many", from_file("find_user_aims.sql", returned=_RETURNED), UserAim)
_DELETE: Final = Statement("user_aims.delete", Q.from_(_rows).delete().where(_one).returning("user_id"), single)
_DELETE_MANY: Final[Statement[Pair]] = Statement("user_aims.delete_many", from_file("delete_user_aims.sql"), whole)
_LOCK_USER: Final = Statement(
    "user_aims.merge (lock)", "SELECT id FROM users WHERE id = %(id)s FOR NO KEY UPDATE", single
)
_MERGE: Final[Statement[tuple[str, UUID]]] = Statement("user_aims.merge", from_file("merge_users.sql"), whole)


@operation
def create(
    user: UserRef,
    aim: AimRef,
    *,
    role: str | Unset = UNSET,
    permissions: Iterable[str] | Unset = UNSET,
    joined_at: datetime | Unset = UNSET,
) -> Call[UserAim]:
    """Link a user and an aim; attributes not given get the database's defaults.

    Raises `AlreadyExists` when they are linked, and `BrokenReference` naming whichever of the two does not exist.
    """
    user_id, aim_id = key = _pair((user, aim))
    given = memberships.check(role=role, permissions=permissions, joined_at=joined_at)

    def read(rows: list[tuple[Any, ...]]) -> UserAim:
        has_user, has_aim, *row = rows[0]
        if row[0] is not None:
            return UserAim(*row)
        if has_user and has_aim:
            raise AlreadyExists("user_aims_pkey", (key,))
        raise BrokenReference(() if has_user else (user_id,), () if has_aim else (aim_id,))

    return _create(tuple(given)).call(read, {"user_id": user_id, "aim_id": aim_id, **memberships.bound(given)})


@operation
def get(user: UserRef, aim: AimRef) -> Call[UserAim]:
    """Return the membership; `NotFound` when the two are not linked."""
    key = _pair((user, aim))
    return _GET.call(lambda rows: _one_of(key, rows), _key(key))


@operation
def find(user: UserRef, aim: AimRef) -> Call[UserAim | None]:
    """Return the membership, or None when the two are not linked."""
    return _GET.call(first_or_none, _key(_pair((user, aim))))


@operation
def find_many(pairs: Iterable[PairRef]) -> Call[list[UserAim | None]]:
    """Return a membership for each pair in the order asked, None where the two are not linked."""
    keys = _pairs(pairs)

    def read(rows: list[UserAim]) -> list[UserAim | None]:
        found: dict[Pair, UserAim] = {(row.user_id, row.aim_id): row for row in rows}
        return [found.get(key) for key in keys]

    return _FIND_MANY.call(read, _key_arrays(pairs_in_key_order(set(keys)))) if keys else nothing([])


@operation
def update(
    user: UserRef,
    aim: AimRef,
    *,
    role: str | Unset = UNSET,
    permissions: Iterable[str] | Unset = UNSET,
    joined_at: datetime | Unset = UNSET,
    if_role: str | None = None,
) -> Call[UserAim]:
    """Change the attributes given, and return the membership as it is then.

    Raises `NotFound`, and `Conflict` when `if_role` is given and the role is another one by now.
    """
    key = _pair((user, aim))
    given = memberships.check(role=role, permissions=permissions, joined_at=joined_at)
    expected = None if if_role is None else validate.role(if_role, "if_role")

    def read(rows: list[tuple[bool, UserAim]]) -> UserAim:
        updated, row = _one_of(key, rows)
        if expected not in (None, row.role) and not updated:
            raise Conflict(f"the role is {row.role!r}, not {expected!r}")
        return row

    parameters = {**_key(key), **memberships.bound(given), **({} if expected is None else {"if_role": expected})}
    return _update(tuple(given), expected is not None).call(read, parameters)


@operation
def grant(user: UserRef, aim: AimRef, permissions: Iterable[str]) -> Call[UserAim]:
    """Add the permissions that are not there yet, after those that are; `NotFound` when the two are not linked."""
    return _permit(_GRANT, user, aim, permissions)


@operation
def revoke(user: UserRef, aim: AimRef, permissions: Iterable[str]) -> Call[UserAim]:
    """Take permissions away; those not there are ignored. `NotFound` when the two are not linked."""
    return _permit(_REVOKE, user, aim, permissions)


@operation
def delete(user: UserRef, aim: AimRef) -> Call[bool]:
    """Unlink the two; say whether they were linked."""
    return _DELETE.call(bool, _key(_pair((user, aim))))


@operation
def delete_many(pairs: Iterable[PairRef]) -> Call[tuple[tuple[UUID, UUID], ...]]:
    """Unlink pairs; return those really unlinked, in input order."""
    keys = list(dict.fromkeys(_pairs(pairs)))

    def read(rows: list[Pair]) -> tuple[Pair, ...]:
        gone = set(rows)
        return tuple(key for key in keys if key in gone)

    return _DELETE_MANY.call(read, _key_arrays(pairs_in_key_order(keys))) if keys else nothing(())


@operation
def put_many(rows: Iterable[Row], *, on_match: OnMatch = "ignore") -> Call[list[Outcome]]:
    """Write any number of memberships, all or nothing; return the outcome of each row, in input order.

    `on_match` says what happens to pairs that are linked: ignore leaves them alone, update takes the attributes
    given, error raises `AlreadyExists` naming all. A pair given twice counts once, with its first row's attributes.
    Raises `BrokenReference` naming all users and aims that do not exist.
    """
    validate.choice(on_match, "on_match", ("ignore", "update", "error"))
    keyed = [membership(row) for row in validate.collection(rows, "rows")]
    wanted: dict[Pair, Given] = {}
    for key, given in keyed:
        wanted.setdefault(key, given)
    keys = pairs_in_key_order(wanted)
    attributes = [wanted[key] for key in keys]
    shape = memberships.shape(attributes)

    def read(rows: list[tuple[str, UUID, UUID]]) -> list[Outcome]:
        if rows and rows[0][0] not in {"added", "updated"}:
            raise _refusal(rows)
        outcomes: dict[Pair, Any] = {(user, aim): outcome for outcome, user, aim in rows}
        return [outcomes.get(key, "unchanged") for key, _ in keyed]

    parameters = {**_key_arrays(keys), **memberships.arrays(attributes, shape)}
    return _put(shape, on_match).call(read, parameters) if keys else nothing([])


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
        if missing := tuple(id for outcome, id in rows if outcome == "missing"):
            raise BrokenReference(users=missing)
        added = {id for outcome, id in rows if outcome == "added"}
        moved = in_key_order(id for outcome, id in rows if outcome == "moved")
        return Changes(tuple(in_key_order(added)), unchanged=tuple(id for id in moved if id not in added))

    change = _MERGE.call(read, {"from_user": old, "into_user": new, "users": UuidArray(both)})
    return change.after(*(_LOCK_USER.call(len, {"id": id}) for id in both))


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
    _, descending = ordering.parse(order_by, {"joined_at": _KEYS[0]})
    parameters = filters.link_parameters(link)
    scope = repr(("user_aims", order_by, sorted(parameters.items())))
    return _page_call(window(scope, limit, after, before), link, parameters, descending=descending)


@operation
def count(*, link: LinkFilter | None = None) -> Call[int]:
    """Count the memberships that the filter lets through."""
    return _count(filters.link_shape(link)).call(first, filters.link_parameters(link))


@stream_operation
def stream(*, link: LinkFilter | None = None, order_by: str = "joined_at") -> Callable[[Window], Call[Page[UserAim]]]:
    """Iterate over the memberships of `page` in bounded memory, reading page after page."""
    _, descending = ordering.parse(order_by, {"joined_at": _KEYS[0]})
    parameters = filters.link_parameters(link)
    return lambda asked: _page_call(asked, link, parameters, descending=descending)


def _pair(pair: object) -> Pair:
    match pair:
        case UserAim():
            return pair.user_id, pair.aim_id
        case tuple() | list() if len(two := cast("Sequence[object]", pair)) == 2:
            return USERS.id(two[0], "user_id"), AIMS.id(two[1], "aim_id")
        case _:
            raise InvalidValue("pairs", "a pair of a user and an aim is needed")


def _pairs(pairs: object) -> list[Pair]:
    return [_pair(pair) for pair in validate.collection(pairs, "pairs")]


def membership(row: object) -> tuple[Pair, Given]:
    """Check a row to write: its pair, and the attributes it gives."""
    if isinstance(row, NewUserAim | UserAim):
        given = memberships.check(role=row.role, permissions=row.permissions, joined_at=row.joined_at)
        return (USERS.id(row.user_id, "user_id"), AIMS.id(row.aim_id, "aim_id")), given
    return _pair(row), {}


def _key(pair: Pair) -> dict[str, object]:
    return {"user_id": pair[0], "aim_id": pair[1]}


def _key_arrays(keys: list[Pair]) -> dict[str, object]:
    return {"user_ids": UuidArray(user for user, _ in keys), "aim_ids": UuidArray(aim for _, aim in keys)}


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


@cache
def _put(given: Shape, on_match: str) -> Statement[tuple[Any, ...]]:
    return memberships.put(_PAIRS, given, on_match)


@cache
def _create(given: tuple[str, ...]) -> Statement[tuple[Any, ...]]:
    values = "".join(f", %({name})s::{memberships.ATTRIBUTES[name].type}" for name in given)
    names = "".join(f", {name}" for name in given)
    query = from_file("create_user_aim.sql", names=names, values=values, columns=_LISTED)
    return Statement("user_aims.create", query, whole)


@cache
def _update(given: tuple[str, ...], conditional: bool) -> Statement[tuple[bool, UserAim]]:
    if not given:
        return Statement("user_aims.update", Q.from_(_rows).select(false, *_COLUMNS).where(_one), _changed)
    new = ", ".join(f"%({name})s::{memberships.ATTRIBUTES[name].type}" for name in given)
    differs = f"({', '.join(f'h.{name}' for name in given)}) IS DISTINCT FROM ({new})"
    changes = ", ".join(f"{name} = %({name})s" for name in given)
    return _changing("update", changes, "h.role = %(if_role)s AND " * conditional + differs)


def _changed(updated: bool, *row: Any) -> tuple[bool, UserAim]:
    return updated, UserAim(*row)


def _changing(name: str, changes: str, condition: str) -> Statement[tuple[bool, UserAim]]:
    query = from_file("update_user_aim.sql", columns=_LISTED, returned=_RETURNED, changes=changes, condition=condition)
    return Statement(f"user_aims.{name}", query, _changed)


_GRANT: Final = _changing(
    "grant",
    "permissions = m.permissions || ARRAY(SELECT p FROM unnest(%(permissions)s::text[]) WITH ORDINALITY AS g (p, n)"
    " WHERE p <> ALL (m.permissions) ORDER BY n)",
    "NOT h.permissions @> %(permissions)s::text[]",
)
_REVOKE: Final = _changing(
    "revoke",
    "permissions = ARRAY(SELECT p FROM unnest(m.permissions) WITH ORDINALITY AS g (p, n)"
    " WHERE p <> ALL (%(permissions)s::text[]) ORDER BY n)",
    "h.permissions && %(permissions)s::text[]",
)


def _permit(
    statement: Statement[tuple[bool, UserAim]], user: UserRef, aim: AimRef, permissions: Iterable[str]
) -> Call[UserAim]:
    key = _pair((user, aim))
    named = TextArray(dict.fromkeys(validate.permissions(permissions)))
    return statement.call(lambda rows: _one_of(key, rows)[1], {**_key(key), "permissions": named})


def _page_call(
    asked: Window, link: LinkFilter | None, parameters: Mapping[str, object], *, descending: bool
) -> Call[Page[UserAim]]:
    statement = _page(filters.link_shape(link), descending, asked.direction)

    def read(rows: list[UserAim]) -> Page[UserAim]:
        return asked.page(rows, lambda row: tuple(key.place(row) for key in _KEYS))

    return statement.call(read, {**parameters, **asked.parameters})


@lru_cache(maxsize=256)
def _page(link: tuple[str, ...], descending: bool, direction: str) -> Statement[UserAim]:
    query = Q.from_(_rows).select(*_COLUMNS)
    for part in filters.link_criteria(_rows, link, through=in_utc):
        query = query.where(part)
    terms = [key.term(_rows) for key in _KEYS]
    query = ordering.seek(query, terms, _KEYS, descending=descending, start=direction)
    return Statement("user_aims.page", query, UserAim)


@lru_cache(maxsize=256)
def _count(link: tuple[str, ...]) -> Statement[int]:
    query = Q.from_(_rows).select(number)
    for part in filters.link_criteria(_rows, link, through=in_utc):
        query = query.where(part)
    return Statement("user_aims.count", query, single)
