"""`merge`: one user's memberships go to another."""

from typing import Any
from uuid import UUID

import psycopg
import pytest

from tests.ends import NOBODY, NOON
from tests.waiting import second_of
from tests.worlds import World
from useraim import BrokenReference, InvalidValue, aims, user_aims, users
from useraim.ids import UserId
from useraim.values import Aim, Changes, User, UserAim


class TestMerge:
    def test_moves_what_the_other_does_not_hold(self, call: World, people: list[User], goals: list[Aim]) -> None:
        ana, bo, cy, _ = people
        run, read, rest, sing, _ = goals
        call(users.aims.append, ana, [run, read, rest], role="old", permissions=["p"], joined_at=NOON)
        call(users.aims.append, bo, [read, sing], role="new")
        call(users.aims.append, cy, [run])
        changes = call(user_aims.merge, ana, bo.id)
        assert changes == Changes(added=(run.id, rest.id), unchanged=(read.id,))
        assert call(users.aims.of, ana) == []
        roles = {linked.record.title: linked.role for linked in call(users.aims.of, bo)}
        assert roles == {"Run": "old", "Read": "new", "Rest": "old", "Sing": "new"}
        assert call(user_aims.get, bo, run) == UserAim(bo.id, run.id, "old", ("p",), NOON)
        assert call(users.exists, ana)
        assert call(users.aims.has, cy, run)

    def test_of_nothing_changes_nothing(self, call: World, people: list[User], run: Aim) -> None:
        ana, bo, *_ = people
        call(users.aims.append, bo, [run])
        assert not call(user_aims.merge, ana, bo)
        assert call(users.aims.has, bo, run)

    def test_names_all_users_that_are_missing(self, call: World, ana: User, run: Aim) -> None:
        call(users.aims.append, ana, [run])
        other = UserId(UUID(int=3))
        cases: list[tuple[Any, Any, set[UUID]]] = [
            (ana, NOBODY, {NOBODY}), (NOBODY, ana, {NOBODY}), (other, NOBODY, {NOBODY, other}),
        ]  # fmt: skip
        for old, new, missing in cases:
            with pytest.raises(BrokenReference) as caught:
                call(user_aims.merge, old, new)
            assert (set(caught.value.users), caught.value.aims) == (missing, ())
        assert call(users.aims.has, ana, run)

    def test_refuses_a_user_and_itself(self, call: World, ana: User) -> None:
        text: Any = str(ana.id).upper()
        with pytest.raises(InvalidValue) as caught:
            call(user_aims.merge, ana, text)
        assert caught.value.field == "into_user"

    def test_of_two_users_into_each_other_at_once_ends_one_way(self, database: str) -> None:
        with psycopg.connect(database) as conn:
            ana, bo = (users.create(conn, email=f"{name}@example.org", name=name) for name in ("ana", "bo"))
            run, read = (aims.create(conn, title=title) for title in ("Run", "Read"))
            users.aims.append(conn, ana, [run])
            users.aims.append(conn, bo, [read])
        changes = second_of(
            database, lambda conn: user_aims.merge(conn, ana, bo), lambda conn: user_aims.merge(conn, bo, ana)
        )
        assert set(changes.added) == {run.id, read.id}
