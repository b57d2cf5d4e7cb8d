"""Whole sets at once: one of them is left, and nobody else is held up. `-s` shows how often which."""

# ruff: noqa: B023 - the works of a race end before the next turn of the loop

import asyncio
from collections import Counter
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from tests.ends import AIMS_USERS, ENDS, USERS_AIMS, End, ids, make, new
from tests.races.racers import CALLERS, Connection, Racers, each, no_failures, pairs, rows, table
from tests.worlds import World
from useraim import BrokenReference, aims, users
from useraim.ids import new_id
from useraim.values import Changes


class TestReplaceAndReplace:
    def test_from_one_end_leave_one_of_the_two_sets(self, race: Racers, setup: World, end: End, tries: int) -> None:
        """The second sees what the first has left: no union, and its `Changes` say what it did to the first's set."""
        (source,), far = end.make_sources(setup, 1), end.make_far(setup, 10)
        sets = [far[:5], far[5:]]
        run = end.relation.replace
        for _ in range(tries):
            setup(end.relation.clear, source)
            one, two = no_failures(race(*each(sets, lambda conn, s: run(conn, source, s))))
            winner = [pairs(end, source, s) for s in sets].index(table(setup))
            race.outcomes[f"set {winner}"] += 1
            last, first = (one, two) if winner == 0 else (two, one)
            assert first == Changes(added=ids(sets[1 - winner]))
            assert last == Changes(added=ids(sets[winner]), removed=tuple(sorted(ids(sets[1 - winner]))))

    def test_of_overlapping_sets_keep_the_attributes_of_the_last(
        self, race: Racers, setup: World, end: End, tries: int
    ) -> None:
        (source,), far = end.make_sources(setup, 1), end.make_far(setup, 12)
        asked = {"a": far[:8], "b": far[4:][::-1]}
        run = end.relation.replace
        for _ in range(tries):
            no_failures(race(*each(asked, lambda conn, role: run(conn, source, asked[role], role=role))))
            left = rows(setup)
            (role,) = {role for role, _ in left.values()}
            assert frozenset(left) == pairs(end, source, asked[role])
            race.outcomes[f"set {role}"] += 1

    def test_from_both_ends_leave_what_one_after_the_other_would(self, race: Racers, setup: World, tries: int) -> None:
        """The user shall have no other aims, the aim no other users; they argue about the pair of the two."""
        people, goals = make(setup, users, 4), make(setup, aims, 4)
        ana, run = people[0], goals[0]
        for number in range(tries):
            setup.execute("DELETE FROM user_aims")
            if number % 2:
                setup(users.aims.append, ana, goals)
                setup(aims.users.append, run, people)
            no_failures(
                race(
                    lambda conn: users.aims.replace(conn, ana, goals[:2], role="by user"),
                    lambda conn: aims.users.replace(conn, run, people[1:3], role="by aim"),
                )
            )
            user_first = pairs(USERS_AIMS, ana, goals[1:2]) | pairs(AIMS_USERS, run, people[1:3])
            aim_first = user_first | pairs(USERS_AIMS, ana, [run])
            race.outcomes[{user_first: "user first", aim_first: "aim first"}[table(setup)]] += 1

    def test_by_many_callers_leave_one_of_their_sets(self, race: Racers, setup: World, end: End) -> None:
        (source,), far = end.make_sources(setup, 1), end.make_far(setup, 3 * CALLERS)
        sets = [far[n::CALLERS] for n in range(CALLERS)]
        for _ in range(40):
            no_failures(race(*each(sets, lambda conn, s: end.relation.replace(conn, source, s))))
            winner = [pairs(end, source, s) for s in sets].index(table(setup))
            race.outcomes[f"set {winner}"] += 1

    def test_in_transactions_of_the_callers(self, race: Racers, setup: World, end: End) -> None:
        (source,), far = end.make_sources(setup, 1), end.make_far(setup, 10)
        sets = [far[:5], far[5:]]

        def work(conn: Connection, chosen: list[Any]) -> None:
            with conn.transaction():
                end.relation.replace(conn, source, chosen)

        for _ in range(100):
            no_failures(race(*each(sets, work)))
            race.outcomes[f"set {[pairs(end, source, s) for s in sets].index(table(setup))}"] += 1


@pytest.mark.parametrize("end", ENDS, ids=lambda end: end.name)
def test_replace_and_replace_async(database: str, runner: asyncio.Runner, end: End, tries: int) -> None:
    outcomes: Counter[str] = Counter()

    async def main() -> None:
        one, two = [await psycopg.AsyncConnection.connect(database, autocommit=True) for _ in range(2)]
        async with one, two:
            (source,) = await end.sources.create_many(one, [new(end.sources, "source")])
            far = await end.far.create_many(one, [end.new(f"n{n}") for n in range(10)])
            sets = [far[:5], far[5:]]
            for _ in range(tries):
                await asyncio.wait_for(
                    asyncio.gather(
                        end.relation.replace(one, source, sets[0]), end.relation.replace(two, source, sets[1])
                    ),
                    timeout=30,
                )
                left = {linked.record.id for linked in await end.relation.of(one, source)}
                outcomes[f"set {[set(ids(s)) for s in sets].index(left)}"] += 1

    runner.run(main())
    print(f"\n    async {end.name}: {dict(outcomes)}")


def test_a_replace_does_not_hold_up_others(race: Racers, setup: World, end: End) -> None:
    """While its transaction is open, others link the same far records, and even the same source to further ones."""
    sources, far = end.make_sources(setup, 2), end.make_far(setup, 10)
    setup(end.relation.append, sources[0], far[:6])
    setup(end.relation.append, sources[1], far[:2])
    impatient = make_conninfo(race.database, options="-c lock_timeout=1s")
    with psycopg.connect(race.database) as holding, psycopg.connect(impatient, autocommit=True) as other:
        end.relation.replace(holding, sources[0], far[3:8], role="b")
        assert end.relation.append(other, sources[1], far).added == ids(far[2:])
        assert end.relation.replace(other, sources[1], [*far[:5], far[9]], role="c")
        assert end.relation.append(other, sources[0], far[8:9]).added == ids(far[8:9])
        assert end.relation.update(other, sources[1], far[:1], role="d")
        assert len(end.relation.of(other, sources[0])) == 7
        # From the other end as well: none of these rows is the one that is locked.
        opposite = ENDS[1 - ENDS.index(end)].relation
        assert opposite.replace(other, far[9], [sources[1]]).unchanged == (sources[1].id,)
        assert opposite.append(other, far[9], [sources[0]]).added == (sources[0].id,)
        with pytest.raises(psycopg.errors.LockNotAvailable):
            end.relation.replace(other, sources[0], far)
    assert table(setup) == pairs(end, sources[0], far[3:]) | pairs(end, sources[1], [*far[:5], far[9]])


class TestDirectControlAndDirectControl:
    def test_leave_one_of_the_two_sets(self, race: Racers, setup: World, end: End, tries: int) -> None:
        """The records that the first created are deleted by the second, as it does not mention them."""
        for number in range(tries):
            (source,), (kept, dropped) = end.make_sources(setup, 1), end.make_far(setup, 2)
            setup(end.relation.append, source, [kept, dropped])
            new = {"one": new_id(), "two": new_id()}

            def work(conn: Connection, name: str) -> Changes:
                items = [end.edit(kept, name), end.new(f"{name} {number}", new[name])]
                return end.relation.direct_control(conn, source, items)

            results = dict(zip(new, no_failures(race(*each(new, work))), strict=True))
            last = end.labelled(setup(end.far.get, kept))
            (first,) = new.keys() - {last}
            assert set(end.links(setup, source)) == {kept.id, new[last]}
            assert setup(end.far.find, new[first]) is None
            assert results[first] == Changes((new[first],), (kept.id,), (), (dropped.id,))
            assert results[last] == Changes((new[last],), (kept.id,), (), (new[first],))
            race.outcomes[f"{last} is last"] += 1

    def test_of_what_the_other_deletes(self, race: Racers, setup: World, end: End, tries: int) -> None:
        for _ in range(tries):
            (source,), (kept,) = end.make_sources(setup, 1), end.make_far(setup, 1)
            setup(end.relation.append, source, [kept])
            emptied, left = race(
                lambda conn: end.relation.direct_control(conn, source, []),
                lambda conn: end.relation.direct_control(conn, source, [kept]),
            )
            assert emptied == Changes(removed=(kept.id,))
            assert table(setup) == frozenset()
            if isinstance(left, BrokenReference):
                assert end.missing(left) == ((), (kept.id,))
                race.outcomes["deleted first"] += 1
            else:
                assert left == Changes(unchanged=(kept.id,))
                race.outcomes["kept first"] += 1
