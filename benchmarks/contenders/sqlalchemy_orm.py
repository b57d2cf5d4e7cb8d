"""The SQLAlchemy ORM: a session a unit of work, relationships loaded eagerly, bulk statements where it offers them."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import delete, exists, func, select, tuple_
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session, joinedload, selectinload, sessionmaker

from .profile import one_by_one
from .shapes import Changes
from .sqlalchemy_core import dicts
from .sqlalchemy_models import User, UserAim, engine


class Orm:
    asynchronous = False
    user: Any = User
    link: Any = UserAim
    with_aim = joinedload(UserAim.aim, innerjoin=True)
    with_user = joinedload(UserAim.user, innerjoin=True)
    with_aims = selectinload(UserAim.aim)
    select = staticmethod(select)
    kind = Session

    def found(self, session: Any, statement: Any) -> Any:
        return session.scalars(statement)

    def open(self, conninfo: str) -> None:
        self.engines = [engine(conninfo, isolation_level="AUTOCOMMIT"), engine(conninfo)]
        self.session, self.transactional = (
            sessionmaker(bind, class_=self.kind, expire_on_commit=False) for bind in self.engines
        )

    def close(self) -> None:
        for bind in self.engines:
            bind.dispose()

    def get_user(self, user: UUID) -> Any:
        with self.session() as session:
            return session.get(self.user, user)

    def create_user(self, name: str, email: str) -> Any:
        with self.session.begin() as session:
            user = self.user(name=name, email=email)
            session.add(user)
        return user

    def create_one(self, user: UUID, aim: UUID) -> Any:
        with self.session.begin() as session:
            link = self.link(user_id=user, aim_id=aim)
            session.add(link)
        return link

    def append_100(self, user: UUID, aims: list[UUID]) -> Any:
        statement = insert(self.link).on_conflict_do_nothing().returning(self.link.aim_id)
        with self.session.begin() as session:
            return session.scalars(statement, [{"user_id": user, "aim_id": aim} for aim in aims]).all()

    def load_one(self, user: UUID) -> Any:
        statement = self.select(self.link).options(self.with_aim).where(self.link.user_id == user)
        with self.session() as session:
            return self.found(session, statement.order_by(self.link.joined_at, self.link.aim_id)).all()

    def load_1000(self, users: list[UUID]) -> dict[UUID, list[Any]]:
        statement = self.select(self.link).options(self.with_aims).where(self.link.user_id.in_(users))
        links: dict[UUID, list[Any]] = {user: [] for user in users}
        with self.session() as session:
            for link in self.found(session, statement.order_by(self.link.joined_at, self.link.aim_id)):
                links[link.user_id].append(link)
        return links

    def replace(self, user: UUID, aims: list[UUID]) -> Changes:
        with self.transactional.begin() as session:
            held = {
                link.aim_id: link
                for link in self.found(session, self.select(self.link).where(self.link.user_id == user))
            }
            removed = [aim for aim in held if aim not in aims]
            added = [aim for aim in aims if aim not in held]
            for aim in removed:
                session.delete(held[aim])
            session.add_all(self.link(user_id=user, aim_id=aim) for aim in added)
        return Changes(added, removed)

    def delete_one(self, user: UUID, aim: UUID) -> bool:
        statement = delete(self.link).where(self.link.user_id == user, self.link.aim_id == aim)
        with self.session.begin() as session:
            return bool(session.execute(statement).rowcount)  # type: ignore[attr-defined]

    def remove_100(self, user: UUID, aims: list[UUID]) -> Any:
        statement = (
            delete(self.link).where(self.link.user_id == user, self.link.aim_id.in_(aims)).returning(self.link.aim_id)
        )
        with self.session.begin() as session:
            return session.scalars(statement).all()

    def has(self, user: UUID, aim: UUID) -> Any:
        with self.session() as session:
            return session.scalar(self.select(exists().where(self.link.user_id == user, self.link.aim_id == aim)))

    def count_1000(self, users: list[UUID]) -> dict[UUID, int]:
        statement = (
            self.select(self.link.user_id, func.count()).where(self.link.user_id.in_(users)).group_by(self.link.user_id)
        )
        with self.session() as session:
            return {**dict.fromkeys(users, 0), **dict(session.execute(statement).all())}

    def members(self, aim: UUID) -> Any:
        return self.select(self.link).options(self.with_user).where(self.link.aim_id == aim)

    def page(self, aim: UUID, joined_at: datetime, user: UUID) -> Any:
        place = tuple_(self.link.joined_at, self.link.user_id)
        statement = self.members(aim).where(place > (joined_at, user))
        with self.session() as session:
            return self.found(session, statement.order_by(self.link.joined_at, self.link.user_id).limit(100)).all()

    batch = one_by_one

    def put_many(self, rows: list[Any]) -> Any:
        statement = insert(self.link).on_conflict_do_nothing().returning(self.link.user_id, self.link.aim_id)
        with self.session.begin() as session:
            return session.execute(statement, dicts(rows)).all()

    def list_100k(self, aim: UUID) -> Any:
        with self.session() as session:
            return self.found(session, self.members(aim).order_by(self.link.joined_at, self.link.user_id)).all()

    def stream_100k(self, aim: UUID) -> int:
        with self.transactional() as session:
            return sum(1 for _ in self.found(session, self.members(aim).execution_options(yield_per=1_000)))

    def bulk_100k(self, rows: list[Any]) -> None:
        with self.transactional.begin() as session:
            session.execute(insert(self.link).on_conflict_do_nothing(), dicts(rows))
