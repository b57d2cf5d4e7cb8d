"""A use of every kind of operation, and what a connection's owner relies on."""

from typing import Any

import pytest

from tests.ends import NOTHING
from tests.worlds import World
from useraim import BrokenReference, aims, user_aims, users
from useraim.values import NewAim, NewUser


def everything(call: World) -> None:
    """Use each kind of operation once: one statement, several, streams, arrays, times."""
    ana, bo = call(users.create_many, [NewUser("ana@example.org", "Ana"), NewUser("bo@example.org", "Bo")])
    run, read = call(aims.create_many, [NewAim("Run"), NewAim("Read")])
    assert call(users.find_by_email, "ANA@example.org") == ana
    assert call(users.aims.replace, ana, [run, read], role="owner", permissions=["a", "b"]).added == (run.id, read.id)
    (linked,) = call(aims.users.of, run)
    assert (linked.record, linked.role, linked.permissions) == (ana, "owner", ("a", "b"))
    assert linked.joined_at.utcoffset() == ana.created_at.utcoffset()
    assert [one.record for one in call(users.aims.load, [ana, bo])[ana.id]] == [run, read]
    assert call(user_aims.merge, ana, bo).added == (run.id, read.id)
    assert call.rows(users.stream) == [ana, bo]
    with pytest.raises(BrokenReference):
        call(users.aims.replace, bo, [NOTHING])
    assert call(users.aims.count, [bo]) == {bo.id: 2}
    assert [call(user_aims.delete, bo, run) for _ in range(2)] == [True, False]
    assert call(users.delete_many, [ana, bo]) == (ana.id, bo.id)
    assert call(aims.delete_many, [run, read]) == (run.id, read.id)


def state(conn: Any) -> tuple[Any, ...]:
    """The settings of a connection that its owner may rely on."""
    return (
        conn.autocommit, conn.row_factory, conn.cursor_factory, conn.prepare_threshold, conn.isolation_level,
        conn.info.encoding, conn.info.parameter_status("TimeZone"), conn.info.parameter_status("search_path"),
        conn.info.transaction_status, conn.pgconn.pipeline_status,
    )  # fmt: skip
