"""Memberships: the join row itself, with its attributes."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import psycopg
import pytest

from tests.paging import there_and_back
from tests.waiting import second_of
from tests.worlds import World
from useraim import AlreadyExists, BrokenReference, Conflict, InvalidValue, NotFound, aims, user_aims, users
from useraim.ids import AimId, UserId
from useraim.values import Aim, Changes, LinkFilter, NewUserAim, User, UserAim

NOBODY = UserId(UUID(int=1))
NOTHING = AimId(UUID(int=2))
NOON = datetime(2024, 5, 17, 12, tzinfo=UTC)


@pytest.fixture
def link(call: World, ana: User, run: Aim) -> UserAim:
    return call(user_aims.create, ana, run, role="owner", permissions=["read", "write"], joined_at=NOON)


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


@pytest.fixture
def linked(database: str) -> tuple[UserId, AimId]:
    """A committed pair with the permission x and the role a."""
    with psycopg.connect(database) as conn:
        user = users.create(conn, email="ana@example.org", name="Ana")
        aim = aims.create(conn, title="Run")
        user_aims.create(conn, user, aim, role="a", permissions=["x"])
        return user.id, aim.id


def test_no_grant_is_lost_between_two_callers(database: str, linked: tuple[UserId, AimId]) -> None:
    row = second_of(
        database,
        lambda conn: user_aims.grant(conn, *linked, ["y"]),
        lambda conn: user_aims.grant(conn, *linked, ["z", "y"]),
    )
    assert row.permissions == ("x", "y", "z")


def test_a_grant_of_what_is_just_being_revoked_holds(database: str, linked: tuple[UserId, AimId]) -> None:
    row = second_of(
        database,
        lambda conn: user_aims.revoke(conn, *linked, ["x"]),
        lambda conn: user_aims.grant(conn, *linked, ["x"]),
    )
    assert row.permissions == ("x",)


def test_a_revoke_of_what_is_just_being_granted_holds(database: str, linked: tuple[UserId, AimId]) -> None:
    row = second_of(
        database,
        lambda conn: user_aims.grant(conn, *linked, ["y"]),
        lambda conn: user_aims.revoke(conn, *linked, ["y"]),
    )
    assert row.permissions == ("x",)


def test_if_role_looks_at_the_role_another_caller_has_just_left(database: str, linked: tuple[UserId, AimId]) -> None:
    row = second_of(
        database,
        lambda conn: user_aims.update(conn, *linked, role="b"),
        lambda conn: user_aims.update(conn, *linked, role="c", if_role="b"),
    )
    assert row.role == "c"
    with pytest.raises(Conflict):
        second_of(
            database,
            lambda conn: user_aims.update(conn, *linked, role="d"),
            lambda conn: user_aims.update(conn, *linked, role="e", if_role="c"),
        )


def test_of_two_updates_at_once_the_second_wins(database: str, linked: tuple[UserId, AimId]) -> None:
    row = second_of(
        database,
        lambda conn: user_aims.update(conn, *linked, role="b", permissions=["y"]),
        lambda conn: user_aims.update(conn, *linked, role="a"),
    )
    assert (row.role, row.permissions) == ("a", ("y",))


def test_of_two_that_create_at_once_the_second_finds_it_there(database: str, linked: tuple[UserId, AimId]) -> None:
    with psycopg.connect(database, autocommit=True) as conn:
        user_aims.delete(conn, *linked)
    with pytest.raises(AlreadyExists) as caught:
        second_of(database, lambda conn: user_aims.create(conn, *linked), lambda conn: user_aims.create(conn, *linked))
    assert caught.value.ids == (linked,)


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


@pytest.fixture
def many(call: World, people: list[User], goals: list[Aim]) -> list[UserAim]:
    """Every user shares every aim; many joined at the same time."""
    rows = [
        NewUserAim(
            user, aim, role="abc"[n % 3], permissions=["p", "q"][: n % 3], joined_at=NOON + timedelta(hours=n % 4)
        )
        for n, (user, aim) in enumerate((user, aim) for user in people for aim in goals)
    ]
    call(user_aims.put_many, rows)
    return [one for one in call(user_aims.find_many, [(row.user_id, row.aim_id) for row in rows]) if one]


def by_joined_at(link: UserAim) -> tuple[datetime, UUID, UUID]:
    return link.joined_at, link.user_id, link.aim_id


@pytest.mark.parametrize("limit", [1, 6, 20, 21])
def test_pages_are_the_same_there_and_back(call: World, many: list[UserAim], limit: int) -> None:
    ordered = sorted(many, key=by_joined_at)
    assert there_and_back(call, user_aims.page, limit=limit) == ordered
    assert there_and_back(call, user_aims.page, order_by="joined_at", limit=limit) == ordered
    assert there_and_back(call, user_aims.page, order_by="-joined_at", limit=limit) == ordered[::-1]


FILTERS: list[tuple[LinkFilter, Callable[[UserAim], bool]]] = [
    (LinkFilter(), lambda _: True),
    (LinkFilter(roles=["a", "b", "a"]), lambda link: link.role in {"a", "b"}),
    (LinkFilter(roles=[]), lambda _: False),
    (LinkFilter(permissions=["p"]), lambda link: "p" in link.permissions),
    (LinkFilter(permissions=["q", "p"]), lambda link: {"p", "q"} <= set(link.permissions)),
    (LinkFilter(permissions=[]), lambda _: True),
    (LinkFilter(joined_from=NOON + timedelta(hours=1)), lambda link: link.joined_at > NOON),
    (LinkFilter(joined_before=NOON + timedelta(hours=1)), lambda link: link.joined_at == NOON),
    (LinkFilter(joined_from=NOON, joined_before=NOON), lambda _: False),
    (
        LinkFilter(["a"], ["p"], NOON, NOON + timedelta(hours=3)),
        lambda link: link.role == "a" and "p" in link.permissions and link.joined_at < NOON + timedelta(hours=3),
    ),
]


@pytest.mark.parametrize(("link", "let_through"), FILTERS)
def test_filters(call: World, many: list[UserAim], link: LinkFilter, let_through: Callable[[UserAim], bool]) -> None:
    expected = [one for one in sorted(many, key=by_joined_at) if let_through(one)]
    assert there_and_back(call, user_aims.page, link=link, limit=3) == expected
    assert call(user_aims.count, link=link) == len(expected)
    assert call.rows(user_aims.stream, link=link) == expected


def test_a_stream_goes_either_way_beyond_its_pages(call: World) -> None:
    call.execute("INSERT INTO users (name, email) SELECT 'N', n || '@example.org' FROM generate_series(1, 1050) n")
    call.execute("INSERT INTO aims (title) VALUES ('One'), ('Two')")
    call.execute("INSERT INTO user_aims (user_id, aim_id) SELECT u.id, a.id FROM users u, aims a")
    rows = call.rows(user_aims.stream)
    assert len(rows) == call(user_aims.count) == 2100
    assert rows == sorted(rows, key=by_joined_at)


def test_a_range_of_times_may_be_given_in_any_zone(call: World, many: list[UserAim]) -> None:
    tokyo = timezone(timedelta(hours=9))
    link = LinkFilter(joined_from=NOON.astimezone(tokyo), joined_before=(NOON + timedelta(hours=1)).astimezone(tokyo))
    assert call(user_aims.count, link=link) == sum(one.joined_at == NOON for one in many)
