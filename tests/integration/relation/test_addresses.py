"""Direct control of users: addresses that are taken."""

from collections.abc import Callable
from typing import Any, TypeAlias

import pytest

from tests.ends import AIMS_USERS, ids, make
from tests.worlds import World
from useraim import AlreadyExists, aims, users
from useraim.values import Changes, EditUser, NewUser

Items: TypeAlias = Callable[[Any, Any, Any], list[Any]]
TAKEN: list[tuple[Items, str]] = [
    (lambda ana, bo, cy: [ana, bo, NewUser("CY@example.org", "Again")], "c"),
    (lambda ana, bo, cy: [ana, EditUser(bo, email="Cy@example.org")], "c"),
    (lambda ana, bo, cy: [ana, EditUser(bo, email="ANA@example.org")], "a"),
    (lambda ana, bo, cy: [bo, NewUser("ana@example.org", "In place of one that goes")], "a"),
    (lambda ana, bo, cy: [EditUser(ana, email=bo.email), EditUser(bo, email=ana.email)], "ab"),
    (lambda ana, bo, cy: [EditUser(ana, email="x@example.org"), NewUser("ana@example.org", "N")], "a"),
    (lambda ana, bo, cy: [EditUser(ana, email=cy.email), bo, NewUser(bo.email.upper(), "N")], "bc"),
]
"""Items for users of whom ana and bo are linked and cy is not, and who holds an address already."""
COLLIDING: list[Items] = [
    lambda ana, bo, cy: [ana, bo, NewUser("new@example.org", "N"), NewUser("NEW@example.org", "M")],
    lambda ana, bo, cy: [EditUser(ana, email="new@example.org"), EditUser(bo, email="New@example.org")],
    lambda ana, bo, cy: [ana, EditUser(bo, email="new@example.org"), NewUser("NEW@example.org", "M")],
]


class TestEmailConflicts:
    """`direct_control` of the users of an aim: addresses that others have when the call starts are taken."""

    @pytest.fixture
    def aim(self, call: World) -> Any:
        return make(call, aims, 1)[0]

    @pytest.fixture
    def crew(self, call: World, aim: Any) -> list[Any]:
        """Three users: the first two are linked, the third is not."""
        people = call(users.create_many, [NewUser(f"{name}@example.org", name) for name in ("ana", "bo", "cy")])
        call(aims.users.append, aim, people[:2])
        return people

    @pytest.mark.parametrize(("items", "holders"), TAKEN)
    def test_name_the_holders(self, call: World, aim: Any, crew: list[Any], items: Items, holders: str) -> None:
        with pytest.raises(AlreadyExists) as caught:
            call(aims.users.direct_control, aim, items(*crew))
        assert caught.value.constraint == "users_email_key"
        assert set(caught.value.ids) == {crew["abc".index(one)].id for one in holders}
        self.untouched(call, aim, crew)

    @pytest.mark.parametrize("items", COLLIDING)
    def test_between_the_items_themselves(self, call: World, aim: Any, crew: list[Any], items: Items) -> None:
        with pytest.raises(AlreadyExists) as caught:
            call(aims.users.direct_control, aim, items(*crew))
        assert caught.value.constraint == "users_email_key"
        self.untouched(call, aim, crew)

    def untouched(self, call: World, aim: Any, crew: list[Any]) -> None:
        assert list(call(users.find_many, crew).values()) == crew
        assert set(AIMS_USERS.links(call, aim)) == set(ids(crew[:2]))
        assert call(users.count) == len(crew)

    def test_ones_own_address_may_be_spelt_anew(self, call: World, aim: Any, crew: list[Any]) -> None:
        ana, bo, _ = crew
        items = [EditUser(ana, email="ANA@example.org"), EditUser(bo, email=bo.email)]
        changes = call(aims.users.direct_control, aim, items)
        assert changes == Changes(updated=(ana.id,), unchanged=(bo.id,))
        assert call(users.get, ana).email == "ANA@example.org"
