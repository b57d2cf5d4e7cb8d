"""The operations: how the state is put back before the calls, what each call is given, what must come of it.

`calls` are timed one by one after one reset, each on a target of its own, so nothing else runs between them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from . import checks, data
from .data import CROWD, Admin, aim, free, loaded, user


def nothing(_admin: Admin, _calls: int) -> None:
    """Reads need no reset."""


@dataclass(frozen=True)
class Operation:
    name: str
    title: str
    arguments: Callable[[int], tuple[Any, ...]]
    check: Callable[[Admin, Any, int], None]
    reset: Callable[[Admin, int], None] = nothing
    target: float | None = None
    calls: int = 1
    rounds: int = 15
    pinned: bool = True
    network: bool = False
    network_target: tuple[float, str] | None = None  # a ratio, and the contender it is to


USERS = [loaded(n) for n in range(data.LOADED)]
HUNDRED = data.aims(0, 100)
KNOWN = HUNDRED[::5]
AFTER = data.MEMBERS // 2 - 1
PAGE = [data.member(rank) for rank in range(AFTER + 1, AFTER + 101)]
ALL = [data.member(rank) for rank in range(data.MEMBERS)]


def many_loaded(_admin: Admin, result: Any, _call: int) -> None:
    checks.same(len(result), data.LOADED)
    for n in range(0, data.LOADED, 50):
        checks.members(result[loaded(n)], data.aims_of_loaded(n), "aim")


def put(admin: Admin, result: Any, call: int) -> None:
    outcomes = [row for row in result if row != "unchanged"] if result is not None else range(900)
    checks.same(len(outcomes), 900)
    for n in range(0, 100, 10):
        checks.linked(admin, free(call * 100 + n), data.aims(0, 10))


def replaced(admin: Admin, result: Any, call: int) -> None:
    if result is not None:
        checks.told(result, "added", data.aims(20, 30))
        checks.told(result, "removed", data.aims(0, 10))
    checks.linked(admin, free(call), data.aims(10, 30))


def created_one(admin: Admin, result: Any, call: int) -> None:
    checks.same((result.user_id, result.aim_id, result.role), (free(call), aim(5), "member"))
    checks.same((list(result.permissions), result.joined_at > data.EPOCH), ([], True))
    checks.linked(admin, free(call), [aim(5)])


def appended(admin: Admin, result: Any, call: int) -> None:
    checks.told(result, "added", set(HUNDRED) - set(KNOWN))
    checks.linked(admin, free(call), HUNDRED)


def removed(admin: Admin, result: Any, call: int) -> None:
    checks.told(result, "removed", HUNDRED)
    checks.linked(admin, free(call), [])


def visited(_admin: Admin, result: Any, call: int) -> None:
    viewer, owner, links, counts, has = result
    checks.user_row(viewer, f"user-{call}@example.org")
    checks.user_row(owner, f"user-{data.MEMBERS + call}@example.org")
    checks.members(links, data.aims_of_loaded(call), "aim")
    checks.same((dict(counts), has), ({loaded(call): 20}, True))


def deleted(admin: Admin, result: Any, call: int) -> None:
    checks.same(bool(result), True)
    checks.linked(admin, free(call), [])


OPERATIONS = [
    Operation(
        "get_user",
        "get a user",
        lambda call: (user(call),),
        lambda _, result, call: checks.user_row(result, f"user-{call}@example.org"),
        calls=100,
        network=True,
    ),
    Operation(
        "create_user",
        "create a user",
        lambda call: (f"New user {call}", f"new-{call}@example.org"),
        lambda _, result, call: checks.user_row(result, f"new-{call}@example.org"),
        data.forget_created,
        calls=40,
        network=True,
    ),
    Operation(
        "create_one",
        "create one link",
        lambda call: (free(call), aim(5)),
        created_one,
        data.forget_free,
        target=1.10,
        calls=40,
        network=True,
    ),
    Operation(
        "append_100",
        "append 100 (20 known)",
        lambda call: (free(call), HUNDRED),
        appended,
        lambda admin, calls: data.link_free(admin, calls, KNOWN),
        target=1.10,
        calls=20,
        network=True,
    ),
    Operation(
        "load_one",
        "load one user's 20 aims",
        lambda call: (loaded(call),),
        lambda _, result, call: checks.members(result, data.aims_of_loaded(call), "aim"),
        target=1.10,
        calls=60,
        network=True,
    ),
    Operation(
        "load_1000",
        "load 1,000 x 20 aims",
        lambda _: (USERS,),
        many_loaded,
        target=0.60,
        calls=2,
        rounds=11,
    ),
    Operation(
        "replace",
        "replace 20 by 20 (10 in common)",
        lambda call: (free(call), data.aims(10, 30)),
        replaced,
        lambda admin, calls: data.link_free(admin, calls, data.aims(0, 20)),
        target=1.15,
        calls=40,
        network=True,
        network_target=(0.35, "locked"),
    ),
    Operation(
        "delete_one",
        "delete one link",
        lambda call: (free(call), aim(5)),
        deleted,
        lambda admin, calls: data.link_free(admin, calls, [aim(5)]),
        target=1.10,
        calls=40,
        network=True,
    ),
    Operation(
        "remove_100",
        "remove 100 links",
        lambda call: (free(call), HUNDRED),
        removed,
        lambda admin, calls: data.link_free(admin, calls, HUNDRED),
        target=0.70,
        calls=20,
        network=True,
    ),
    Operation(
        "has",
        "has",
        lambda call: (loaded(call), data.aims_of_loaded(call)[7]),
        lambda _, result, _call: checks.same(result, True),
        target=1.15,
        calls=200,
        network=True,
    ),
    Operation(
        "count_1000",
        "count for 1,000 users",
        lambda _: (USERS,),
        lambda _, result, _call: checks.same(dict(result), dict.fromkeys(USERS, 20)),
        target=0.60,
        calls=5,
    ),
    Operation(
        "page",
        "page of 100 after 50,000 of 100,000",
        lambda _: (CROWD, data.joined(AFTER), data.member(AFTER)),
        lambda _, result, _call: checks.members(result, PAGE, "user"),
        target=1.00,
        calls=30,
        network=True,
    ),
    Operation(
        "batch",
        "five reads of one page",
        lambda call: (user(call), loaded(call), data.aims_of_loaded(call)[7]),
        visited,
        calls=30,
        network=True,
        network_target=(0.35, "useraim_apart"),
    ),
    Operation(
        "put_many",
        "put_many of 1,000 rows (100 known)",
        lambda call: (data.rows_to_put(call),),
        put,
        lambda admin, calls: data.link_free(admin, calls * 100, [aim(0)]),
        calls=2,
        rounds=11,
    ),
    Operation(
        "list_100k",
        "list 100,000 members",
        lambda _: (CROWD,),
        lambda _, result, _call: checks.members(result, ALL, "user"),
        target=1.05,
        rounds=7,
        pinned=False,
    ),
    Operation(
        "stream_100k",
        "stream 100,000 members",
        lambda _: (CROWD,),
        lambda _, result, _call: checks.same(result, data.MEMBERS),
        rounds=7,
        pinned=False,
    ),
    Operation(
        "frame_100k",
        "frame of 120,000 memberships",
        lambda _: (),
        lambda _, result, _call: checks.framed(result, data.MEMBERS + 20 * data.LOADED),
        data.forget_free,
        rounds=7,
        pinned=False,
    ),
    Operation(
        "bulk_100k",
        "load 100,000 rows (10,000 known)",
        lambda _: (data.bulk_rows(100_000),),
        lambda admin, _result, _call: checks.number(admin, 100_000),
        lambda admin, _calls: data.know_a_tenth(admin, data.bulk_rows(100_000)),
        target=0.75,
        rounds=5,
        pinned=False,
    ),
    Operation(
        "bulk_1m",
        "load 1,000,000 rows into an empty table",
        lambda _: (data.bulk_rows(1_000_000),),
        lambda admin, _result, _call: checks.number(admin, 1_000_000),
        data.empty,
        target=1.43,
        rounds=3,
        pinned=False,
    ),
]
BY_NAME = {operation.name: operation for operation in OPERATIONS}
