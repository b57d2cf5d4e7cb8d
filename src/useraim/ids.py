"""Ids: UUIDs, told apart by type; new ones are made here, time-ordered, before the INSERT."""

import sys
from typing import NewType
from uuid import UUID

if sys.version_info >= (3, 14):
    from uuid import uuid7 as new_id
else:
    from uuid_utils.compat import uuid7 as new_id

UserId = NewType("UserId", UUID)
AimId = NewType("AimId", UUID)

__all__ = ["AimId", "UserId", "new_id"]
