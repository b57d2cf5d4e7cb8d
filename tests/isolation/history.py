"""What transactions did and saw, as their clients know it: nothing in it comes from the inside of the server."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

Kind = Literal["append", "read", "add", "remove", "members"]
"""`append` and `read` are of lists (`user_aims.grant` and `get`), the others of sets (`append`, `remove` and `of`)."""
Outcome = Literal["committed", "aborted", "unknown"]


@dataclass(frozen=True, slots=True)
class Op:
    """One operation on the list or set `key`: what it wrote, one element, or what it saw, in the order it was seen."""

    kind: Kind
    key: str
    value: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.kind} {self.key} {list(self.value)}"


@dataclass(frozen=True, slots=True)
class Transaction:
    """The operations of a client between BEGIN and COMMIT; `unknown` where COMMIT got no answer."""

    number: int
    ops: tuple[Op, ...]
    outcome: Outcome = "committed"

    def __str__(self) -> str:
        return f"T{self.number}"


@dataclass(frozen=True, slots=True)
class History:
    """Transactions, and what each list and set was when all had ended.

    An element is written to its key once: by one `append` or `add`, and taken out again by at most one transaction
    that committed. So whoever sees it tells whom it has seen.
    """

    transactions: Sequence[Transaction]
    final: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Anomaly:
    """A phenomenon of Adya's (G0 to G2) or of atomicity, the transactions in it, and its proof in words."""

    name: str
    transactions: tuple[int, ...]
    proof: str
    columns: frozenset[str] = frozenset()
    """Those of Hermitage's table in which it counts."""
