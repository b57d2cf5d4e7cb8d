"""What one worker owns, and so knows: its users, its aims, their links, and its marks on what all share."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import psycopg

from useraim import AimId, UserId

Pair: TypeAlias = tuple[UserId, AimId]
Links: TypeAlias = dict[Pair, tuple[str, tuple[str, ...]]]


@dataclass
class Estate:
    """Every value bears the mark of the write that it comes from, so that a half or an older write is seen."""

    number: int
    people: dict[UserId, str] = field(default_factory=dict[UserId, str])
    goals: dict[AimId, str] = field(default_factory=dict[AimId, str])
    links: Links = field(default_factory=dict[Pair, tuple[str, tuple[str, ...]]])
    marks: set[tuple[Pair, str]] = field(default_factory=set[tuple[Pair, str]])

    def copy(self) -> "Estate":
        return Estate(self.number, dict(self.people), dict(self.goals), dict(self.links), set(self.marks))

    def of(self, user: UserId) -> list[AimId]:
        return [aim for one, aim in self.links if one == user]

    def users_of(self, aim: AimId) -> list[UserId]:
        return [user for user, one in self.links if one == aim]

    def drop_people(self, gone: Iterable[UserId]) -> None:
        for user in gone:
            del self.people[user]
        self.links = {pair: one for pair, one in self.links.items() if pair[0] in self.people}

    def drop_goals(self, gone: Iterable[AimId]) -> None:
        dropped = set(gone)
        for aim in dropped:
            del self.goals[aim]
        self.links = {pair: one for pair, one in self.links.items() if pair[1] not in dropped}

    def difference(self, other: "Estate") -> list[str]:
        """Say row by row what the other has instead."""
        found: list[str] = []
        for ours, theirs in zip(self._tables(), other._tables(), strict=True):
            if ours != theirs:  # said first, as most are equal, and that is found without a hash of a UUID
                found += [
                    f"{key}: {ours.get(key, 'absent')} -> {theirs.get(key, 'absent')}"
                    for key in {**ours, **theirs}
                    if ours.get(key, "absent") != theirs.get(key, "absent")
                ]
        return found

    def _tables(self) -> list[dict[Any, Any]]:
        return [self.people, self.goals, self.links, dict.fromkeys(self.marks)]


# One statement, one snapshot: read by several, a write that comes between them would look half done.
_READ = b"""
WITH people AS (SELECT id, name FROM users WHERE email LIKE %(mine)s || '.%%@chaos.org'),
goals AS (SELECT id, title FROM aims WHERE description = %(mine)s)
SELECT 'user', id, NULL::uuid, name, NULL::text[] FROM people
UNION ALL SELECT 'aim', id, NULL, title, NULL FROM goals
UNION ALL SELECT 'link', user_id, aim_id, role, permissions FROM user_aims
    WHERE user_id IN (SELECT id FROM people) OR aim_id IN (SELECT id FROM goals)
UNION ALL SELECT 'mark', user_id, aim_id, mark, NULL FROM user_aims, unnest(permissions) AS mark
    WHERE role = 'hot' AND mark LIKE %(mine)s || '.%%'
"""


def read(conn: "psycopg.Connection[Any]", number: int) -> Estate:
    """Read what of a worker there is in the database."""
    found = Estate(number)
    for kind, one, other, text, permissions in conn.execute(_READ, {"mine": str(number)}, prepare=True).fetchall():
        if kind == "user":
            found.people[one] = text
        elif kind == "aim":
            found.goals[one] = text
        elif kind == "link":
            found.links[one, other] = (text, tuple(permissions))
        else:
            found.marks.add(((one, other), text))
    return found


def read_for_good(conn: "psycopg.Connection[Any]", number: int) -> Estate:
    """Read it so that it cannot be lost any more.

    What a primary shows may not have reached its standby yet: one that was ended on its way out of COMMIT. A COMMIT
    that is answered later says that it has.
    """
    found = read(conn, number)
    conn.execute("SELECT pg_logical_emit_message(true, 'chaos', '')")
    return found
