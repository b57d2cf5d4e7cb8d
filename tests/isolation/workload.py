"""Clients that run random transactions over the same lists and sets, and write down what they did and saw."""

import asyncio
import random
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import psycopg
from psycopg import AsyncConnection, IsolationLevel

from tests.isolation.history import History, Op, Outcome, Transaction
from useraim import AimId, NewAim, NewUser, NewUserAim, UserId, aims, errors, user_aims, users

CLIENTS = 8
TRANSACTIONS = 300
_LISTS = 4
_ELEMENTS = 40

Grant = Callable[[AsyncConnection[Any], UserId, AimId, str], Awaitable[Sequence[str]]]


async def grant(conn: AsyncConnection[Any], user: UserId, aim: AimId, element: str) -> Sequence[str]:
    """Append an element to the list that is the permissions of a membership, and return the list."""
    return (await user_aims.grant(conn, user, aim, [element])).permissions


@dataclass
class Set:
    """What one record is linked to, from either end; `free` were never in it, `present` may be taken out."""

    relation: Any
    source: UUID
    elements: dict[str, UUID]
    free: list[str]
    present: list[str] = field(default_factory=list[str])


@dataclass
class Workload:
    """One history in the making: fresh records, so that it has a beginning."""

    conninfo: str
    level: IsolationLevel
    random: random.Random
    grant: Grant = grant
    lists: dict[str, tuple[UserId, AimId]] = field(default_factory=dict[str, tuple[UserId, AimId]])
    sets: dict[str, Set] = field(default_factory=dict[str, Set])
    transactions: list[Transaction] = field(default_factory=list[Transaction])
    begun: int = 0
    backends: dict[int, int] = field(default_factory=dict[int, int])
    """Of each client; known from the beginning, as nothing is asked of a connection that is in use."""

    async def run(self, *, kills: bool) -> History:
        """Run clients until there are enough transactions, end some sessions meanwhile, and read what is left."""
        async with await AsyncConnection.connect(self.conninfo, autocommit=True) as admin:
            await self._prepare(admin)
            killer = asyncio.create_task(self._kill(admin)) if kills else None
            await asyncio.gather(*(self._client(number) for number in range(CLIENTS)))
            if killer:
                killer.cancel()
                with suppress(asyncio.CancelledError):
                    await killer
            await _all_ended(admin)
            return History(self.transactions, await self._final(admin))

    async def _prepare(self, admin: AsyncConnection[Any]) -> None:
        mark = f"{self.random.getrandbits(64):x}"
        people = await users.create_many(admin, [NewUser(f"{n}@{mark}.org", f"{n}") for n in range(_ELEMENTS + 6)])
        goals = await aims.create_many(admin, [NewAim(f"{n}") for n in range(_ELEMENTS + 6)])
        self.lists = {f"list {n}": (people[n].id, goals[n].id) for n in range(_LISTS)}
        await user_aims.put_many(admin, [NewUserAim(user, aim) for user, aim in self.lists.values()])
        for n in (4, 5):
            self._share(users.aims, people[n].id, [aim.id for aim in goals[6:]])
            self._share(aims.users, goals[n].id, [user.id for user in people[6:]])

    def _share(self, relation: Any, source: UUID, far: Sequence[UUID]) -> None:
        elements = {f"e{at}": id for at, id in enumerate(far)}
        self.sets[f"set {len(self.sets)}"] = Set(relation, source, elements, list(elements))

    async def _final(self, admin: AsyncConnection[Any]) -> dict[str, tuple[str, ...]]:
        lists = {key: (await user_aims.get(admin, *pair)).permissions for key, pair in self.lists.items()}
        return lists | {key: await _members(admin, one) for key, one in self.sets.items()}

    async def _kill(self, admin: AsyncConnection[Any]) -> None:
        while True:
            await asyncio.sleep(self.random.uniform(0.02, 0.2))
            if self.backends:
                pid = self.random.choice(list(self.backends.values()))
                await admin.execute("SELECT pg_terminate_backend(%s)", (pid,))

    async def _client(self, number: int) -> None:
        conn = await self._connect(number)
        while self.begun < TRANSACTIONS:
            self.begun += 1
            if not await self._transaction(conn, self.begun):
                await conn.close()
                conn = await self._connect(number)
        del self.backends[number]
        await conn.close()

    async def _connect(self, number: int) -> AsyncConnection[Any]:
        conn = await AsyncConnection.connect(self.conninfo, options="-c deadlock_timeout=20ms")
        await conn.set_isolation_level(self.level)
        self.backends[number] = conn.info.backend_pid
        return conn

    async def _transaction(self, conn: AsyncConnection[Any], number: int) -> bool:
        """Run one and write it down; return whether the connection can be used again."""
        ops: list[Op] = []
        outcome: Outcome = "aborted"
        try:
            for at in range(self.random.choice((1, 2, 2, 3, 4))):
                await self._operation(conn, ops, f"{number}.{at}")
            outcome = "unknown"
            await conn.commit()
            outcome = "committed"
        except psycopg.Error as error:
            if not errors.is_retryable(error) and not conn.broken:
                raise
            if isinstance(error, psycopg.errors.SerializationFailure | psycopg.errors.DeadlockDetected):
                outcome = "aborted"
        self.transactions.append(Transaction(number, tuple(ops), outcome))
        self._settle(ops, outcome)
        if conn.broken:
            return False
        with suppress(psycopg.OperationalError):
            await conn.rollback()
        return not conn.broken

    async def _operation(self, conn: AsyncConnection[Any], ops: list[Op], element: str) -> None:
        key = self.random.choice([*self.lists, *self.sets])
        if key in self.sets:
            await self._on_set(conn, ops, key, self.sets[key])
        elif self.random.random() < 0.5:
            ops.append(Op("read", key, (await user_aims.get(conn, *self.lists[key])).permissions))
        else:
            ops.append(Op("append", key, (element,)))
            ops.append(Op("read", key, tuple(await self.grant(conn, *self.lists[key], element))))

    async def _on_set(self, conn: AsyncConnection[Any], ops: list[Op], key: str, one: Set) -> None:
        does = self.random.choice(("add", "add", "members", "members", "remove"))
        if does == "add" and one.free:
            ops.append(Op("add", key, (element := one.free.pop(),)))
            assert (await one.relation.append(conn, one.source, [one.elements[element]])).added
        elif does == "remove" and one.present:
            element = one.present.pop(self.random.randrange(len(one.present)))
            try:
                removed = (await one.relation.remove(conn, one.source, [one.elements[element]])).removed
            except psycopg.Error:
                one.present.append(element)
                raise
            if removed:
                ops.append(Op("remove", key, (element,)))
            else:  # the snapshot is older than the element
                one.present.append(element)
        else:
            ops.append(Op("members", key, await _members(conn, one)))

    def _settle(self, ops: list[Op], outcome: Outcome) -> None:
        """What was added may be removed by others from now on, and what was not removed too."""
        removed: dict[str, set[str]] = defaultdict(set)
        for op in ops:
            if op.kind == "remove":
                removed[op.key] |= set(op.value)
        for op in ops:
            is_there = op.kind == "add" and outcome == "committed" and op.value[0] not in removed[op.key]
            added = {other.value for other in ops if other.kind == "add" and other.key == op.key}
            if is_there or (op.kind == "remove" and outcome == "aborted" and op.value not in added):
                self.sets[op.key].present.extend(op.value)


async def _members(conn: AsyncConnection[Any], one: Set) -> tuple[str, ...]:
    there = {linked.record.id for linked in await one.relation.of(conn, one.source)}
    return tuple(name for name, known in one.elements.items() if known in there)


async def _all_ended(admin: AsyncConnection[Any]) -> None:
    """Wait for sessions that were ended and may still be on their way out."""
    async with asyncio.timeout(30):
        while True:
            found = await admin.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
                " AND backend_type = 'client backend'"
            )
            row = await found.fetchone()
            if row == (0,):
                return
            await asyncio.sleep(0.01)
