"""Frames of users and aims."""

from typing import Any

from tests.integration.frames.rows import by, fields, rows
from tests.integration.frames.test_memberships import HARD
from tests.worlds import World
from useraim import AnyOf, CountBetween, NewAim, NewUser, aims, users
from useraim.values import Aim, User


def test_users_come_as_other_reads_give_them(call: World) -> None:
    call(users.create_many, [NewUser(f"{n}-ä@example.org", f"{text}!") for n, text in enumerate(HARD)])
    expected = by(["id"], fields(call.rows(users.stream)))
    assert len(expected) == len(HARD)
    assert by(["id"], rows(call(users.frame))) == expected
    frames: Any = users.frames
    assert rows(*call.rows(frames, size=4)) == expected


def test_aims_come_with_texts_of_any_length(call: World) -> None:
    call(aims.create_many, [NewAim("Empty"), NewAim("Long", "é🜚" * 10_000), NewAim("Short", "x"), NewAim("Hard\\{}")])
    expected = by(["id"], fields(call.rows(aims.stream)))
    assert by(["id"], rows(call(aims.frame))) == expected
    frames: Any = aims.frames
    assert rows(*call.rows(frames, size=2)) == expected


def test_conditions_and_text_leave_what_they_leave_in_a_stream(
    call: World, people: list[User], goals: list[Aim]
) -> None:
    for n, user in enumerate(people):
        call(users.aims.append, user, goals[:n])
    frames: Any = users.frames
    for asked in (
        {"where": [AnyOf(goals[1:])]},
        {"where": [CountBetween(at_least=1), AnyOf(goals)], "search": "c"},
        {"search": "%"},
    ):
        options: Any = asked
        expected = by(["id"], fields(call.rows(users.stream, **options)))
        assert by(["id"], rows(call(users.frame, **options))) == expected
        assert rows(*call.rows(frames, size=1, **options)) == expected
