"""The tables as SQLAlchemy's declarative models, for its ORM and, by `__table__`, for its Core."""

from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg.conninfo import conninfo_to_dict
from sqlalchemy import URL, Engine, FetchedValue, ForeignKey, Text, create_engine
from sqlalchemy.dialects.postgresql import ARRAY, TIMESTAMP
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

WHEN = TIMESTAMP(timezone=True)


class Base(DeclarativeBase):
    pass


class User(Base):
    __tablename__ = "users"

    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=FetchedValue())
    name: Mapped[str]
    email: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(WHEN, server_default=FetchedValue())
    updated_at: Mapped[datetime] = mapped_column(WHEN, server_default=FetchedValue())


class Aim(Base):
    __tablename__ = "aims"

    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=FetchedValue())
    title: Mapped[str]
    description: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(WHEN, server_default=FetchedValue())
    updated_at: Mapped[datetime] = mapped_column(WHEN, server_default=FetchedValue())


class UserAim(Base):
    __tablename__ = "user_aims"

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), primary_key=True)
    aim_id: Mapped[UUID] = mapped_column(ForeignKey("aims.id"), primary_key=True)
    role: Mapped[str] = mapped_column(server_default=FetchedValue())
    permissions: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=FetchedValue())
    joined_at: Mapped[datetime] = mapped_column(WHEN, server_default=FetchedValue())
    user: Mapped[User] = relationship()
    aim: Mapped[Aim] = relationship()


def engine(conninfo: str, **options: Any) -> Engine:
    given = conninfo_to_dict(conninfo)
    given["prepare_threshold"] = 1
    url = URL.create("postgresql+psycopg")
    return create_engine(url, connect_args=given, pool_size=1, max_overflow=0, **options)
