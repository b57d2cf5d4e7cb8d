"""What befalls the workers: by the number of acknowledged writes, so that a slow machine sees as much of it."""

import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random
from typing import Any

import psycopg

from tests.chaos.cluster import Cluster
from tests.chaos.writer import Shared

_LONGEST_STANDSTILL = 120.0
_IDLE = """SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in transaction%'
    AND application_name = 'chaos' AND state_change < clock_timestamp() - interval '5 seconds'"""
_KILL = """SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'chaos'
    ORDER BY state = 'active' DESC, random() LIMIT 1"""


@dataclass
class Storm:
    """Kills a backend each so many acknowledged writes, crashes the primary, and promotes the standby."""

    cluster: Cluster
    shared: Shared
    random: Random
    kill_each: int
    crash_each: int
    promote_each: int
    counts: Counter[str] = field(default_factory=Counter[str])
    wrong: list[str] = field(default_factory=list[str])

    def rage(self, total: Callable[[], int], until: int, alive: Callable[[], bool]) -> None:
        """Go on until so many writes are acknowledged; nobody may stand still."""
        next_at = {self._kill: self.kill_each, self._crash: self.crash_each, self._promote: self.promote_each}
        each = dict(next_at)
        moved, before, told = time.monotonic(), 0, time.monotonic()
        threading.Thread(target=self._hold, daemon=True).start()
        while (now := total()) < until and alive() and not self.wrong:
            for strike, at in next_at.items():
                if now >= at:
                    next_at[strike] = at + each[strike]
                    with suppress(psycopg.OperationalError):
                        strike()
            if now > before:
                moved, before = time.monotonic(), now
            assert time.monotonic() < moved + _LONGEST_STANDSTILL, f"nothing is written any more after {now}"
            if time.monotonic() > told + 10:
                told = time.monotonic()
                print(f"{now:,} writes, {dict(self.counts)}", flush=True)
            time.sleep(self.random.uniform(0.005, 0.02))

    def _kill(self) -> None:
        with self.cluster.admin() as conn:
            self.counts["kills"] += len(conn.execute(_KILL).fetchall())
            if (idle := conn.execute(_IDLE).fetchone()) != (0,):
                self.wrong.append(f"{idle} sessions idle in a transaction for 5 s")

    def _crash(self) -> None:
        self.cluster.crash()
        self.counts["crashes"] += 1

    def _promote(self) -> None:
        self.cluster.promote()
        self.counts["promotions"] += 1
        self.cluster.follow()

    def _hold(self) -> None:
        """Lock what all want, for longer than some of them wait."""
        choices = Random(self.random.random())
        while True:
            with suppress(psycopg.Error), psycopg.connect(self.cluster.conninfo(), autocommit=True) as conn:
                self._hold_by(conn, choices)
            time.sleep(0.05)

    def _hold_by(self, conn: "psycopg.Connection[Any]", choices: Random) -> None:
        while True:
            with conn.transaction():
                conn.execute("SELECT FROM aims WHERE id = %s FOR UPDATE", [choices.choice(self.shared.aims)])
                time.sleep(choices.uniform(0.0, 0.15))
            time.sleep(choices.expovariate(1 / 0.5))
