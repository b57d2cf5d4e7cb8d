"""Users: create, find, change, delete, pages."""

import pytest

from tests.worlds import World
from useraim import AlreadyExists, users
from useraim.values import User


def test_a_created_user_can_be_read_back(call: World) -> None:
    ana = call(users.create, email="Ana@Example.org", name="Ana")
    assert call(users.get, ana.id) == ana
    assert call(users.find_by_email, "ANA@example.ORG") == ana


def test_an_email_address_is_taken_in_any_case_and_the_transaction_goes_on(call: World, ana: User) -> None:
    with pytest.raises(AlreadyExists) as caught:
        call(users.create, email=ana.email.upper(), name="Ana")
    assert (caught.value.constraint, caught.value.ids) == ("users_email_key", (ana.id,))
    assert call(users.exists, ana)
