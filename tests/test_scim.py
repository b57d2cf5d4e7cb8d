"""The SCIM example answers what docs/scim.md says, over real HTTP and on a real pool."""

import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any, NamedTuple, cast

import pytest
from psycopg_pool import ConnectionPool

from tests.proxy import wire
from useraim import AimId, CountBetween, Link, NewUser, UserId, aims, users

EXAMPLES = Path(__file__).parent.parent / "examples"
spec = spec_from_file_location("scim", EXAMPLES / "scim.py")
assert spec
assert spec.loader
scim: Any = module_from_spec(spec)
spec.loader.exec_module(scim)
PATCH_OP = f"{scim.MESSAGES}PatchOp"
NOWHERE = "5a71a1de-0000-4000-8000-00000000000f"
SEATS = 3
WAIT = 60


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: Any

    @property
    def members(self) -> list[str]:
        return [member["display"] for member in self.body["members"]]

    @property
    def kind(self) -> tuple[int, str | None]:
        """The status and scimType of an error, whose body is as RFC 7644 has it."""
        assert self.body["schemas"] == ["urn:ietf:params:scim:api:messages:2.0:Error"]
        assert self.body["status"] == str(self.status)
        assert self.body["detail"]
        return self.status, self.body.get("scimType")


class Client:
    """Asks over one connection, a request after the other."""

    def __init__(self, port: int, conninfo: str) -> None:
        self.http = HTTPConnection("127.0.0.1", port, timeout=WAIT)
        self.conninfo, self.port = conninfo, port
        self.ids: dict[str, str] = {}

    def __call__(self, method: str, path: str, body: object = None, **headers: str) -> Answer:
        content = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        self.http.request(method, path, content, given)
        answer = self.http.getresponse()
        read = answer.read()
        return Answer(answer.status, dict(answer.headers), json.loads(read) if read else None)

    def group(self, name: str = "Crew", *members: str) -> str:
        body = {"schemas": [scim.GROUP], "displayName": name, "members": [self.member(one) for one in members]}
        answer = self("POST", "/Groups", body)
        assert answer.status == 201
        return str(answer.headers["Location"])

    def member(self, name: str) -> dict[str, str]:
        return {"value": self.ids[name]}

    def patch(self, path: str, *operations: object, **headers: str) -> Answer:
        return self("PATCH", path, {"schemas": [PATCH_OP], "Operations": operations}, **headers)


@pytest.fixture
def pool(database: str) -> Iterator["ConnectionPool[Any]"]:
    with ConnectionPool[Any](database, min_size=2, max_size=8, kwargs={"autocommit": True}, timeout=WAIT) as made:
        made.wait(WAIT)
        yield made


@pytest.fixture
def client(pool: "ConnectionPool[Any]", database: str) -> Iterator[Client]:
    with scim.serve(pool, 0, CountBetween(at_most=SEATS)) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        made = Client(server.server_port, database)
        names = ["Ana", "Ben", "Cy", "Di", *(f"U{n}" for n in range(10))]
        people = users.create_many(pool, [NewUser(f"{name}@example.org", name) for name in names])
        made.ids = {user.name: str(user.id) for user in people}
        try:
            yield made
        finally:
            made.http.close()
            server.shutdown()
            thread.join(WAIT)
            assert not thread.is_alive()


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
TEAM = {"op": "replace", "path": "displayName", "value": "Team"}


def op(name: str, path: str | None = None, *members: str, of: str | None = None, **more: object) -> dict[str, Any]:
    """An operation; the names of users stand for their ids until it is sent."""
    filtered = {"path": f'{path}[value eq "{{{of}}}"]'} if of else {"path": path} if path else {}
    return {
        "op": name,
        **filtered,
        **({"value": [{"value": f"{{{one}}}"} for one in members]} if members else {}),
        **more,
    }


def filled(value: Any, ids: dict[str, str]) -> Any:
    if isinstance(value, bytes | None):
        return value
    text = json.dumps(value)
    for name, key in ids.items():
        text = text.replace(f"{{{name}}}", key)
    return json.loads(text)


# What becomes of the group Crew with Ana and Ben.
PATCHES: dict[str, tuple[list[Any], str, list[str]]] = {
    "add": ([op("add", "members", DI)], "Crew", [ANA, BEN, DI]),
    "add, spelt as some do": ([op("Add", "Members", DI)], "Crew", [ANA, BEN, DI]),
    "add one that is no array": (
        [{"op": "add", "path": "members", "value": {"value": "{Di}"}}],
        "Crew",
        [ANA, BEN, DI],
    ),
    "add by the full name of the attribute": ([op("add", f"{scim.GROUP}:members", DI)], "Crew", [ANA, BEN, DI]),
    "add who is there": ([op("add", "members", ANA)], "Crew", [ANA, BEN]),
    "add nobody": ([{"op": "add", "path": "members", "value": []}], "Crew", [ANA, BEN]),
    "add without path": ([{"op": "add", "value": {"members": [{"value": "{Di}"}]}}], "Crew", [ANA, BEN, DI]),
    "remove one": ([op("remove", "members", of=ANA)], "Crew", [BEN]),
    "remove one, op in capitals": ([op("REMOVE", "members", of=ANA)], "Crew", [BEN]),
    "remove who is not there": ([op("remove", "members", of=DI)], "Crew", [ANA, BEN]),
    "remove those named": ([op("remove", "members", ANA)], "Crew", [BEN]),
    "remove none of them": ([{"op": "remove", "path": "members", "value": []}], "Crew", [ANA, BEN]),
    "remove all": ([op("remove", "members")], "Crew", []),
    "replace": ([op("replace", "members", DI)], "Crew", [DI]),
    "replace by nobody": ([{"op": "replace", "path": "members", "value": []}], "Crew", []),
    "replace without path": (
        [{"op": "replace", "value": {"id": NOWHERE, "displayName": "Team", "members": [{"value": "{Di}"}]}}],
        "Team",
        [DI],
    ),
    "replace the name": ([TEAM], "Team", [ANA, BEN]),
    "add the name": ([op("add", "displayName", value="Team")], "Team", [ANA, BEN]),
    "several": ([op("add", "members", DI), op("remove", "members", of=ANA), TEAM], "Team", [BEN, DI]),
    "later ones see earlier ones": ([op("remove", "members"), op("add", "members", DI)], "Crew", [DI]),
    "too many only in between": (
        [op("add", "members", "Cy", DI), op("remove", "members", of=ANA)],
        "Crew",
        [BEN, "Cy", DI],
    ),
}


@pytest.mark.parametrize("case", PATCHES)
def test_a_patch_does(client: Client, case: str) -> None:
    operations, name, members = PATCHES[case]
    group = client.group("Crew", ANA, BEN)
    tag = client("GET", group).headers["ETag"]
    answer = client.patch(group, *filled(operations, client.ids), If_Match=tag)
    assert (answer.status, answer.body["displayName"], answer.members) == (200, name, members)
    read = client("GET", group)
    assert (read.body, read.headers["ETag"]) == (answer.body, answer.headers["ETag"])
    assert (answer.headers["ETag"] == tag) is ((name, members) == ("Crew", [ANA, BEN]))


REFUSED: dict[str, tuple[Any, tuple[int, str | None]]] = {
    "an unknown member": ([{"op": "add", "path": "members", "value": [{"value": NOWHERE}]}], (400, "invalidValue")),
    "a member that is no id": ([{"op": "add", "path": "members", "value": [{"value": "Di"}]}], (400, "invalidValue")),
    "a member without value": ([{"op": "add", "path": "members", "value": [{}]}], (400, "invalidValue")),
    "a member that is no object": ([{"op": "add", "path": "members", "value": ["{Di}"]}], (400, "invalidSyntax")),
    "a filter for what is no id": ([{"op": "remove", "path": 'members[value eq "Di"]'}], (400, "invalidValue")),
    "a blank name": ([op("replace", "displayName", value=" ")], (400, "invalidValue")),
    "a name that is no text": ([op("replace", "displayName", value=1)], (400, "invalidValue")),
    "another attribute": ([op("add", "nickName", value="x")], (400, "invalidPath")),
    "another filter": ([{"op": "remove", "path": 'members[display eq "Ana"]'}], (400, "invalidPath")),
    "a path that is none": ([{"op": "remove", "path": "members["}], (400, "invalidPath")),
    "a filter of a name": ([{"op": "remove", "path": 'displayName[value eq "x"]'}], (400, "invalidPath")),
    "a path that is no text": ([{"op": "add", "path": 7, "value": 1}], (400, "invalidPath")),
    "nothing to remove": ([{"op": "remove"}], (400, "noTarget")),
    "the name removed": ([op("remove", "displayName")], (400, "mutability")),
    "the value of a member replaced": ([op("replace", "members", DI, of=ANA)], (400, "mutability")),
    "another op": ([op("move", "members", DI)], (400, "invalidSyntax")),
    "no op": ([{"path": "members"}], (400, "invalidSyntax")),
    "an operation that is no object": (["add"], (400, "invalidSyntax")),
    "a value that is no object": ([{"op": "add", "value": "x"}], (400, "invalidSyntax")),
    "too many members": ([op("add", "members", "Cy", DI)], (409, None)),
    "too many in place of those there": ([op("replace", "members", ANA, BEN, "Cy", DI)], (409, None)),
    "one of several": ([op("remove", "members"), TEAM, op("add", "members", value=[{"value": NOWHERE}])],
                       (400, "invalidValue")),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_a_patch_is_refused_and_nothing_stays_of_it(client: Client, case: str) -> None:
    operations, kind = REFUSED[case]
    group = client.group("Crew", ANA, BEN)
    before = client("GET", group)
    assert client.patch(group, *filled(operations, client.ids)).kind == kind
    assert client("GET", group).body == before.body


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


def test_a_group_is_read_in_one_round_trip_and_changed_in_two_or_with_if_match_in_four(database: str) -> None:
    with wire(database) as (conninfo, counted):
        kwargs = {"autocommit": True, "prepare_threshold": 0}
        with (
            ConnectionPool[Any](conninfo, min_size=1, max_size=1, kwargs=kwargs) as pool,
            scim.serve(pool, 0, CountBetween(at_most=SEATS)) as server,
        ):
            thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
            thread.start()
            client = Client(server.server_port, conninfo)
            try:
                group = client.group()
                tag = client("GET", group).headers["ETag"]
                trips: list[int] = []
                asks: list[Callable[[], Answer]] = [
                    lambda: client("GET", group),
                    lambda: client.patch(group, TEAM, If_Match=tag),
                    lambda: client.patch(group, TEAM),
                ]
                for ask in asks:
                    before = counted.round_trips
                    assert ask().status == 200
                    trips.append(counted.round_trips - before)
            finally:
                client.http.close()
                server.shutdown()
                thread.join(WAIT)
    assert trips == [1, 4, 2]


def test_without_a_database_it_says_so(client: Client, pool: "ConnectionPool[Any]") -> None:
    pool.close()
    assert client("GET", "/Groups").kind == (503, None)


def test_it_is_under_two_hundred_lines() -> None:
    assert len(Path(scim.__file__).read_text(encoding="utf-8").splitlines()) < 200
