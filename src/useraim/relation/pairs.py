"""Pairs of a user and an aim, and memberships to write: checked, and bound to statements."""

from collections.abc import Sequence
from typing import TypeAlias, cast

from useraim import validate
from useraim.core.adapt import UuidArray
from useraim.errors import InvalidValue
from useraim.relation import memberships
from useraim.relation.memberships import Given
from useraim.relation.tables import AIMS, USERS
from useraim.values import AimRef, NewUserAim, Pair, UserAim, UserRef

PairRef: TypeAlias = tuple[UserRef, AimRef]
Row: TypeAlias = NewUserAim | UserAim | PairRef


def key_of(user: object, aim: object) -> Pair:
    """Accept the ids of a user and an aim, or the records themselves."""
    return USERS.id(user, "user_id"), AIMS.id(aim, "aim_id")


def _pair(given: object) -> Pair:
    match given:
        case UserAim():
            return given.user_id, given.aim_id
        case tuple() | list() if len(two := cast("Sequence[object]", given)) == 2:
            return key_of(two[0], two[1])
        case _:
            raise InvalidValue("pairs", "a pair of a user and an aim is needed")


def checked(pairs: object) -> list[Pair]:
    """Check pairs, in the order given."""
    return [_pair(one) for one in validate.collection(pairs, "pairs")]


def membership(row: object) -> tuple[Pair, Given]:
    """Check a row to write: its pair, and the attributes it gives."""
    if isinstance(row, NewUserAim | UserAim):
        return key_of(row.user_id, row.aim_id), memberships.given_by(row)
    return _pair(row), {}


def one(pair: Pair) -> dict[str, object]:
    """Bind one pair."""
    return {"user_id": pair[0], "aim_id": pair[1]}


def arrays(keys: list[Pair]) -> dict[str, object]:
    """Bind pairs as one array a side."""
    return {"user_ids": UuidArray(user for user, _ in keys), "aim_ids": UuidArray(aim for _, aim in keys)}
