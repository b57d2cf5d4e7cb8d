"""One connection that runs a program step by step, and may come to wait in the middle of a step."""

import select
import time
from typing import Any

import psycopg
from psycopg.pq import ExecStatus
from psycopg.pq.abc import PGresult

from tests.schedules.program import Answer, Command, Program

LONG, SHORT = "300ms", "1ms"
"""How long a session that waits for a lock takes before it looks for a deadlock.

Whoever begins to wait while another waits closes the circle, if there is one, and is the one to be ended: so that a
schedule always ends alike.
"""
_SETTINGS = f"""SET deadlock_timeout = '{LONG}'; SET synchronous_commit = off; SET timezone = 'UTC';
    SET enable_seqscan = off; SET enable_bitmapscan = off; SET jit = off; SET statement_timeout = '30s'"""


class Session:
    """Sends a step without waiting for its end, and tells when that has come."""

    def __init__(self, conninfo: str) -> None:
        self._conn: psycopg.Connection[Any] = psycopg.connect(conninfo, autocommit=True)
        self._conn.execute(_SETTINGS.encode())
        self.pid = self._conn.info.backend_pid
        self._pq = self._conn.pgconn
        self._pq.enter_pipeline_mode()
        self._poll = select.poll()
        self._poll.register(self._pq.socket, select.POLLIN)
        self._prepared: dict[tuple[bytes, tuple[int, ...]], bytes] = {}

    def close(self) -> None:
        self._conn.close()

    def begin(self, program: Program) -> None:
        """Stand before the first step of a program."""
        for command in (one for step in program.steps for one in step):
            self._prepare(command)
        self.program = program
        self.position = 0
        self.waits = False
        self._patience = LONG
        self._results: list[PGresult] = []
        self._failure: PGresult | None = None

    @property
    def is_over(self) -> bool:
        return not self.waits and (self._failure is not None or self.position == len(self.program.steps))

    @property
    def may_go_on(self) -> bool:
        return not self.waits and not self.is_over

    @property
    def next_step(self) -> list[Command]:
        return self.program.steps[self.position]

    def send(self, *, others_wait: bool) -> None:
        """Send the next step, whose end is not waited for."""
        step = self._patient(self.next_step, SHORT if others_wait else LONG)
        for command in step:
            self._send(command)
        self._sent = step
        self._arrived: list[PGresult] = []
        self._pq.pipeline_sync()
        self._pq.flush()
        self.position += 1
        self.waits = True

    def arrived(self, seconds: float) -> bool:
        """Say whether the step has ended, waiting no longer than this for what the server sends."""
        deadline = time.monotonic() + seconds
        while self.waits:
            self._pq.consume_input()
            while self.waits and not self._pq.is_busy():
                self._take(self._pq.get_result())
            left = deadline - time.monotonic()
            if self.waits and (left <= 0 or not self._poll.poll(left * 1000)):
                return False
        return True

    def answer(self) -> Answer:
        """Give what the operation has given, when it is over."""
        return self.program.answer(self._results, self._failure)

    def _take(self, result: PGresult | None) -> None:
        if result is None:
            return
        if result.status != ExecStatus.PIPELINE_SYNC:
            self._arrived.append(result)
            return
        self.waits = False
        failed = [one for one in self._arrived if one.status == ExecStatus.FATAL_ERROR]
        if failed:
            self._failure = failed[0]
            self._run([Command("ROLLBACK", b"ROLLBACK")])
            return
        self._results += [one for one, sent in zip(self._arrived, self._sent, strict=True) if sent.answers]

    def _run(self, commands: list[Command]) -> None:
        for command in commands:
            self._send(command)
        self._end()

    def _end(self) -> None:
        """Read answers until the server is through, for what waits for nobody."""
        self._pq.pipeline_sync()
        self._pq.flush()
        while (result := self._pq.get_result()) is None or result.status != ExecStatus.PIPELINE_SYNC:
            assert result is None or result.status == ExecStatus.COMMAND_OK, result.error_message.decode()

    def _send(self, command: Command) -> None:
        if name := self._prepared.get((command.query, command.types)):
            self._pq.send_query_prepared(name, command.values, command.formats or None, 1)
        else:
            self._pq.send_query_params(command.query, None, result_format=1)

    def _prepare(self, command: Command) -> None:
        key = (command.query, command.types)
        if command.answers and key not in self._prepared:
            name = f"s{len(self._prepared)}".encode()
            self._pq.send_prepare(name, command.query, command.types)
            self._end()
            self._prepared[key] = name

    def _patient(self, step: list[Command], patience: str) -> list[Command]:
        if step[0].told == "BEGIN":
            self._patience = LONG
        if patience == self._patience:
            return step
        self._patience = patience
        setting = Command("", f"SET LOCAL deadlock_timeout = '{patience}'".encode())
        return [step[0], setting, *step[1:]] if step[0].told == "BEGIN" else [setting, *step]
