"""Values made of rows are the very values that their constructors make."""

import copy
import pickle
from dataclasses import FrozenInstanceError, fields, replace
from datetime import UTC, datetime
from typing import Any

import pytest

from useraim import Aim, AimId, Linked, User, UserAim, UserId
from useraim.core.rows import maker, single, whole
from useraim.ids import new_id

NOW = datetime(2026, 1, 2, tzinfo=UTC)
USER = (UserId(new_id()), "Ana", "ana@example.org", NOW, NOW)
AIM = (AimId(new_id()), "Run", "Every day", NOW, NOW)
LINK = ("coach", ("read",), NOW)

VALUES: list[tuple[Any, Any]] = [
    (maker(User)(USER), User(*USER)),
    (maker(Aim)(AIM), Aim(*AIM)),
    (maker(UserAim)((USER[0], AIM[0], *LINK)), UserAim(USER[0], AIM[0], *LINK)),
    (maker(Linked, record=User)((*LINK, *USER)), Linked(User(*USER), *LINK)),
    (maker(Linked)((User(*USER), *LINK)), Linked(User(*USER), *LINK)),
]


@pytest.mark.parametrize(("made", "constructed"), VALUES)
def test_a_made_value_is_the_constructed_one(made: Any, constructed: Any) -> None:
    assert type(made) is type(constructed)
    assert made == constructed
    assert hash(made) == hash(constructed)
    assert repr(made) == repr(constructed)
    assert pickle.loads(pickle.dumps(made)) == copy.deepcopy(made) == replace(made) == constructed


@pytest.mark.parametrize(("made", "_constructed"), VALUES)
def test_a_made_value_is_frozen(made: Any, _constructed: Any) -> None:
    for field in fields(made):
        with pytest.raises(FrozenInstanceError):
            setattr(made, field.name, None)


def test_a_row_of_another_width_is_refused() -> None:
    for row in (USER[:4], (*USER, NOW)):
        with pytest.raises(ValueError, match="unpack"):
            maker(User)(row)


def test_a_row_can_stay_a_tuple_or_become_its_only_value() -> None:
    assert whole(USER) == USER
    assert single((1,)) == 1
