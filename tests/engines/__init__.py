"""The same tests through something between them and the server: USERAIM_ENGINE names it.

`pooler`: every connection goes through PgBouncer in transaction mode, which does not track prepared statements;
`tracking-pooler`: it does. `cluster`: on a Citus cluster, whose coordinator USERAIM_CLUSTER names, else on three nodes
of this machine. `replica`: what reads is asked of a hot standby, as soon as it has what was written.
Which tests that cannot be right for, and why, is in `exceptions.py`.
"""

import os
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Literal, TypeAlias, cast, get_args

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from tests.engines import exceptions
from tests.engines.cluster import coordinator
from tests.engines.pgbouncer import pooler
from tests.engines.replica import primary

Name: TypeAlias = Literal["", "pooler", "tracking-pooler", "replica", "cluster"]
Address: TypeAlias = Callable[[str], str]
"""From the conninfo of a database on the server to the one that tests connect by."""

NAME: Name = cast("Name", os.environ.get("USERAIM_ENGINE", ""))
if NAME not in get_args(Name):
    raise pytest.UsageError(f"USERAIM_ENGINE={NAME}: one of {', '.join(get_args(Name)[1:])}")


@contextmanager
def server(plain: Callable[[], AbstractContextManager[str]]) -> Generator[str, None, None]:
    """Give a server to create databases on: a primary with a standby, a coordinator, or what `plain` makes."""
    own: dict[str, Callable[[], AbstractContextManager[str]]] = {"replica": primary, "cluster": coordinator}
    with own.get(NAME, plain)() as conninfo:
        yield conninfo


@contextmanager
def between(server: str) -> Generator[Address, None, None]:
    """Give what leads from a database of the server to the way that tests take to it."""
    if not NAME.endswith("pooler"):
        yield str
        return
    with pooler(server, tracking=NAME == "tracking-pooler") as way:
        yield lambda conninfo: make_conninfo(conninfo, **way)


def choose(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what cannot be run with this engine, and mark what has to fail with it."""
    left_out = [item for item in items if exceptions.reason(exceptions.NOT_RUN, NAME, item.nodeid)]
    for item in items:
        if why := exceptions.reason(exceptions.FAIL, NAME, item.nodeid):
            item.add_marker(pytest.mark.xfail(reason=why, strict=True))
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]


def prepare_nothing() -> None:
    """Make `prepare_threshold=None` what connections begin with that name none: what a pooler's user has to set."""
    for kind in (psycopg.Connection, psycopg.AsyncConnection):
        connect: Any = kind.connect
        connect.__func__.__kwdefaults__["prepare_threshold"] = None


if NAME == "pooler":
    prepare_nothing()
