"""Values stay as they are: calls are bound, and statements remembered, by what they hold."""

from dataclasses import FrozenInstanceError, fields
from typing import Any

import pytest

from useraim.ids import AimId, new_id
from useraim.values import AllOf, AnyOf, CountBetween, EditAim, Exactly, LinkFilter, NewAim, NewUser, NoneOf

VALUES: list[Any] = [
    LinkFilter(), AnyOf([]), AllOf([]), NoneOf([]), Exactly([]), CountBetween(), NewUser("a@example.org", "A"),
    NewAim("Run"), EditAim(AimId(new_id()), title="Rest"),
]  # fmt: skip


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_a_value_cannot_be_changed(value: Any) -> None:
    for field in fields(value):
        with pytest.raises(FrozenInstanceError):
            setattr(value, field.name, None)
