"""What one operation asks of the nodes of a cluster: `python -m tests.engines.commands` writes docs/scaling.md."""

import re
import sys
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import psycopg

from tests.engines.cluster import Cluster, coordinator
from tests.uses import Use, every_use
from useraim import AlreadyExists

PAPER = Path(__file__).parents[2] / "docs" / "scaling.md"
SHARDS = (8, 32)
_NAME = re.compile(r"/\* useraim (?!user_aims\.(?:by_key|as_before))(\S+) \*/")  # not what is there for another
_BEGINNING, _END = "<!-- commands -->\n", "<!-- end of commands -->\n"
_AROUND = re.compile(
    r"issuing (BEGIN|COMMIT|PREPARE|ROLLBACK|SAVEPOINT|RELEASE|SET LOCAL)|assign_distributed_transaction_id"
)
"""What Citus sends for the transaction, not for the statement."""


def counted(database: str) -> dict[str, tuple[int, bool]]:
    """Return by operation how many commands went to nodes once it is warm, and whether to commit took two phases."""
    uses = every_use(database)
    told: list[str] = []
    with psycopg.connect(database, autocommit=True) as conn:
        conn.execute("SET citus.log_remote_commands = on")
        conn.add_notice_handler(lambda diagnostic: told.append(diagnostic.message_primary or ""))
        return dict(_one(conn, use, told) for use in uses)


def _one(conn: "psycopg.Connection[Any]", use: Use, told: list[str]) -> tuple[str, tuple[int, bool]]:
    _, operation, make, kwargs = use
    for _ in range(3):
        told.clear()
        with suppress(AlreadyExists):
            operation(conn, *make(), **kwargs)
    sent = [text for text in told if text.startswith("issuing ")]
    two_phases = any("PREPARE TRANSACTION" in text for text in sent)
    return name_of(use), (sum(not _AROUND.search(text) for text in sent), two_phases)


def name_of(use: Use) -> str:
    """The operation as its statements call it, and the rules or conditions that it has."""
    name, operation, make, kwargs = use
    call = getattr(operation, "call", None)
    texts = [text for text, _ in call(*make(), **kwargs).statements] if call else []
    names = [found[1] for text in texts if (found := _NAME.match(text))]
    given = [f"({key})" for key in ("must", "where") if key in kwargs]
    return " ".join([next(iter(names), name), *given])


def table(counts: list[dict[str, tuple[int, bool]]]) -> str:
    """Return the operations by how many commands they take, those of one node first."""
    head = ["| operation | 8 shards | 32 shards | commit |", "|---|--:|--:|---|"]
    rows = sorted((counts[1][name][0], name) for name in counts[0])
    return "\n".join([*head, *(_row(name, counts) for _, name in rows)])


def _row(name: str, counts: list[dict[str, tuple[int, bool]]]) -> str:
    (few, _), (many, two_phases) = counts[0][name], counts[1][name]
    return f"| `{name}` | {few} | {many} | {'in two phases' if two_phases else ''} |"


def main() -> int:
    with coordinator() as conninfo, closing(Cluster(conninfo)) as cluster:
        counts = [counted(cluster.make(shards)) for shards in SHARDS]
    head, _, rest = PAPER.read_text(encoding="utf-8").partition(_BEGINNING)
    tail = rest.partition(_END)[2]
    PAPER.write_text(f"{head}{_BEGINNING}{table(counts)}\n{_END}{tail}", encoding="utf-8")
    print(table(counts))
    return 0


if __name__ == "__main__":
    sys.exit(main())
