"""One membership: created, found, changed, deleted."""

from datetime import UTC, timedelta
from typing import Any

import pytest

from tests.ends import NOBODY, NOON, NOTHING
from tests.worlds import World
from useraim import AlreadyExists, BrokenReference, Conflict, NotFound, aims, user_aims, users
from useraim.values import Aim, User, UserAim


def test_a_new_membership_has_the_defaults(call: World, ana: User, run: Aim) -> None:
    link = call(user_aims.create, ana, run)
    now = call.execute("SELECT now()")[0][0]
    assert link == UserAim(ana.id, run.id, "member", (), now)
    assert link.joined_at.tzinfo is UTC
    assert call(user_aims.get, ana.id, run.id) == call(user_aims.find, ana, run) == link


def test_a_new_membership_takes_its_attributes(ana: User, run: Aim, link: UserAim) -> None:
    assert link == UserAim(ana.id, run.id, "owner", ("read", "write"), NOON)


def test_a_linked_pair_already_exists_and_the_transaction_goes_on(call: World, link: UserAim) -> None:
    with pytest.raises(AlreadyExists) as caught:
        call(user_aims.create, link.user_id, link.aim_id, role="other")
    assert caught.value.constraint == "user_aims_pkey"
    assert caught.value.table == "user_aims"
    assert caught.value.ids == ((link.user_id, link.aim_id),)
    assert call(user_aims.get, link.user_id, link.aim_id) == link


def test_a_broken_reference_names_whichever_end_is_missing(call: World, ana: User, run: Aim) -> None:
    cases: list[tuple[Any, Any, tuple[Any, ...], tuple[Any, ...]]] = [
        (NOBODY, run, (NOBODY,), ()),
        (ana, NOTHING, (), (NOTHING,)),
        (NOBODY, NOTHING, (NOBODY,), (NOTHING,)),
    ]
    for user, aim, missing_users, missing_aims in cases:
        with pytest.raises(BrokenReference) as caught:
            call(user_aims.create, user, aim)
        assert (caught.value.users, caught.value.aims) == (missing_users, missing_aims)
    assert call(user_aims.count) == 0


def test_what_is_not_there(call: World, ana: User, run: Aim) -> None:
    pair: Any = (ana.id, run.id)
    assert call(user_aims.find, *pair) is None
    assert call(user_aims.delete, *pair) is False
    asks: list[tuple[Any, ...]] = [
        (user_aims.get,), (user_aims.update,), (user_aims.grant, ["x"]), (user_aims.revoke, ["x"]),
    ]  # fmt: skip
    for operation, *further in asks:
        with pytest.raises(NotFound) as caught:
            call(operation, *pair, *further)
        assert (caught.value.table, caught.value.ids) == ("user_aims", (pair,))
    with pytest.raises(NotFound):
        call(user_aims.update, *pair, role="owner")
    with pytest.raises(NotFound):
        call(user_aims.update, *pair, role="owner", if_role="member")


def test_many_are_found_in_the_order_asked_with_gaps(call: World, link: UserAim, people: list[User]) -> None:
    bo = people[1]
    asked: list[Any] = [(bo, link.aim_id), (link.user_id, str(link.aim_id)), link, (bo, NOTHING)]
    assert call(user_aims.find_many, asked) == [None, link, link, None]
    assert call(user_aims.find_many, []) == []


def test_an_update_changes_what_is_given(call: World, link: UserAim) -> None:
    pair = (link.user_id, link.aim_id)
    assert call(user_aims.update, *pair, role="guest") == UserAim(*pair, "guest", ("read", "write"), NOON)
    assert call(user_aims.update, *pair, permissions=()) == UserAim(*pair, "guest", (), NOON)
    later = NOON + timedelta(days=1)
    assert call(user_aims.update, *pair, joined_at=later) == UserAim(*pair, "guest", (), later)
    assert call(user_aims.update, *pair) == call(user_aims.get, *pair) == UserAim(*pair, "guest", (), later)


def test_if_role_is_a_condition(call: World, link: UserAim) -> None:
    pair = (link.user_id, link.aim_id)
    assert call(user_aims.update, *pair, role="guest", if_role="owner").role == "guest"
    with pytest.raises(Conflict):
        call(user_aims.update, *pair, role="owner", permissions=["all"], if_role="owner")
    with pytest.raises(Conflict):
        call(user_aims.update, *pair, if_role="owner")
    unchanged = call(user_aims.update, *pair, if_role="guest")
    assert (unchanged.role, unchanged.permissions) == ("guest", ("read", "write"))
    assert call(user_aims.update, *pair, role="guest", if_role="guest") == unchanged


def test_grant_adds_what_is_not_there(call: World, link: UserAim) -> None:
    pair = (link.user_id, link.aim_id)
    assert call(user_aims.grant, *pair, ["share", "read", "share"]).permissions == ("read", "write", "share")
    assert call(user_aims.grant, *pair, {"b", "a"}).permissions == ("read", "write", "share", "a", "b")
    assert call(user_aims.grant, *pair, []) == call(user_aims.get, *pair)


def test_revoke_takes_away_what_is_there(call: World, link: UserAim) -> None:
    pair = (link.user_id, link.aim_id)
    assert call(user_aims.revoke, *pair, ["read", "share"]).permissions == ("write",)
    assert call(user_aims.revoke, *pair, ["share"]).permissions == ("write",)
    drawn: Any = iter(["write"])
    assert call(user_aims.revoke, *pair, drawn) == call(user_aims.get, *pair)
    assert call(user_aims.get, *pair).permissions == ()


def test_deleting_leaves_both_ends(call: World, link: UserAim, ana: User, run: Aim) -> None:
    assert call(user_aims.delete, ana, run) is True
    assert call(user_aims.delete, ana, run) is False
    assert call(users.exists, ana)
    assert call(aims.exists, run)


def test_deleting_many_names_the_pairs_really_deleted(call: World, people: list[User], goals: list[Aim]) -> None:
    pairs = [(user.id, aim.id) for user in people for aim in goals]
    call(user_aims.put_many, pairs)
    asked: list[Any] = [pairs[7], (NOBODY, NOTHING), pairs[2], pairs[7], UserAim(*pairs[5], "r", (), NOON)]
    assert call(user_aims.delete_many, asked) == (pairs[7], pairs[2], pairs[5])
    assert call(user_aims.count) == len(pairs) - 3
    assert call(user_aims.delete_many, []) == ()
