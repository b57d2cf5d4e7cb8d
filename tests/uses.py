"""Every operation with arguments that do its work, again and again: what one costs is then counted."""

from collections.abc import Callable
from itertools import count
from typing import Any, TypeAlias

import psycopg

from useraim import aims, user_aims, users
from useraim.ids import new_id
from useraim.values import AllOf, CountBetween, EditAim, EditUser, Link, LinkFilter, NewAim, NewUser, NewUserAim

Use: TypeAlias = tuple[str, Any, Callable[[], tuple[Any, ...]], dict[str, Any]]
"""Its name, the operation, and what makes its arguments."""

NUMBERS = count()


def fresh() -> str:
    return f"{next(NUMBERS)}@example.org"


def every_use(conninfo: str) -> list[Use]:
    """Make the records that they are about, and return them."""
    with psycopg.connect(conninfo, autocommit=True) as conn:
        ana, bo, cy = users.create_many(conn, [NewUser(fresh(), name) for name in ("Ana", "Bo", "Cy")])
        run, read, rest = aims.create_many(conn, [NewAim(title) for title in ("Run", "Read", "Rest")])
        kept = aims.create(conn, title="Kept")
        users.aims.append(conn, ana, [run, read])
        users.aims.append(conn, cy, [kept])
        (friend,) = aims.users.create(conn, kept, [NewUser(fresh(), "Friend")])
    owner = LinkFilter(roles=["owner"])

    def plain(operation: Any, *args: Any, **kwargs: Any) -> Use:
        return repr(operation), operation, lambda: args, kwargs

    return [
        (
            "users.create_many",
            users.create_many,
            lambda: ([NewUser(fresh(), "New"), NewUser(fresh(), "New")],),
            {},
        ),
        ("users.ensure", EachTime(users.ensure), tuple, {"name": "New"}),
        ("users.create", EachTime(users.create), tuple, {"name": "New"}),
        plain(users.ensure, email=ana.email, name="Ana"),
        plain(users.get, ana),
        plain(users.find, ana),
        plain(users.find_by_email, ana.email),
        plain(users.find_many, [ana, bo]),
        plain(users.exists, ana),
        plain(users.update, ana, name="Ana"),
        ("users.update", users.update, lambda: (bo,), {"name": f"Bo {next(NUMBERS)}"}),
        plain(users.delete, kept.id),
        plain(users.delete_many, [kept.id, run.id]),
        plain(users.page),
        plain(users.page, where=[AllOf([run], owner)], search="a", order_by="-name"),
        plain(users.count),
        plain(users.frame, where=[AllOf([run], owner)], search="a"),
        plain(user_aims.frame, link=owner),
        plain(users.aims.frame, [ana, bo]),
        plain(aims.users.frame, [run, read], link=owner),
        plain(users.similar, ana),
        plain(users.suggest_aims, ana),
        plain(aims.create, title="New"),
        plain(aims.create_many, [NewAim("New"), NewAim("New")]),
        plain(aims.get, run),
        plain(aims.find_many, [run, read]),
        plain(aims.exists, run),
        plain(aims.update, run, title="Run"),
        plain(aims.delete, ana.id),
        plain(aims.delete_many, [ana.id]),
        plain(aims.page),
        plain(aims.count),
        ("user_aims.create", user_aims.create, lambda: (bo, rest), {}),
        plain(user_aims.delete, bo, rest),
        plain(user_aims.get, ana, run),
        plain(user_aims.find, ana, run),
        plain(user_aims.find_many, [(ana, run), (bo, run)]),
        plain(user_aims.update, ana, run, role="owner"),
        plain(user_aims.update, ana, run, role="owner", if_role="owner"),
        plain(user_aims.grant, ana, run, ["x"]),
        plain(user_aims.revoke, ana, run, ["x"]),
        plain(user_aims.delete_many, [(bo, rest)]),
        plain(user_aims.put_many, [NewUserAim(ana, run, role="owner"), (ana, read)], on_match="update"),
        plain(user_aims.merge, bo, ana),
        plain(user_aims.page),
        plain(user_aims.count, link=owner),
        plain(users.aims.append, ana, [run, Link(read, role="owner")], on_match="update"),
        plain(users.aims.replace, ana, [run, read]),
        plain(users.aims.replace, bo, []),
        plain(users.aims.update, ana, [run, read], role="owner"),
        plain(users.aims.remove, ana, [rest]),
        plain(users.aims.clear, bo),
        plain(users.aims.create, bo, [NewAim("New")]),
        plain(users.aims.direct_control, cy, [EditAim(kept, title="Kept")]),
        plain(users.aims.of, ana),
        plain(users.aims.load, [ana, bo], limit=2),
        plain(users.aims.page, ana, order_by="title"),
        plain(users.aims.count, [ana, bo], link=owner),
        plain(users.aims.count_by_role, [ana, bo]),
        plain(users.aims.has, ana, run, link=owner),
        plain(users.aims.version, ana),
        plain(users.aims.pages, {ana.id: None, bo.id: None}, limit=1),
        plain(users.aims.append, ana, [run], must=CountBetween(at_most=99)),
        plain(users.aims.replace, bo, [run, rest], must=[CountBetween(), CountBetween(at_least=1)]),
        plain(users.aims.update, ana, [run], role="owner", must=CountBetween(at_least=1)),
        plain(users.aims.remove, bo, [rest], must=CountBetween(at_most=99)),
        plain(users.aims.clear, bo, must=CountBetween(at_most=0)),
        plain(users.aims.create, bo, [NewAim("New")], must=CountBetween(at_least=1)),
        plain(users.aims.direct_control, cy, [EditAim(kept, title="Kept")], must=CountBetween(at_least=1)),
        plain(aims.delete, new_id(), must=CountBetween(at_least=1)),
        plain(aims.delete_many, [new_id(), new_id()], must=CountBetween(at_least=1)),
        plain(users.aims.common, [ana, bo]),
        plain(aims.users.append, run, [ana, bo]),
        plain(aims.users.replace, run, [ana]),
        plain(aims.users.update, run, [ana], role="owner"),
        plain(aims.users.remove, run, [bo]),
        plain(aims.users.clear, rest),
        ("aims.users.create", aims.users.create, lambda: (read, [NewUser(fresh(), "New")]), {}),
        plain(aims.users.direct_control, kept, [cy, EditUser(friend.record, name="Friend")]),
        plain(aims.users.of, run),
        plain(aims.users.load, [run, read]),
        plain(aims.users.page, run),
        plain(aims.users.count, [run, read]),
        plain(aims.users.count_by_role, [run]),
        plain(aims.users.has, run, ana),
        plain(aims.users.common, [run, read]),
    ]


class EachTime:
    """An operation with another e-mail address at each call."""

    def __init__(self, operation: Any) -> None:
        self.operation = operation

    def __call__(self, db: Any, **kwargs: Any) -> Any:
        return self.operation(db, email=fresh(), **kwargs)
