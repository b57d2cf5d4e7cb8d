"""A transaction interrupted inside of psycopg, which cannot always end it, leaves the connection idle or closed."""

import asyncio
import io
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Any

import psycopg
import pytest
from psycopg.pq import TransactionStatus

import useraim
from tests.deadline import within
from tests.integration.interruptions import At, Setting, World, reset, session, whole_or_absent
from useraim import LinkFilter, users

LONG = 20.0
PSYCOPG = str(Path(psycopg.__file__).parent)
# Called here in either world, which their types keep apart.
load: Any = useraim.bulk.load
dump: Any = useraim.bulk.dump
run: Any = useraim.transaction.run
append: Any = users.aims.append


def a_load(db: Any, setting: Setting) -> Any:
    return load(db, [(setting.user, aim) for aim in setting.goals[:3]])


def a_dump(db: Any, setting: Setting) -> Any:
    return dump(db, io.BytesIO(), link=LinkFilter(roles=["nobody"]))


def a_transaction(db: Any, setting: Setting) -> Any:
    def work(conn: Any) -> Any:
        return append(conn, setting.user, setting.goals[:3])

    return run(db, work)


class AtCall(At):
    """Raises as a function of psycopg is entered: there Python looks for signals, and not in every line."""

    def _trace(self, frame: FrameType, event: str, _: Any) -> Any:
        if event == "call" and frame.f_code.co_filename.startswith(PSYCOPG):
            self.lines += 1
            if self.lines == self.n:
                self.place = f"{frame.f_code.co_filename}: {frame.f_code.co_name}"
                raise self.error
        return None


@pytest.mark.parametrize("use", [a_load, a_dump, a_transaction], ids=lambda use: str(use.__name__))
@pytest.mark.parametrize("world", ["sync", "async"])
def test_an_interrupt_in_any_call_of_psycopg_leaves_the_connection_idle_or_closed(
    setting: Setting, runner: asyncio.Runner, world: World, use: Any
) -> None:
    error = KeyboardInterrupt if world == "sync" else asyncio.CancelledError
    n = 0
    while True:
        n += 1
        reset(setting)
        given = session(setting, world, runner, "autocommit", 0)
        injected = AtCall(n, error)
        with within(LONG, f"what was interrupted at call {n}"), given:
            with injected, suppress(KeyboardInterrupt, asyncio.CancelledError, psycopg.Error):
                given(use, setting)
            conn = given.connection()
            is_right = conn.closed or conn.pgconn.transaction_status == TransactionStatus.IDLE
            assert is_right, f"{conn} after an interrupt at {injected.place}"
            whole_or_absent(setting, setting.goals[:3])
        if not injected.place:
            break
    assert n > 20
