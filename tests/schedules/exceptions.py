"""What may come out otherwise than one after the other, and why: all else is a failure."""

from collections.abc import Sequence
from itertools import permutations
from typing import Final, NamedTuple

from tests.schedules.judge import DEADLOCK, NEITHER, Finding
from tests.schedules.operations import function

_APPENDS: Final = frozenset({"users.aims.append", "aims.users.append", "user_aims.put_many"})
_REPLACES: Final = frozenset({"users.aims.replace", "aims.users.replace"})
_REMOVES: Final = frozenset({"users.aims.remove", "users.aims.clear", "aims.users.remove", "aims.users.clear"})
_CONTROLS: Final = frozenset({"users.aims.direct_control", "aims.users.direct_control"})
_UPDATES: Final = frozenset({"users.aims.update", "aims.users.update"})
_BY_PAIR: Final = frozenset({"user_aims.put_many", "user_aims.delete_many"})
_OF_SETS: Final = _REPLACES | _REMOVES | _CONTROLS | {"user_aims.merge"}
_DELETES: Final = frozenset({"users.delete", "users.delete_many", "aims.delete", "aims.delete_many"})
_LINKS: Final = _APPENDS | _OF_SETS | _UPDATES | _BY_PAIR | {
    "users.aims.create", "aims.users.create", "user_aims.create", "user_aims.update", "user_aims.grant",
    "user_aims.revoke", "user_aims.delete",
}  # fmt: skip


class Exception_(NamedTuple):
    """Operations that may meet in this way, and the reason."""

    kind: str
    one: frozenset[str]
    other: frozenset[str]
    reason: str
    row_by_row: bool = False
    """Each row by itself must be left as by one of the serial orders."""
    is_fault: bool = False
    """Known to be wrong: it stands here until it is mended."""

    def covers(self, finding: Finding) -> bool:
        """Say whether the finding is of this kind, and two of its operations are among those named here."""
        if finding.kind != self.kind or (self.row_by_row and not finding.row_by_row):
            return False
        pairs = permutations(({name, function(name)} for name in finding.names), 2)
        return any(one & self.one and other & self.other for one, other in pairs)


_DELETES_RULED: Final = frozenset({"users.delete (must)", "users.delete_many (must)", "aims.delete (must)"})
_RULED: Final = frozenset(f"aims.users.{name} (must)" for name in ("append", "replace", "remove", "update", "create"))

EXCEPTIONS: Final = (
    Exception_(
        NEITHER,
        _CONTROLS,
        _DELETES,
        "`direct_control` finds the link of a record that the other is just deleting gone, but still the record:"
        " `NotFound` where it would be `BrokenReference` a moment later. Nothing is written in either case.",
        row_by_row=True,
    ),
    Exception_(
        NEITHER,
        frozenset({"user_aims.merge"}),
        _RULED,
        "`merge` takes no rule: what a rule of an aim counts may be a link that it is just moving.",
    ),
    Exception_(
        NEITHER,
        _APPENDS,
        _CONTROLS,
        "`append` and `put_many` do not lock what they find linked: it may be deleted by a `direct_control` that is"
        " under way. Their other links are then written, where after it they would be refused.",
    ),
    Exception_(
        NEITHER,
        _APPENDS | {"user_aims.delete_many"},
        _APPENDS | _BY_PAIR | _REPLACES | _REMOVES | {"user_aims.merge"},
        "`append`, `put_many` and `delete_many` take no turn: they hold up neither each other nor writers of whole"
        " sets. A link that one finds there may be removed, and one that is new may be passed over, by another that is"
        " under way. Each link by itself is left as by one order. At SERIALIZABLE too: to PostgreSQL a row that"
        " `ON CONFLICT DO NOTHING` finds is not one that was read.",
        row_by_row=True,
    ),
    Exception_(
        NEITHER,
        frozenset({"user_aims.delete_many"}),
        frozenset({"users.aims.replace (version)", "aims.users.replace (version)"}),
        "`delete_many` takes no turn: a link that is new it passes over, one that is there it removes.",
    ),
    Exception_(
        NEITHER,
        _DELETES_RULED,
        _APPENDS,
        "`append` and `put_many` without a rule are not held to that of a deletion: they link somebody whom it has"
        " found to have few links, or tell a link as unchanged that it takes along.",
    ),
    Exception_(
        NEITHER,
        frozenset({"users.aims.create", "aims.users.create"}),
        frozenset({"users.aims.create (must)", "aims.users.create (must)"}),
        "An id that another is just taking is told before a rule is: `AlreadyExists` where it would be `RuleBroken`"
        " a moment later. Nothing is written in either case.",
    ),
    Exception_(
        NEITHER,
        frozenset({"users.ensure"}),
        frozenset({"users.delete", "users.delete_many", "users.update"}) | _CONTROLS,
        "`ensure` finds a user whom the other is just deleting, or giving another address, and then finds nobody:"
        " `Conflict`, nothing is written, and the next try succeeds.",
        row_by_row=True,
    ),
    Exception_(
        NEITHER,
        _CONTROLS,
        frozenset({"users.update"}),
        "`direct_control` looks at the e-mail addresses that others have when it starts: one that a user takes"
        " meanwhile whom it deletes is no obstacle.",
        row_by_row=True,
    ),
    Exception_(
        DEADLOCK,
        _DELETES,
        _LINKS,
        "What deletes users or aims locks them, and then their links; what writes links comes the other way.",
    ),
    Exception_(
        DEADLOCK,
        _CONTROLS,
        _LINKS,
        "`direct_control` locks its source and its links, and then the records at the far end that it changes or"
        " deletes: these are the other's source, or have links that the other holds.",
    ),
    Exception_(
        DEADLOCK,
        frozenset(f"{end}.{name} (version)" for end in ("users.aims", "aims.users") for name in ("append", "replace")),
        frozenset({"user_aims.create", "user_aims.put_many"}),
        "Where a version is demanded the source is locked against new links; what adds one has its row before it asks"
        " for the source.",
    ),
    Exception_(
        DEADLOCK,
        frozenset({"users.delete (must)", "users.delete_many (must)"}),
        frozenset({"aims.delete (must)"}),
        "A deletion under a rule locks what it deletes, and then what loses a link: that is the other's.",
    ),
    Exception_(
        DEADLOCK,
        _BY_PAIR,
        _REPLACES | _REMOVES,
        "`put_many(…, on_match='update')` and `delete_many` lock link after link, by user; `replace`, `remove` and"
        " `clear` theirs in the order in which they find them.",
    ),
    Exception_(
        DEADLOCK,
        frozenset({"user_aims.merge"}),
        _BY_PAIR | {f"aims.users.{name}" for name in ("append", "replace", "remove", "clear")},
        "`merge` locks both users, then the links of the one and, as it writes, those of the other; what writes links"
        " of several users comes by in another order.",
    ),
)


def exception(finding: Finding) -> Exception_ | None:
    """Give the first of the list that covers a finding."""
    return next((one for one in EXCEPTIONS if one.covers(finding)), None)


def unlisted(findings: Sequence[Finding]) -> list[Finding]:
    """Give the findings that no exception covers."""
    return [one for one in findings if exception(one) is None]
