"""The SQLAlchemy ORM: a session a unit of work, relationships loaded eagerly, bulk statements where it offers them."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import delete, exists, func, select, tuple_
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import joinedload, selectinload, sessionmaker

from .shapes import Changes
from .sqlalchemy_models import User, UserAim, engine

WITH_AIM = joinedload(UserAim.aim, innerjoin=True)
WITH_USER = joinedload(UserAim.user, innerjoin=True)


class Orm:
    asynchronous = False

    def open(self, conninfo: str) -> None:
        self.engines = [engine(conninfo, isolation_level="AUTOCOMMIT"), engine(conninfo)]
        self.session, self.transactional = (sessionmaker(bind, expire_on_commit=False) for bind in self.engines)

    def close(self) -> None:
        for bind in self.engines:
            bind.dispose()

    def rows(self, rows: list[Any]) -> list[dict[str, Any]]:
        return [dict(zip(("user_id", "aim_id", "role", "permissions"), row, strict=True)) for row in rows]

    def get_user(self, user: UUID) -> User | None:
        with self.session() as session:
            return session.get(User, user)

    def create_user(self, name: str, email: str) -> User:
        with self.session.begin() as session:
            user = User(name=name, email=email)
            session.add(user)
        return user

    def create_one(self, user: UUID, aim: UUID) -> UserAim:
        with self.session.begin() as session:
            link = UserAim(user_id=user, aim_id=aim)
            session.add(link)
        return link

    def append_100(self, user: UUID, aims: list[UUID]) -> Any:
        statement = insert(UserAim).on_conflict_do_nothing().returning(UserAim.aim_id)
        with self.session.begin() as session:
            return session.scalars(statement, [{"user_id": user, "aim_id": aim} for aim in aims]).all()

    def load_one(self, user: UUID) -> Any:
        statement = select(UserAim).options(WITH_AIM).where(UserAim.user_id == user)
        with self.session() as session:
            return session.scalars(statement.order_by(UserAim.joined_at, UserAim.aim_id)).all()

    def load_1000(self, users: list[UUID]) -> dict[UUID, list[UserAim]]:
        statement = select(UserAim).options(selectinload(UserAim.aim)).where(UserAim.user_id.in_(users))
        links: dict[UUID, list[UserAim]] = {user: [] for user in users}
        with self.session() as session:
            for link in session.scalars(statement.order_by(UserAim.joined_at, UserAim.aim_id)):
                links[link.user_id].append(link)
        return links

    def replace(self, user: UUID, aims: list[UUID]) -> Changes:
        with self.transactional.begin() as session:
            held = {link.aim_id: link for link in session.scalars(select(UserAim).where(UserAim.user_id == user))}
            removed = [aim for aim in held if aim not in aims]
            added = [aim for aim in aims if aim not in held]
            for aim in removed:
                session.delete(held[aim])
            session.add_all(UserAim(user_id=user, aim_id=aim) for aim in added)
        return Changes(added, removed)

    def delete_one(self, user: UUID, aim: UUID) -> bool:
        statement = delete(UserAim).where(UserAim.user_id == user, UserAim.aim_id == aim)
        with self.session.begin() as session:
            return bool(session.execute(statement).rowcount)  # type: ignore[attr-defined]

    def remove_100(self, user: UUID, aims: list[UUID]) -> Any:
        statement = delete(UserAim).where(UserAim.user_id == user, UserAim.aim_id.in_(aims)).returning(UserAim.aim_id)
        with self.session.begin() as session:
            return session.scalars(statement).all()

    def has(self, user: UUID, aim: UUID) -> Any:
        with self.session() as session:
            return session.scalar(select(exists().where(UserAim.user_id == user, UserAim.aim_id == aim)))

    def count_1000(self, users: list[UUID]) -> dict[UUID, int]:
        statement = select(UserAim.user_id, func.count()).where(UserAim.user_id.in_(users)).group_by(UserAim.user_id)
        with self.session() as session:
            return {**dict.fromkeys(users, 0), **dict(session.execute(statement).all())}

    def members(self, aim: UUID) -> Any:
        return select(UserAim).options(WITH_USER).where(UserAim.aim_id == aim)

    def page(self, aim: UUID, joined_at: datetime, user: UUID) -> Any:
        place = tuple_(UserAim.joined_at, UserAim.user_id)
        statement = self.members(aim).where(place > (joined_at, user))
        with self.session() as session:
            return session.scalars(statement.order_by(UserAim.joined_at, UserAim.user_id).limit(100)).all()

    def put_many(self, rows: list[Any]) -> Any:
        statement = insert(UserAim).on_conflict_do_nothing().returning(UserAim.user_id, UserAim.aim_id)
        with self.session.begin() as session:
            return session.execute(statement, rows).all()

    def list_100k(self, aim: UUID) -> Any:
        with self.session() as session:
            return session.scalars(self.members(aim).order_by(UserAim.joined_at, UserAim.user_id)).all()

    def stream_100k(self, aim: UUID) -> int:
        with self.transactional() as session:
            return sum(1 for _ in session.scalars(self.members(aim).execution_options(yield_per=1_000)))

    def bulk_100k(self, rows: list[Any]) -> None:
        with self.transactional.begin() as session:
            session.execute(insert(UserAim).on_conflict_do_nothing(), rows)
