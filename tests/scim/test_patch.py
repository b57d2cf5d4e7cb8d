"""PATCH: what it does, and what it refuses."""

from typing import Any

import pytest

from tests.scim.client import ANA, BEN, DI, NOWHERE, TEAM, Client, filled, op, scim

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
