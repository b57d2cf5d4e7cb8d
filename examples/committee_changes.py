"""A committee as it changes: `replace` says who came, who left, and whose seat is another one now.

Run it after congress.py; it gives the committee its members back at the end.
"""

from typing import Any

import psycopg
from congress import aim_id, user_id

from useraim import Aim, Changes, Link, aims, users


def main() -> None:
    """Change the House Committee on Agriculture, three times."""
    with psycopg.connect(autocommit=True) as conn:
        committee = aims.get(conn, aim_id("HSAG"))
        before = aims.users.of(conn, committee, order_by="name")
        seats = [Link(seat.record.id, seat.role, seat.permissions, seat.joined_at) for seat in before]

        changed = aims.users.replace(conn, committee, [*seats[:-2], user_id("B001236"), user_id("M000355")])
        tell(conn, committee, "Two members leave, two others come", changed)

        changed = aims.users.replace(conn, committee, [Link(seats[0].id, role="Vice Chairman"), *seats[1:-2]])
        tell(conn, committee, "The first of them is promoted, the new ones are gone again", changed)

        changed = aims.users.replace(conn, committee, seats)
        tell(conn, committee, "All is as before", changed)
        tell(conn, committee, "And once more, which writes nothing", aims.users.replace(conn, committee, seats))


def tell(conn: psycopg.Connection[Any], committee: Aim, title: str, changes: Changes) -> None:
    """Print changes by name: one call for all the names."""
    named = users.find_many(conn, [*changes.added, *changes.updated, *changes.removed])
    print(f"\n{committee.title}: {title}")
    for what in ("added", "updated", "removed"):
        names = ", ".join(named[key].name for key in getattr(changes, what))
        print(f"  {what:9} {names or '-'}")
    print(f"  unchanged {len(changes.unchanged)}")


if __name__ == "__main__":
    main()
