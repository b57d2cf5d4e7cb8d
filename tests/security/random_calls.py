"""Any call of any tenant, with ids, addresses and texts of its own and of the others.

Every id and every text tells the tenant it belongs to: what comes back can be judged without asking the database.
"""

import random
from collections.abc import Callable
from typing import Any, TypeAlias
from uuid import UUID

from tests.calls import parts
from useraim import aims, user_aims, users
from useraim.core.statement import Call
from useraim.values import (
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
)

TENANTS = 5
RECORDS = 12
"""Of each kind and tenant: few, so that calls meet."""
_OTHERS = 0.3
"""How many of the ids that are given are another tenant's."""


def marked(kind: int, number: int, tenant: int) -> Any:
    return UUID(fields=(0x5A71A1DE, kind, 0x4000, 0x80, number, tenant))


def tenant_of(id: UUID) -> int | None:
    """The tenant whose mark an id bears; None for one that `users.ensure` has made."""
    return id.node if id.time_low == 0x5A71A1DE else None


class Caller:
    """One tenant, and what it would ask for."""

    def __init__(self, tenant: int, seed: int) -> None:
        self.tenant = tenant
        self.random = random.Random(seed)

    def call(self) -> Call[Any]:
        return self.random.choice(CALLS)(self)

    def user(self) -> Any:
        return marked(1, self.random.randrange(RECORDS), self._whose())

    def aim(self) -> Any:
        return marked(2, self.random.randrange(RECORDS), self._whose())

    def own_user(self) -> Any:
        return marked(1, self.random.randrange(RECORDS), self.tenant)

    def own_aim(self) -> Any:
        return marked(2, self.random.randrange(RECORDS), self.tenant)

    def two_users(self) -> tuple[Any, Any]:
        """One of its own and another one, or one of others."""
        number = self.random.randrange(RECORDS)
        return marked(1, number, self.tenant), marked(1, (number + 1) % RECORDS, self._whose())

    def text(self) -> str:
        return f"t{self.tenant} {self.random.randrange(9)}"

    def email(self) -> str:
        """One of few addresses, the same in all tenants."""
        return f"{self.random.randrange(RECORDS)}@example.org"

    def some(self, one: Callable[[], Any]) -> list[Any]:
        return [one() for _ in range(self.random.randrange(4))]

    def flip(self) -> bool:
        return self.random.random() < 0.5

    def new_user(self) -> NewUser:
        return NewUser(self.email(), self.text(), self.own_user())

    def new_aim(self) -> NewAim:
        return NewAim(self.text(), self.text(), self.own_aim())

    def edit_user(self) -> EditUser:
        return EditUser(self.user(), name=self.text())

    def edit_aim(self) -> EditAim:
        return EditAim(self.aim(), title=self.text())

    def link(self, one: Callable[[], Any]) -> Any:
        return Link(one(), role=self.text(), permissions=[self.text()]) if self.flip() else one()

    def row(self) -> Any:
        pair = self.user(), self.aim()
        return NewUserAim(*pair, role=self.text()) if self.flip() else pair

    def filter(self) -> LinkFilter | None:
        return LinkFilter(roles=["member", self.text()]) if self.flip() else None

    def rules(self, one: Callable[[], Any]) -> list[Any]:
        kind: Any = self.random.choice([AnyOf, AllOf, NoneOf, Exactly])
        return self.random.choice([[], [], [CountBetween(0, 9)], [kind(self.some(one), self.filter())]])

    def on_match(self) -> Any:
        return self.random.choice(["ignore", "update", "error"])

    def search(self) -> str | None:
        return self.random.choice([None, "t", "example", f"t{self.random.randrange(TENANTS)} "])

    def _whose(self) -> int:
        return self.random.randrange(TENANTS) if self.random.random() < _OTHERS else self.tenant


Make: TypeAlias = Callable[[Caller], Call[Any]]


def _records(module: Any, one: Callable[[Caller], Any], far: Callable[[Caller], Any], own: Any) -> list[Make]:
    return [
        lambda c: module.get.call(one(c)),
        lambda c: module.find.call(one(c)),
        lambda c: module.exists.call(one(c)),
        lambda c: module.find_many.call(c.some(lambda: one(c))),
        lambda c: module.delete.call(one(c), must=c.rules(lambda: own(c))),
        lambda c: module.delete_many.call(c.some(lambda: one(c))),
        lambda c: module.page.call(where=c.rules(lambda: far(c)), search=c.search(), limit=5),
        lambda c: module.count.call(where=c.rules(lambda: far(c)), search=c.search()),
        lambda c: module.frame.call(where=c.rules(lambda: far(c)), search=c.search()),
        lambda c: parts(module.frames, where=c.rules(lambda: far(c)), search=c.search())[0],
    ]


def _relation(end: Any, one: Any, far: Any, new: Any, edit: Any) -> list[Make]:
    def rule(c: Caller) -> Any:
        return c.rules(lambda: far(c))

    def links(c: Caller) -> Any:
        return c.some(lambda: c.link(lambda: far(c)))

    return [
        lambda c: end.append.call(one(c), links(c), on_match=c.on_match(), must=rule(c)),
        lambda c: end.append.call(one(c), [far(c)]),
        lambda c: end.append.call(one(c), [far(c)], role=c.text(), on_match="update"),
        lambda c: end.replace.call(one(c), links(c), on_match=c.on_match(), must=rule(c)),
        lambda c: end.remove.call(one(c), c.some(lambda: far(c)), must=rule(c)),
        lambda c: end.clear.call(one(c), must=rule(c)),
        lambda c: end.update.call(one(c), [far(c)], role=c.text(), must=rule(c)),
        lambda c: end.create.call(one(c), [new(c)], must=rule(c)),
        lambda c: end.direct_control.call(one(c), c.random.choice([[far(c)], [new(c)], [edit(c)]]), must=rule(c)),
        lambda c: end.direct_control.call(one(c), [], if_version=c.text()),
        lambda c: end.of.call(one(c), link=c.filter(), limit=5 if c.flip() else None),
        lambda c: end.load.call(c.some(lambda: one(c)), link=c.filter()),
        lambda c: end.page.call(one(c), link=c.filter(), limit=3),
        lambda c: end.pages.call(dict.fromkeys(c.some(lambda: one(c))), limit=3),
        lambda c: end.count.call(c.some(lambda: one(c)), link=c.filter()),
        lambda c: end.count_by_role.call(c.some(lambda: one(c))),
        lambda c: end.has.call(one(c), far(c), link=c.filter()),
        lambda c: end.common.call(c.some(lambda: one(c))),
        lambda c: end.version.call(one(c)),
        lambda c: end.frame.call([one(c), one(c)], link=c.filter()),
        lambda c: parts(end.frames, [one(c), one(c)], link=c.filter())[0],
    ]


CALLS: list[Make] = [
    *_records(users, Caller.user, Caller.aim, Caller.own_user),
    *_records(aims, Caller.aim, Caller.user, Caller.own_aim),
    *_relation(users.aims, Caller.user, Caller.aim, Caller.new_aim, Caller.edit_aim),
    *_relation(aims.users, Caller.aim, Caller.user, Caller.new_user, Caller.edit_user),
    lambda c: users.create.call(email=c.email(), name=c.text(), id=c.own_user()),
    lambda c: users.create_many.call([c.new_user()]),
    lambda c: users.create_many.call([c.new_user()]),
    lambda c: users.ensure.call(email=c.email(), name=c.text()),
    lambda c: users.find_by_email.call(c.email()),
    lambda c: users.update.call(c.user(), name=c.text(), email=c.email()),
    lambda c: users.similar.call(c.user()),
    lambda c: users.suggest_aims.call(c.user()),
    lambda c: aims.create.call(title=c.text(), description=c.text(), id=c.own_aim()),
    lambda c: aims.create_many.call([c.new_aim()]),
    lambda c: aims.create_many.call([c.new_aim()]),
    lambda c: aims.update.call(c.aim(), title=c.text()),
    lambda c: user_aims.create.call(c.user(), c.aim(), role=c.text()),
    lambda c: user_aims.get.call(c.user(), c.aim()),
    lambda c: user_aims.find.call(c.user(), c.aim()),
    lambda c: user_aims.find_many.call([(c.user(), c.aim()), (c.user(), c.aim())]),
    lambda c: user_aims.update.call(c.user(), c.aim(), role=c.text()),
    lambda c: user_aims.grant.call(c.user(), c.aim(), [c.text()]),
    lambda c: user_aims.revoke.call(c.user(), c.aim(), [c.text()]),
    lambda c: user_aims.delete.call(c.user(), c.aim()),
    lambda c: user_aims.delete_many.call([(c.user(), c.aim()), (c.user(), c.aim())]),
    lambda c: user_aims.put_many.call(c.some(c.row), on_match=c.on_match()),
    lambda c: user_aims.merge.call(*c.two_users()),
    lambda c: user_aims.page.call(link=c.filter(), limit=5),
    lambda c: user_aims.count.call(),
    lambda c: user_aims.frame.call(link=c.filter()),
    lambda c: parts(user_aims.frames, link=c.filter())[0],
]
"""Every operation; of what deletes there is less than of what creates, so that the tables do not stay empty."""
