"""Statements on memberships that are named by their pairs, and on all of them together."""

from functools import cache, lru_cache
from typing import Any, Final
from uuid import UUID

from useraim.core import ordering
from useraim.core.ordering import Key
from useraim.core.pypika import Q, false, in_utc, param, table
from useraim.core.pypika import count as number
from useraim.core.rows import maker, single, whole
from useraim.core.statement import Statement, assigned, differs, from_file, listed
from useraim.relation import filters, memberships
from useraim.relation.memberships import Shape
from useraim.relation.tables import LINK_COLUMNS, columns
from useraim.values import Pair, UserAim

_COLUMNS: Final = columns(UserAim)
_LISTED: Final = ", ".join(_COLUMNS)
_RETURNED: Final = ", ".join(f"m.{name}" for name in _COLUMNS)
KEYS: Final = (Key("joined_at", "timestamptz", in_utc), Key("user_id", "uuid"), Key("aim_id", "uuid"))
_PAIRS: Final = memberships.Keys(
    name="user_aims.put_many",
    columns="user_id, aim_id",
    arrays=("%(user_ids)s::uuid[]", "%(aim_ids)s::uuid[]"),
    user="w.user_id",
    aim="w.aim_id",
    missing="""SELECT 'users', w.user_id, NULL::uuid
    FROM wanted w LEFT JOIN users u ON u.id = w.user_id WHERE u.id IS NULL
    UNION
    SELECT 'aims', NULL::uuid, w.aim_id
    FROM wanted w LEFT JOIN aims a ON a.id = w.aim_id WHERE a.id IS NULL""",
    held="SELECT 'held', m.user_id, m.aim_id FROM user_aims m JOIN wanted w USING (user_id, aim_id)",
)

MAKE: Final = maker(UserAim)
_rows: Final = table("user_aims")
_one: Final = (_rows.user_id == param("user_id")) & (_rows.aim_id == param("aim_id"))
GET: Final = Statement("user_aims.get", Q.from_(_rows).select(*_COLUMNS).where(_one), MAKE)
FIND_MANY: Final = Statement("user_aims.find_many", from_file("find_user_aims.sql", returned=_RETURNED), MAKE)
DELETE: Final = Statement("user_aims.delete", Q.from_(_rows).delete().where(_one).returning("user_id"), single)
DELETE_MANY: Final[Statement[Pair]] = Statement("user_aims.delete_many", from_file("delete_user_aims.sql"), whole)
LOCK_USER: Final = Statement("user_aims.merge (lock)", "SELECT useraim_lock_user(%(id)s)", single)
MERGE: Final[Statement[tuple[str, UUID]]] = Statement(
    "user_aims.merge",
    from_file(
        "merge_users.sql",
        names=listed(LINK_COLUMNS),
        values=listed(f"w.{name}" for name in LINK_COLUMNS),
    ),
    whole,
)


@cache
def put(given: Shape, on_match: str) -> Statement[tuple[Any, ...]]:
    """Render the statement that writes memberships, named by their pairs."""
    return memberships.put(_PAIRS, given, on_match)


@cache
def create(given: tuple[str, ...]) -> Statement[tuple[Any, ...]]:
    """Render the statement that links one pair with the attributes given."""
    values = listed(f"%({name})s::{memberships.ATTRIBUTES[name].type}" for name in given)
    names = listed(given)
    query = from_file("create_user_aim.sql", names=names, values=values, columns=_LISTED)
    return Statement("user_aims.create", query, whole)


@cache
def update(given: tuple[str, ...], conditional: bool) -> Statement[tuple[bool, UserAim]]:
    """Render the change of the attributes given; `conditional`: only if the role is still `if_role`."""
    if not given:
        return Statement("user_aims.update", Q.from_(_rows).select(false, *_COLUMNS).where(_one), _changed)
    new = {name: f"%({name})s::{memberships.ATTRIBUTES[name].type}" for name in given}
    changed = differs("h", new)
    return _changing(
        "update", assigned(new), f"h.role = %(if_role)s AND ({changed})" if conditional else f"({changed})"
    )


def _changed(row: tuple[Any, ...]) -> tuple[bool, UserAim]:
    return row[0], MAKE(row[1:])


def _changing(name: str, changes: str, condition: str) -> Statement[tuple[bool, UserAim]]:
    query = from_file("update_user_aim.sql", columns=_LISTED, returned=_RETURNED, changes=changes, condition=condition)
    return Statement(f"user_aims.{name}", query, _changed)


GRANT: Final = _changing(
    "grant",
    "permissions = m.permissions OPERATOR(pg_catalog.||) ARRAY(SELECT p"
    " FROM pg_catalog.unnest(%(permissions)s::text[]) WITH ORDINALITY AS g (p, n)"
    " WHERE p <> ALL (m.permissions) ORDER BY n)",
    "NOT h.permissions OPERATOR(pg_catalog.@>) %(permissions)s::text[]",
)
REVOKE: Final = _changing(
    "revoke",
    "permissions = ARRAY(SELECT p FROM pg_catalog.unnest(m.permissions) WITH ORDINALITY AS g (p, n)"
    " WHERE p <> ALL (%(permissions)s::text[]) ORDER BY n)",
    "h.permissions OPERATOR(pg_catalog.&&) %(permissions)s::text[]",
)


@lru_cache(maxsize=256)
def page(link: tuple[str, ...], descending: bool, direction: str) -> Statement[UserAim]:
    """Render a page of all memberships by joined_at."""
    query = Q.from_(_rows).select(*_COLUMNS)
    for part in filters.link_criteria(_rows, link, through=in_utc):
        query = query.where(part)
    terms = [key.term(_rows) for key in KEYS]
    query = ordering.seek(query, terms, KEYS, descending=descending, start=direction)
    return Statement("user_aims.page", query, MAKE)


@lru_cache(maxsize=256)
def count(link: tuple[str, ...]) -> Statement[int]:
    """Render the number of memberships that a filter lets through."""
    query = Q.from_(_rows).select(number)
    for part in filters.link_criteria(_rows, link, through=in_utc):
        query = query.where(part)
    return Statement("user_aims.count", query, single)
