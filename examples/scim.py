"""Groups of SCIM 2.0 over HTTP: a group is an aim, its members are users. docs/scim.md says what is answered."""

import json
import os
import re
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import islice
from typing import Any, Final, TypeAlias, cast
from urllib.parse import parse_qsl
from uuid import UUID, uuid4

import psycopg
from psycopg_pool import ConnectionPool

from useraim import Aim, AimId, Call, CountBetween, Linked, User, UserId, aims, batch, errors, transaction

Json: TypeAlias = dict[str, Any]
Answer: TypeAlias = tuple[int, Json]
GROUP: Final = "urn:ietf:params:scim:schemas:core:2.0:Group"
MESSAGES: Final = "urn:ietf:params:scim:api:messages:2.0:"
ROUTE: Final = re.compile(r"/Groups(?:/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}))?(?:\?(.*))?", re.IGNORECASE)
PATH: Final = re.compile(rf'(?:{GROUP}:)?(displayName|members)(?:(?<=s)\[value eq "([^"]*)"])?', re.IGNORECASE)
FILTER: Final = re.compile(r'displayName eq ("(?:[^"\\]|\\["\\/bfnrt]|\\u[0-9a-f]{4})*")|', re.IGNORECASE)
TAG: Final = re.compile(r'(?:W/)?"(\w*)\.([\d.]*)"')
METHODS: Final[dict[str, Any]] = {"add": aims.users.append, "remove": aims.users.remove, "replace": aims.users.replace}
CHECK: Final = partial(aims.users.remove.call, ids=[UserId(UUID(int=0))])
"""Holds off other writers of a group and checks what is demanded; removes nobody, as nobody has this id."""
REFUSALS: Final[list[tuple[tuple[type[Exception], ...], int, str | None]]] = [
    ((errors.NotFound,), 404, None), ((errors.Conflict,), 412, None), ((errors.RuleBroken,), 409, None),
    ((json.JSONDecodeError, UnicodeDecodeError, RecursionError), 400, "invalidSyntax"),
    ((errors.BrokenReference, ValueError, KeyError), 400, "invalidValue"), ((psycopg.OperationalError,), 503, None),
]  # fmt: skip


class Refused(Exception):
    """A request that is answered by 400, with a scimType and a detail."""


class Handler(BaseHTTPRequestHandler):
    """Answers requests: each method below that gives an `Answer` is for one of them, by its name or by route."""

    protocol_version, timeout = "HTTP/1.1", 30
    pool: ConnectionPool[Any]
    seats: CountBetween

    def answer(self) -> None:
        """Find what answers a request, and send its status, headers and body."""
        try:
            status, shown = self.route()
        except Exception as error:
            status, shown = refusal(error)
        sent = b"" if status in {204, 304} else json.dumps(shown).encode()
        headers = {"Content-Type": "application/scim+json", "Content-Length": str(len(sent))} if sent else {}
        if meta := shown.get("meta"):
            headers |= {"ETag": meta["version"], "Location": meta["location"]}
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(sent)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = answer

    def route(self) -> Answer:
        """Call the method for verb and path; without an id in the path the group is a new one."""
        self.content = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        found = ROUTE.fullmatch(self.path)
        method = found and getattr(self, f"{self.command.lower()}_{'one' if found[1] else 'all'}", None)
        if not found or not method:
            raise errors.NotFound("paths", (f"{self.command} {self.path}",))
        self.group, self.query = AimId(UUID(found[1]) if found[1] else uuid4()), dict(parse_qsl(found[2] or ""))
        return cast("Answer", method())

    def get_one(self) -> Answer:
        """Read a group, in one round trip; 304 if the client has it."""
        group = resource(*batch(self.pool, *reading(self.group)))
        header = self.headers.get("If-None-Match", "")
        return 304 if header == "*" or group["meta"]["version"].removeprefix("W/") in header else 200, group

    def get_all(self) -> Answer:
        """Read some groups, oldest first: of all, or of those with one name."""
        first = max(int(self.query.get("startIndex", 1)), 1) - 1
        end = first + min(max(int(self.query.get("count", 100)), 0), 1000)
        asked = FILTER.fullmatch(self.query.get("filter", ""))
        if not asked:
            raise Refused("invalidFilter", 'the filter is displayName eq "…"')
        name = str(json.loads(asked[1], strict=False)) if asked[1] else None
        every = aims.stream(self.pool, search=name)
        some = None if name is None else [aim for aim in every if aim.title.lower() == name.lower()]
        found = list(islice(every, first, end)) if some is None else some[first:end]
        calls: list[Call[Any]] = [*map(aims.users.version.call, found), aims.users.load.call(found, order_by="name")]
        *versions, members = batch(self.pool, *calls)
        shown = [resource(version, aim, members[aim.id]) for version, aim in zip(versions, found, strict=True)]
        counts = {"totalResults": aims.count(self.pool) if some is None else len(some), "itemsPerPage": len(shown)}
        return 200, {"schemas": [f"{MESSAGES}ListResponse"], **counts, "startIndex": first + 1, "Resources": shown}

    def write(self) -> Answer:
        """Create a group, or give it this name, and exactly these members."""
        given, group = self.body(GROUP), self.group
        title, ids = given["displayname"], [member["value"] for member in objects(given.get("members") or [])]
        calls = (aims.users.replace.call(group, ids, must=self.seats), *reading(group))
        if self.command == "POST":
            return 201, resource(*batch(self.pool, aims.create.call(title=title, id=group), *calls)[-3:])
        return 200, resource(*self.change(aims.update.call(group, title=title), *calls)[-3:])

    post_all = put_one = write

    def patch_one(self) -> Answer:
        """Make all operations or none; seats are counted after the last one, unless all of them remove."""
        operations = objects(self.body(f"{MESSAGES}PatchOp").get("operations"))
        calls = [call for given in operations for call in calls_of(self.group, given)]
        if any(str(given["op"]).lower() != "remove" for given in operations):
            calls.append(CHECK(self.group, must=self.seats))
        return 200, resource(*self.change(*calls, *reading(self.group))[-3:])

    def delete_one(self) -> Answer:
        """Delete a group; the users stay."""
        self.change(aims.delete.call(self.group))
        return 204, {}

    def body(self, schema: str) -> Json:
        """Read the body, which is to name this schema."""
        (given,) = objects(json.loads(self.content))
        if schema not in str(given.get("schemas")):
            raise Refused("invalidSyntax", f"schemas shall contain {schema}")
        return given

    def change(self, *calls: Call[Any]) -> tuple[Any, ...]:
        """Make the calls as one batch, if the group is still as the client has seen it; other writers of it wait."""
        header = self.headers.get("If-Match", "*")
        version, stamp = (None, None) if header == "*" else (TAG.findall(header) or [("", "")])[0]
        there: Call[Any] = aims.get.call(self.group)

        def work(db: psycopg.Connection[Any] | ConnectionPool[Any]) -> tuple[Any, ...]:
            _, _, before, *results = batch(db, there, CHECK(self.group, if_version=version), there, *calls)
            if stamp not in {None, f"{before.updated_at.timestamp():.6f}"}:
                raise errors.Conflict("the group is no longer as it was seen")  # and nothing of the batch stays
            return tuple(results)

        return work(self.pool) if stamp is None else transaction.run(self.pool, work)


def reading(group: AimId) -> tuple[Call[str], Call[Aim], Call[list[Linked[User]]]]:
    """Read what a group shows, the version first: a writer in between may make it too old, but never too new."""
    return aims.users.version.call(group), aims.get.call(group), aims.users.of.call(group, order_by="name")


def resource(version: str, aim: Aim, members: list[Linked[User]]) -> Json:
    """Show an aim as a group; the tag is of the members' version, and of when the name last changed."""
    tag, created = f'W/"{version}.{aim.updated_at.timestamp():.6f}"', aim.created_at.isoformat()
    meta = {"resourceType": "Group", "created": created, "location": f"/Groups/{aim.id}", "version": tag}
    shown = [{"value": str(linked.record.id), "display": linked.record.name} for linked in members]
    return {"schemas": [GROUP], "id": str(aim.id), "displayName": aim.title, "members": shown, "meta": meta}


def calls_of(group: AimId, given: Json) -> list[Call[Any]]:
    """Give the calls that do what one operation asks; one without a path is one for each attribute of its value."""
    op, path, value = str(given.get("op")).lower(), given.get("path"), given.get("value")
    if path is None and op in {"add", "replace"}:
        known = [(name, one) for each in objects(value) for name, one in each.items() if PATH.fullmatch(name)]
        return [call for name, one in known for call in calls_of(group, {"op": op, "path": name, "value": one})]
    if op not in METHODS or not (found := PATH.fullmatch(str(path))):
        kind = "invalidSyntax" if op not in METHODS else "noTarget" if path is None else "invalidPath"
        raise Refused(kind, f"not known here: {op} {path}")
    if found[1].lower() == "displayname" and op != "remove":
        return [aims.update.call(group, title=cast("str", value))]
    if found[1].lower() == "displayname" or (found[2] is not None and op != "remove"):
        raise Refused("mutability", "displayName is required, and the value of a member immutable")
    if op == "remove" and found[2] is None and value is None:
        return [aims.users.clear.call(group)]
    members = objects(value if found[2] is None else {"value": found[2]})
    return [cast("Call[Any]", METHODS[op].call(group, [member["value"] for member in members]))]


def objects(value: Any) -> list[Json]:
    """Read objects, or one alone; names of attributes are compared without regard to case."""
    given = cast("list[Json]", value if isinstance(value, list) else [value])
    if {type(one) for one in given} - {dict}:
        raise Refused("invalidSyntax", "an object is needed")
    return [{name.lower(): each for name, each in one.items()} for one in given]


def refusal(error: Exception) -> Answer:
    """Say by status and scimType what was wrong; for too many members RFC 7644 has no scimType."""
    known = ((status, kind) for kinds, status, kind in REFUSALS if isinstance(error, kinds))
    status, kind = (400, str(error.args[0])) if isinstance(error, Refused) else next(known, (500, None))
    shown = {"schemas": [f"{MESSAGES}Error"], "status": str(status), "detail": str(error)}
    return status, {**shown, "scimType": kind} if kind else shown


def serve(pool: ConnectionPool[Any], port: int, seats: CountBetween) -> ThreadingHTTPServer:
    """Make the server; `seats` holds for every group."""
    return ThreadingHTTPServer(("127.0.0.1", port), type("Bound", (Handler,), {"pool": pool, "seats": seats}))


if __name__ == "__main__":
    with ConnectionPool("", kwargs={"autocommit": True}) as connections:
        serve(connections, 8080, CountBetween(at_most=int(os.environ.get("SCIM_SEATS", "1000")))).serve_forever()
