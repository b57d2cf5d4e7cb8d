"""Links to what others delete meanwhile. `-s` shows what came out, and how often."""

# ruff: noqa: B023 - the works of a race end before the next turn of the loop

import random

from tests.ends import End, ids
from tests.races.racers import Racers, table
from tests.worlds import World
from useraim import BrokenReference
from useraim.values import Changes


class TestAppendAndDeletion:
    def test_of_a_far_record(self, race: Racers, setup: World, end: End, tries: int) -> None:
        """Either the deletion came first, and nothing is linked, or it took its link along afterwards."""
        for _ in range(tries):
            (source,), far = end.make_sources(setup, 1), end.make_far(setup, 20)
            gone = random.choice(far)
            appended, deleted = race(
                lambda conn: end.relation.append(conn, source, far), lambda conn: end.far.delete(conn, gone)
            )
            assert deleted is True
            if isinstance(appended, BrokenReference):
                assert end.missing(appended) == ((), (gone.id,))
                assert end.links(setup, source) == {}
                caused = "constraint" if appended.__cause__ else "statement"
                race.outcomes[f"broken reference, by the {caused}"] += 1
            else:
                assert appended == Changes(added=ids(far))
                assert set(end.links(setup, source)) == {*ids(far)} - {gone.id}
                race.outcomes["linked, then deleted"] += 1

    def test_of_the_source(self, race: Racers, setup: World, end: End, tries: int) -> None:
        far = end.make_far(setup, 20)
        for _ in range(tries):
            (source,) = end.make_sources(setup, 1)
            appended, deleted = race(
                lambda conn: end.relation.append(conn, source, far), lambda conn: end.sources.delete(conn, source)
            )
            assert deleted is True
            assert table(setup) == frozenset()
            if isinstance(appended, BrokenReference):
                assert end.missing(appended) == ((source.id,), ())
                race.outcomes["broken reference"] += 1
            else:
                assert appended == Changes(added=ids(far))
                race.outcomes["linked, then deleted"] += 1

    def test_of_a_far_record_while_replacing(self, race: Racers, setup: World, end: End) -> None:
        for _ in range(100):
            (source,), far = end.make_sources(setup, 1), end.make_far(setup, 10)
            setup(end.relation.append, source, far[:5])
            gone = random.choice(far[5:])
            replaced, deleted = race(
                lambda conn: end.relation.replace(conn, source, far[5:]), lambda conn: end.far.delete(conn, gone)
            )
            assert deleted is True
            if isinstance(replaced, BrokenReference):
                assert end.missing(replaced) == ((), (gone.id,))
                assert set(end.links(setup, source)) == set(ids(far[:5]))
                race.outcomes["broken reference"] += 1
            else:
                assert replaced == Changes(added=ids(far[5:]), removed=tuple(sorted(ids(far[:5]))))
                assert set(end.links(setup, source)) == set(ids(far[5:])) - {gone.id}
                race.outcomes["replaced, then deleted"] += 1
