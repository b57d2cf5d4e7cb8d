"""The data every contender works on, and how it is put back before each timed call.

Ids are md5 sums of what they stand for, so client and server name them without asking each other. Users 0 to 99,999
are the members of one crowded aim, the next 1,000 have 20 aims each, and the last 1,000 are free: written to and reset.
"""

import hashlib
import random
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any
from uuid import UUID

import psycopg

MEMBERS = 100_000
LOADED = 1_000
FREE = 1_000
AIMS = 2_000
EPOCH = datetime(2024, 1, 1, tzinfo=UTC)
STEP = 7_919  # coprime to MEMBERS: members join in another order than they signed up
Row = tuple[UUID, UUID, str, list[str]]
Admin = psycopg.Connection[tuple[Any, ...]]
PERMISSIONS = ("comment", "read", "share")

BUILD = f"""
INSERT INTO users (id, name, email, created_at, updated_at)
SELECT md5('user ' || n)::uuid, 'User ' || n, 'user-' || n || '@example.org',
       timestamptz '{EPOCH}' + n * interval '1 second', timestamptz '{EPOCH}' + n * interval '1 second'
FROM generate_series(0, {MEMBERS + LOADED + FREE - 1}) n;

INSERT INTO aims (id, title, description, created_at, updated_at)
SELECT md5('aim ' || n)::uuid, 'Aim ' || n, 'What aim ' || n || ' is good for',
       timestamptz '{EPOCH}' + n * interval '1 second', timestamptz '{EPOCH}' + n * interval '1 second'
FROM generate_series(0, {AIMS}) n;

INSERT INTO user_aims (user_id, aim_id, role, permissions, joined_at)
SELECT md5('user ' || ((rank::bigint * {STEP}) % {MEMBERS}))::uuid, md5('aim {AIMS}')::uuid,
       (ARRAY['member', 'coach', 'lead'])[rank % 3 + 1], '{{{",".join(PERMISSIONS)}}}',
       timestamptz '{EPOCH}' + rank * interval '1 second'
FROM generate_series(0, {MEMBERS - 1}) rank;

INSERT INTO user_aims (user_id, aim_id, role, permissions, joined_at)
SELECT md5('user ' || ({MEMBERS} + u))::uuid, md5('aim ' || ((u * 7 + place * 97) % {AIMS}))::uuid,
       (ARRAY['member', 'coach', 'lead'])[place % 3 + 1], '{{{",".join(PERMISSIONS)}}}',
       timestamptz '{EPOCH}' + (u * 20 + place) * interval '1 second'
FROM generate_series(0, {LOADED - 1}) u, generate_series(0, 19) place;
"""


def build(conninfo: str) -> None:
    with psycopg.connect(conninfo, autocommit=True) as admin:
        admin.execute(BUILD)
        admin.execute("VACUUM (FREEZE, ANALYZE)")


@cache
def user(n: int) -> UUID:
    return UUID(bytes=hashlib.md5(b"user %d" % n, usedforsecurity=False).digest())


@cache
def aim(n: int) -> UUID:
    return UUID(bytes=hashlib.md5(b"aim %d" % n, usedforsecurity=False).digest())


def aims(start: int, stop: int) -> list[UUID]:
    """Some aims, in no order of their ids."""
    return [aim(n) for n in range(start, stop)]


CROWD = aim(AIMS)


def loaded(n: int) -> UUID:
    return user(MEMBERS + n)


def free(n: int) -> UUID:
    return user(MEMBERS + LOADED + n)


def aims_of_loaded(n: int) -> list[UUID]:
    """The aims of a loaded user, in the order they were joined."""
    return [aim((n * 7 + place * 97) % AIMS) for place in range(20)]


def member(rank: int) -> UUID:
    """Who joined the crowd at this place."""
    return user((rank * STEP) % MEMBERS)


def joined(rank: int) -> datetime:
    return EPOCH + timedelta(seconds=rank)


def rows_to_put(call: int) -> list[Row]:
    """100 free users in 10 aims each."""
    return [(free(call * 100 + n), aim(m), "guest", list(PERMISSIONS)) for n in range(100) for m in range(10)]


@cache
def bulk_rows(count: int) -> list[Row]:
    """Distinct memberships of the crowd's members in ordinary aims, shuffled."""
    permissions = list(PERMISSIONS)
    per_user = max(1, count // MEMBERS)
    rows = [
        (user(n % MEMBERS), aim((n % MEMBERS * 7 + n // MEMBERS * 97) % AIMS), "guest", permissions)
        for n in range(MEMBERS * per_user)
    ]
    random.Random(count).shuffle(rows)
    return rows


def forget_free(admin: Admin, *_: object) -> None:
    """Unlink all free users."""
    ids = [free(n) for n in range(FREE)]
    admin.execute("DELETE FROM user_aims WHERE user_id = ANY(%s)", [ids])


def link_free(admin: Admin, users: int, aim_ids: list[UUID]) -> None:
    """Link some free users, and them alone, to these aims."""
    forget_free(admin)
    admin.execute(
        "INSERT INTO user_aims SELECT u, a, 'member', %s, %s FROM unnest(%s::uuid[]) u, unnest(%s::uuid[]) a",
        [list(PERMISSIONS), EPOCH, [free(n) for n in range(users)], aim_ids],
    )


def forget_created(admin: Admin, *_: object) -> None:
    admin.execute("DELETE FROM users WHERE email LIKE 'new-%'")


def know_a_tenth(admin: Admin, rows: list[Row]) -> None:
    """Take the bulk rows away but for every tenth, and leave tidy tables and log behind."""
    admin.execute("DELETE FROM user_aims WHERE role = 'guest'")
    admin.execute("VACUUM user_aims")
    columns = "user_id, aim_id, role, permissions"
    with admin.cursor() as cursor, cursor.copy(f"COPY user_aims ({columns}) FROM STDIN") as copy:
        for row in rows[::10]:
            copy.write_row(row)
    admin.execute("CHECKPOINT")


def empty(admin: Admin, *_: object) -> None:
    admin.execute("TRUNCATE user_aims")
    admin.execute("CHECKPOINT")
