"""Calls are values: nothing can change them."""

from typing import Any
from uuid import UUID

import pytest

from useraim import users


def test_calls_cannot_be_changed() -> None:
    call: Any = users.find.call(UUID(int=1))  # type: ignore[arg-type]
    with pytest.raises(AttributeError):
        call.steps = ()
    with pytest.raises(TypeError):
        call.statements[0][1]["id"] = 1
