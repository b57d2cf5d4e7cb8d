"""A client of examples/scim.py, and what it asks for."""

import json
from http.client import HTTPConnection
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any, NamedTuple

EXAMPLES = Path(__file__).parent.parent.parent / "examples"
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
