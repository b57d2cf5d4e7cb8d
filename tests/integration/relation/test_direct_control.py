"""Direct control: the far records themselves are created, edited and deleted."""

from typing import Any
from uuid import UUID, uuid4

import pytest

from tests.ends import End, ids, make
from tests.integration.relation.cases import HELD, hold, now
from tests.worlds import World
from useraim import AlreadyExists, BrokenReference, NotFound, aims, users
from useraim.values import Changes, EditAim, EditUser


class TestDirectControl:
    def test_creates_edits_keeps_and_deletes(
        self, call: World, end: End, source: Any, other: Any, far: list[Any]
    ) -> None:
        edited, kept, named, gone, outside = far[:5]
        hold(call, end, source, [edited, kept, named, gone])
        hold(call, end, other, far[:5])
        new = uuid4()
        items = [named.id, end.new("new", new), end.edit(edited, "edited"), kept, str(named.id)]
        changes = call(end.relation.direct_control, source, iter(items))
        assert changes == Changes((new,), (edited.id,), (named.id, kept.id), (gone.id,))
        assert end.links(call, source) == {new: ("member", (), now(call))} | dict.fromkeys(
            ids([edited, kept, named]), HELD
        )
        # Deleted for good, with the links that others had to it; everything else of theirs stays.
        assert call(end.far.find, gone) is None
        assert set(end.links(call, other)) == set(ids([edited, kept, named, outside]))
        assert end.labelled(call(end.far.get, edited)) == "edited"
        assert end.labelled(call(end.far.get, new)) == "new"
        assert [call(end.far.get, one) for one in (kept, named, outside)] == [kept, named, outside]

    def test_of_what_is_so_already_changes_nothing(self, call: World, end: End, source: Any, far: list[Any]) -> None:
        hold(call, end, source, far[:2])
        versions = end.versions(call, source)
        items = [end.edit(far[1], end.labelled(far[1])), far[0]]
        assert call(end.relation.direct_control, source, items) == Changes(unchanged=(far[1].id, far[0].id))
        assert end.versions(call, source) == versions
        assert [call(end.far.get, one) for one in far[:2]] == far[:2]

    def test_by_nothing_deletes_all(self, call: World, end: End, source: Any, far: list[Any]) -> None:
        hold(call, end, source, far[:3])
        changes = call(end.relation.direct_control, source, [])
        assert changes == Changes(removed=tuple(sorted(ids(far[:3]))))
        assert set(call(end.far.find_many, far)) == set(ids(far[3:]))
        assert call(end.sources.exists, source)

    def test_the_first_of_equals_counts(self, call: World, end: End, source: Any, far: list[Any]) -> None:
        hold(call, end, source, far[:2])
        items = [end.edit(far[0], "first"), far[1], end.edit(far[0], "second"), far[0], end.edit(far[1], "late")]
        assert call(end.relation.direct_control, source, items) == Changes((), (far[0].id,), (far[1].id,))
        assert end.labelled(call(end.far.get, far[0])) == "first"

    def test_names_all_that_exist_nowhere(self, call: World, end: End, source: Any, far: list[Any]) -> None:
        hold(call, end, source, far[:2])
        one, two, new = uuid4(), uuid4(), uuid4()
        items = [end.edit(far[0], "edited"), two, end.edit(one, "x"), end.new("n", new), far[5]]
        with pytest.raises(BrokenReference) as caught:
            call(end.relation.direct_control, source, items)
        assert end.missing(caught.value) == ((), tuple(sorted([one, two])))
        with pytest.raises(BrokenReference) as caught:
            call(end.relation.direct_control, new, [one, end.new("n", two)])
        assert end.missing(caught.value) == ((new,), (one,))
        self.untouched(call, end, source, far, new, two)

    def test_names_all_that_are_not_linked(self, call: World, end: End, source: Any, far: list[Any]) -> None:
        hold(call, end, source, far[:2])
        new = uuid4()
        items = [end.edit(far[0], "edited"), far[5], end.new("n", new), end.edit(far[4], "x")]
        with pytest.raises(NotFound) as caught:
            call(end.relation.direct_control, source, items)
        assert caught.value.table == end.join
        assert set(caught.value.ids) == set(ids(far[4:6]))
        self.untouched(call, end, source, far, new)

    def test_an_id_that_is_taken(self, call: World, end: End, source: Any, far: list[Any]) -> None:
        hold(call, end, source, far[:2])
        new = uuid4()
        with pytest.raises(AlreadyExists) as caught:
            call(end.relation.direct_control, source, [end.new("n", new), end.new("m", far[5].id), far[0]])
        assert caught.value.ids == (far[5].id,)
        with pytest.raises(AlreadyExists) as caught:
            call(end.relation.direct_control, source, [end.new("m", far[0].id), far[0]])
        assert caught.value.ids == (far[0].id,)
        self.untouched(call, end, source, far, new)

    def untouched(self, call: World, end: End, source: Any, far: list[Any], *not_made: UUID) -> None:
        """Nothing is written, and the transaction goes on."""
        assert list(call(end.far.find_many, far).values()) == far
        assert end.links(call, source) == dict.fromkeys(ids(far[:2]), HELD)
        assert call(end.far.find_many, not_made) == {}

    def test_edits_change_only_what_they_give(self, call: World) -> None:
        ana = call(users.create, email="ana@example.org", name="Ana")
        run = call(aims.create, title="Run", description="x")
        call(users.aims.append, ana, [run])
        call(users.aims.direct_control, ana, [EditAim(run, title="Jog")])
        assert (call(aims.get, run).title, call(aims.get, run).description) == ("Jog", "x")
        call(users.aims.direct_control, ana, [EditAim(run.id, description="")])
        assert (call(aims.get, run).title, call(aims.get, run).description) == ("Jog", "")
        call(aims.users.direct_control, run, [EditUser(ana.id, email="ANA@example.org")])
        assert (call(users.get, ana).name, call(users.get, ana).email) == ("Ana", "ANA@example.org")
        assert call(aims.users.direct_control, run, [EditUser(ana)]) == Changes(unchanged=(ana.id,))

    def test_updated_at_moves_only_when_a_value_changes(self, committed: World) -> None:
        (ana,), (run, read) = make(committed, users, 1), make(committed, aims, 2)
        committed(users.aims.append, ana, [run, read])
        committed(users.aims.direct_control, ana, [EditAim(run, title="Jog"), EditAim(read, title=read.title)])
        assert committed(aims.get, run).updated_at > run.updated_at
        assert committed(aims.get, read) == read
