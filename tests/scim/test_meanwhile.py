"""What others do meanwhile: tags, seats, and callers at once."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

import pytest
from psycopg_pool import ConnectionPool

from tests.scim.client import ANA, BEN, DI, SEATS, TEAM, WAIT, Answer, Client, scim
from useraim import AimId, UserId, aims

CHANGES: dict[str, Callable[[Client, str, str], Answer]] = {
    "patch of members": lambda client, group, tag: client.patch(
        group, {"op": "add", "path": "members", "value": [client.member(DI)]}, If_Match=tag
    ),
    "patch of the name": lambda client, group, tag: client.patch(group, TEAM, If_Match=tag),
    "put": lambda client, group, tag: client(
        "PUT", group, {"schemas": [scim.GROUP], "displayName": "Team"}, If_Match=tag
    ),
    "delete": lambda client, group, tag: client("DELETE", group, If_Match=tag),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("meanwhile", ["members", "displayName"])
def test_what_has_changed_meanwhile_is_not_overwritten(client: Client, change: str, meanwhile: str) -> None:
    group = client.group("Crew", ANA, BEN)
    tag = client("GET", group).headers["ETag"]
    value = [client.member("Cy")] if meanwhile == "members" else "Other"
    assert client.patch(group, {"op": "replace", "path": meanwhile, "value": value}).status == 200
    before = client("GET", group)
    for old in (tag, 'W/"seen"', '""', "seen", before.headers["ETag"].replace(".", "")):
        assert CHANGES[change](client, group, old).kind == (412, None)
    assert client("GET", group).body == before.body
    assert CHANGES[change](client, group, before.headers["ETag"]).status in {200, 204}


def test_any_group_that_is_there_will_do(client: Client) -> None:
    assert client.patch(client.group(), TEAM, If_Match="*").status == 200


def test_members_can_be_taken_from_a_group_with_too_many(client: Client, pool: "ConnectionPool[Any]") -> None:
    path = client.group("Crew")
    group = cast("AimId", path.removeprefix("/Groups/"))
    aims.users.append(pool, group, [cast("UserId", client.ids[f"U{n}"]) for n in range(5)])
    one = {"op": "remove", "path": f'members[value eq "{client.ids["U0"]}"]'}
    assert client.patch(path, one).members == ["U1", "U2", "U3", "U4"]
    assert client.patch(path, {"op": "add", "path": "members", "value": [client.member(ANA)]}).kind == (409, None)


def at_once(client: Client, asks: list[Callable[[Client], Answer]]) -> list[Answer]:
    """Make each request over a connection of its own, all at the same moment."""
    gate = threading.Barrier(len(asks), timeout=WAIT)

    def ask(act: Callable[[Client], Answer]) -> Answer:
        own = Client(client.port, client.conninfo)
        own.ids = client.ids
        own.http.connect()
        gate.wait()
        try:
            return act(own)
        finally:
            own.http.close()

    with ThreadPoolExecutor(len(asks)) as threads:
        return [future.result(WAIT) for future in [threads.submit(ask, act) for act in asks]]


def joining(group: str, name: str, **headers: str) -> Callable[[Client], Answer]:
    return lambda client: client.patch(
        group, {"op": "add", "path": "members", "value": [client.member(name)]}, **headers
    )


def renaming(group: str, name: str, **headers: str) -> Callable[[Client], Answer]:
    return lambda client: client.patch(group, {"op": "replace", "path": "displayName", "value": name}, **headers)


@pytest.mark.parametrize("kinds", [(joining, joining), (renaming, renaming), (joining, renaming)])
def test_of_two_who_have_seen_the_same_one_changes_it(client: Client, kinds: tuple[Any, Any]) -> None:
    one, other = kinds
    for turn in range(10):
        group = client.group(f"Crew {turn}", ANA)
        tag = client("GET", group).headers["ETag"]
        answers = at_once(client, [one(group, BEN, If_Match=tag), other(group, DI, If_Match=tag)])
        assert sorted(answer.status for answer in answers) == [200, 412]
        (won,) = (answer for answer in answers if answer.status == 200)
        assert client("GET", group).body == won.body


def test_of_ten_who_join_as_many_get_in_as_there_are_seats(client: Client) -> None:
    for _ in range(5):
        group = client.group("Crew")
        answers = at_once(client, [joining(group, f"U{n}") for n in range(10)])
        assert sorted(answer.status for answer in answers) == [200] * SEATS + [409] * (10 - SEATS)
        assert len(client("GET", group).members) == SEATS


def test_nothing_is_lost_of_what_many_change_who_try_again(client: Client) -> None:
    """Each reads, changes by If-Match, and starts anew after 412: all that was answered by 200 is there."""
    group = client.group("0")

    def count_up(own: Client) -> Answer:
        for _ in range(200):
            seen = own("GET", group)
            answer = renaming(group, str(int(seen.body["displayName"]) + 1), If_Match=seen.headers["ETag"])(own)
            if answer.status != 412:
                return answer
        raise AssertionError("never got its turn")

    assert {answer.status for answer in at_once(client, [count_up] * 8)} == {200}
    assert client("GET", group).body["displayName"] == "8"
