"""Groups as a whole: made, read, found, replaced, deleted."""

from typing import Any, cast

import pytest
from psycopg_pool import ConnectionPool

from tests.scim.client import NOWHERE, PATCH_OP, Client, filled, scim
from useraim import AimId, Link, UserId, aims, users


def test_a_group_is_created_and_read(client: Client) -> None:
    made = client("POST", "/Groups", {
        "schemas": [scim.GROUP], "DisplayName": "Crew", "externalId": "x", "members": [client.member("Ben")],
    })  # fmt: skip
    assert made.status == 201
    assert made.headers["Content-Type"] == "application/scim+json"
    read = client("GET", made.headers["Location"])
    assert (read.status, read.body) == (200, made.body)
    assert made.body["displayName"] == "Crew"
    assert made.body["members"] == [{"value": client.ids["Ben"], "display": "Ben"}]
    assert made.body["meta"]["resourceType"] == "Group"
    assert made.body["meta"]["location"] == f"/Groups/{made.body['id']}"
    assert read.headers["ETag"] == made.body["meta"]["version"]
    assert read.headers["ETag"].startswith('W/"')


def test_the_tag_has_the_version_of_the_members(client: Client, pool: "ConnectionPool[Any]") -> None:
    group = client.group("Crew", "Ana")
    version = aims.users.version(pool, cast("AimId", group.removeprefix("/Groups/")))
    assert client("GET", group).headers["ETag"].startswith(f'W/"{version}.')


def test_what_the_client_has_is_not_sent_again(client: Client) -> None:
    group = client.group("Crew", "Ana")
    tag = client("GET", group).headers["ETag"]
    for header in (tag, tag.removeprefix("W/"), f'"other", {tag}', "*"):
        answer = client("GET", group, If_None_Match=header)
        assert (answer.status, answer.body, answer.headers["ETag"]) == (304, None, tag)
    assert client("GET", group, If_None_Match='W/"other"').status == 200
    for change in ({"op": "replace", "path": "displayName", "value": "Team"}, {"op": "remove", "path": "members"}):
        assert client.patch(group, change).status == 200
        answer = client("GET", group, If_None_Match=tag)
        assert answer.status == 200
        tag = answer.headers["ETag"]


ANA, BEN, DI = "Ana", "Ben", "Di"


BODIES: dict[str, tuple[Any, tuple[int, str | None]]] = {
    "no JSON": (b"{", (400, "invalidSyntax")),
    "no UTF-8": (b'{"\xff": 1}', (400, "invalidSyntax")),
    "too deep": (b"[" * 100_000, (400, "invalidSyntax")),
    "nothing": (None, (400, "invalidSyntax")),
    "no object": ("Crew", (400, "invalidSyntax")),
    "no schemas": ({"displayName": "Crew"}, (400, "invalidSyntax")),
    "other schemas": ({"schemas": ["urn:x"], "displayName": "Crew"}, (400, "invalidSyntax")),
    "no name": ({"schemas": [scim.GROUP]}, (400, "invalidValue")),
    "a blank name": ({"schemas": [scim.GROUP], "displayName": ""}, (400, "invalidValue")),
    "a name with NUL": ({"schemas": [scim.GROUP], "displayName": "a\0b"}, (400, "invalidValue")),
    "an unknown member": (
        {"schemas": [scim.GROUP], "displayName": "Crew", "members": [{"value": NOWHERE}]},
        (400, "invalidValue"),
    ),
    "too many members": (
        {"schemas": [scim.GROUP], "displayName": "Crew", "members": [{"value": f"{{U{n}}}"} for n in range(4)]},
        (409, None),
    ),
}


@pytest.mark.parametrize("method", ["POST", "PUT"])
@pytest.mark.parametrize("case", BODIES)
def test_a_group_as_a_whole_is_refused(client: Client, case: str, method: str) -> None:
    body, kind = BODIES[case]
    group = client.group("Before", ANA)
    assert client(method, group if method == "PUT" else "/Groups", filled(body, client.ids)).kind == kind
    everything = client("GET", "/Groups").body
    assert [(one["displayName"], len(one["members"])) for one in everything["Resources"]] == [("Before", 1)]


def test_put_gives_name_and_members(client: Client) -> None:
    group = client.group("Crew", ANA, BEN)
    body: dict[str, Any] = {"schemas": [scim.GROUP], "displayName": "Team"}
    answer = client("PUT", group, {**body, "members": [client.member(BEN), client.member(DI)]})
    assert (answer.status, answer.body["displayName"], answer.members) == (200, "Team", [BEN, DI])
    assert client("PUT", group, body).members == []


def test_put_keeps_the_attributes_of_those_who_stay(client: Client, pool: "ConnectionPool[Any]") -> None:
    path = client.group("Crew")
    group = cast("AimId", path.removeprefix("/Groups/"))
    aims.users.append(pool, group, [Link(cast("UserId", client.ids[ANA]), role="owner")])
    body = {"schemas": [scim.GROUP], "displayName": "Crew", "members": [client.member(ANA), client.member(BEN)]}
    assert client("PUT", path, body).status == 200
    assert {linked.record.name: linked.role for linked in aims.users.of(pool, group)}[ANA] == "owner"


def test_delete_leaves_the_users(client: Client, pool: "ConnectionPool[Any]") -> None:
    group = client.group("Crew", ANA)
    answer = client("DELETE", group)
    assert (answer.status, answer.body) == (204, None)
    assert client("GET", group).kind == (404, None)
    assert users.count(pool) == len(client.ids)


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("path", [f"/Groups/{NOWHERE}", "/Groups/7", "/Users", "/Groups/", "//"])
def test_what_is_not_there_is_not_found(client: Client, method: str, path: str) -> None:
    bodies = {
        "PUT": {"schemas": [scim.GROUP], "displayName": "Crew"},
        "PATCH": {"schemas": [PATCH_OP], "Operations": []},
    }
    assert client(method, path, bodies.get(method)).kind == (404, None)
    assert client(method, path, bodies.get(method), If_Match='W/"seen.1"').kind == (404, None)


ASKED: list[tuple[str, list[str], int]] = [
    ("", ["Crew", "Team", "crew", "A\"b\\c"], 4),
    ("?startIndex=2&count=2", ["Team", "crew"], 4),
    ("?startIndex=-1&count=1", ["Crew"], 4),
    ("?count=0", [], 4),
    ("?count=-2", [], 4),
    ("?startIndex=9", [], 4),
    ('?filter=displayName%20eq%20%22Crew%22', ["Crew", "crew"], 2),
    ('?filter=displayname%20EQ%20%22CREW%22&startIndex=2', ["crew"], 2),
    ('?filter=displayName+eq+%22A%5C%22b%5C%5Cc%22', ["A\"b\\c"], 1),
    ('?filter=displayName+eq+%22rew%22', [], 0),
    ('?filter=displayName+eq+%22%22', [], 0),
]  # fmt: skip


@pytest.mark.parametrize(("query", "names", "total"), ASKED)
def test_groups_are_found(client: Client, query: str, names: list[str], total: int) -> None:
    for name in ("Crew", "Team", "crew", 'A"b\\c'):
        client.group(name, ANA)
    answer = client("GET", f"/Groups{query}")
    assert answer.status == 200
    found = answer.body["Resources"]
    assert [group["displayName"] for group in found] == names
    assert (answer.body["totalResults"], answer.body["itemsPerPage"]) == (total, len(names))
    assert all(group == client("GET", group["meta"]["location"]).body for group in found)


@pytest.mark.parametrize(
    ("query", "kind"),
    [
        ("filter=displayName", "invalidFilter"),
        ("filter=displayName+co+%22x%22", "invalidFilter"),
        ("filter=displayName+eq+%22x%5Cq%22", "invalidFilter"),
        ("filter=id+eq+%22x%22", "invalidFilter"),
        ("startIndex=x", "invalidValue"),
        ("count=1.5", "invalidValue"),
        (f"startIndex={10**30}", "invalidValue"),
    ],
)
def test_a_search_is_refused(client: Client, query: str, kind: str) -> None:
    assert client("GET", f"/Groups?{query}").kind == (400, kind)
