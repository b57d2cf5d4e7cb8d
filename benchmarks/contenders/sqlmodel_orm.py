"""SQLModel: its models, `exec` and `select`; it has no bulk statements of its own, so they are SQLAlchemy's."""

from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import sqlmodel
from sqlalchemy import Column, FetchedValue, Text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import joinedload, selectinload
from sqlmodel import Field, Relationship, SQLModel

from .sqlalchemy_models import WHEN
from .sqlalchemy_orm import Orm

BY_SERVER: Any = {"server_default": FetchedValue()}


class User(SQLModel, table=True):
    __tablename__ = "users"

    id: UUID = Field(default_factory=uuid4, primary_key=True)
    name: str
    email: str
    created_at: datetime | None = Field(default=None, sa_type=WHEN, sa_column_kwargs=BY_SERVER)
    updated_at: datetime | None = Field(default=None, sa_type=WHEN, sa_column_kwargs=BY_SERVER)


class Aim(SQLModel, table=True):
    __tablename__ = "aims"

    id: UUID = Field(default_factory=uuid4, primary_key=True)
    title: str
    description: str = ""
    created_at: datetime | None = Field(default=None, sa_type=WHEN, sa_column_kwargs=BY_SERVER)
    updated_at: datetime | None = Field(default=None, sa_type=WHEN, sa_column_kwargs=BY_SERVER)


class UserAim(SQLModel, table=True):
    __tablename__ = "user_aims"

    user_id: UUID = Field(foreign_key="users.id", primary_key=True)
    aim_id: UUID = Field(foreign_key="aims.id", primary_key=True)
    role: str | None = Field(default=None, sa_column_kwargs=BY_SERVER)
    permissions: list[str] | None = Field(default=None, sa_column=Column(ARRAY(Text), server_default=FetchedValue()))
    joined_at: datetime | None = Field(default=None, sa_type=WHEN, sa_column_kwargs=BY_SERVER)
    user: User = Relationship()
    aim: Aim = Relationship()


class Sqlmodel(Orm):
    user: Any = User
    link: Any = UserAim
    with_aim = joinedload(UserAim.aim, innerjoin=True)  # type: ignore[arg-type]
    with_user = joinedload(UserAim.user, innerjoin=True)  # type: ignore[arg-type]
    with_aims = selectinload(UserAim.aim)  # type: ignore[arg-type]
    select = staticmethod(sqlmodel.select)
    kind = sqlmodel.Session

    def found(self, session: Any, statement: Any) -> Any:
        return session.exec(statement)
