"""A membership with attributes of its own."""

import pytest

from tests.ends import NOON
from tests.worlds import World
from useraim import user_aims
from useraim.values import Aim, User, UserAim


@pytest.fixture
def link(call: World, ana: User, run: Aim) -> UserAim:
    return call(user_aims.create, ana, run, role="owner", permissions=["read", "write"], joined_at=NOON)
