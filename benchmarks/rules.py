"""What rules cost: each write compared with itself without a rule, by turns and undone each time."""

import random
import time
from collections.abc import Callable
from statistics import median, quantiles
from typing import Any

import psycopg

from useraim import CountBetween, Link, LinkFilter, NewAim, NewUser, aims, local, schema, users

ROUNDS = 300
SEATS = CountBetween(at_most=5_000)
OWNED = CountBetween(at_least=1, link=LinkFilter(roles=["owner"]))
TEAMS, BIG = 100, 2_000

Write = Callable[..., Any]


def filled(conn: psycopg.Connection[Any]) -> tuple[list[Any], list[Any]]:
    people = users.create_many(conn, [NewUser(f"user{n}@example.org", "Name") for n in range(3_000)])
    teams = aims.create_many(conn, [NewAim("Title") for _ in range(TEAMS + 1)])
    for team in teams[:TEAMS]:
        aims.users.append(conn, team, [Link(people[0], role="owner"), *people[1:20]])
    aims.users.append(conn, teams[TEAMS], [Link(people[0], role="owner"), *people[1:BIG]])
    conn.execute("ANALYZE")
    return people, teams


def writes(conn: psycopg.Connection[Any], people: list[Any], teams: list[Any]) -> dict[str, tuple[bool, Write]]:
    """Name each write, and say whether it is one of the set of 2,000 or of the sets of 20."""
    relation, owner = aims.users, Link(people[0], role="owner")
    return {
        "append 1 to 20": (False, lambda team, **rule: relation.append(conn, team, people[30:31], **rule)),
        "append 100 to 20": (False, lambda team, **rule: relation.append(conn, team, people[30:130], **rule)),
        "append 1 to 2,000": (True, lambda team, **rule: relation.append(conn, team, people[2_500:2_501], **rule)),
        "replace 20 by 20": (False, lambda team, **rule: relation.replace(conn, team, [owner, *people[10:29]], **rule)),
        "update 10 of 20": (False, lambda team, **rule: relation.update(conn, team, people[5:15], role="x", **rule)),
        "remove 10 of 20": (False, lambda team, **rule: relation.remove(conn, team, people[5:15], **rule)),
        "clear 20": (False, lambda team, **rule: relation.clear(conn, team, **rule)),
    }


def timed(conn: psycopg.Connection[Any], write: Write, team: Any, rule: dict[str, Any]) -> float:
    # Not by transaction(): psycopg forgets its prepared statements with a ROLLBACK that it sends.
    conn.pgconn.exec_(b"BEGIN")
    start = time.perf_counter()
    write(team, **rule)
    taken = time.perf_counter() - start
    conn.pgconn.exec_(b"ROLLBACK")
    return taken


def compare(conn: psycopg.Connection[Any]) -> None:
    people, teams = filled(conn)
    versions = {team.id: aims.users.version(conn, team) for team in teams}
    print(f"{'':20}{'alone':>10}   must: seats       must: an owner    if_version        (ratio, and its quartiles)")
    for name, (big, write) in writes(conn, people, teams).items():
        times: dict[str, list[float]] = {"alone": [], "seats": [], "owner": [], "version": []}
        for n in range(ROUNDS):
            team = teams[TEAMS] if big else teams[n % TEAMS]
            rules: dict[str, dict[str, Any]] = {
                "alone": {},
                "seats": {"must": CountBetween() if name == "clear 20" else SEATS},
                "owner": {"must": CountBetween(at_most=0, link=OWNED.link) if name == "clear 20" else OWNED},
                "version": {"if_version": versions[team.id]},
            }
            for kind in random.sample(list(rules), len(rules)):
                times[kind].append(timed(conn, write, team, rules[kind]))
        base = median(times["alone"][20:])
        line = f"{name:20}{base * 1e6:7.0f} us"
        for kind in ("seats", "owner", "version"):
            ratios = [one / other for one, other in zip(times[kind][20:], times["alone"][20:], strict=True)]
            low, _, high = quantiles(ratios, n=4)
            line += f"   {median(times[kind][20:]) / base:4.2f} ({low:.2f}-{high:.2f})"
        print(line, flush=True)


if __name__ == "__main__":
    with local.postgres() as conninfo:
        schema.apply(conninfo)
        with psycopg.connect(conninfo, autocommit=True) as connection:
            compare(connection)
