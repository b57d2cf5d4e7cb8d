"""The explorer finds what is wrong: faults planted on purpose, beside the same without the fault."""

import pytest

from tests.schedules.cases import Meeting, named, replay, verdict
from tests.schedules.explorer import Explorer
from tests.schedules.faults import hold_the_middle, put_backwards, put_in_order, replace_without_lock, take_seat
from tests.schedules.judge import DEADLOCK, NEITHER
from tests.schedules.operations import MINE, THEIRS
from tests.schedules.world import A3, A4


def test_two_replaces_without_their_lock_leave_what_neither_wants(explorer: Explorer) -> None:
    found = verdict(explorer, (replace_without_lock(MINE), replace_without_lock(THEIRS))).findings
    assert {one.kind for one in found} == {NEITHER}


def test_a_lock_of_one_of_two_replaces_is_not_enough(explorer: Explorer) -> None:
    (locked,) = named("users.aims.replace")
    assert verdict(explorer, (locked, replace_without_lock(THEIRS))).findings


def test_a_write_against_the_order_of_keys_deadlocks(explorer: Explorer) -> None:
    meeting: Meeting = (put_in_order(MINE), put_backwards(THEIRS), hold_the_middle())
    assert DEADLOCK in {one.kind for one in verdict(explorer, meeting).findings}


def test_writes_in_key_order_do_not(explorer: Explorer) -> None:
    meeting: Meeting = (put_in_order(MINE), put_in_order(THEIRS), hold_the_middle())
    assert verdict(explorer, meeting).findings == ()


@pytest.mark.parametrize("texts", [("count and write",), ("count", "write"), ("count", "lock", "write")])
def test_a_count_before_the_lock_gives_away_a_seat_twice(explorer: Explorer, texts: tuple[str, ...]) -> None:
    found = verdict(explorer, (take_seat(A3, *texts), take_seat(A4, *texts))).findings
    assert {one.kind for one in found} == {NEITHER}


def test_a_count_behind_the_lock_does_not(explorer: Explorer) -> None:
    texts = ("lock", "count", "write")
    assert verdict(explorer, (take_seat(A3, *texts), take_seat(A4, *texts))).findings == ()


def test_a_finding_tells_its_steps_and_what_contradicts_them(explorer: Explorer) -> None:
    meeting = (replace_without_lock(MINE), replace_without_lock(THEIRS))
    told = verdict(explorer, meeting).findings[0].words.splitlines()
    assert "A is replace without its lock" in told
    assert "A: BEGIN; users.aims.replace   … waits" in told
    assert "A: COMMIT" in told
    assert [line for line in told if line.startswith("A before B gives Changes(")]
    assert told[-1].startswith("again: ")


def test_a_finding_comes_again_when_its_schedule_is_replayed(explorer: Explorer) -> None:
    meeting = (replace_without_lock(MINE), replace_without_lock(THEIRS))
    for one in verdict(explorer, meeting).findings:
        outcome, words = replay(explorer, meeting, one.schedule)
        assert outcome.schedule == one.schedule
        assert words == one.words
