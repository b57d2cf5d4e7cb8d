"""What the hand-written contenders return: frozen, slotted dataclasses with all attributes."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, slots=True)
class User:
    id: UUID
    name: str
    email: str
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class UserAim:
    user_id: UUID
    aim_id: UUID
    role: str
    permissions: list[str]
    joined_at: datetime


@dataclass(frozen=True, slots=True)
class LinkedAim:
    id: UUID
    title: str
    description: str
    created_at: datetime
    updated_at: datetime
    role: str
    permissions: list[str]
    joined_at: datetime


@dataclass(frozen=True, slots=True)
class LoadedAim(LinkedAim):
    user_id: UUID


@dataclass(frozen=True, slots=True)
class LinkedUser:
    id: UUID
    name: str
    email: str
    created_at: datetime
    updated_at: datetime
    role: str
    permissions: list[str]
    joined_at: datetime


@dataclass(frozen=True, slots=True)
class Changes:
    added: list[UUID]
    removed: list[UUID]
