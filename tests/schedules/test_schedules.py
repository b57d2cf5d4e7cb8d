"""Of operations that meet, every schedule gives what one after the other gives, or is listed with its reason."""

from collections.abc import Callable
from itertools import product

import pytest

from tests.schedules.cases import LEVELS, Meeting, all_cases, named, replay, verdict
from tests.schedules.exceptions import EXCEPTIONS, exception, unlisted
from tests.schedules.explorer import Explorer
from tests.schedules.operations import HOTTEST, MINE, THEIRS, THIRDS, Named, of_the_middle, reads, wide, writes
from tests.schedules.report import failures
from tests.schedules.survey import survey

AT_RISK = (
    *HOTTEST, "users.aims.append", "users.aims.update", "users.aims.clear", "users.aims.direct_control",
    "aims.users.append (update)", "aims.users.direct_control (edit)", "user_aims.create", "user_aims.grant",
    "user_aims.update (if_role)", "user_aims.delete_many", "user_aims.merge", "users.create_many", "users.ensure",
    "users.update (email)", "aims.delete", "users.aims.append (must)", "aims.users.remove (must)",
    "users.delete (must)", "aims.users.replace (version)",
)  # fmt: skip
READS = ("users.aims.load", "aims.users.page", "user_aims.find_many", "users.count", "users.suggest_aims")


def some(operations: list[Named], names: tuple[str, ...]) -> list[Named]:
    return [one for one in operations if one.name in names]


def all_is_well(explorer: Explorer, meetings: list[Meeting], level: str = LEVELS[0]) -> None:
    """Run every schedule of each, and show the first that is neither serial nor listed."""
    for meeting in meetings:
        wrong = unlisted(verdict(explorer, meeting, level).findings)
        assert not wrong, wrong[0].words


@pytest.mark.parametrize("name", AT_RISK)
def test_two_writes(explorer: Explorer, name: str) -> None:
    all_is_well(explorer, list(product(some(writes(MINE), (name,)), some(writes(THEIRS), AT_RISK))))


@pytest.mark.parametrize("level", LEVELS[1:])
def test_two_writes_with_a_snapshot_for_the_whole_transaction(explorer: Explorer, level: str) -> None:
    all_is_well(explorer, list(product(some(writes(MINE), HOTTEST), some(writes(THEIRS), HOTTEST))), level)


def test_a_write_and_a_read(explorer: Explorer) -> None:
    all_is_well(explorer, list(product(some(writes(MINE), AT_RISK), some(reads(), READS))))


@pytest.mark.parametrize("name", HOTTEST)
def test_three_writes(explorer: Explorer, name: str) -> None:
    one = (some(writes(MINE), (name,)), some(writes(THEIRS), (name,)), some(writes(THIRDS), HOTTEST[1:2]))
    all_is_well(explorer, list(product(*one)))


def test_two_writes_of_several_rows_that_stop_on_their_way(explorer: Explorer) -> None:
    names = ("user_aims.put_many (update, wide)", "users.aims.append (update, wide)")
    meetings = product(some(wide(MINE), names), some(wide(THEIRS), names), [of_the_middle()])
    all_is_well(explorer, list(meetings))


def test_a_lost_race_for_an_address_is_already_exists(explorer: Explorer) -> None:
    outcome, words = replay(explorer, named("users.create", "users.create"), "ABA")
    assert words == "as one after the other"
    assert [answer.error for answer in outcome.answers] == ["", "AlreadyExists users_email_key"]


def test_of_two_replaces_the_second_waits_and_sees_what_the_first_has_left(explorer: Explorer) -> None:
    outcome, _ = replay(explorer, named("users.aims.replace", "users.aims.replace"), "ABAABB")
    assert outcome.told[1] == "B: BEGIN; users.aims (lock)   … waits"
    assert outcome.answers[1].text == "Changes(added=(a4,), updated=(), unchanged=(a3,), removed=(a2,))"


def test_the_versions_of_the_start_are_those_that_writes_are_for(explorer: Explorer) -> None:
    for name in ("users.aims.replace (version)", "aims.users.replace (version)"):
        outcome, _ = replay(explorer, named(name, name), "AAAAABBBBB")
        assert [answer.error.partition(" ")[0] for answer in outcome.answers] == ["", "Conflict"]


def test_operations_of_a_side_have_names_of_their_own() -> None:
    for side in (MINE, THEIRS, THIRDS):
        names = [one.name for one in (*writes(side), *wide(side), of_the_middle())]
        assert len(names) == len(set(names))
        assert set(AT_RISK) <= set(names)


@pytest.mark.soak
def test_all_schedules(create_database: Callable[[], str]) -> None:
    """More than 25,000; every exception is met, so that none is listed in vain."""
    judged = list(survey([create_database(), create_database()], all_cases()))
    wrong = failures(judged)
    assert not wrong, "\n\n".join(wrong)
    assert sum(one.verdict.schedules for one in judged) > 25_000
    met = {exception(finding) for one in judged for finding in one.verdict.findings}
    assert set(EXCEPTIONS) <= met
