"""Finds what isolation forbids in a history, and says in words why it is so.

After Elle (Kingsbury and Alvaro, VLDB 2020): elements are unique and lists only grow, so a read tells which versions
came before it, and by whom. Three kinds of dependency follow, after Adya (1999): `ww`, one overwrote the other's
version; `wr`, one saw the other's; `rw`, one saw a version that the other overwrote. A cycle of them means that no
order of the transactions explains what was seen.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import rustworkx as rx

from tests.isolation.history import Anomaly, History, Op, Transaction

_MOST_OF_ONE_COMPONENT = 50
"""Cycles told of one knot of transactions: all of them share most of their edges."""


@dataclass(frozen=True, slots=True)
class Edge:
    """Why `before` is before `after`."""

    kind: Literal["ww", "wr", "rw"]
    before: int
    after: int
    key: str
    why: str
    at: int = 0
    """Which operation of the reader it was."""
    is_of_set: bool = False

    def __str__(self) -> str:
        return f"T{self.before} is before T{self.after} ({self.kind}), since {self.why}"


def check(history: History) -> list[Anomaly]:
    """Return every anomaly that the history proves; a history without one may still have had one."""
    return _Checker(history).anomalies()


class _Checker:
    def __init__(self, history: History) -> None:
        self.final = history.final
        self.sets: set[str] = set()
        self.writers: dict[tuple[str, str], Transaction] = {}
        self.removers: dict[tuple[str, str], list[Transaction]] = defaultdict(list)
        for one in history.transactions:
            for op in one.ops:
                if op.kind in {"append", "add"}:
                    self.writers[op.key, op.value[0]] = one
                    self.sets |= {op.key} if op.kind == "add" else set()
                elif op.kind == "remove":
                    self.removers[op.key, op.value[0]].append(one)
        self.committed = [one for one in history.transactions if self._has_committed(one)]
        self.numbers = {one.number for one in self.committed}
        self.unknown = [one for one in self.committed if one.outcome == "unknown"]
        self.added: dict[str, list[str]] = defaultdict(list)
        for (key, element), writer in self.writers.items():
            if writer.number in self.numbers:
                self.added[key].append(element)

    def anomalies(self) -> list[Anomaly]:
        found = [*self._lost(), *(anomaly for one in self.committed for anomaly in self._of_reads(one))]
        return found + list(_cycles([*self._versions(), *(e for one in self.committed for e in self._edges(one))]))

    def _has_committed(self, one: Transaction) -> bool:
        """Whose COMMIT got no answer has committed where at the end anything that it wrote is so."""
        return one.outcome == "committed" or (one.outcome == "unknown" and any(map(self._is_in_effect, one.ops)))

    def _is_in_effect(self, op: Op) -> bool:
        there = op.value[0] in self.final.get(op.key, ()) if op.value else False
        if op.kind == "add":
            return there or (op.key, op.value[0]) in self.removers
        return there if op.kind == "append" else op.kind == "remove" and not there

    def _remover(self, key: str, element: str) -> Transaction | None:
        return next((one for one in self.removers.get((key, element), ()) if one.number in self.numbers), None)

    # What a single transaction, or the end, shows.

    def _lost(self) -> Iterator[Anomaly]:
        for one in self.committed:
            for op in one.ops:
                if op.kind in {"append", "add", "remove"} and not self._is_kept(op):
                    name = "half" if one.outcome == "unknown" else "lost"
                    yield Anomaly(name, (one.number,), f"{one} committed with {op}, which at the end is not so")

    def _is_kept(self, op: Op) -> bool:
        element = op.value[0]
        there = element in self.final.get(op.key, ())
        gone = op.kind == "remove" or (op.kind == "add" and self._remover(op.key, element) is not None)
        return there != gone

    def _of_reads(self, reader: Transaction) -> Iterator[Anomaly]:
        for at, op in enumerate(reader.ops):
            if op.kind in {"read", "members"}:
                before = [one for one in reader.ops[:at] if one.key == op.key]
                for name, writer, why in (*self._of_one_read(reader, op), *_of_own(op, before)):
                    numbers = (reader.number,) if writer is None else (writer.number, reader.number)
                    yield Anomaly(name, numbers, f"{reader} did {op}: {why}", frozenset({name}))

    def _of_one_read(self, reader: Transaction, op: Op) -> Iterator[tuple[str, Transaction | None, str]]:
        if len(set(op.value)) < len(op.value):
            yield "duplicate", None, "an element is in it twice"
        if op.kind == "read" and self.final.get(op.key, ())[: len(op.value)] != op.value:
            yield "order", None, f"this is not how {list(self.final.get(op.key, ()))}, the end of it, begins"
        for element in op.value:
            writer = self.writers.get((op.key, element))
            if writer is None:
                yield "garbage", None, f"nobody wrote {element}"
            elif writer.number not in self.numbers:
                yield "G1a", writer, f"{writer}, which wrote {element}, aborted"
        others = {w.number: w for e in op.value if (w := self.writers.get((op.key, e))) and w is not reader}
        for writer in others.values():
            if missing := [e for e in _written(writer, op.key) if e not in op.value and not self._remover(op.key, e)]:
                yield "G1b", writer, f"it saw some of what {writer} wrote there, but not {missing}"

    # What the versions show together.

    def _versions(self) -> Iterator[Edge]:
        for key, elements in self.final.items():
            for one, other in pairwise(elements):
                first, second = self.writers.get((key, one)), self.writers.get((key, other))
                if first and second and key not in self.sets:
                    yield from _edge("ww", first, second, key, f"in {key} its {one} is right before {other}")
        for (key, element), writer in self.writers.items():
            if (remover := self._remover(key, element)) and writer.number in self.numbers:
                yield from _edge("ww", writer, remover, key, f"the other removed {element} from {key}", is_of_set=True)

    def _edges(self, reader: Transaction) -> Iterator[Edge]:
        for at, op in enumerate(reader.ops):
            if op.kind == "read":
                yield from self._of_list(reader, op, at)
            elif op.kind == "members":
                yield from self._of_set(reader, op, at)

    def _of_list(self, reader: Transaction, op: Op, at: int) -> Iterator[Edge]:
        if op.value and (writer := self._committed_writer(op.key, op.value[-1])):
            yield from _edge("wr", writer, reader, op.key, f"{op} saw its {op.value[-1]}", at)
        later = self.final.get(op.key, ())[len(op.value) :]
        if later and (writer := self._committed_writer(op.key, later[0])):
            yield from _edge("rw", reader, writer, op.key, f"{op} did not see {later[0]} yet", at)

    def _of_set(self, reader: Transaction, op: Op, at: int) -> Iterator[Edge]:
        seen = set(op.value)
        for element in self.added[op.key]:
            writer, remover = self.writers[op.key, element], self._remover(op.key, element)
            if element in seen:
                yield from _edge("wr", writer, reader, op.key, f"{op} saw its {element}", at, is_of_set=True)
                if remover:
                    yield from _edge("rw", reader, remover, op.key, f"{op} still saw {element}", at, is_of_set=True)
            elif remover is None:  # else it may have been gone again
                yield from _edge("rw", reader, writer, op.key, f"{op} did not see {element} yet", at, is_of_set=True)

    def _committed_writer(self, key: str, element: str) -> Transaction | None:
        writer = self.writers.get((key, element))
        return writer if writer and writer.number in self.numbers else None


def _of_own(op: Op, before: list[Op]) -> Iterator[tuple[str, None, str]]:
    """Who wrote sees it: nobody else can append behind it until its end."""
    gone = {one.value[0] for one in before if one.kind == "remove"}
    own = [one.value[0] for one in before if one.kind in {"append", "add"} and one.value[0] not in gone]
    if op.kind == "read" and own and list(op.value[-len(own) :]) != own:
        yield "internal", None, f"its own {own} are not at the end"
    if op.kind == "members" and not set(own) <= set(op.value):
        yield "internal", None, f"its own {own} are not in it"
    if op.kind == "members" and gone & set(op.value):
        yield "internal", None, f"{sorted(gone & set(op.value))}, which it had removed itself, are in it"


def _written(writer: Transaction, key: str) -> list[str]:
    return [op.value[0] for op in writer.ops if op.key == key and op.kind in {"append", "add"}]


def _edge(
    kind: Literal["ww", "wr", "rw"],
    one: Transaction,
    other: Transaction,
    key: str,
    why: str,
    at: int = 0,
    is_of_set: bool = False,
) -> Iterator[Edge]:
    if one is not other:
        yield Edge(kind, one.number, other.number, key, why, at, is_of_set)


# Cycles: which there are, and what each is called.


def _cycles(edges: list[Edge]) -> Iterator[Anomaly]:
    yield from _closed("G0", [edge for edge in edges if edge.kind == "ww"])
    yield from _closed("G1c", seen := [edge for edge in edges if edge.kind != "rw"])
    everything, without = _graph(edges), _graph(seen)
    for component in _components(everything):
        ahead = [edge for edge in edges if edge.kind == "rw" and edge.before in component and edge.after in component]
        for edge in ahead[:_MOST_OF_ONE_COMPONENT]:
            if (rest := _path(without, edge.after, edge.before)) is not None:
                yield _told("G-single", [edge, *rest])
            elif (rest := _path(everything, edge.after, edge.before)) is not None:
                yield _told("G2", [edge, *rest])


def _closed(name: str, edges: list[Edge]) -> Iterator[Anomaly]:
    """Cycles of these edges alone; those of `ww` alone are G0, and so not G1c."""
    graph = _graph(edges)
    for component in _components(graph):
        inside = [edge for edge in edges if edge.before in component and edge.after in component]
        for edge in [one for one in inside if (one.kind == "wr") == (name == "G1c")][:1]:
            if (rest := _path(graph, edge.after, edge.before)) is not None:
                yield _told(name, [edge, *rest])


Graph = rx.PyDiGraph[int, Edge]


def _graph(edges: list[Edge]) -> Graph:
    graph: Graph = rx.PyDiGraph()
    graph.add_nodes_from(range(1 + max((max(edge.before, edge.after) for edge in edges), default=0)))
    for edge in edges:
        if not graph.has_edge(edge.before, edge.after):
            graph.add_edge(edge.before, edge.after, edge)
    return graph


def _components(graph: Graph) -> list[set[int]]:
    return [set(component) for component in rx.strongly_connected_components(graph) if len(component) > 1]


def _path(graph: Graph, start: int, end: int) -> list[Edge] | None:
    if max(start, end) >= graph.num_nodes():
        return None
    paths = rx.dijkstra_shortest_paths(graph, start, end)
    return [graph.get_edge_data(one, other) for one, other in pairwise(paths[end])] if end in paths else None


def _told(name: str, cycle: list[Edge]) -> Anomaly:
    proof = "; ".join(map(str, cycle)) + ": each is before itself"
    return Anomaly(name, tuple(edge.before for edge in cycle), proof, _columns(name, cycle))


def _columns(name: str, cycle: list[Edge]) -> frozenset[str]:
    """Hermitage's: P4 a lost update, OTV seen and then not; PMP and G2 by a predicate, which reads of sets have."""
    by_set = any(edge.is_of_set for edge in cycle if edge.kind == "rw")
    if name == "G2":
        return frozenset({"G2" if by_set else "G2-item"})
    columns = {name, "PMP"} if name == "G-single" and by_set else {name}
    if name == "G-single" and len(cycle) == 2:
        ahead, back = cycle
        columns |= {"P4"} if back.kind == "ww" and back.key == ahead.key else set()
        columns |= {"OTV"} if back.kind == "wr" and back.at < ahead.at else set()
    return frozenset(columns)
