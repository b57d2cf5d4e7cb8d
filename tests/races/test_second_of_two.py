"""What the second of two callers finds, who waited for the first to commit."""

# ruff: noqa: B023 - the works of a race end before the next turn of the loop

from typing import Any

import pytest

from tests.ends import ENDS, End, ids
from tests.races.racers import Racers, Work
from tests.waiting import second_of
from tests.worlds import World
from useraim import AlreadyExists, BrokenReference, NotFound, user_aims
from useraim.values import Changes


class TestTheSecondOfTwo:
    """One has written and not committed yet; the other waits for it, and then acts on what it left."""

    @pytest.fixture
    def linked(self, setup: World, end: End) -> tuple[Any, list[Any]]:
        (source,), far = end.make_sources(setup, 1), end.make_far(setup, 6)
        setup(end.relation.append, source, far[:3], role="before")
        return source, far

    def test_updates_the_links_as_they_are_by_then(
        self, race: Racers, setup: World, end: End, linked: tuple[Any, list[Any]]
    ) -> None:
        source, far = linked
        changes = second_of(
            race.database,
            lambda conn: end.relation.update(conn, source, far[:2], role="first", permissions=["p"]),
            lambda conn: end.relation.update(conn, source, far[:2], role="second"),
        )
        assert changes == Changes(updated=ids(far[:2]))
        left = end.links(setup, source)
        assert [left[id][:2] for id in ids(far[:3])] == [("second", ("p",)), ("second", ("p",)), ("before", ())]

    def test_finds_no_link_to_update_that_is_just_being_removed(
        self, race: Racers, setup: World, end: End, linked: tuple[Any, list[Any]]
    ) -> None:
        source, far = linked
        with pytest.raises(NotFound) as caught:
            second_of(
                race.database,
                lambda conn: end.relation.remove(conn, source, far[1:2]),
                lambda conn: end.relation.update(conn, source, far[:3], role="second"),
            )
        assert caught.value.ids == (far[1].id,)
        assert {role for role, _, _ in end.links(setup, source).values()} == {"before"}

    @pytest.mark.parametrize(
        "removing", ["delete", "delete_many", "remove from the other end", "delete the far record"]
    )
    def test_does_not_take_a_link_that_is_just_being_removed_for_an_unchanged_one(
        self, race: Racers, setup: World, end: End, linked: tuple[Any, list[Any]], removing: str
    ) -> None:
        """Those who remove single links lock no source: an update meets them at the link itself."""
        source, far = linked
        key = end.pair(source, far[1])
        opposite = ENDS[1 - ENDS.index(end)].relation
        works: dict[str, Work] = {
            "delete": lambda conn: user_aims.delete(conn, *key),
            "delete_many": lambda conn: user_aims.delete_many(conn, [key]),
            "remove from the other end": lambda conn: opposite.remove(conn, far[1], [source]),
            "delete the far record": lambda conn: end.far.delete(conn, far[1]),
        }
        with pytest.raises(NotFound) as caught:
            second_of(
                race.database, works[removing], lambda conn: end.relation.update(conn, source, far[:3], role="second")
            )
        assert caught.value.ids == (far[1].id,)
        left = end.links(setup, source)
        assert {id: role for id, (role, _, _) in left.items()} == {far[0].id: "before", far[2].id: "before"}

    def test_does_not_take_a_far_record_that_is_just_being_deleted_for_an_unchanged_one(
        self, race: Racers, setup: World, end: End, linked: tuple[Any, list[Any]]
    ) -> None:
        source, far = linked
        labels = [end.labelled(setup(end.far.get, one)) for one in (far[0], far[2])]
        edits = [end.edit(one, "second") for one in far[:3]]
        with pytest.raises(BrokenReference) as caught:
            second_of(
                race.database,
                lambda conn: end.far.delete(conn, far[1]),
                lambda conn: end.relation.direct_control(conn, source, edits),
            )
        assert end.missing(caught.value) == ((), (far[1].id,))
        assert [end.labelled(setup(end.far.get, one)) for one in (far[0], far[2])] == labels

    def test_appends_what_is_just_being_removed(
        self, race: Racers, setup: World, end: End, linked: tuple[Any, list[Any]]
    ) -> None:
        source, far = linked
        changes = second_of(
            race.database,
            lambda conn: end.relation.remove(conn, source, far[1:2]),
            lambda conn: end.relation.append(conn, source, far[:3], role="second", on_match="update"),
        )
        assert changes == Changes(added=ids(far[1:2]), updated=(far[0].id, far[2].id))
        assert [role for role, _, _ in end.links(setup, source).values()] == ["second"] * 3

    @pytest.mark.parametrize("emptying", ["clear", "replace", "remove"])
    def test_removes_what_a_replace_leaves(
        self, race: Racers, setup: World, end: End, linked: tuple[Any, list[Any]], emptying: str
    ) -> None:
        source, far = linked
        works: dict[str, Work] = {
            "clear": lambda conn: end.relation.clear(conn, source),
            "replace": lambda conn: end.relation.replace(conn, source, []),
            "remove": lambda conn: end.relation.remove(conn, source, far),
        }
        changes = second_of(race.database, lambda conn: end.relation.replace(conn, source, far[2:5]), works[emptying])
        assert changes == Changes(removed=tuple(sorted(ids(far[2:5]))))
        assert end.links(setup, source) == {}

    def test_names_the_far_ids_of_links_that_are_just_being_added(
        self, race: Racers, setup: World, end: End, linked: tuple[Any, list[Any]]
    ) -> None:
        source, far = linked
        with pytest.raises(AlreadyExists) as caught:
            second_of(
                race.database,
                lambda conn: end.relation.append(conn, source, far[3:5]),
                lambda conn: end.relation.append(conn, source, far[3:], on_match="error"),
            )
        assert caught.value.table == "user_aims"
        # The first that stands in the way is known, perhaps not all; what is known are far ids.
        assert {*caught.value.ids} <= set(ids(far[3:5]))
        assert set(end.links(setup, source)) == set(ids(far[:5]))

    def test_gets_a_broken_reference_for_what_is_just_being_deleted(
        self, race: Racers, setup: World, end: End, linked: tuple[Any, list[Any]]
    ) -> None:
        source, far = linked
        for operation in (end.relation.append, end.relation.replace):
            gone = far.pop()
            with pytest.raises(BrokenReference) as caught:
                second_of(
                    race.database,
                    lambda conn: end.far.delete(conn, gone),
                    lambda conn: operation(conn, source, [far[0], gone]),
                )
            assert end.missing(caught.value) == ((), (gone.id,))
        assert set(end.links(setup, source)) == set(ids(far[:3]))

    def test_gets_a_broken_reference_for_a_source_that_is_just_being_deleted(
        self, race: Racers, end: End, linked: tuple[Any, list[Any]]
    ) -> None:
        source, far = linked
        works: list[Work] = [
            lambda conn: end.relation.replace(conn, source, far),
            lambda conn: end.relation.direct_control(conn, source, far[:3]),
        ]
        with pytest.raises(BrokenReference) as caught:
            second_of(race.database, lambda conn: end.sources.delete(conn, source), works[0])
        assert end.missing(caught.value) == ((source.id,), ())
        with pytest.raises(BrokenReference):
            works[1](race.connections[0])
