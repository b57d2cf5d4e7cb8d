"""Mutations of SQL as text: each takes away one thing that a statement is right by, or turns it round."""

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

_ENDS = re.compile(
    r"\s+(?:AND|OR|ORDER BY|GROUP BY|HAVING|LIMIT|OFFSET|RETURNING|UNION|FOR|ON CONFLICT|WHERE|JOIN|LEFT|FULL|INNER"
    r"|WHEN|THEN|ELSE|END|FROM|ROWS|AS)\b|\s*\{(?:broken|conflict)\}|\s*\n"
)
_LAST_WORD = re.compile(r"\b(SET|WHERE|ON|AND|OR|WHEN|SELECT|HAVING|UPDATE)\b")


class Edit(NamedTuple):
    """A stretch of a text, and what stands there instead."""

    kind: str
    start: int
    end: int
    new: str


def edits(sql: str) -> list[Edit]:
    """Find every mutation of a statement, in a fixed order; comments are left alone."""
    bare = re.sub(r"(?m)^\s*--.*$|/\*.*?\*/", lambda found: "#" * len(found[0]), sql)
    found = [edit for kind in _KINDS for edit in kind(bare)]
    return sorted(set(found), key=lambda edit: (edit.start, edit.end, edit.kind, edit.new))


def applied(sql: str, edit: Edit) -> str:
    """Give the text with the edit made."""
    return sql[: edit.start] + edit.new + sql[edit.end :]


def _swap(kind: str, pattern: str, *news: str) -> Callable[[str], Iterator[Edit]]:
    """Replace each match by each of the new texts, which may name groups."""

    def find(sql: str) -> Iterator[Edit]:
        for found in re.finditer(pattern, sql):
            for new in news:
                yield Edit(kind, found.start(), found.end(), found.expand(new))

    return find


def _until(sql: str, start: int) -> int:
    """Find where the expression that starts here ends: at a word that goes on with the statement, or a bracket."""
    depth = 0
    for place in range(start, len(sql)):
        if depth == 0 and place > start and (_ENDS.match(sql, place) or sql[place] in ",)"):
            return place
        depth += {"(": 1, ")": -1}.get(sql[place], 0)
    return len(sql)


def _order(sql: str) -> Iterator[Edit]:
    for found in re.finditer(r"\s+ORDER BY\s", sql):
        end = _until(sql, found.end())
        while sql[end : end + 1] == ",":
            end = _until(sql, end + 1)
        yield Edit("order", found.start(), end, "")


def _predicates(sql: str) -> Iterator[Edit]:
    for found in re.finditer(r"\s+AND\s+", sql):
        if not re.search(r"BETWEEN\s+\S+$", sql[: found.start()]):
            yield Edit("predicate", found.start(), _until(sql, found.end()), "")
    for found in re.finditer(r"\bWHERE\s+", sql):
        yield Edit("predicate", found.end(), _until(sql, found.end()), "true")


def _equal(sql: str) -> Iterator[Edit]:
    for found in re.finditer(r"\s?(?<![<>!])=(?!>)\s?(ANY\b)?", sql):
        words = _LAST_WORD.findall(sql[: found.start()])
        if words and words[-1] != "SET":
            yield Edit("equal", found.start(), found.end(), " <> ALL" if found[1] else " <> ")


def _branches(sql: str) -> Iterator[Edit]:
    """Drop one reason of `refused`."""
    for body in re.finditer(r"\brefused \(.*?\) AS MATERIALIZED \(", sql):
        start, end = body.end(), _closing(sql, body.end())
        cuts = [
            start,
            *(m.start() for m in re.finditer(r"\s*\bUNION ALL\b", sql[:end]) if _level(sql, start, m.start())),
        ]
        last = sql.find("{broken}", start, end)
        stops = [*cuts[1:], end if last < 0 else last]
        for number, (one, stop) in enumerate(zip(cuts, stops, strict=True)):
            if len(cuts) > 1:
                after = re.compile(r"\s*UNION ALL").match(sql, stop) if number == 0 else None
                yield Edit("refused branch", one, after.end() if after else stop, "")


def _closing(sql: str, start: int) -> int:
    depth = 1
    for place in range(start, len(sql)):
        depth += {"(": 1, ")": -1}.get(sql[place], 0)
        if depth == 0:
            return place
    return len(sql)


def _level(sql: str, start: int, place: int) -> bool:
    return place > start and sql.count("(", start, place) == sql.count(")", start, place)


def _joins(sql: str) -> Iterator[Edit]:
    """Drop a join on a table of records: its id is known without it."""
    for found in re.finditer(r"SELECT s\.id,(?P<rest>[^;]*?)\s+JOIN \S+ s ON s\.id = (?P<id>\S+)", sql):
        yield Edit("join", found.start(), found.end(), f"SELECT {found['id']},{found['rest']}")


_KINDS: tuple[Callable[[str], Iterator[Edit]], ...] = (
    _swap("lock", r"\s+FOR (?:KEY SHARE|NO KEY UPDATE|UPDATE|SHARE)(?: OF [\w\"]+)?(?: SKIP LOCKED| NOWAIT)?\b", ""),
    _order,
    _predicates,
    _equal,
    _branches,
    _joins,
    _swap("conflict", r"\{conflict\}", ""),
    _swap("conflict", r"ON CONFLICT[^\n#]*(?:\n *(?:SET|WHERE)\b[^\n]*)*", ""),
    _swap("refused", r"NOT EXISTS \(SELECT 1 FROM refused\)", "true"),
    _swap("negation", r"\bNOT (?=EXISTS|IN\b|\()", ""),
    _swap("less", r" (<|>) ", r" \g<1>= "),
    _swap("less", r" (<|>)= ", r" \1 "),
    _swap("distinct", r"(?<!IS )(?<!IS NOT )\bDISTINCT ", ""),
    _swap("materialized", r" AS MATERIALIZED", " AS"),
    _swap(
        "fallback", r"\b(?:pg_catalog\.)?(?:coalesce|COALESCE)\(((?:[^(),]|\([^()]*\))+),(?:[^()]|\([^()]*\))+\)", r"\1"
    ),
    _swap("limit", r"\s+(?:LIMIT|OFFSET) [^\s()]+(?:\(\w+\)[^\s()]*)*", ""),
    _swap("inserted", r"\(xmax = 0\)", "true", "false"),
    _swap("collation", r"\s+COLLATE [\w.\"]+", ""),
    _swap("direction", r" DESC\b", ""),
    _swap("nulls", r" NULLS FIRST", ""),
    _swap("outer join", r"\bLEFT JOIN\b", "JOIN"),
    _swap("outer join", r"\bFULL JOIN\b", "LEFT JOIN", "RIGHT JOIN"),
    _swap("either", r"\bOR\b", "AND"),
)
