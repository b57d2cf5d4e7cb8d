"""Frames of memberships: every value as other reads give it, in the transaction of the caller."""

from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from tests.integration.frames.rows import by, fields, rows
from tests.integration.relation.reads import LINKS, attributes
from tests.worlds import World
from useraim import Frame, LinkFilter, NewAim, NewUserAim, aims, batch, bulk, explain, preview, scoped, user_aims, users
from useraim.values import Aim, User

KEY = ("user_id", "aim_id")
HARD = [
    "a,b", 'say "so"', "it's", "{}", "{a}", "\\", "a\\b", "NULL", "null", " ", " a ", "\t\n", "\x01", "ä", "日本語",
    "🜚", "e\u0301", '"', ",", "a" * 100, "é" * 100,
]  # fmt: skip
TIMES = [
    datetime(1900, 1, 1, tzinfo=UTC),
    datetime(1969, 12, 31, 23, 59, 59, 999_999, UTC),
    datetime(1970, 1, 1, tzinfo=UTC),
    datetime(2000, 1, 1, tzinfo=UTC) - timedelta(microseconds=1),
    datetime(2024, 3, 31, 1, 30, 0, 1, UTC),
    datetime(9999, 12, 31, 23, 59, 59, 999_999, UTC),
]


def parts(call: World, **asked: Any) -> list[Frame]:
    frames: Any = user_aims.frames
    return call.rows(frames, **asked)


def test_values_that_are_hard_to_spell_come_as_other_reads_give_them(
    call: World, people: list[User], goals: list[Aim]
) -> None:
    call.execute("SET LOCAL TimeZone = 'America/New_York'")
    lists = [(), ("one",), tuple(HARD), *((hard,) for hard in HARD), (*HARD, *HARD)]
    pairs = [(user, aim) for user in people for aim in goals]
    for start in range(0, len(lists), len(pairs)):
        for n, (pair, permissions) in enumerate(zip(pairs, lists[start:], strict=False)):
            row = NewUserAim(*pair, HARD[n % 9], permissions, TIMES[n % len(TIMES)])
            call(user_aims.put_many, [row], on_match="update")
        expected = by(KEY, fields(call.rows(user_aims.stream)))
        assert by(KEY, rows(call(user_aims.frame))) == expected
        assert rows(*parts(call, size=3)) == expected


@pytest.mark.parametrize("link", LINKS)
def test_a_filter_leaves_what_other_reads_leave(
    call: World, people: list[User], goals: list[Aim], link: LinkFilter | None
) -> None:
    pairs = [(user, aim) for user in people for aim in goals]
    for n, (user, aim) in enumerate(pairs):
        role, permissions, joined_at = attributes(n)
        call(user_aims.create, user, aim, role=role, permissions=permissions, joined_at=joined_at)
    expected = by(KEY, fields(call.rows(user_aims.stream, link=link)))
    assert by(KEY, rows(call(user_aims.frame, link=link))) == expected
    assert rows(*parts(call, link=link, size=2)) == expected


def test_an_empty_table_is_a_frame_with_all_columns_and_no_rows(call: World) -> None:
    frame = call(user_aims.frame)
    assert (len(frame), frame.columns) == (0, ("user_id", "aim_id", "role", "permissions", "joined_at"))
    assert [str(kind) for kind in frame.table.schema.types] == [
        "extension<arrow.uuid>", "extension<arrow.uuid>", "string", "list<item: string>", "timestamp[us, tz=UTC]",
    ]  # fmt: skip
    assert parts(call) == []


def test_the_transaction_of_the_caller_sees_its_own_writes(committed: World) -> None:
    ana = committed(users.create, email="ana@example.org", name="Ana")
    run = committed(aims.create, title="Run")
    committed.execute("BEGIN")
    committed(user_aims.create, ana, run, role="owner")
    assert [row["role"] for row in rows(committed(user_aims.frame))] == ["owner"]
    committed.execute("ROLLBACK")
    assert len(committed(user_aims.frame)) == 0


def test_other_calls_may_run_between_frames(call: World, ana: User, goals: list[Aim]) -> None:
    call(users.aims.append, ana, goals)
    frames: Any = user_aims.frames
    met: list[Any] = []
    for frame in call.iterate(frames, size=2):
        found = rows(frame)
        met += found
        call(users.aims.remove, ana, [row["aim_id"] for row in found])
    assert {row["aim_id"] for row in met} == {aim.id for aim in goals}
    assert call(user_aims.count) == 0


def test_a_frame_is_a_call_like_others(conn: psycopg.Connection[Any]) -> None:
    ana = users.create(conn, email="ana@example.org", name="Ana")
    run = aims.create(conn, title="Run")
    _, frame = batch(conn, users.aims.append.call(ana, [run]), users.aims.frame.call([ana]))
    assert [row["title"] for row in rows(frame)] == ["Run"]
    assert rows(preview(conn, user_aims.frame.call())) == fields(user_aims.stream(conn))
    assert [plan.name for plan in explain(conn, user_aims.frame.call())] == ["user_aims.frame"]
    mine = scoped(conn, {"app.user": "ana"})
    assert len(user_aims.frame(mine)) == 1
    assert [len(frame) for frame in user_aims.frames(mine)] == [1]


def test_a_frame_that_was_read_can_be_loaded(conn: psycopg.Connection[Any]) -> None:
    ana = users.create(conn, email="ana@example.org", name="Ana")
    (linked,) = users.aims.create(conn, ana, [NewAim("Run")], role="é", permissions=HARD, joined_at=TIMES[1])
    frame = user_aims.frame(conn)
    users.aims.clear(conn, ana)
    assert bulk.load(conn, frame).added == 1
    assert users.aims.of(conn, ana) == [linked]
