"""Create: far records and their links at once."""

from typing import Any
from uuid import uuid4

import pytest

from tests.ends import AIMS_USERS, NOON, End, ids, make
from tests.integration.relation.cases import hold, now
from tests.worlds import World
from useraim import AlreadyExists, BrokenReference, aims, users
from useraim.values import Linked, NewUser


class TestCreate:
    def test_creates_and_links_in_input_order(self, call: World, end: End, source: Any) -> None:
        chosen = sorted((uuid4() for _ in range(4)), reverse=True)
        new = [end.new(f"n{n}", id) for n, id in enumerate([*chosen, None])]
        made = call(end.relation.create, source, iter(new))
        assert [end.labelled(one.record) for one in made] == ["n0", "n1", "n2", "n3", "n4"]
        assert [one.record.id for one in made[:4]] == chosen
        moment = now(call)
        assert made == [Linked(one.record, "member", (), moment) for one in made]
        assert list(call(end.far.find_many, [one.record for one in made]).values()) == [one.record for one in made]
        assert end.links(call, source) == {one.record.id: ("member", (), moment) for one in made}

    def test_the_links_take_attributes(self, call: World, end: End, source: Any) -> None:
        made = call(end.relation.create, source, [end.new("n")], role="b", permissions={"y", "x"}, joined_at=NOON)
        assert made == [Linked(made[0].record, "b", ("x", "y"), NOON)]
        assert call(end.relation.of, source) == made

    def test_joins_what_is_linked_already(self, call: World, end: End, source: Any, far: list[Any]) -> None:
        hold(call, end, source, far)
        made = call(end.relation.create, source, [end.new("n")])
        assert set(end.links(call, source)) == {made[0].record.id, *ids(far)}

    def test_for_a_missing_source_creates_nothing(self, call: World, end: End) -> None:
        source, new = uuid4(), uuid4()
        with pytest.raises(BrokenReference) as caught:
            call(end.relation.create, source, [end.new("n", new)])
        assert end.missing(caught.value) == ((source,), ())
        assert call(end.far.find, new) is None

    def test_is_all_or_nothing(self, call: World, end: End, source: Any, far: list[Any]) -> None:
        new = uuid4()
        with pytest.raises(AlreadyExists) as caught:
            call(end.relation.create, source, [end.new("n", new), end.new("m", far[0].id), end.new("o", far[1].id)])
        assert set(caught.value.ids) == set(ids(far[:2]))
        assert caught.value.constraint == f"{end.name.split('.')[1]}_pkey"
        assert call(end.far.find, new) is None
        assert end.links(call, source) == {}
        with pytest.raises(AlreadyExists) as caught:
            call(end.relation.create, source, [end.new("n", new), end.new("m", new)])
        assert caught.value.ids == (new,)
        assert len(call(end.relation.create, source, [end.new("n", new)])) == 1

    def test_an_email_address_that_is_taken(self, call: World) -> None:
        (aim,), people = make(call, aims, 1), make(call, users, 2)
        taken = [NewUser(person.email.upper(), "Again") for person in people]
        with pytest.raises(AlreadyExists) as caught:
            call(aims.users.create, aim, [NewUser("new@example.org", "New"), *taken])
        assert (caught.value.constraint, set(caught.value.ids)) == ("users_email_key", set(ids(people)))
        assert call(users.find_by_email, "new@example.org") is None
        with pytest.raises(AlreadyExists):
            call(aims.users.create, aim, [NewUser("new@example.org", "New"), NewUser("NEW@example.org", "Twice")])
        assert AIMS_USERS.links(call, aim) == {}
