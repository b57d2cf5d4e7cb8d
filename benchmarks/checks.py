"""Whether a contender did what it was asked: nothing is timed that was not checked before."""

from collections import Counter
from collections.abc import Iterable
from typing import Any
from uuid import UUID

import psycopg


class Mismatch(Exception):
    """A contender gave another answer than expected."""


def same(actual: object, expected: object) -> None:
    if actual != expected:
        raise Mismatch(f"{str(actual)[:200]} instead of {str(expected)[:200]}")


def linked(admin: psycopg.Connection, user: UUID, expected: Iterable[UUID]) -> None:
    """The user has these aims, says the database itself."""
    rows = admin.execute("SELECT aim_id FROM user_aims WHERE user_id = %s", [user]).fetchall()
    same({row[0] for row in rows}, set(expected))


def told(result: Any, field: str, expected: Iterable[UUID]) -> None:
    """The result tells what changed; a library that cannot tell returns None."""
    if result is not None:
        same(set(getattr(result, field, result)), set(expected))


def number(admin: psycopg.Connection, expected: int) -> None:
    same(admin.execute("SELECT count(*) FROM user_aims WHERE role = 'guest'").fetchone(), (expected,))


def framed(result: Any, expected: int) -> None:
    """As many memberships, as tuples or as an Arrow table, and of every role the same share."""
    roles = Counter(row[2] for row in result) if isinstance(result, list) else Counter(result["role"].to_pylist())
    same((roles.total(), len(roles), min(roles.values()) > expected // 4), (expected, 3, True))


def user_row(result: Any, email: str) -> None:
    same(result.email, email)
    same((bool(result.id), bool(result.name), bool(result.created_at), bool(result.updated_at)), (True,) * 4)


def far(link: Any, name: str) -> Any:
    """The far record of a link: useraim's `record`, the ORMs' attribute, or flat in the link itself."""
    return getattr(link, "record", None) or getattr(link, name, link)


def members(links: Iterable[Any], ids: list[UUID], name: str) -> None:
    """Links to these records in this order, with the attributes of both."""
    links = list(links)
    same([far(link, name).id for link in links], ids)
    for link in links[:1000]:
        record = far(link, name)
        text = getattr(record, "title", None) or record.name
        same((bool(text), sorted(link.permissions)), (True, ["comment", "read", "share"]))
        same((link.role in {"member", "coach", "lead"}, link.joined_at.year), (True, 2024))
        same((record.created_at.year, record.updated_at.year), (2024, 2024))
