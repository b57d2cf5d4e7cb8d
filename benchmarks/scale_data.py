"""One database a size: some users, of any age, hold many aims and most few; the first aims are crowded.

Probes are the same at each size: 200 users with 20 aims each, of 200 aims with 20 users each, and 500 users with none.
What is asked about them should take the same time however many others there are. The crowd, aim 0, grows with the rest.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg.conninfo import make_conninfo
from psycopg.sql import SQL, Identifier

from useraim import AimId, UserId, schema

from .data import EPOCH, PERMISSIONS, aim, user

PROBES, LINKS, FREE = 200, 20, 500
CROWD = AimId(aim(0))
FIRST_PROBE, FIRST_FREE = 100_000_000, 200_000_000

# Foreign keys hold by construction, and checking them would take most of the time.
BUILD = """
SET session_replication_role = replica;
SELECT setseed(0.5);

INSERT INTO users (id, name, email, created_at, updated_at)
SELECT md5('user ' || n)::uuid, 'User ' || n, 'user-' || n || '@example.org', t, t
FROM (SELECT n, timestamptz '{epoch}' + n * interval '1 second' AS t FROM generate_series(0, {users} - 1) n) made;

INSERT INTO users (id, name, email)
SELECT md5('user ' || n)::uuid, 'Probe ' || n, 'probe-' || n || '@example.org'
FROM (SELECT generate_series({probe}, {probe} + {probes} - 1)
      UNION ALL SELECT generate_series({free}, {free} + {frees} - 1)) AS made (n);

INSERT INTO aims (id, title, created_at, updated_at)
SELECT md5('aim ' || n)::uuid, 'Aim ' || n, t, t
FROM (SELECT n, timestamptz '{epoch}' + n * interval '1 second' AS t FROM generate_series(0, {aims} - 1) n) made;

INSERT INTO aims (id, title) SELECT md5('aim ' || n)::uuid, 'Probe ' || n
FROM generate_series({probe}, {probe} + {probes} - 1) n;

INSERT INTO user_aims (user_id, aim_id, role, permissions, joined_at)
SELECT md5('user ' || (u * 7919::bigint) % {users})::uuid, md5('aim ' || a)::uuid,
       (ARRAY['member', 'member', 'coach', 'lead'])[n % 4 + 1], '{permissions}',
       timestamptz '{epoch}' + n * interval '1 second'
FROM (SELECT DISTINCT ON (u, a) u, a, n
      FROM (SELECT n, floor({users} * random() ^ 2)::int AS u, floor({aims} * random() ^ 3)::int AS a
            FROM generate_series(1, {size}) n) drawn) linked;

INSERT INTO user_aims (user_id, aim_id, role, permissions, joined_at)
SELECT md5('user ' || {probe} + u)::uuid, md5('aim ' || {probe} + (u + place) % {probes})::uuid,
       (ARRAY['member', 'coach'])[place % 2 + 1], '{permissions}', timestamptz '{epoch}' + place * interval '1 second'
FROM generate_series(0, {probes} - 1) u, generate_series(0, {links} - 1) place;

SET session_replication_role = DEFAULT;
"""


def probe(n: int) -> UserId:
    return UserId(user(FIRST_PROBE + n % PROBES))


def probe_aims(n: int) -> list[AimId]:
    """The aims of a probe, in the order they were joined."""
    return [AimId(aim(FIRST_PROBE + (n + place) % PROBES)) for place in range(LINKS)]


def free(n: int) -> UserId:
    return UserId(user(FIRST_FREE + n % FREE))


@contextmanager
def filled(server: str, size: int) -> Iterator[str]:
    """Yield the conninfo of a database with about so many memberships, a tenth of users and a hundredth of aims."""
    name = f"useraim_scale_{size}"
    conninfo = make_conninfo(server, dbname=name)
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute(SQL("CREATE DATABASE {}").format(Identifier(name)))
        try:
            schema.apply(conninfo)
            build(conninfo, size)
            yield conninfo
        finally:
            admin.execute(SQL("DROP DATABASE {} WITH (FORCE)").format(Identifier(name)))


def build(conninfo: str, size: int) -> None:
    counts = {"size": size, "users": size // 10, "aims": size // 100, "probes": PROBES, "links": LINKS, "frees": FREE}
    own = {"probe": FIRST_PROBE, "free": FIRST_FREE, "epoch": EPOCH, "permissions": f"{{{','.join(PERMISSIONS)}}}"}
    with psycopg.connect(conninfo, autocommit=True) as admin:
        admin.execute(BUILD.format(**counts, **own))
        admin.execute("VACUUM (FREEZE, ANALYZE)")
