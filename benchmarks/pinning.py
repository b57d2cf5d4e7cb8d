"""One core for the client and its server processes, while single-row operations are timed.

On two cores a round trip takes 20 or 60 µs, as the scheduler pleases; on one it takes what the work takes.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from .data import Admin

BACKENDS = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND backend_type = 'client backend'"


def possible(admin: Admin) -> bool:
    """Whether the server runs here, on a system with affinities, and lets us set them."""
    try:
        with one_core(admin):
            return True
    except (AttributeError, OSError):
        return False


@contextmanager
def one_core(admin: Admin) -> Iterator[None]:
    pids = [0] + [row[0] for row in admin.execute(BACKENDS)]
    before = {pid: os.sched_getaffinity(pid) for pid in pids}
    core = {max(before[0])}
    try:
        for pid in pids:
            os.sched_setaffinity(pid, core)
        yield
    finally:
        for pid, cores in before.items():
            with suppress(ProcessLookupError):
                os.sched_setaffinity(pid, cores)
