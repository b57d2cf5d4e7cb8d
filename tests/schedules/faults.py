"""Faults planted on purpose, each what a library without this package's care would do: the explorer must find them."""

from typing import Any

from tests.schedules.operations import Named, Side
from tests.schedules.world import A1, A2, U1, U2
from useraim import user_aims, users
from useraim.core.statement import Call, Statement
from useraim.values import NewUserAim

_SEATS = 3
_COUNT = """SELECT pg_catalog.set_config('planted.count', count(*)::text, true) FROM user_aims
    WHERE user_id = %(id)s"""
_LOCK = "SELECT useraim_lock_user(%(id)s)"
_TAKE = f"""INSERT INTO user_aims (user_id, aim_id) SELECT %(id)s, %(aim)s
    WHERE pg_catalog.current_setting('planted.count')::int < {_SEATS} RETURNING aim_id"""
_COUNT_AND_TAKE = f"""INSERT INTO user_aims (user_id, aim_id) SELECT %(id)s, %(aim)s
    WHERE (SELECT count(*) FROM user_aims WHERE user_id = %(id)s) < {_SEATS} RETURNING aim_id"""


def replace_without_lock(side: Side) -> Named:
    """Replace the set in one statement, without the lock in front."""
    return Named("replace without its lock", lambda: _without_first(users.aims.replace.call(U1, side.aims)))


def put_in_order(side: Side) -> Named:
    """Write three links in key order."""
    return Named("put_many", lambda: _put(side))


def put_backwards(side: Side) -> Named:
    """Write the same links against the order of keys."""
    return Named("put_many backwards", lambda: _rewritten(_put(side), "w.user_id, w.aim_id", "1 DESC, 2 DESC"))


def hold_the_middle() -> Named:
    """Change the link between the other two."""
    return Named("update of the middle", lambda: user_aims.update.call(U1, A2, role="held"))


def take_seat(aim: object, *texts: str) -> Named:
    """Take the last one of three seats, which u1 has, for an aim."""
    return Named(" then ".join(texts), lambda: _steps(*(_SEAT[text] for text in texts), aim=aim))


_SEAT = {"count": _COUNT, "lock": _LOCK, "write": _TAKE, "count and write": _COUNT_AND_TAKE}


def _put(side: Side) -> Call[Any]:
    rows = [NewUserAim(user, aim, role=side.label) for user, aim in ((U1, A1), (U1, A2), (U2, A2))]
    return user_aims.put_many.call(rows, on_match="update")


def _without_first(call: Call[Any]) -> Call[Any]:
    def read(results: list[list[Any]]) -> Any:
        return call.read([[], *results])

    return Call(call.steps[1:], read, call.error)


def _rewritten(call: Call[Any], old: str, new: str) -> Call[Any]:
    """Change the text of a call's last statement."""
    *earlier, (statement, parameters) = call.steps
    text = statement.sql.partition("*/ ")[2]
    assert old in text, text
    planted = Statement[Any]("planted", text.replace(old, new), statement.row)
    return Call((*earlier, (planted, parameters)), call.read, call.error)


def _steps(*texts: str, aim: object) -> Call[list[Any]]:
    statements = [Statement[Any]("planted", text, tuple) for text in texts]
    return Call(tuple((one, {"id": U1, "aim": aim}) for one in statements), _last)


def _last(results: list[list[Any]]) -> list[Any]:
    return results[-1]
