"""Aims: create, find, change, delete, pages."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from tests.paging import there_and_back
from tests.waiting import second_of
from tests.worlds import World
from useraim import AlreadyExists, NotFound, aims, user_aims, users
from useraim.ids import AimId
from useraim.values import Aim, NewAim, User

ORDERS = ["created_at", "-created_at", "title", "-title"]
NOTHING = AimId(UUID(int=0))


def test_a_created_aim_can_be_read_back(call: World) -> None:
    run = call(aims.create, title="Run", description="Every day")
    assert (run.title, run.description) == ("Run", "Every day")
    assert call(aims.get, run.id) == call(aims.find, run) == run
    assert run.created_at == run.updated_at
    assert run.created_at.tzinfo is UTC


def test_a_description_is_not_needed(call: World) -> None:
    assert call(aims.create, title="Run").description == ""


def test_titles_need_not_differ(call: World) -> None:
    one, two = call(aims.create, title="Run"), call(aims.create, title="Run")
    assert one.id < two.id


def test_the_caller_may_choose_the_id_once(call: World) -> None:
    run = call(aims.create, title="Run", id=AimId(uuid4()))
    with pytest.raises(AlreadyExists) as caught:
        call(aims.create, title="Again", id=run.id)
    assert (caught.value.constraint, caught.value.ids, caught.value.table) == ("aims_pkey", (run.id,), "aims")
    assert call(aims.get, run) == run


def test_many_are_created_in_input_order_or_none(call: World, run: Aim) -> None:
    ids = [AimId(uuid4()) for _ in range(10)]
    made = call(aims.create_many, (NewAim(f"T{n}", id=id) for n, id in enumerate(ids)))
    assert [(aim.id, aim.title) for aim in made] == [(id, f"T{n}") for n, id in enumerate(ids)]
    fresh = AimId(uuid4())
    with pytest.raises(AlreadyExists) as caught:
        call(aims.create_many, [NewAim("Fresh", id=fresh), NewAim("Taken", id=ids[3]), NewAim("Taken", id=run.id)])
    assert set(caught.value.ids) == {ids[3], run.id}
    assert not call(aims.exists, fresh)


def test_what_is_not_there(call: World) -> None:
    assert call(aims.find, NOTHING) is None
    assert call(aims.exists, NOTHING) is False
    assert call(aims.delete, NOTHING) is False
    with pytest.raises(NotFound) as caught:
        call(aims.get, NOTHING)
    assert (caught.value.table, caught.value.ids) == ("aims", (NOTHING,))
    with pytest.raises(NotFound):
        call(aims.update, NOTHING, title="Nothing")


def test_many_are_found_in_the_order_asked(call: World, goals: list[Aim]) -> None:
    asked: list[Any] = [goals[3], NOTHING, str(goals[1].id), goals[3].id]
    found = call(aims.find_many, asked)
    assert list(found.items()) == [(goals[3].id, goals[3]), (goals[1].id, goals[1])]


def test_an_update_changes_what_is_given(call: World, run: Aim) -> None:
    assert call(aims.update, run, description="Daily").description == "Daily"
    changed = call(aims.update, run, title="Jog")
    assert (changed.title, changed.description) == ("Jog", "Daily")
    assert call(aims.update, run, description="").description == ""
    assert call(aims.update, run).title == "Jog"


def test_updated_at_moves_only_when_a_value_changes(committed: World) -> None:
    run = committed(aims.create, title="Run")
    assert committed(aims.update, run, title="Run", description="") == run
    assert committed(aims.update, run, title="Jog").updated_at > run.updated_at


def test_of_two_updates_at_once_the_second_wins(database: str) -> None:
    with psycopg.connect(database) as conn:
        run = aims.create(conn, title="Run")
    aim = second_of(
        database,
        lambda conn: aims.update(conn, run, title="Jog", description="Slowly"),
        lambda conn: aims.update(conn, run, title="Run"),
    )
    assert (aim.title, aim.description) == ("Run", "Slowly")


def test_memberships_go_with_the_aim_and_users_stay(call: World, ana: User, run: Aim) -> None:
    call(aims.users.append, run, [ana])
    assert call(aims.delete, run) is True
    assert call(user_aims.find, ana, run) is None
    assert call(users.get, ana) == ana


def test_deleting_many_names_those_really_deleted(call: World, goals: list[Aim]) -> None:
    assert call(aims.delete_many, [goals[4], NOTHING, goals[0], goals[4].id]) == (goals[4].id, goals[0].id)
    assert call(aims.count) == 3


@pytest.mark.parametrize("limit", [1, 3, 20])
@pytest.mark.parametrize("order_by", ORDERS)
def test_pages_are_the_same_there_and_back(call: World, order_by: str, limit: int) -> None:
    made = call(aims.create_many, [NewAim(title) for title in ["run", "Run", "Élan", "rest", "Read", "a", " b"] * 3])
    for n, aim in enumerate(made):
        when = datetime(2024, 1, 1, tzinfo=UTC) + timedelta(microseconds=n % 4)
        call.execute("UPDATE aims SET created_at = %s WHERE id = %s", [when, aim.id])
    rows = there_and_back(call, aims.page, order_by=order_by, limit=limit)
    key, direction = order_by.removeprefix("-"), "DESC" if order_by.startswith("-") else "ASC"
    ordered = call.execute(f"SELECT id FROM aims ORDER BY {key} {direction}, id {direction}")
    assert [aim.id for aim in rows] == [id for (id,) in ordered]


@pytest.mark.parametrize(
    ("search", "found"),
    [("run", ["Run", "Walk"]), ("50%", ["50% off"]), ("_", ["snake_case"]), ("\\", ["C:\\"]), ("", None)],
)
def test_search_is_literal_in_title_and_description(call: World, search: str, found: list[str] | None) -> None:
    rows = {"Run": "", "Walk": "or RUN", "50% off": "", "500 off": "", "snake_case": "", "snakecase": "", "C:\\": ""}
    made = call(aims.create_many, [NewAim(title, text) for title, text in rows.items()])
    expected = [aim for aim in made if found is None or aim.title in found]
    assert there_and_back(call, aims.page, search=search, limit=2) == expected
    assert call(aims.count, search=search) == len(expected)
    assert call.rows(aims.stream, search=search) == expected


def test_a_stream_crosses_its_pages(call: World) -> None:
    call.execute("INSERT INTO aims (title) SELECT 'T' FROM generate_series(1, 1001)")
    assert len({aim.id for aim in call.rows(aims.stream)}) == 1001


@pytest.mark.parametrize("operation", [aims.create_many, aims.find_many, aims.delete_many])
def test_nothing_asked_is_no_work(operation: Any) -> None:
    built: Callable[..., Any] = operation.call
    assert built([]).statements == ()
