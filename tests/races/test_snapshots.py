"""Races in sessions of stricter isolation. `-s` shows what came out, and how often."""

# ruff: noqa: B023 - the works of a race end before the next turn of the loop

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from tests.ends import AIMS_USERS, End
from tests.races.racers import Connection, Racers, Work, each, no_failures, pairs, table
from tests.worlds import World
from useraim import transaction, user_aims
from useraim.ids import new_id


class TestSnapshots:
    """Sessions that keep one snapshot for a whole transaction: what they do not see must not be lost or left."""

    @pytest.fixture(params=["repeatable read", "serializable"])
    def isolated(self, request: pytest.FixtureRequest, race: Racers) -> Iterator[Racers]:
        for conn in race.connections:
            conn.execute(f"SET default_transaction_isolation = '{request.param}'".encode())
        yield race
        for conn in race.connections:
            conn.execute("RESET default_transaction_isolation")

    @pytest.mark.parametrize("name", ["replace", "direct_control"])
    def test_two_sets_at_once_end_as_one_of_them(
        self, isolated: Racers, setup: World, end: End, name: str, tries: int
    ) -> None:
        for _ in range(tries // 2):
            (source,), far = end.make_sources(setup, 1), end.make_far(setup, 6)
            if name == "replace":
                sets: list[Any] = [far[:3], far[3:]]
                results = isolated(*each(sets, lambda conn, s: end.relation.replace(conn, source, s)))
                ends = {pairs(end, source, s): number for number, s in enumerate(sets)}
                isolated.outcomes[f"set {ends[table(setup)]}"] += 1
            else:
                fresh = [new_id(), new_id()]
                sets = [[end.new(f"n {id}", id)] for id in fresh]
                results = isolated(*each(sets, lambda conn, s: end.relation.direct_control(conn, source, s)))
                (left,) = end.links(setup, source)
                isolated.outcomes[f"set {fresh.index(left)}"] += 1
            no_failures(results)
            setup(end.relation.clear, source)

    @pytest.mark.parametrize("name", ["replace", "remove", "clear", "update", "append", "merge"])
    def test_a_snapshot_from_before_anothers_change_is_a_failure_that_may_be_tried_again(
        self, isolated: Racers, setup: World, end: End, name: str
    ) -> None:
        (source, second), far = end.make_sources(setup, 2), end.make_far(setup, 4)
        setup(end.relation.append, source, far[:2])
        works: dict[str, Work] = {
            "replace": lambda conn: end.relation.replace(conn, source, far[1:3]),
            "remove": lambda conn: end.relation.remove(conn, source, far),
            "clear": lambda conn: end.relation.clear(conn, source),
            "update": lambda conn: end.relation.update(conn, source, far[:2], role="new"),
            "append": lambda conn: end.relation.append(conn, source, far[:2], role="new", on_match="update"),
            "merge": lambda conn: user_aims.merge(conn, source, second),
        }
        if name == "merge" and end is AIMS_USERS:
            return  # of users alone
        one, two = isolated.connections[:2]
        one.execute("BEGIN")
        one.execute("SELECT count(*) FROM user_aims")  # the snapshot is taken
        end.relation.replace(two, source, far[2:])
        with pytest.raises(psycopg.errors.SerializationFailure):
            works[name](one)
        one.rollback()
        assert table(setup) == pairs(end, source, far[2:])
        seen: list[int] = []

        def again(conn: Connection) -> Any:
            conn.execute("SELECT count(*) FROM user_aims")
            seen.append(1)
            if len(seen) == 1:
                end.relation.replace(two, source, far[:2])
            return works[name](conn)

        transaction.run(one, again)
        assert len(seen) == 2
