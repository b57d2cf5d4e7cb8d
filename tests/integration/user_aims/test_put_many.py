"""`put_many`: rows of many pairs at once."""

from typing import Any
from uuid import UUID

import pytest

from tests.ends import NOON
from tests.worlds import World
from useraim import AlreadyExists, BrokenReference, user_aims
from useraim.ids import AimId, UserId
from useraim.values import Aim, NewUserAim, User, UserAim


class TestPutMany:
    def test_says_what_became_of_each_row(self, call: World, link: UserAim, people: list[User]) -> None:
        bo, cy = people[1:3]
        rows: list[Any] = [(bo, link.aim_id), link, (link.user_id, link.aim_id), NewUserAim(cy, link.aim_id, role="x")]
        assert call(user_aims.put_many, rows) == ["added", "unchanged", "unchanged", "added"]
        assert call(user_aims.put_many, rows) == ["unchanged"] * 4
        assert call(user_aims.get, cy, link.aim_id).role == "x"
        assert call(user_aims.get, bo, link.aim_id).role == "member"

    def test_ignores_links_that_exist(self, call: World, link: UserAim) -> None:
        assert call(user_aims.put_many, [NewUserAim(link.user_id, link.aim_id, role="guest")]) == ["unchanged"]
        assert call(user_aims.get, link.user_id, link.aim_id) == link

    def test_update_takes_the_attributes_given_and_no_others(
        self, call: World, link: UserAim, people: list[User]
    ) -> None:
        bo, cy, di = people[1:]
        aim = link.aim_id
        call(user_aims.put_many, [(bo, aim), (cy, aim)])
        rows = [
            NewUserAim(link.user_id, aim, role="guest"),
            NewUserAim(bo, aim, permissions=['q"u\\o{t},e', "NULL", " "]),
            NewUserAim(cy, aim, role="member"),
            NewUserAim(di, aim, joined_at=NOON),
        ]
        outcomes = call(user_aims.put_many, rows, on_match="update")
        assert outcomes == ["updated", "updated", "unchanged", "added"]
        now = call.execute("SELECT now()")[0][0]
        assert call(user_aims.find_many, [(user, aim) for user in people]) == [
            UserAim(link.user_id, aim, "guest", ("read", "write"), NOON),
            UserAim(bo.id, aim, "member", ('q"u\\o{t},e', "NULL", " "), now),
            UserAim(cy.id, aim, "member", (), now),
            UserAim(di.id, aim, "member", (), NOON),
        ]

    def test_error_names_all_links_that_exist_and_writes_nothing(
        self, call: World, link: UserAim, people: list[User], goals: list[Aim]
    ) -> None:
        bo = people[1]
        call(user_aims.create, bo, goals[2])
        rows: list[Any] = [link, (bo, goals[2]), (bo, goals[3])]
        with pytest.raises(AlreadyExists) as caught:
            call(user_aims.put_many, rows, on_match="error")
        assert caught.value.constraint == "user_aims_pkey"
        assert set(caught.value.ids) == {(link.user_id, link.aim_id), (bo.id, goals[2].id)}
        assert call(user_aims.find, bo, goals[3]) is None

    def test_names_all_that_is_missing_and_writes_nothing(self, call: World, ana: User, run: Aim) -> None:
        nobodies = [UserId(UUID(int=n)) for n in range(1, 6)]
        nothings = [AimId(UUID(int=n)) for n in range(11, 14)]
        rows: list[Any] = [(ana, run), *((nobody, run) for nobody in nobodies), *((ana, aim) for aim in nothings)]
        for on_match in ("ignore", "update", "error"):
            anyhow: Any = on_match
            with pytest.raises(BrokenReference) as caught:
                call(user_aims.put_many, [*rows, *rows], on_match=anyhow)
            assert (caught.value.users, caught.value.aims) == (tuple(nobodies), tuple(nothings))
        assert call(user_aims.count) == 0

    def test_a_repeated_pair_repeats_the_outcome_of_its_first_row(self, call: World, ana: User, run: Aim) -> None:
        rows = [NewUserAim(ana, run, role="first"), NewUserAim(ana, run, role="second", permissions=["p"])]
        assert call(user_aims.put_many, rows) == ["added", "added"]
        link = call(user_aims.get, ana, run)
        assert (link.role, link.permissions) == ("first", ())
        assert call(user_aims.put_many, reversed(rows), on_match="update") == ["updated", "updated"]
        assert call(user_aims.get, ana, run).role == "second"

    def test_a_membership_that_was_read_can_be_written_elsewhere(self, call: World, link: UserAim) -> None:
        call(user_aims.delete, link.user_id, link.aim_id)
        assert call(user_aims.put_many, [link]) == ["added"]
        assert call(user_aims.get, link.user_id, link.aim_id) == link

    def test_nothing_is_no_work(self) -> None:
        assert user_aims.put_many.call([]).statements == ()
        assert user_aims.find_many.call([]).statements == ()
        assert user_aims.delete_many.call(iter(())).statements == ()
