"""Users: create, find, change, delete, and who is alike."""

from datetime import UTC
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from tests.waiting import second_of
from tests.worlds import World
from useraim import AlreadyExists, NotFound, aims, user_aims, users
from useraim.ids import UserId
from useraim.values import Aim, NewUser, User

NOBODY = UserId(UUID(int=0))


def test_a_created_user_can_be_read_back(call: World) -> None:
    ana = call(users.create, email="Ana@Example.org", name="Ana")
    assert call(users.get, ana.id) == ana
    assert call(users.find, ana.id) == ana
    assert call(users.find_by_email, "ANA@example.ORG") == ana


def test_a_new_user_is_stored_as_given(call: World) -> None:
    ana = call(users.create, email="Ana@Example.org", name=" Ana ")
    assert (ana.email, ana.name) == ("Ana@Example.org", " Ana ")
    assert ana.created_at == ana.updated_at == call.execute("SELECT now()")[0][0]
    assert ana.created_at.tzinfo is UTC


def test_new_ids_are_ordered_by_time(call: World) -> None:
    made = [call(users.create, email=f"{n}@example.org", name="N").id for n in range(5)]
    assert {id.version for id in made} == {7}
    assert made == sorted(made)


def test_the_caller_may_choose_the_id(call: World) -> None:
    id = UserId(uuid4())
    assert call(users.create, email="ana@example.org", name="Ana", id=id).id == id


def test_the_column_default_makes_ids_for_rows_of_others(call: World) -> None:
    call.execute("INSERT INTO users (name, email) VALUES ('Eve', 'eve@example.org')")
    eve = call(users.find_by_email, "eve@example.org")
    assert eve
    assert eve.id.version == 4


def test_an_email_address_is_taken_in_any_case_and_the_transaction_goes_on(call: World, ana: User) -> None:
    with pytest.raises(AlreadyExists) as caught:
        call(users.create, email=ana.email.upper(), name="Ana")
    assert (caught.value.constraint, caught.value.ids) == ("users_email_key", (ana.id,))
    assert caught.value.table == "users"
    assert call(users.exists, ana)


def test_an_id_is_taken_once(call: World, ana: User) -> None:
    with pytest.raises(AlreadyExists) as caught:
        call(users.create, email="other@example.org", name="Other", id=ana.id)
    assert (caught.value.constraint, caught.value.ids) == ("users_pkey", (ana.id,))
    assert call(users.get, ana) == ana


def test_many_are_created_in_input_order(call: World) -> None:
    ids = [UserId(uuid4()) for _ in range(20)]
    made = call(users.create_many, (NewUser(f"{n}@example.org", f"N{n}", id) for n, id in enumerate(ids)))
    assert [user.id for user in made] == ids
    assert [user.name for user in made] == [f"N{n}" for n in range(20)]
    assert call(users.find_many, ids) == {user.id: user for user in made}


def test_of_many_none_is_created_when_one_cannot_be(call: World, people: list[User]) -> None:
    taken = [NewUser(one.email.upper(), "Again") for one in people[:2]]
    with pytest.raises(AlreadyExists) as caught:
        call(users.create_many, [NewUser("new@example.org", "New"), *taken])
    assert caught.value.constraint == "users_email_key"
    assert set(caught.value.ids) == {people[0].id, people[1].id}
    assert call(users.find_by_email, "new@example.org") is None


@pytest.mark.parametrize("spelling", ["same@example.org", "SAME@example.org"])
def test_an_address_given_twice_is_refused(call: World, spelling: str) -> None:
    with pytest.raises(AlreadyExists) as caught:
        call(users.create_many, [NewUser("same@example.org", "One"), NewUser(spelling, "Two")])
    assert caught.value.constraint == "users_email_key"
    assert call(users.count) == 0


def test_an_id_given_twice_is_refused(call: World) -> None:
    id = UserId(uuid4())
    with pytest.raises(AlreadyExists) as caught:
        call(users.create_many, [NewUser("one@example.org", "One", id), NewUser("two@example.org", "Two", id)])
    assert (caught.value.constraint, caught.value.ids) == ("users_pkey", (id,))


def test_ensure_creates_once_and_then_finds(call: World) -> None:
    ana, created = call(users.ensure, email="ana@example.org", name="Ana")
    assert created is True
    assert call(users.ensure, email="ANA@example.org", name="Anabel") == (ana, False)
    assert call(users.get, ana) == ana


def test_of_two_that_ensure_at_once_the_second_gets_the_first_ones_user(database: str) -> None:
    first: list[tuple[User, bool]] = []
    user, created = second_of(
        database,
        lambda conn: first.append(users.ensure(conn, email="ana@example.org", name="Ana")),
        lambda conn: users.ensure(conn, email="Ana@example.org", name="Other"),
    )
    assert first == [(user, True)]
    assert created is False


def test_what_is_not_there(call: World, ana: User) -> None:
    assert call(users.find, NOBODY) is None
    assert call(users.find_by_email, "nobody@example.org") is None
    assert call(users.exists, NOBODY) is False
    assert call(users.exists, ana.id) is True
    with pytest.raises(NotFound) as caught:
        call(users.get, NOBODY)
    assert (caught.value.table, caught.value.ids) == ("users", (NOBODY,))
    with pytest.raises(NotFound):
        call(users.update, NOBODY, name="Nobody")
    with pytest.raises(NotFound):
        call(users.update, NOBODY)
    with pytest.raises(NotFound):
        call(users.update, NOBODY, email=ana.email)
    assert call(users.delete, NOBODY) is False


def test_many_are_found_in_the_order_asked(call: World, people: list[User]) -> None:
    asked: list[Any] = [people[2].id, NOBODY, people[0], people[2]]
    found = call(users.find_many, asked)
    assert list(found.items()) == [(people[2].id, people[2]), (people[0].id, people[0])]


def test_ids_in_any_spelling_and_records_are_accepted(call: World, ana: User) -> None:
    spellings: list[Any] = [
        ana, ana.id, str(ana.id), str(ana.id).upper(), ana.id.hex, f"{{{ana.id}}}", ana.id.urn, ana.id.urn.upper(),
    ]  # fmt: skip
    assert [call(users.find, one) for one in spellings] == [ana] * len(spellings)


def test_an_update_changes_what_is_given(call: World, ana: User) -> None:
    renamed = call(users.update, ana, name="Anabel")
    assert (renamed.name, renamed.email, renamed.created_at) == ("Anabel", ana.email, ana.created_at)
    moved = call(users.update, ana.id, email="anabel@example.org")
    assert (moved.name, moved.email) == ("Anabel", "anabel@example.org")
    assert call(users.update, ana.id) == moved == call(users.get, ana)


def test_an_address_can_be_respelt_but_not_taken(call: World, people: list[User]) -> None:
    ana, bo, *_ = people
    assert call(users.update, ana, email=ana.email.upper()).email == ana.email.upper()
    with pytest.raises(AlreadyExists) as caught:
        call(users.update, ana, email=bo.email.upper())
    assert (caught.value.constraint, caught.value.ids) == ("users_email_key", (bo.id,))
    assert call(users.get, ana).email == ana.email.upper()


def test_updated_at_moves_only_when_a_value_changes(committed: World) -> None:
    ana = committed(users.create, email="ana@example.org", name="Ana")
    assert committed(users.update, ana, name="Ana", email="ana@example.org") == ana
    changed = committed(users.update, ana, name="Anabel")
    assert changed.updated_at > ana.updated_at
    assert changed.created_at == ana.created_at


def test_of_two_updates_at_once_the_second_wins(database: str) -> None:
    with psycopg.connect(database) as conn:
        ana = users.create(conn, email="ana@example.org", name="Ana")
    user = second_of(
        database,
        lambda conn: users.update(conn, ana, name="Anabel"),
        lambda conn: users.update(conn, ana, name="Ana"),
    )
    assert user.name == "Ana"


def test_memberships_go_with_the_user_and_aims_stay(call: World, ana: User, run: Aim) -> None:
    call(users.aims.append, ana, [run])
    assert call(users.delete, ana) is True
    assert call(users.delete, ana) is False
    assert call(user_aims.find, ana, run) is None
    assert call(aims.get, run) == run


def test_deleting_many_names_those_really_deleted(call: World, people: list[User]) -> None:
    ana, bo, cy, di = people
    assert call(users.delete_many, [di, NOBODY, ana.id, di.id]) == (di.id, ana.id)
    assert call(users.delete_many, [di, ana]) == ()
    assert call(users.find_many, people) == {bo.id: bo, cy.id: cy}


def test_nothing_asked_is_no_work() -> None:
    calls: list[Any] = [users.create_many.call([]), users.find_many.call([]), users.delete_many.call(())]
    assert [(one.statements, one.read([])) for one in calls] == [((), []), ((), {}), ((), ())]


def test_likeness_is_the_share_of_common_aims(call: World, people: list[User], goals: list[Aim]) -> None:
    ana, bo, cy, di = people
    run, read, rest, sing, swim = goals
    for user, held in ((ana, [run, read]), (bo, [run, read, rest]), (cy, [run, sing, swim]), (di, [swim])):
        call(users.aims.append, user, held)
    assert call(users.similar, ana) == [bo, cy]
    assert call(users.similar, ana, limit=1) == [bo]
    assert call(users.suggest_aims, ana.id) == [rest, *sorted([sing, swim], key=lambda aim: aim.id)]
    assert call(users.suggest_aims, ana, limit=1) == [rest]
    assert call(users.similar, NOBODY) == []
    assert call(users.suggest_aims, NOBODY) == []


def test_ids_of_users_and_aims_are_plain_uuids_at_run_time(ana: User, run: Aim) -> None:
    assert [type(id) for id in (ana.id, run.id)] == [UUID, UUID]
