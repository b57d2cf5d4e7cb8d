"""Every public operation in every shape, as calls that are built and not sent."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import fields
from datetime import UTC, datetime
from itertools import product
from typing import Any, NamedTuple
from uuid import UUID

from useraim import aims, user_aims, users
from useraim.core.statement import Call
from useraim.values import (
    Aim,
    AllOf,
    AnyOf,
    CountBetween,
    EditAim,
    EditUser,
    Exactly,
    Link,
    LinkFilter,
    NewAim,
    NewUser,
    NewUserAim,
    NoneOf,
    User,
    UserAim,
)

MARK = "zqmark"
"""Every text that is given contains it: a statement never does."""
ID: Any = UUID("5a71a1de-0000-4000-8000-000000000001")
OTHER: Any = UUID("5a71a1de-0000-4000-8000-000000000002")
TIME = datetime(2024, 5, 17, 12, 34, 56, tzinfo=UTC)
EMAIL = f"{MARK}@example.org"


def columns(row: type[Any]) -> tuple[str, ...]:
    return tuple(field.name for field in fields(row))


USER, AIM, USER_AIM = columns(User), columns(Aim), columns(UserAim)
LINK = USER_AIM[2:]


class Shape(NamedTuple):
    """A call, and the columns of its last statement's result; None: names that mean nothing outside."""

    name: str
    call: Call[Any]
    columns: tuple[str, ...] | None = None


def attributes() -> list[dict[str, Any]]:
    """Every choice of attributes to give."""
    given = {"role": MARK, "permissions": [MARK], "joined_at": TIME}
    return [
        {name: given[name] for name, wanted in zip(given, choice, strict=True) if wanted}
        for choice in product([False, True], repeat=3)
    ]


def link_filters() -> list[LinkFilter | None]:
    filters = [
        LinkFilter(role, permissions, since, until)
        for role, permissions, since, until in product([None, [MARK]], [None, [MARK]], [None, TIME], [None, TIME])
    ]
    return [None, *filters, LinkFilter(roles=[])]


def conditions() -> list[Any]:
    links = [None, LinkFilter(roles=[MARK]), LinkFilter([MARK], [MARK], TIME, TIME)]
    by_ids: list[Any] = [AnyOf, AllOf, NoneOf, Exactly]
    listed = [kind(ids, link) for kind in by_ids for ids in ([], [ID], [ID, OTHER]) for link in links]
    counted = [CountBetween(low, high, link) for low in (0, 1) for high in (None, 2) for link in links]
    return [*listed, *counted]


def demands() -> list[dict[str, Any]]:
    """A rule of each kind, with a filter, all of them, and a version."""
    link = LinkFilter([MARK], [MARK], TIME, TIME)
    rules: list[Any] = [AnyOf([OTHER]), AllOf([OTHER]), NoneOf([OTHER], link), Exactly([OTHER]), CountBetween(1, 2)]
    return [*({"must": rule} for rule in rules), {"must": CountBetween(at_most=1, link=link)}, {"must": rules},
            {"must": rules[-1], "if_version": MARK}, {"if_version": MARK}]  # fmt: skip


def records(module: Any) -> Iterator[Shape]:
    is_users = module is users
    name = "users" if is_users else "aims"
    row = USER if is_users else AIM
    orders = ["created_at", "name", "email"] if is_users else ["created_at", "title"]
    new = NewUser(EMAIL, MARK) if is_users else NewAim(MARK, MARK)
    for function in ("get", "find"):
        yield Shape(f"{name}.{function}", getattr(module, function).call(ID), row)
    yield Shape(f"{name}.find_many", module.find_many.call([ID]), row)
    yield Shape(f"{name}.exists", module.exists.call(ID))
    yield Shape(f"{name}.delete", module.delete.call(ID), ("id",))
    yield Shape(f"{name}.delete_many", module.delete_many.call([ID, OTHER]), ("id",))
    for demanded in demands():
        if "if_version" not in demanded:
            yield Shape(f"{name}.delete", module.delete.call(ID, **demanded))
            yield Shape(f"{name}.delete_many", module.delete_many.call([ID, OTHER], **demanded))
    yield Shape(f"{name}.create_many", module.create_many.call([new, new]))
    given = {"name": MARK, "email": EMAIL} if is_users else {"title": MARK, "description": MARK}
    yield Shape(f"{name}.create", module.create.call(**given))
    for choice in ({}, *({one: value} for one, value in given.items()), given):
        yield Shape(f"{name}.update", module.update.call(ID, **choice))
    for order, sign, search in product(orders, ["", "-"], [None, MARK]):
        for page in pages(module.page.call, order_by=sign + order, search=search):
            yield Shape(f"{name}.page", page, row)
    for condition in conditions():
        yield Shape(f"{name}.page", module.page.call(where=[condition]), row)
        yield Shape(f"{name}.count", module.count.call(where=[condition, AnyOf([OTHER])]), ("count",))
    yield Shape(f"{name}.count", module.count.call(search=MARK), ("count",))
    yield Shape(f"{name}.stream", module.stream.call(where=[AnyOf([ID])], search=MARK), row)
    for asked in ({}, {"where": [AnyOf([ID])], "search": MARK}):
        yield Shape(f"{name}.frame", module.frame.call(**asked))
        for part in parts(module.frames, **asked):
            yield Shape(f"{name}.frames", part)


class _AnyRow:
    """A row with every attribute, of which cursors are made."""

    id = user_id = aim_id = ID
    name = email = title = role = MARK
    created_at = joined_at = TIME

    @property
    def record(self) -> "_AnyRow":
        return self


def pages(page: Any, *args: Any, **asked: Any) -> list[Call[Any]]:
    """The first page, and those after and before a place."""
    first = page(*args, limit=1, **asked)
    cursor = first.read([[_AnyRow(), _AnyRow()]]).next
    return [first, page(*args, after=cursor, **asked), page(*args, before=cursor, **asked)]


class _AnyFrame:
    """A full part, whose rows all have the same key."""

    @property
    def table(self) -> Any:
        return defaultdict[str, list[Any]](lambda: [self])

    def as_py(self) -> UUID:
        return ID  # type: ignore[no-any-return]

    def __len__(self) -> int:
        return 1


def parts(frames: Any, *args: Any, **asked: Any) -> list[Call[Any]]:
    """The first part, and the one after it."""
    built = frames.build(*args, size=1, **asked)
    return [built.start, built.after(_AnyFrame())]


def relation(name: str, relation: Any) -> Iterator[Shape]:
    is_users = name == "users.aims"
    far = AIM if is_users else USER
    new: Any = NewAim(MARK, MARK) if is_users else NewUser(EMAIL, MARK)
    edit: Any = EditAim(OTHER, title=MARK) if is_users else EditUser(OTHER, name=MARK)
    label = "title" if is_users else "name"
    for given in attributes():
        for on_match in ("ignore", "update", "error"):
            for write in (relation.append, relation.replace):
                some = [ID, Link(OTHER, **given)]
                yield Shape(name, write.call(ID, [ID, OTHER], on_match=on_match, **given))
                yield Shape(name, write.call(ID, some, on_match=on_match))
        yield Shape(name, relation.update.call(ID, [ID], **given))
        for demanded in demands():
            yield Shape(name, relation.update.call(ID, [ID, Link(OTHER, **given)], **demanded))
            yield Shape(name, relation.append.call(ID, [ID, Link(OTHER, **given)], **demanded))
            yield Shape(name, relation.replace.call(ID, [ID, Link(OTHER, **given)], on_match="ignore", **demanded))
            if "if_version" not in demanded:
                yield Shape(name, relation.create.call(ID, [new], **given, **demanded))
        yield Shape(name, relation.update.call(ID, [ID, Link(OTHER, **given)]))
        yield Shape(name, relation.create.call(ID, [new], **given))
    yield Shape(name, relation.replace.call(ID, []))
    yield Shape(name, relation.remove.call(ID, [ID, OTHER]))
    yield Shape(name, relation.clear.call(ID))
    for demanded in demands():
        yield Shape(name, relation.remove.call(ID, [ID, OTHER], **demanded))
        yield Shape(name, relation.clear.call(ID, **demanded))
        yield Shape(name, relation.direct_control.call(ID, [new, edit, ID], **demanded))
    yield Shape(name, relation.version.call(ID), ("version",))
    for page in relation.pages.call({ID: None, OTHER: None}).steps:
        yield Shape(f"{name}.page", Call((page,), list), far + LINK)
    for items in ([], [new], [edit], [new, edit, ID]):
        yield Shape(name, relation.direct_control.call(ID, items))
    for order, sign in product(["joined_at", "role", "created_at", label], ["", "-"]):
        for link in (None, LinkFilter([MARK], [MARK], TIME, TIME)):
            asked = {"order_by": sign + order, "link": link}
            yield Shape(f"{name}.of", relation.of.call(ID, **asked), far + LINK)
            yield Shape(f"{name}.of", relation.of.call(ID, limit=5, offset=5, **asked), far + LINK)
            yield Shape(name, relation.load.call([ID, OTHER], **asked))
            yield Shape(name, relation.load.call([ID, OTHER], limit=5, **asked))
            for page in pages(relation.page.call, ID, **asked):
                yield Shape(f"{name}.page", page, far + LINK)
    for link in link_filters():
        yield Shape(name, relation.count.call([ID], link=link))
        yield Shape(f"{name}.stream", relation.stream.call(ID, link=link), far + LINK)
        yield Shape(name, relation.frame.call([ID, OTHER], link=link))
        for part in parts(relation.frames, [ID, OTHER], link=link):
            yield Shape(name, part)
    yield Shape(name, relation.count_by_role.call([ID]))
    for link in (None, LinkFilter([MARK], [MARK], TIME, TIME)):
        yield Shape(name, relation.has.call(ID, OTHER, link=link))
        yield Shape(f"{name}.common", relation.common.call([ID, OTHER], link=link), far)


def memberships() -> Iterator[Shape]:
    for function in (user_aims.get, user_aims.find):
        yield Shape("user_aims.get", function.call(ID, OTHER), USER_AIM)
    yield Shape("user_aims.find_many", user_aims.find_many.call([(ID, OTHER)]), USER_AIM)
    yield Shape("user_aims.delete", user_aims.delete.call(ID, OTHER), ("user_id",))
    yield Shape("user_aims.delete_many", user_aims.delete_many.call([(ID, OTHER)]))
    yield Shape("user_aims.merge", user_aims.merge.call(ID, OTHER))
    for permit in (user_aims.grant, user_aims.revoke):
        yield Shape("user_aims.permit", permit.call(ID, OTHER, [MARK]), ("updated", *USER_AIM))
    for given in attributes():
        yield Shape("user_aims.create", user_aims.create.call(ID, OTHER, **given), ("has_user", "has_aim", *USER_AIM))
        for condition in (None, MARK):
            yield Shape("user_aims.update", user_aims.update.call(ID, OTHER, if_role=condition, **given))
        rows: list[Any] = [(ID, OTHER), NewUserAim(OTHER, ID, **given)]
        matches: list[Any] = ["ignore", "update", "error"]
        for on_match in matches:
            yield Shape("user_aims.put_many", user_aims.put_many.call(rows, on_match=on_match))
            yield Shape("user_aims.put_many", user_aims.put_many.call(rows[1:], on_match=on_match))
    for link in link_filters():
        for order in ("joined_at", "-joined_at"):
            for page in pages(user_aims.page.call, link=link, order_by=order):
                yield Shape("user_aims.page", page, USER_AIM)
        yield Shape("user_aims.count", user_aims.count.call(link=link), ("count",))
        yield Shape("user_aims.stream", user_aims.stream.call(link=link), USER_AIM)
        yield Shape("user_aims.frame", user_aims.frame.call(link=link))
        for part in parts(user_aims.frames, link=link):
            yield Shape("user_aims.frames", part)


def every_shape() -> Iterator[Shape]:
    yield from records(users)
    yield from records(aims)
    yield Shape("users.ensure", users.ensure.call(email=EMAIL, name=MARK), USER)
    yield Shape("users.find_by_email", users.find_by_email.call(EMAIL), USER)
    yield Shape("users.similar", users.similar.call(ID), USER)
    yield Shape("users.suggest_aims", users.suggest_aims.call(ID), AIM)
    yield from relation("users.aims", users.aims)
    yield from relation("aims.users", aims.users)
    yield from memberships()
