"""Ids: UUIDs, told apart by type; new ones are made here, time-ordered, before the INSERT."""

import sys
from collections.abc import Iterable
from operator import attrgetter
from typing import NewType
from uuid import UUID

if sys.version_info >= (3, 14):
    from uuid import uuid7 as new_id
else:
    from uuid_utils.compat import uuid7 as new_id

UserId = NewType("UserId", UUID)
AimId = NewType("AimId", UUID)

_number = attrgetter("int")


def in_key_order(ids: Iterable[UUID]) -> list[UUID]:
    """Sort ids as PostgreSQL does; by number, as comparing two UUIDs is a call of Python code."""
    return sorted(ids, key=_number)


def distinct(ids: Iterable[UUID]) -> list[UUID]:
    """Leave out repeated ids; by number, as the hash of a UUID is a call of Python code."""
    return list({id.int: id for id in ids}.values())


def pairs_in_key_order(pairs: Iterable[tuple[UUID, UUID]]) -> list[tuple[UUID, UUID]]:
    """Sort pairs of user and aim as the primary key does."""
    return sorted(pairs, key=lambda pair: (pair[0].int, pair[1].int))


__all__ = ["AimId", "UserId", "distinct", "in_key_order", "new_id", "pairs_in_key_order"]
