"""The explorer itself: it leaves out no schedule, and says when something hangs."""

from math import comb

import psycopg
import pytest

from tests.schedules import explorer as module
from tests.schedules.cases import named, replay, verdict
from tests.schedules.explorer import Explorer, Hang
from tests.schedules.operations import Named
from tests.schedules.program import Command, is_local
from tests.schedules.world import A1, A2, U1, U2
from useraim import aims, users

ONE = Named("a user", lambda: users.update.call(U1, name="one"))
OTHER = Named("an aim", lambda: aims.update.call(A2, title="other"))
THIRD = Named("another aim", lambda: aims.update.call(A1, title="third"))
LOCKS_FIRST = Named("a set", lambda: users.aims.remove.call(U2, [A1]))


def schedules(explorer: Explorer, *meeting: Named) -> list[str]:
    return [one.schedule for one in explorer.outcomes([one.program() for one in meeting])]


def test_what_does_not_meet_has_every_interleaving(explorer: Explorer) -> None:
    assert sorted(schedules(explorer, ONE, OTHER)) == ["AABB", "ABAB", "ABBA", "BAAB", "BABA", "BBAA"]
    assert len(schedules(explorer, LOCKS_FIRST, OTHER)) == comb(5, 2)


def test_three_as_well(explorer: Explorer) -> None:
    found = schedules(explorer, ONE, OTHER, THIRD)
    assert len(set(found)) == len(found) == comb(6, 2) * comb(4, 2)


def test_who_waits_cannot_be_chosen(explorer: Explorer) -> None:
    assert sorted(schedules(explorer, ONE, ONE)) == ["AABB", "ABAB", "BABA", "BBAA"]


def test_a_schedule_that_cannot_be_followed_says_what_came_instead(explorer: Explorer) -> None:
    with pytest.raises(AssertionError, match=r"^ABBA cannot be followed:\nA: BEGIN; users\.update\nB: .* waits"):
        replay(explorer, (ONE, ONE), "ABBA")


def test_each_schedule_starts_from_the_same_rows(explorer: Explorer) -> None:
    meeting = named("users.delete", "aims.delete")
    programs = [one.program() for one in meeting]
    tables = {explorer.replay(programs, schedule).tables for schedule in ("AABB", "BBAA", "AABB")}
    assert len(tables) == 1


def test_settings_of_the_session_are_no_step_of_their_own() -> None:
    (steps,) = (one.program().steps for one in named("users.aims.update"))
    assert [[command.told for command in step] for step in steps] == [
        ["BEGIN", "users.aims (lock_links)"],
        ["user_aims.by_key", "users.aims.update"],
        ["user_aims.as_before", "COMMIT"],
    ]
    assert not is_local(Command("count", b"SELECT set_config('a.b', count(*)::text, true) FROM users"))


def test_a_hang_is_a_failure_with_words(explorer: Explorer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "DEADLINE", 0.2)
    with psycopg.connect(explorer.conninfo) as outsider:
        outsider.execute("SELECT FROM users WHERE id = %s FOR UPDATE", [U1])
        with pytest.raises(Hang) as caught:
            verdict(explorer, (ONE, OTHER))
    assert str(caught.value).splitlines() == [
        "A of a user, an aim: not done after 0.2 s, though none of the others is in the way",
        "A: BEGIN; users.update",
    ]
    monkeypatch.undo()
    assert verdict(explorer, (ONE, OTHER)).findings == ()
