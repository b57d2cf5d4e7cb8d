"""The committees of the US Congress: members are users, committees are aims, a seat is a membership.

Run by `make demo` on a migrated database; running it again changes nothing.
"""

import csv
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import psycopg

from useraim import Aim, AimId, LinkFilter, NewAim, NewUser, NewUserAim, User, UserId, aims, user_aims, users
from useraim.values import AllOf, CountBetween, NoneOf

DATA = Path(__file__).parent / "data" / "congress"
CHAIRS = LinkFilter(roles=["Chair", "Chairman", "Chairwoman", "Cochairman"])

Row = dict[str, str]
Connection = psycopg.Connection[Any]


def main() -> None:
    """Load the data, then answer questions."""
    with psycopg.connect(autocommit=True) as conn:
        load(conn)
        committees = {row["code"]: row for row in rows("committees")}
        full = aims.find_many(conn, [aim_id(code) for code, row in committees.items() if not row["parent"]])
        who_chairs_what(conn, list(full.values()))
        the_most_committed(conn)
        agriculture, armed_services = full[aim_id("HSAG")], full[aim_id("HSAS")]
        shared_members(conn, agriculture, armed_services)
        roles_on(conn, [agriculture, armed_services])
        conditions(conn, agriculture, armed_services)
        one_person(conn, users.get(conn, user_id("B001236")))


def load(conn: Connection) -> None:
    """Create what is not there yet; ids made from the codes of the data make that possible."""
    people, committees, seats = rows("legislators"), rows("committees"), rows("memberships")
    names = {row["code"]: row["name"] for row in committees}
    known = users.find_many(conn, [user_id(row["bioguide"]) for row in people])
    new_users = [
        NewUser(f"{row['bioguide']}@congress.example", row["name"], user_id(row["bioguide"])) for row in people
    ]
    users.create_many(conn, [user for user in new_users if user.id not in known])

    there = aims.find_many(conn, [aim_id(row["code"]) for row in committees])
    new_aims = [NewAim(row["name"], names.get(row["parent"], ""), aim_id(row["code"])) for row in committees]
    aims.create_many(conn, [aim for aim in new_aims if aim.id not in there])

    since = {row["bioguide"]: datetime.fromisoformat(row["term_start"]).replace(tzinfo=UTC) for row in people}
    outcomes = user_aims.put_many(conn, [seat(row, since[row["bioguide"]]) for row in seats])
    print(f"{len(people)} members, {len(committees)} committees, {len(seats)} seats: {outcomes.count('added')} new")


def seat(row: Row, since: datetime) -> NewUserAim:
    """Make a membership: the title is its role, rank and side are permissions."""
    permissions = [f"rank:{row['rank']}", row["party"]]
    ids = user_id(row["bioguide"]), aim_id(row["code"])
    return NewUserAim(*ids, role=row["title"] or "Member", permissions=permissions, joined_at=since)


def who_chairs_what(conn: Connection, committees: Sequence[Aim]) -> None:
    """Ask for the chairs of all full committees at once: one call, whatever their number."""
    chairs = aims.users.load(conn, committees, link=CHAIRS, order_by="name")
    seats = [(aim.title, linked.record.name, linked.role) for aim in committees for linked in chairs[aim.id]]
    table("Who chairs what", ["committee", "member", "title"], sorted(seats)[:12])


def the_most_committed(conn: Connection) -> None:
    """Count the seats of everybody."""
    everybody = {user.id: user for user in users.stream(conn)}
    counts = users.aims.count(conn, everybody.values())
    most = sorted(counts, key=lambda key: (-counts[key], everybody[key].name))[:8]
    table("The most committed", ["member", "seats"], [(everybody[key].name, counts[key]) for key in most])


def shared_members(conn: Connection, one: Aim, other: Aim) -> None:
    """Ask who sits on both of two committees."""
    both = aims.users.common(conn, [one, other])
    table(f"On {one.title} and {other.title}", ["member"], [(user.name,) for user in both])


def roles_on(conn: Connection, committees: Sequence[Aim]) -> None:
    """Count seats by title."""
    counts = aims.users.count_by_role(conn, committees)
    lines = [(aim.title, role, number) for aim in committees for role, number in counts[aim.id].items()]
    table("Seats by title", ["committee", "title", "seats"], lines)


def conditions(conn: Connection, one: Aim, other: Aim) -> None:
    """Ask by conditions on the other end: they all must hold."""
    there = users.page(conn, where=[AllOf([one]), NoneOf([other]), CountBetween(at_least=8)], order_by="name", limit=8)
    table(f"On {one.title}, not on {other.title}, eight seats or more", ["member"], [(user.name,) for user in there])


def one_person(conn: Connection, person: User) -> None:
    """Show the seats of one member, members like that one, and committees that these sit on."""
    seats = users.aims.of(conn, person, order_by="title")
    lines = [(linked.record.title, linked.role, ", ".join(linked.permissions)) for linked in seats]
    table(f"The seats of {person.name}", ["committee", "title", "rank and side"], lines)
    alike = users.similar(conn, person, limit=5)
    table(f"Members most like {person.name}", ["member"], [(user.name,) for user in alike])
    suggested = users.suggest_aims(conn, person, limit=5)
    table(f"Committees that members like {person.name} sit on", ["committee"], [(aim.title,) for aim in suggested])


def rows(name: str) -> list[Row]:
    """Read a file of the data."""
    with (DATA / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def user_id(bioguide: str) -> UserId:
    """Make the id of a member: always the same for the same code."""
    return UserId(uuid5(NAMESPACE_URL, f"https://bioguide.congress.gov/{bioguide}"))


def aim_id(code: str) -> AimId:
    """Make the id of a committee: always the same for the same code."""
    return AimId(uuid5(NAMESPACE_URL, f"https://www.congress.gov/committee/{code}"))


def table(title: str, head: list[str], lines: Iterable[tuple[object, ...]]) -> None:
    """Print lines in columns as wide as their widest cell."""
    cells = [head, *([str(cell) for cell in line] for line in lines)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(head))]
    print(f"\n{title}")
    for line in [cells[0], ["-" * width for width in widths], *cells[1:]]:
        print("  " + "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


if __name__ == "__main__":
    main()
