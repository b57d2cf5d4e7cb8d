"""Random calls of many tenants over the same few connections, and what the judge says of them."""

import csv
import io
from collections.abc import Callable
from threading import Thread
from typing import Any
from uuid import UUID

import psycopg
from psycopg_pool import ConnectionPool

from tests.security.judge import Judge
from tests.security.random_calls import RECORDS, TENANTS, Caller, marked, tenant_of
from tests.security.separated import SETTING
from tests.sessions import Session
from useraim import Error, NewAim, NewUser, aims, batch, bulk, preview, user_aims, users
from useraim.core.statement import Call
from useraim.errors import is_retryable

_MOST = 40
"""Calls of one batch."""


def fill(session: Session) -> None:
    """The same records and addresses for each tenant, told apart by their marks."""
    for tenant in range(TENANTS):
        mine = session.scoped({SETTING: str(tenant)})
        numbers = range(RECORDS)
        mine(users.create_many, [NewUser(f"{n}@example.org", f"t{tenant} {n}", marked(1, n, tenant)) for n in numbers])
        mine(aims.create_many, [NewAim(f"t{tenant} {n}", "", marked(2, n, tenant)) for n in numbers])
        for n in numbers:
            mine(users.aims.append, marked(1, n, tenant), [marked(2, (n + m) % RECORDS, tenant) for m in range(4)])


def storm(session: Session, calls: int, seed: int, judge: Judge) -> None:
    """Make random calls, each of any tenant: those that cannot refuse in batches, the others one by one."""
    callers = [Caller(tenant, seed * TENANTS + tenant) for tenant in range(TENANTS)]
    while judge.calls < calls:
        caller = callers[seed % TENANTS]
        seed = caller.random.randrange(1 << 30)
        if not seed % 100:
            _in_bulk(session, caller, judge)
        chosen = [caller.call() for _ in range(min(_MOST, calls - judge.calls))]
        _judged(session, caller, [call for call in chosen if not call.refuses], judge)
        for call in chosen:
            if call.refuses:
                _judged(session, caller, [call], judge)


def storms(conninfo: str, calls: int, seed: int = 0, threads: int = 4, **settings: Any) -> Judge:
    """Make calls from several threads over a pool of fewer connections, so that these change hands between tenants."""
    judges = [Judge() for _ in range(threads)]
    failures: list[BaseException] = []
    with ConnectionPool[Any](conninfo, min_size=2, max_size=2, kwargs={"autocommit": True, **settings}) as pool:
        session = Session("sync", None, pool, True)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]

        def work(number: int, judge: Judge) -> None:
            try:
                storm(session, calls // threads, seed + number, judge)
            except BaseException as error:
                failures.append(error)

        workers = [Thread(target=work, args=one) for one in enumerate(judges)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
    if failures:
        raise failures[0]
    return sum(judges, Judge())


def known(owner: psycopg.Connection[Any]) -> Judge:
    """A judge who knows of the users without a mark that are there already."""
    rows = owner.execute("SELECT tenant, id FROM users").fetchall()
    return Judge(made={(int(tenant), id) for tenant, id in rows if tenant_of(id) is None})


def strays(owner: psycopg.Connection[Any]) -> list[Any]:
    """Rows that bear another mark than that of their tenant, as a superuser sees the tables."""
    rows = owner.execute(
        "SELECT tenant, ARRAY[id] FROM users UNION ALL SELECT tenant, ARRAY[id] FROM aims"
        " UNION ALL SELECT tenant, ARRAY[user_id, aim_id] FROM user_aims"
    ).fetchall()
    assert rows
    return [row for row in rows if any(tenant_of(one) not in {None, int(row[0])} for one in row[1])]


def _judged(session: Session, caller: Caller, calls: list[Call[Any]], judge: Judge) -> None:
    run: Callable[..., Any] = session.scoped({SETTING: str(caller.tenant)})
    try:
        results = run(batch, *calls) if len(calls) != 1 or caller.flip() else [run(preview, calls[0])]
    except Error as error:
        judge.refuse(caller.tenant, calls[error.index or 0], error)
    except psycopg.Error as error:
        if not is_retryable(error):
            raise
    else:
        for call, result in zip(calls, results, strict=True):
            judge.take(caller.tenant, call, result)


def _in_bulk(session: Session, caller: Caller, judge: Judge) -> None:
    mine, file = session.scoped({SETTING: str(caller.tenant)}), io.BytesIO()
    rows = [(caller.user(), caller.aim()) for _ in range(50)]
    rejected = {one.index for one in mine(bulk.load, rows, on_broken="skip").rejected}
    judge.look(caller.tenant, "bulk.load", [row for n, row in enumerate(rows) if n not in rejected])
    mine(bulk.dump, file)
    dumped = csv.DictReader(io.StringIO(file.getvalue().decode()))
    judge.look(caller.tenant, "bulk.dump", [(UUID(row["user_id"]), UUID(row["aim_id"]), row["role"]) for row in dumped])
    streams = users.stream, aims.stream, user_aims.stream
    judge.look(caller.tenant, "streams", [mine.rows(stream(mine.db)) for stream in streams])
    judge.calls += 5
