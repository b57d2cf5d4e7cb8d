"""Each anomaly, planted in a history by hand, is found under its name, and a history without one is left alone."""

from collections.abc import Set
from dataclasses import dataclass

import pytest

from tests.isolation.checker import check
from tests.isolation.history import History, Op, Outcome, Transaction


def append(key: str, element: str) -> Op:
    return Op("append", key, (element,))


def read(key: str, *elements: str) -> Op:
    return Op("read", key, elements)


def add(key: str, element: str) -> Op:
    return Op("add", key, (element,))


def remove(key: str, element: str) -> Op:
    return Op("remove", key, (element,))


def members(key: str, *elements: str) -> Op:
    return Op("members", key, elements)


def history(
    final: dict[str, tuple[str, ...]], *transactions: tuple[Op, ...], outcomes: dict[int, Outcome] | None = None
) -> History:
    """Transactions are numbered from 1; those not named in `outcomes` have committed."""
    ended = outcomes or {}
    return History(
        [Transaction(n, ops, ended.get(n, "committed")) for n, ops in enumerate(transactions, start=1)], final
    )


@dataclass
class Planted:
    what: str
    history: History
    columns: Set[str]
    words: str
    name: str = ""


PLANTED = [
    Planted(
        "two lists were overwritten in opposite orders",
        history(
            {"x": ("1", "2"), "y": ("2", "1")},
            (append("x", "1"), append("y", "1")),
            (append("x", "2"), append("y", "2")),
        ),
        {"G0"},
        "T1 is before T2 (ww), since in x its 1 is right before 2",
    ),
    Planted(
        "a list shows what was rolled back",
        history(
            {"x": ("1",)}, (append("x", "1"),), (append("x", "9"),), (read("x", "1", "9"),), outcomes={2: "aborted"}
        ),
        {"G1a"},
        "T2, which wrote 9, aborted",
    ),
    Planted(
        "a set shows what was rolled back",
        history({"s": ()}, (add("s", "a"),), (members("s", "a"),), outcomes={1: "aborted"}),
        {"G1a"},
        "T1, which wrote a, aborted",
    ),
    Planted(
        "a list shows the middle of a transaction",
        history({"x": ("1", "2")}, (append("x", "1"), append("x", "2")), (read("x", "1"),)),
        {"G1b"},
        "it saw some of what T1 wrote there, but not ['2']",
    ),
    Planted(
        "a set shows the middle of a transaction",
        history({"s": ("a", "b")}, (add("s", "a"), add("s", "b")), (members("s", "b"),)),
        {"G1b"},
        "it saw some of what T1 wrote there, but not ['a']",
    ),
    Planted(
        "two saw each other's writes",
        history({"x": ("1",), "y": ("2",)}, (append("x", "1"), read("y", "2")), (append("y", "2"), read("x", "1"))),
        {"G1c"},
        "T1 is before T2 (wr), since read x ['1'] saw its 1",
    ),
    Planted(
        "one write of two was seen, and the other not",
        history({"x": ("1",), "y": ("1y",)}, (append("x", "1"), append("y", "1y")), (read("x"), read("y", "1y"))),
        {"G-single"},
        "T2 is before T1 (rw), since read x [] did not see 1 yet",
    ),
    Planted(
        "what was seen is gone in the next read",
        history({"x": ("1",), "y": ("1y",)}, (append("x", "1"), append("y", "1y")), (read("x", "1"), read("y"))),
        {"G-single", "OTV"},
        "T1 is before T2 (wr)",
    ),
    Planted(
        "a list was read before another's append and written after it",
        history({"x": ("1", "2")}, (append("x", "1"),), (read("x"), append("x", "2"))),
        {"G-single", "P4"},
        "T1 is before T2 (ww)",
    ),
    Planted(
        "a set was read between two writes of one transaction",
        history({"s": ("a",), "x": ("1",)}, (add("s", "a"), append("x", "1")), (members("s"), read("x", "1"))),
        {"G-single", "PMP"},
        "members s [] did not see a yet",
    ),
    Planted(
        "a set still shows what a transaction removed that is seen elsewhere",
        history(
            {"s": (), "x": ("1",)},
            (add("s", "a"),),
            (remove("s", "a"), append("x", "1")),
            (members("s", "a"), read("x", "1")),
        ),
        {"G-single", "PMP"},
        "members s ['a'] still saw a",
    ),
    Planted(
        "each read the list that the other wrote (write skew)",
        history({"x": ("1",), "y": ("2",)}, (read("y"), append("x", "1")), (read("x"), append("y", "2"))),
        {"G2-item"},
        "T2 is before T1 (rw)",
        "G2",
    ),
    Planted(
        "each read the set that the other wrote (write skew by a predicate)",
        history({"s": ("a",), "t": ("b",)}, (members("t"), add("s", "a")), (members("s"), add("t", "b"))),
        {"G2"},
        "each is before itself",
        "G2",
    ),
    Planted(
        "three wait for each other in a ring",
        history(
            {"x": ("1",), "y": ("2",), "z": ("3",)},
            (read("y"), append("x", "1")),
            (read("z"), append("y", "2")),
            (read("x"), append("z", "3")),
        ),
        {"G2-item"},
        "T3 is before T1 (rw)",
        "G2",
    ),
    Planted(
        "an append is lost",
        history({"x": ()}, (append("x", "1"),)),
        frozenset(),
        "T1 committed with append x ['1']",
        "lost",
    ),
    Planted(
        "an addition is lost", history({"s": ()}, (add("s", "a"),)), frozenset(), "T1 committed with add s", "lost"
    ),
    Planted(
        "what was removed is there",
        history({"s": ("a",)}, (add("s", "a"),), (remove("s", "a"),)),
        frozenset(),
        "T2 committed",
        "lost",
    ),
    Planted(
        "a COMMIT without an answer has done one of two things",
        history({"x": ("1",), "y": ()}, (append("x", "1"), append("y", "2")), outcomes={1: "unknown"}),
        frozenset(),
        "T1 committed with append y ['2']",
        "half",
    ),
    Planted(
        "a read is not how the list begins",
        history({"x": ("1", "2")}, (append("x", "1"),), (append("x", "2"),), (read("x", "2"),)),
        {"order"},
        "this is not how ['1', '2'], the end of it, begins",
    ),
    Planted(
        "an element is there twice",
        history({"x": ("1", "1")}, (append("x", "1"),), (read("x", "1", "1"),)),
        {"duplicate"},
        "twice",
    ),
    Planted("nobody wrote it", history({"x": ("7",)}, (read("x", "7"),)), {"garbage"}, "nobody wrote 7"),
    Planted(
        "a transaction does not see its own append",
        history({"x": ("1",)}, (append("x", "1"), read("x"))),
        {"internal"},
        "its own ['1'] are not at the end",
    ),
    Planted(
        "a transaction sees what it removed itself",
        history({"s": ()}, (add("s", "a"),), (remove("s", "a"), members("s", "a"))),
        {"internal"},
        "['a'], which it had removed itself, are in it",
    ),
]


@pytest.mark.parametrize("planted", PLANTED, ids=lambda planted: planted.what)
def test_a_planted_anomaly_is_found(planted: Planted) -> None:
    found = check(planted.history)
    alike = [one for one in found if one.columns == planted.columns and planted.name in {"", one.name}]
    assert any(planted.words in one.proof for one in alike), found


SOUND = {
    "one after the other": history(
        {"x": ("1", "2"), "s": ("b",)},
        (append("x", "1"), add("s", "a")),
        (read("x", "1"), append("x", "2"), members("s", "a"), remove("s", "a")),
        (add("s", "b"), members("s", "b"), read("x", "1", "2")),
    ),
    "an older version is read by one who writes nothing": history({"x": ("1",)}, (append("x", "1"),), (read("x"),)),
    "what was rolled back is not there": history({"x": ()}, (append("x", "1"),), (read("x"),), outcomes={1: "aborted"}),
    "a COMMIT without an answer has done all": history(
        {"x": ("1",), "s": ()},
        (add("s", "a"),),
        (append("x", "1"), remove("s", "a")),
        (read("x", "1"), members("s")),
        outcomes={2: "unknown"},
    ),
    "a COMMIT without an answer has done nothing": history(
        {"x": (), "s": ()}, (append("x", "1"), add("s", "a")), (read("x"), members("s")), outcomes={1: "unknown"}
    ),
    "an element that comes and goes may be missing before and after": history(
        {"s": ()}, (members("s"),), (add("s", "a"),), (members("s", "a"),), (remove("s", "a"),), (members("s"),)
    ),
}


@pytest.mark.parametrize("name", SOUND)
def test_a_sound_history_is_left_alone(name: str) -> None:
    assert check(SOUND[name]) == []
