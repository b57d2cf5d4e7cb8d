"""What has to be true at the end: of the tables, the sessions, the logs."""

import re
from collections import Counter
from collections.abc import Iterable
from typing import Any

import psycopg

from tests.chaos.estate import read_for_good
from tests.chaos.worker import Outcome
from tests.chaos.writer import SEATS, Shared

_ABSENT = {
    "links without a user or an aim": """SELECT count(*) FROM user_aims l
        WHERE NOT EXISTS (SELECT FROM users WHERE id = l.user_id)
            OR NOT EXISTS (SELECT FROM aims WHERE id = l.aim_id)""",
    "doubled links": "SELECT count(*) - count(DISTINCT (user_id, aim_id)) FROM user_aims",
    "doubled users": "SELECT count(*) - count(DISTINCT id) FROM users",
    "doubled addresses": "SELECT count(*) - count(DISTINCT lower(email)) FROM users",
    "doubled aims": "SELECT count(*) - count(DISTINCT id) FROM aims",
    "sessions left": "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'chaos'",
    "prepared transactions": "SELECT count(*) FROM pg_prepared_xacts",
}
# By the tables alone, and by their indexes where these can tell: the two must not differ.
_WAYS = ("enable_seqscan", "enable_indexscan", "enable_indexonlyscan", "enable_bitmapscan")
_TOTALS = "SELECT (SELECT count(*) FROM users), (SELECT count(*) FROM aims), (SELECT count(*) FROM user_aims)"

EXPLAINED = {
    "40P01": "a deadlock: the call was sent again",
    "40001": "a snapshot too old: the call was sent again",
    "57014": "statement_timeout, or a client that gave up asked for it",
    "55P03": "lock_timeout",
    "57P01": "a session was killed, or its server ended",
    "57P02": "a session of a server that crashed",
    "57P03": "somebody connected while the server started or ended",
    "08006": "a connection was cut, or its server ended",
    "08P01": "a connection was cut in the middle of a message",
    "23505": "two callers wrote the same key: the constraint refused one",
}
_SEVERE = re.compile(r"^(?P<state>\w{5})\|(?P<who>[^|]*)\|(?P<level>ERROR|FATAL|PANIC): +(?P<words>.*)")


def judge(conn: "psycopg.Connection[Any]", outcomes: Iterable[Outcome], shared: Shared) -> list[str]:
    """Compare the database with what all workers know, and say what is wrong."""
    wrong: list[str] = []
    people = goals = links = 0
    for outcome in outcomes:
        found = read_for_good(conn, outcome.estate.number)
        wrong += [f"worker {found.number} at the end: {one}" for one in outcome.estate.difference(found)]
        people, goals = people + len(found.people), goals + len(found.goals)
        links += len(found.links)
    met = conn.execute("SELECT count(*) FROM users WHERE email LIKE 'shared%'").fetchone() or (0,)
    totals = (people + met[0] + len(shared.pairs), goals + len(shared.aims) + 1, links + len(shared.pairs))
    for others in (_WAYS[:1], _WAYS[1:]):
        conn.execute("; ".join(f"SET {way} = {'off' if way in others else 'on'}" for way in _WAYS).encode())
        wrong += [f"{count} {what}" for what, count in _counted(conn) if count]
        if (there := conn.execute(_TOTALS).fetchone()) != totals:
            wrong.append(f"users, aims, links: {there}, where the workers know {totals}")
    seated = conn.execute("SELECT count(*) FROM user_aims WHERE aim_id = %s", [shared.seats]).fetchone() or (0,)
    if seated[0] > SEATS:
        wrong.append(f"{seated[0]} took {SEATS} seats")
    return wrong


def _counted(conn: "psycopg.Connection[Any]") -> Iterable[tuple[str, int]]:
    for what, question in _ABSENT.items():
        yield what, (conn.execute(question.encode()).fetchone() or (0,))[0]


def in_the_log(lines: Iterable[str]) -> tuple[Counter[str], list[str]]:
    """Count what the servers complained of by its explanation, and give what has none."""
    counts: Counter[str] = Counter()
    wrong: list[str] = []
    for line in lines:
        if not (found := _SEVERE.match(line)):
            continue
        if found["state"] in EXPLAINED and found["level"] != "PANIC":
            counts[EXPLAINED[found["state"]]] += 1
        else:
            wrong.append(f"in the log: {line.strip()}")
    return counts, wrong
