"""However a batch, a preview or a call in a scope ends, it is whole or absent, and the connection right or closed."""

import asyncio
import time
from contextlib import suppress
from functools import partial
from typing import Any, cast
from uuid import uuid4

import psycopg
import pytest
from psycopg.pq import TransactionStatus

import useraim
from tests.deadline import TooLong, within
from tests.integration.interruptions import KINDS, At, AtAwait, Session, Setting, World, is_right, reset, session
from useraim import Error, users

LONG = 20.0
# Called here in either world, which their types keep apart.
batch: Any = useraim.batch
preview: Any = useraim.preview
scoped: Any = useraim.scoped
run: Any = useraim.transaction.run


def a_batch(db: Any, setting: Setting) -> Any:
    return batch(
        db, users.aims.replace.call(setting.user, setting.goals[1:3]), users.update.call(setting.user, name="B")
    )


def a_refused_batch(db: Any, setting: Setting) -> Any:
    return batch(db, users.aims.replace.call(setting.user, setting.goals[1:3]), users.get.call(cast("Any", uuid4())))


def a_sure_batch(db: Any, setting: Setting) -> Any:
    return batch(db, users.aims.clear.call(setting.user), users.count.call())


def a_preview(db: Any, setting: Setting) -> Any:
    return preview(db, users.aims.replace.call(setting.user, setting.goals[1:3]))


def in_a_scope(db: Any, setting: Setting) -> Any:
    return a_batch(scoped(db, {"app.user": "ana"}), setting)


def a_transaction(db: Any, setting: Setting) -> Any:
    return run(scoped(db, {"app.user": "ana"}), partial(a_batch, setting=setting))


USES = [a_batch, a_refused_batch, a_sure_batch, a_preview, in_a_scope, a_transaction]
WHERE = [(use, kind) for use in USES for kind in KINDS[:3]] + [(a_batch, "pool"), (a_transaction, "pool")]
OUTCOMES: dict[Any, list[tuple[int, str]]] = {
    a_batch: [(1, "Ana"), (2, "B")],
    a_refused_batch: [(1, "Ana")],
    a_sure_batch: [(1, "Ana"), (0, "Ana")],
    a_preview: [(1, "Ana")],
    in_a_scope: [(1, "Ana"), (2, "B")],
    a_transaction: [(1, "Ana"), (2, "B")],
}
FOUND = "SELECT (SELECT count(*) FROM user_aims WHERE user_id = u.id), name FROM users u WHERE id = %s"


def holds(given: Session, setting: Setting, use: Any) -> None:
    """Look at what is committed, and at what a transaction of the caller's that is still open has seen of it."""
    assert setting.other.execute(FOUND, [setting.user]).fetchone() in OUTCOMES[use]
    if not given.pooled and not given.db.closed and given.db.info.transaction_status == TransactionStatus.INTRANS:
        cursor = given.awaited(given.db.execute(FOUND, [setting.user]))
        assert given.awaited(cursor.fetchone()) in OUTCOMES[use]
        given.awaited(given.db.rollback())


def begin(setting: Setting) -> None:
    reset(setting)
    users.update(setting.other, setting.user, name="Ana")


@pytest.mark.parametrize("world", ["sync", "async"])
@pytest.mark.parametrize(("use", "kind"), WHERE)
def test_an_interrupt_at_any_line(setting: Setting, runner: asyncio.Runner, use: Any, world: World, kind: str) -> None:
    error = KeyboardInterrupt if world == "sync" else asyncio.CancelledError
    n = 0
    while True:
        n += 1
        begin(setting)
        injected = At(n, error)
        try:
            with (
                within(LONG, f"line {n} of {use.__name__}"),
                session(setting, world, runner, kind, 0) as given,
            ):
                with injected, suppress(KeyboardInterrupt, asyncio.CancelledError, psycopg.Error, Error):
                    given(use, setting)
                holds(given, setting, use)
                is_right(given, setting)
        except (AssertionError, TooLong) as wrong:
            raise AssertionError(f"interrupted at {injected.place}: {wrong}") from wrong
        if not injected.place:
            break
    assert n > 40


@pytest.mark.parametrize("kind", ["autocommit", "transaction"])
@pytest.mark.parametrize("world", ["sync", "async"])
def test_an_interrupt_at_any_line_in_a_pipeline_of_the_callers(
    setting: Setting, runner: asyncio.Runner, world: World, kind: str
) -> None:
    error = KeyboardInterrupt if world == "sync" else asyncio.CancelledError

    def sync(db: Any) -> None:
        with db.pipeline():
            db.execute("SELECT 1")
            a_batch(db, setting)

    async def in_task(db: Any) -> None:
        async with db.pipeline():
            await db.execute("SELECT 1")
            await a_batch(db, setting)

    n = 0
    while True:
        n += 1
        begin(setting)
        injected = At(n, error)
        with within(LONG, f"line {n}"), session(setting, world, runner, kind, 0) as given:
            with injected, suppress(KeyboardInterrupt, asyncio.CancelledError, psycopg.Error):
                given(sync if world == "sync" else in_task)
            holds(given, setting, a_batch)
            is_right(given, setting)
        if not injected.place:
            break
    assert n > 40


@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize(("use", "kind"), WHERE)
def test_a_task_cancelled_at_any_await(
    setting: Setting, runner: asyncio.Runner, use: Any, kind: str, times: int
) -> None:
    n = 0
    while True:
        n += 1
        begin(setting)
        with (
            within(LONG, f"await {n} of {use.__name__}"),
            session(setting, "async", runner, kind, 0) as given,
        ):
            stepped = AtAwait(use(given.db, setting), n, times)
            with suppress(asyncio.CancelledError, psycopg.Error, Error):
                runner.run(stepped.run())
            time.sleep(0.02)  # what was sent before is done by then
            holds(given, setting, use)
            is_right(given, setting)
        if stepped.suspended < n:
            break
    assert n > 1
