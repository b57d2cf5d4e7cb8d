"""Writes of the relation, from both ends: what they change, what they say, and what they refuse."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, NamedTuple, TypeAlias
from uuid import UUID, uuid4

import psycopg
import pytest

from tests.ends import AIMS_USERS, ENDS, USERS_AIMS, Attributes, End, ids, make
from tests.worlds import World
from useraim import AlreadyExists, BrokenReference, InvalidValue, NotFound, aims, users
from useraim.values import Changes, EditAim, EditUser, Link, Linked, NewAim, NewUser

NOON = datetime(2024, 5, 17, 12, tzinfo=UTC)
LATER = NOON + timedelta(days=1)
TOKYO = timezone(timedelta(hours=9))
HELD: Attributes = ("a", ("p",), NOON)
"""The attributes of links that are there before."""


@pytest.fixture(params=ENDS, ids=lambda end: end.name)
def end(request: pytest.FixtureRequest) -> End:
    chosen: End = request.param
    return chosen


@pytest.fixture
def source(call: World, end: End) -> Any:
    return end.make_sources(call, 1)[0]


@pytest.fixture
def other(call: World, end: End) -> Any:
    """Another source, whose links no call for `source` may touch."""
    return end.make_sources(call, 1)[0]


@pytest.fixture
def far(call: World, end: End) -> list[Any]:
    return end.make_far(call, 8)


def now(call: World) -> datetime:
    moment: datetime = call.execute("SELECT now()")[0][0]
    return moment


def hold(call: World, end: End, source: Any, records: list[Any]) -> None:
    """Link records with the attributes `HELD`."""
    role, permissions, joined_at = HELD
    call(end.relation.append, source, records, role=role, permissions=permissions, joined_at=joined_at)


def assert_named(named: Iterable[Any], expected: Iterable[UUID]) -> None:
    """All are named, each once."""
    assert sorted(named) == sorted(expected)


class Case(NamedTuple):
    """A link asked for: whether it is there, what it gives, what it shall be (None: as by default), and the outcome."""

    held: bool
    given: dict[str, Any]
    role: str
    permissions: tuple[str, ...]
    joined_at: datetime | None
    outcome: str

    def expected(self, now: datetime) -> Attributes:
        return self.role, self.permissions, self.joined_at or now


CASES = [
    Case(False, {}, "member", (), None, "added"),
    Case(False, {"role": "b"}, "b", (), None, "added"),
    Case(False, {"permissions": ["x", "y"]}, "member", ("x", "y"), None, "added"),
    Case(False, {"permissions": []}, "member", (), None, "added"),
    Case(False, {"joined_at": LATER}, "member", (), LATER, "added"),
    Case(False, {"role": "b", "permissions": ("q",), "joined_at": LATER}, "b", ("q",), LATER, "added"),
    Case(True, {}, *HELD, "unchanged"),
    Case(True, {"role": "a"}, *HELD, "unchanged"),
    Case(True, {"role": "b"}, "b", ("p",), NOON, "updated"),
    Case(True, {"permissions": ["p"]}, *HELD, "unchanged"),
    Case(True, {"permissions": ["p", "p"]}, "a", ("p", "p"), NOON, "updated"),
    Case(True, {"permissions": ['"quoted, \\ and spaced"', "NULL", "{}"]}, "a",
         ('"quoted, \\ and spaced"', "NULL", "{}"), NOON, "updated"),
    Case(True, {"permissions": ()}, "a", (), NOON, "updated"),
    Case(True, {"joined_at": NOON.astimezone(TOKYO)}, *HELD, "unchanged"),
    Case(True, {"joined_at": LATER}, "a", ("p",), LATER, "updated"),
    Case(True, {"role": "a", "permissions": ["p"], "joined_at": NOON}, *HELD, "unchanged"),
    Case(True, {"role": "a", "permissions": ["p"], "joined_at": LATER}, "a", ("p",), LATER, "updated"),
]  # fmt: skip
UPDATES = [case for case in CASES if case.held]


def case_name(case: Case) -> str:
    return f"{'held' if case.held else 'new'} {'+'.join(case.given) or 'plain'} {case.outcome}"


class Mix(NamedTuple):
    """All cases at once: the records of each, those held that are not named, and the links to ask for."""

    source: Any
    records: list[Any]
    aside: list[Any]
    links: list[Any]

    def named(self, *outcomes: str, cases: list[Case]) -> tuple[UUID, ...]:
        return tuple(record.id for record, case in zip(self.records, cases, strict=True) if case.outcome in outcomes)


def mix(call: World, end: End, source: Any, cases: list[Case]) -> Mix:
    records, aside = end.make_far(call, len(cases)), end.make_far(call, 3)
    hold(call, end, source, [record for record, case in zip(records, cases, strict=True) if case.held] + aside)
    links: list[Any] = [Link(record, **case.given) for record, case in zip(records, cases, strict=True)]
    # Named once more, with other attributes: the first counts.
    return Mix(source, records, aside, [*links, *(Link(record.id, role="twice") for record in records)])


def expectation(mixed: Mix, cases: list[Case], now: datetime) -> dict[UUID, Attributes]:
    return {record.id: case.expected(now) for record, case in zip(mixed.records, cases, strict=True)}


class TestAppend:
    @pytest.mark.parametrize("case", CASES, ids=case_name)
    def test_with_update_takes_what_is_given(
        self, call: World, end: End, source: Any, other: Any, far: list[Any], case: Case
    ) -> None:
        record = far[0]
        hold(call, end, other, far)
        hold(call, end, source, [record] * case.held + far[1:3])
        changes = call(end.relation.append, source, [Link(record, **case.given)], on_match="update")
        assert changes == Changes(**{case.outcome: (record.id,)})
        assert bool(changes) is (case.outcome != "unchanged")
        aside = dict.fromkeys(ids(far[1:3]), HELD)
        assert end.links(call, source) == {record.id: case.expected(now(call)), **aside}
        assert end.links(call, other) == dict.fromkeys(ids(far), HELD)

    @pytest.mark.parametrize("case", [case for case in CASES if case.given], ids=case_name)
    def test_attributes_for_all_links_come_as_keywords(
        self, call: World, end: End, source: Any, far: list[Any], case: Case
    ) -> None:
        if case.held:
            hold(call, end, source, far[:3])
        changes = call(end.relation.append, source, far[:3], on_match="update", **case.given)
        assert changes == Changes(**{case.outcome: ids(far[:3])})
        assert end.links(call, source) == dict.fromkeys(ids(far[:3]), case.expected(now(call)))

    def test_the_cases_may_come_mixed(self, call: World, end: End, source: Any) -> None:
        mixed = mix(call, end, source, CASES)
        before = end.versions(call, source)
        changes = call(end.relation.append, source, mixed.links, on_match="update")
        assert changes == Changes(
            added=mixed.named("added", cases=CASES),
            updated=mixed.named("updated", cases=CASES),
            unchanged=mixed.named("unchanged", cases=CASES),
        )
        aside = dict.fromkeys(ids(mixed.aside), HELD)
        assert end.links(call, source) == expectation(mixed, CASES, now(call)) | aside
        after = end.versions(call, source)
        assert {far for far in before if after[far] != before[far]} == set(changes.updated)
        again = call(end.relation.append, source, mixed.links, on_match="update")
        assert again == Changes(unchanged=ids(mixed.records))
        assert end.versions(call, source) == after

    def test_ignores_links_that_exist_unless_told_otherwise(self, call: World, end: End, source: Any) -> None:
        mixed = mix(call, end, source, CASES)
        before = end.versions(call, source)
        changes = call(end.relation.append, source, mixed.links)
        held = mixed.named("updated", "unchanged", cases=CASES)
        assert changes == Changes(added=mixed.named("added", cases=CASES), unchanged=held)
        wanted = expectation(mixed, CASES, now(call)) | dict.fromkeys((*held, *ids(mixed.aside)), HELD)
        assert end.links(call, source) == wanted
        assert end.versions(call, source).items() >= before.items()
        assert call(end.relation.append, source, mixed.links, on_match="ignore") == Changes(
            unchanged=ids(mixed.records)
        )

    def test_with_error_names_all_links_that_exist_and_writes_nothing(self, call: World, end: End, source: Any) -> None:
        mixed = mix(call, end, source, CASES)
        before = end.links(call, source)
        with pytest.raises(AlreadyExists) as caught:
            call(end.relation.append, source, mixed.links, on_match="error")
        assert caught.value.table == "user_aims"
        assert caught.value.constraint == "user_aims_pkey"
        assert_named(caught.value.ids, mixed.named("updated", "unchanged", cases=CASES))
        assert end.links(call, source) == before

    def test_with_error_adds_what_is_new(self, call: World, end: End, source: Any, far: list[Any]) -> None:
        links: list[Any] = [far[0], Link(far[1], role="b"), far[0]]
        assert call(end.relation.append, source, links, on_match="error") == Changes(added=ids(far[:2]))
        by_default = ("member", (), now(call))
        assert end.links(call, source) == {far[0].id: by_default, far[1].id: ("b", (), now(call))}

    def test_own_attributes_come_before_those_of_all(self, call: World, end: End, source: Any, far: list[Any]) -> None:
        links: list[Any] = [
            far[0],
            Link(far[1], role="own"),
            Link(far[2], permissions=[]),
            Link(far[3], joined_at=NOON),
        ]
        drawn: Any = iter(["x"])
        call(end.relation.append, source, links, role="all", permissions=drawn, joined_at=LATER)
        assert end.links(call, source) == {
            far[0].id: ("all", ("x",), LATER),
            far[1].id: ("own", ("x",), LATER),
            far[2].id: ("all", (), LATER),
            far[3].id: ("all", ("x",), NOON),
        }

    def test_hundreds_at_once_in_any_order(self, call: World, end: End, source: Any) -> None:
        records = end.make_far(call, 700)
        hold(call, end, source, records[100:200])
        changes = call(end.relation.append, source, records)
        assert changes == Changes(added=ids(records[:100] + records[200:]), unchanged=ids(records[100:200]))
        assert len(end.links(call, source)) == 700


class TestReplace:
    @pytest.mark.parametrize("case", CASES, ids=case_name)
    def test_leaves_exactly_what_is_asked(
        self, call: World, end: End, source: Any, other: Any, far: list[Any], case: Case
    ) -> None:
        record, *rest = far
        hold(call, end, other, far)
        hold(call, end, source, [record] * case.held + rest)
        changes = call(end.relation.replace, source, [Link(record, **case.given)])
        assert changes == Changes(**{case.outcome: (record.id,)}, removed=tuple(sorted(ids(rest))))
        assert end.links(call, source) == {record.id: case.expected(now(call))}
        assert end.links(call, other) == dict.fromkeys(ids(far), HELD)

    def test_the_cases_may_come_mixed(self, call: World, end: End, source: Any) -> None:
        mixed = mix(call, end, source, CASES)
        before = end.versions(call, source)
        changes = call(end.relation.replace, source, mixed.links)
        assert changes == Changes(
            added=mixed.named("added", cases=CASES),
            updated=mixed.named("updated", cases=CASES),
            unchanged=mixed.named("unchanged", cases=CASES),
            removed=tuple(sorted(ids(mixed.aside))),
        )
        assert end.links(call, source) == expectation(mixed, CASES, now(call))
        after = end.versions(call, source)
        assert {far for far in before if far in after and after[far] != before[far]} == set(changes.updated)
        assert call(end.relation.replace, source, mixed.links) == Changes(unchanged=ids(mixed.records))
        assert end.versions(call, source) == after

    def test_may_leave_the_attributes_of_survivors_alone(self, call: World, end: End, source: Any) -> None:
        mixed = mix(call, end, source, CASES)
        changes = call(end.relation.replace, source, mixed.links, on_match="ignore")
        held = mixed.named("updated", "unchanged", cases=CASES)
        removed = tuple(sorted(ids(mixed.aside)))
        assert changes == Changes(added=mixed.named("added", cases=CASES), unchanged=held, removed=removed)
        assert end.links(call, source) == expectation(mixed, CASES, now(call)) | dict.fromkeys(held, HELD)

    def test_with_error_refuses_survivors_and_removes_nothing(
        self, call: World, end: End, source: Any, far: list[Any]
    ) -> None:
        hold(call, end, source, far[:4])
        with pytest.raises(AlreadyExists) as caught:
            call(end.relation.replace, source, far[2:6], on_match="error")
        assert set(caught.value.ids) == set(ids(far[2:4]))
        assert caught.value.table == "user_aims"
        assert end.links(call, source) == dict.fromkeys(ids(far[:4]), HELD)
        changes = call(end.relation.replace, source, far[4:6], on_match="error")
        assert changes == Changes(added=ids(far[4:6]), removed=tuple(sorted(ids(far[:4]))))

    def test_by_nothing_empties(self, call: World, end: End, source: Any, other: Any, far: list[Any]) -> None:
        hold(call, end, source, far)
        hold(call, end, other, far)
        assert call(end.relation.replace, source, []) == Changes(removed=tuple(sorted(ids(far))))
        assert call(end.relation.replace, source, iter(())) == Changes()
        assert end.links(call, source) == {}
        assert len(end.links(call, other)) == len(far)

    def test_without_links_before_is_an_append(self, call: World, end: End, source: Any, far: list[Any]) -> None:
        assert call(end.relation.replace, source, far, role="b") == Changes(added=ids(far))
        assert end.links(call, source) == dict.fromkeys(ids(far), ("b", (), now(call)))


class TestRemove:
    def test_says_what_was_linked(self, call: World, end: End, source: Any, other: Any, far: list[Any]) -> None:
        hold(call, end, source, far[:5])
        hold(call, end, other, far)
        asked: list[Any] = [far[4], far[6], far[1].id, str(far[0].id), far[4], uuid4()]
        removed = tuple(sorted(ids([far[4], far[1], far[0]])))
        assert call(end.relation.remove, source, asked) == Changes(removed=removed)
        assert set(end.links(call, source)) == set(ids(far[2:4]))
        assert call(end.relation.remove, source, asked) == Changes()
        assert len(end.links(call, other)) == len(far)

    def test_of_a_source_that_is_not_there_removes_nothing(self, call: World, end: End, far: list[Any]) -> None:
        assert call(end.relation.remove, uuid4(), far) == Changes()
        assert call(end.relation.clear, uuid4()) == Changes()

    def test_clear_unlinks_everything(self, call: World, end: End, source: Any, other: Any, far: list[Any]) -> None:
        hold(call, end, source, far)
        hold(call, end, other, far)
        assert call(end.relation.clear, source) == Changes(removed=tuple(sorted(ids(far))))
        assert call(end.relation.clear, source.id) == Changes()
        assert end.links(call, source) == {}
        assert len(end.links(call, other)) == len(far)
        assert len(call(end.far.find_many, far)) == len(far)


class TestUpdate:
    @pytest.mark.parametrize("case", UPDATES, ids=case_name)
    def test_takes_what_is_given(
        self, call: World, end: End, source: Any, other: Any, far: list[Any], case: Case
    ) -> None:
        hold(call, end, source, far)
        hold(call, end, other, far)
        changes = call(end.relation.update, source, [Link(far[0], **case.given)])
        assert changes == Changes(**{case.outcome: (far[0].id,)})
        assert end.links(call, source) == {**dict.fromkeys(ids(far), HELD), far[0].id: case.expected(NOON)}
        assert end.links(call, other) == dict.fromkeys(ids(far), HELD)

    @pytest.mark.parametrize("case", [case for case in UPDATES if case.given], ids=case_name)
    def test_attributes_for_all_links_come_as_keywords(
        self, call: World, end: End, source: Any, far: list[Any], case: Case
    ) -> None:
        hold(call, end, source, far)
        changes = call(end.relation.update, source, far, **case.given)
        assert changes == Changes(**{case.outcome: ids(far)})
        assert end.links(call, source) == dict.fromkeys(ids(far), case.expected(NOON))

    def test_the_cases_may_come_mixed(self, call: World, end: End, source: Any) -> None:
        mixed = mix(call, end, source, UPDATES)
        before = end.versions(call, source)
        changes = call(end.relation.update, source, mixed.links)
        assert changes == Changes(
            updated=mixed.named("updated", cases=UPDATES), unchanged=mixed.named("unchanged", cases=UPDATES)
        )
        aside = dict.fromkeys(ids(mixed.aside), HELD)
        assert end.links(call, source) == expectation(mixed, UPDATES, NOON) | aside
        after = end.versions(call, source)
        assert {far for far in before if after[far] != before[far]} == set(changes.updated)

    def test_names_all_links_that_are_not_there_and_changes_nothing(
        self, call: World, end: End, source: Any, far: list[Any]
    ) -> None:
        hold(call, end, source, far[:3])
        nothing = uuid4()
        with pytest.raises(NotFound) as caught:
            call(end.relation.update, source, [far[5], far[0], nothing, far[4].id, far[5]], role="b")
        assert caught.value.table == "user_aims"
        assert_named(caught.value.ids, [far[5].id, nothing, far[4].id])
        assert end.links(call, source) == dict.fromkeys(ids(far[:3]), HELD)
        assert call(end.relation.update, source, far[:3], role="b") == Changes(updated=ids(far[:3]))

    def test_without_attributes_still_finds_what_is_not_there(
        self, call: World, end: End, source: Any, far: list[Any]
    ) -> None:
        hold(call, end, source, far[:1])
        assert call(end.relation.update, source, far[:1]) == Changes(unchanged=ids(far[:1]))
        with pytest.raises(NotFound) as caught:
            call(end.relation.update, source, far[:2])
        assert caught.value.ids == (far[1].id,)

    def test_of_a_source_that_is_not_there_names_its_links(self, call: World, end: End, far: list[Any]) -> None:
        with pytest.raises(NotFound) as caught:
            call(end.relation.update, uuid4(), far[:2], role="b")
        assert set(caught.value.ids) == set(ids(far[:2]))


@pytest.mark.parametrize("end", ENDS, ids=lambda end: end.name)
def test_an_unchanged_row_is_never_written_again(committed: World, end: End) -> None:
    """Each call is a transaction of its own here: xmin tells which of them wrote a row."""
    (source,), far = end.make_sources(committed, 1), end.make_far(committed, 4)
    hold(committed, end, source, far)
    before = end.versions(committed, source)
    same: list[Any] = [far[0], Link(far[1], role="a"), Link(far[2], permissions=["p"]), Link(far[3], joined_at=NOON)]
    operations: list[Any] = [end.relation.append, end.relation.replace, end.relation.update]
    for operation in operations:
        assert committed(operation, source, same) == Changes(unchanged=ids(far))
        assert committed(operation, source, far, role="a", permissions=["p"], joined_at=NOON) == Changes(
            unchanged=ids(far)
        )
    assert committed(end.relation.append, source, same, on_match="update") == Changes(unchanged=ids(far))
    assert committed(end.relation.remove, source, [uuid4()]) == Changes()
    assert end.versions(committed, source) == before
    committed(end.relation.replace, source, [*far[:3], Link(far[3], role="b")])
    after = end.versions(committed, source)
    assert {id for id in before if before[id] != after[id]} == {far[3].id}


class TestInput:
    """What may stand for a source, a record or a collection."""

    @pytest.mark.parametrize("operation", ["append", "replace", "update", "remove"])
    def test_records_ids_texts_links_and_generators(
        self, call: World, end: End, source: Any, far: list[Any], operation: str
    ) -> None:
        if operation in {"update", "remove"}:
            hold(call, end, source, far[:6])
        spelt: list[Any] = [
            far[0], far[1].id, str(far[2].id), str(far[3].id).upper(), far[4].id.hex, f"{{{far[5].id}}}",
        ]  # fmt: skip
        run: Any = getattr(end.relation, operation)
        asked = spelt if operation == "remove" else [*spelt[:4], Link(spelt[4]), Link(spelt[5])]
        sources: list[Any] = [source, source.id, str(source.id)]
        call(run, sources[0], (one for one in asked))
        assert set(end.links(call, source)) == (set() if operation == "remove" else set(ids(far[:6])))
        for again in sources[1:]:
            assert not call(run, again, iter(asked))

    @pytest.mark.parametrize("kind", [list, tuple, set, frozenset, deque, iter])
    def test_any_collection(
        self, call: World, end: End, source: Any, far: list[Any], kind: Callable[[list[UUID]], Any]
    ) -> None:
        changes = call(end.relation.append, source, kind([record.id for record in far]))
        assert set(changes.added) == set(ids(far))

    def test_input_order_is_output_order(self, call: World, end: End, source: Any, far: list[Any]) -> None:
        asked = [far[n] for n in (5, 0, 7, 3, 5, 1, 0)]
        named = ids([far[n] for n in (5, 0, 7, 3, 1)])
        assert call(end.relation.append, source, asked).added == named
        assert call(end.relation.append, source, asked).unchanged == named
        assert call(end.relation.update, source, asked, role="b").updated == named
        assert call(end.relation.replace, source, asked[::-1]).unchanged == ids([far[n] for n in (0, 1, 5, 3, 7)])

    def test_the_collection_is_consumed_before_anything_is_written(
        self, call: World, end: End, source: Any, far: list[Any]
    ) -> None:
        class OutOfInputError(Exception): ...

        def links() -> Iterator[Any]:
            yield far[0]
            raise OutOfInputError

        hold(call, end, source, far[1:3])
        operations: list[Any] = [end.relation.append, end.relation.replace, end.relation.remove, end.relation.update]
        for operation in operations:
            with pytest.raises(OutOfInputError):
                call(operation, source, links())
        assert end.links(call, source) == dict.fromkeys(ids(far[1:3]), HELD)

    def test_a_bare_text_is_no_collection(self, call: World, end: End, source: Any, far: list[Any]) -> None:
        for operation in ("append", "replace", "remove", "update"):
            with pytest.raises(InvalidValue):
                call(getattr(end.relation, operation), source, str(far[0].id))

    def test_nothing_to_do_sends_nothing(self, end: End, database: str) -> None:
        """Shown by a connection that is closed."""
        with psycopg.connect(database) as closed:
            pass
        for operation in ("append", "remove", "update"):
            run: Any = getattr(end.relation, operation)
            assert run.call(uuid4(), []).statements == ()
            assert run(closed, uuid4(), iter(())) == Changes()
        assert end.relation.append(closed, uuid4(), [], on_match="error") == Changes()
        assert end.relation.create(closed, uuid4(), []) == []
        assert end.relation.replace.call(uuid4(), []).statements
        assert end.relation.direct_control.call(uuid4(), []).statements

    def test_wrong_arguments_are_found_even_when_there_is_nothing_to_do(self, end: End) -> None:
        wrong: Any = end.relation.append.call
        with pytest.raises(InvalidValue):
            wrong("not an id", [])
        with pytest.raises(InvalidValue):
            wrong(uuid4(), [], on_match="sometimes")
        with pytest.raises(InvalidValue):
            wrong(uuid4(), [], role="")


class TestBrokenReference:
    @pytest.mark.parametrize("operation", ["append", "replace"])
    @pytest.mark.parametrize("on_match", ["ignore", "update", "error"])
    def test_names_everything_that_is_missing_and_nothing_is_written(
        self, call: World, end: End, source: Any, far: list[Any], operation: str, on_match: str
    ) -> None:
        hold(call, end, source, far[:2])
        one, two = uuid4(), uuid4()
        run: Any = getattr(end.relation, operation)
        with pytest.raises(BrokenReference) as caught:
            call(run, source, [far[5], two, Link(one, role="b"), far[6], two], on_match=on_match, role="c")
        assert end.missing(caught.value) == ((), tuple(sorted([one, two])))
        assert end.links(call, source) == dict.fromkeys(ids(far[:2]), HELD)
        call(run, source, [far[5]])
        assert far[5].id in end.links(call, source)

    @pytest.mark.parametrize("operation", ["append", "replace"])
    def test_names_both_sides(self, call: World, end: End, far: list[Any], operation: str) -> None:
        source, one, two = uuid4(), uuid4(), uuid4()
        run: Any = getattr(end.relation, operation)
        with pytest.raises(BrokenReference) as caught:
            call(run, source, [one, far[0], two])
        assert end.missing(caught.value) == ((source,), tuple(sorted([one, two])))
        with pytest.raises(BrokenReference) as caught:
            call(run, source, far)
        assert end.missing(caught.value) == ((source,), ())
        assert call.execute("SELECT count(*) FROM user_aims") == [(0,)]

    def test_of_a_missing_source_that_shall_have_nothing(self, call: World, end: End) -> None:
        source = uuid4()
        operations: list[Any] = [end.relation.replace, end.relation.direct_control]
        for operation in operations:
            with pytest.raises(BrokenReference) as caught:
                call(operation, source, [])
            assert end.missing(caught.value) == ((source,), ())

    def test_ids_of_the_wrong_end_are_missing(self, call: World, end: End, source: Any, far: list[Any]) -> None:
        with pytest.raises(BrokenReference) as caught:
            call(end.relation.append, far[0].id, [source.id])
        assert end.missing(caught.value) == ((far[0].id,), (source.id,))

    def test_hundreds_are_all_named(self, call: World, end: End, source: Any, far: list[Any]) -> None:
        gone = [uuid4() for _ in range(300)]
        with pytest.raises(BrokenReference) as caught:
            call(end.relation.append, source, [*gone[:150], *far, *gone[150:]])
        assert end.missing(caught.value) == ((), tuple(sorted(gone)))
        assert end.links(call, source) == {}


class TestCreate:
    def test_creates_and_links_in_input_order(self, call: World, end: End, source: Any) -> None:
        chosen = sorted((uuid4() for _ in range(4)), reverse=True)
        new = [end.new(f"n{n}", id) for n, id in enumerate([*chosen, None])]
        made = call(end.relation.create, source, iter(new))
        assert [end.labelled(one.record) for one in made] == ["n0", "n1", "n2", "n3", "n4"]
        assert [one.record.id for one in made[:4]] == chosen
        moment = now(call)
        assert made == [Linked(one.record, "member", (), moment) for one in made]
        assert list(call(end.far.find_many, [one.record for one in made]).values()) == [one.record for one in made]
        assert end.links(call, source) == {one.record.id: ("member", (), moment) for one in made}

    def test_the_links_take_attributes(self, call: World, end: End, source: Any) -> None:
        made = call(end.relation.create, source, [end.new("n")], role="b", permissions={"y", "x"}, joined_at=NOON)
        assert made == [Linked(made[0].record, "b", ("x", "y"), NOON)]
        assert call(end.relation.of, source) == made

    def test_joins_what_is_linked_already(self, call: World, end: End, source: Any, far: list[Any]) -> None:
        hold(call, end, source, far)
        made = call(end.relation.create, source, [end.new("n")])
        assert set(end.links(call, source)) == {made[0].record.id, *ids(far)}

    def test_for_a_missing_source_creates_nothing(self, call: World, end: End) -> None:
        source, new = uuid4(), uuid4()
        with pytest.raises(BrokenReference) as caught:
            call(end.relation.create, source, [end.new("n", new)])
        assert end.missing(caught.value) == ((source,), ())
        assert call(end.far.find, new) is None

    def test_is_all_or_nothing(self, call: World, end: End, source: Any, far: list[Any]) -> None:
        new = uuid4()
        with pytest.raises(AlreadyExists) as caught:
            call(end.relation.create, source, [end.new("n", new), end.new("m", far[0].id), end.new("o", far[1].id)])
        assert set(caught.value.ids) == set(ids(far[:2]))
        assert caught.value.constraint == f"{end.name.split('.')[1]}_pkey"
        assert call(end.far.find, new) is None
        assert end.links(call, source) == {}
        with pytest.raises(AlreadyExists) as caught:
            call(end.relation.create, source, [end.new("n", new), end.new("m", new)])
        assert caught.value.ids == (new,)
        assert len(call(end.relation.create, source, [end.new("n", new)])) == 1

    def test_an_email_address_that_is_taken(self, call: World) -> None:
        (aim,), people = make(call, aims, 1), make(call, users, 2)
        taken = [NewUser(person.email.upper(), "Again") for person in people]
        with pytest.raises(AlreadyExists) as caught:
            call(aims.users.create, aim, [NewUser("new@example.org", "New"), *taken])
        assert (caught.value.constraint, set(caught.value.ids)) == ("users_email_key", set(ids(people)))
        assert call(users.find_by_email, "new@example.org") is None
        with pytest.raises(AlreadyExists):
            call(aims.users.create, aim, [NewUser("new@example.org", "New"), NewUser("NEW@example.org", "Twice")])
        assert AIMS_USERS.links(call, aim) == {}


class TestDirectControl:
    def test_creates_edits_keeps_and_deletes(
        self, call: World, end: End, source: Any, other: Any, far: list[Any]
    ) -> None:
        edited, kept, named, gone, outside = far[:5]
        hold(call, end, source, [edited, kept, named, gone])
        hold(call, end, other, far[:5])
        new = uuid4()
        items = [named.id, end.new("new", new), end.edit(edited, "edited"), kept, str(named.id)]
        changes = call(end.relation.direct_control, source, iter(items))
        assert changes == Changes((new,), (edited.id,), (named.id, kept.id), (gone.id,))
        assert end.links(call, source) == {new: ("member", (), now(call))} | dict.fromkeys(
            ids([edited, kept, named]), HELD
        )
        # Deleted for good, with the links that others had to it; everything else of theirs stays.
        assert call(end.far.find, gone) is None
        assert set(end.links(call, other)) == set(ids([edited, kept, named, outside]))
        assert end.labelled(call(end.far.get, edited)) == "edited"
        assert end.labelled(call(end.far.get, new)) == "new"
        assert [call(end.far.get, one) for one in (kept, named, outside)] == [kept, named, outside]

    def test_of_what_is_so_already_changes_nothing(self, call: World, end: End, source: Any, far: list[Any]) -> None:
        hold(call, end, source, far[:2])
        versions = end.versions(call, source)
        items = [end.edit(far[1], end.labelled(far[1])), far[0]]
        assert call(end.relation.direct_control, source, items) == Changes(unchanged=(far[1].id, far[0].id))
        assert end.versions(call, source) == versions
        assert [call(end.far.get, one) for one in far[:2]] == far[:2]

    def test_by_nothing_deletes_all(self, call: World, end: End, source: Any, far: list[Any]) -> None:
        hold(call, end, source, far[:3])
        changes = call(end.relation.direct_control, source, [])
        assert changes == Changes(removed=tuple(sorted(ids(far[:3]))))
        assert set(call(end.far.find_many, far)) == set(ids(far[3:]))
        assert call(end.sources.exists, source)

    def test_the_first_of_equals_counts(self, call: World, end: End, source: Any, far: list[Any]) -> None:
        hold(call, end, source, far[:2])
        items = [end.edit(far[0], "first"), far[1], end.edit(far[0], "second"), far[0], end.edit(far[1], "late")]
        assert call(end.relation.direct_control, source, items) == Changes((), (far[0].id,), (far[1].id,))
        assert end.labelled(call(end.far.get, far[0])) == "first"

    def test_names_all_that_exist_nowhere(self, call: World, end: End, source: Any, far: list[Any]) -> None:
        hold(call, end, source, far[:2])
        one, two, new = uuid4(), uuid4(), uuid4()
        items = [end.edit(far[0], "edited"), two, end.edit(one, "x"), end.new("n", new), far[5]]
        with pytest.raises(BrokenReference) as caught:
            call(end.relation.direct_control, source, items)
        assert end.missing(caught.value) == ((), tuple(sorted([one, two])))
        with pytest.raises(BrokenReference) as caught:
            call(end.relation.direct_control, new, [one, end.new("n", two)])
        assert end.missing(caught.value) == ((new,), (one,))
        self.untouched(call, end, source, far, new, two)

    def test_names_all_that_are_not_linked(self, call: World, end: End, source: Any, far: list[Any]) -> None:
        hold(call, end, source, far[:2])
        new = uuid4()
        items = [end.edit(far[0], "edited"), far[5], end.new("n", new), end.edit(far[4], "x")]
        with pytest.raises(NotFound) as caught:
            call(end.relation.direct_control, source, items)
        assert caught.value.table == "user_aims"
        assert set(caught.value.ids) == set(ids(far[4:6]))
        self.untouched(call, end, source, far, new)

    def test_an_id_that_is_taken(self, call: World, end: End, source: Any, far: list[Any]) -> None:
        hold(call, end, source, far[:2])
        new = uuid4()
        with pytest.raises(AlreadyExists) as caught:
            call(end.relation.direct_control, source, [end.new("n", new), end.new("m", far[5].id), far[0]])
        assert caught.value.ids == (far[5].id,)
        with pytest.raises(AlreadyExists) as caught:
            call(end.relation.direct_control, source, [end.new("m", far[0].id), far[0]])
        assert caught.value.ids == (far[0].id,)
        self.untouched(call, end, source, far, new)

    def untouched(self, call: World, end: End, source: Any, far: list[Any], *not_made: UUID) -> None:
        """Nothing is written, and the transaction goes on."""
        assert list(call(end.far.find_many, far).values()) == far
        assert end.links(call, source) == dict.fromkeys(ids(far[:2]), HELD)
        assert call(end.far.find_many, not_made) == {}

    def test_edits_change_only_what_they_give(self, call: World) -> None:
        ana = call(users.create, email="ana@example.org", name="Ana")
        run = call(aims.create, title="Run", description="x")
        call(users.aims.append, ana, [run])
        call(users.aims.direct_control, ana, [EditAim(run, title="Jog")])
        assert (call(aims.get, run).title, call(aims.get, run).description) == ("Jog", "x")
        call(users.aims.direct_control, ana, [EditAim(run.id, description="")])
        assert (call(aims.get, run).title, call(aims.get, run).description) == ("Jog", "")
        call(aims.users.direct_control, run, [EditUser(ana.id, email="ANA@example.org")])
        assert (call(users.get, ana).name, call(users.get, ana).email) == ("Ana", "ANA@example.org")
        assert call(aims.users.direct_control, run, [EditUser(ana)]) == Changes(unchanged=(ana.id,))

    def test_updated_at_moves_only_when_a_value_changes(self, committed: World) -> None:
        (ana,), (run, read) = make(committed, users, 1), make(committed, aims, 2)
        committed(users.aims.append, ana, [run, read])
        committed(users.aims.direct_control, ana, [EditAim(run, title="Jog"), EditAim(read, title=read.title)])
        assert committed(aims.get, run).updated_at > run.updated_at
        assert committed(aims.get, read) == read


Items: TypeAlias = Callable[[Any, Any, Any], list[Any]]
TAKEN: list[tuple[Items, str]] = [
    (lambda ana, bo, cy: [ana, bo, NewUser("CY@example.org", "Again")], "c"),
    (lambda ana, bo, cy: [ana, EditUser(bo, email="Cy@example.org")], "c"),
    (lambda ana, bo, cy: [ana, EditUser(bo, email="ANA@example.org")], "a"),
    (lambda ana, bo, cy: [bo, NewUser("ana@example.org", "In place of one that goes")], "a"),
    (lambda ana, bo, cy: [EditUser(ana, email=bo.email), EditUser(bo, email=ana.email)], "ab"),
    (lambda ana, bo, cy: [EditUser(ana, email="x@example.org"), NewUser("ana@example.org", "N")], "a"),
    (lambda ana, bo, cy: [EditUser(ana, email=cy.email), bo, NewUser(bo.email.upper(), "N")], "bc"),
]
"""Items for users of whom ana and bo are linked and cy is not, and who holds an address already."""
COLLIDING: list[Items] = [
    lambda ana, bo, cy: [ana, bo, NewUser("new@example.org", "N"), NewUser("NEW@example.org", "M")],
    lambda ana, bo, cy: [EditUser(ana, email="new@example.org"), EditUser(bo, email="New@example.org")],
    lambda ana, bo, cy: [ana, EditUser(bo, email="new@example.org"), NewUser("NEW@example.org", "M")],
]


class TestEmailConflicts:
    """`direct_control` of the users of an aim: addresses that others have when the call starts are taken."""

    @pytest.fixture
    def aim(self, call: World) -> Any:
        return make(call, aims, 1)[0]

    @pytest.fixture
    def crew(self, call: World, aim: Any) -> list[Any]:
        """Three users: the first two are linked, the third is not."""
        people = call(users.create_many, [NewUser(f"{name}@example.org", name) for name in ("ana", "bo", "cy")])
        call(aims.users.append, aim, people[:2])
        return people

    @pytest.mark.parametrize(("items", "holders"), TAKEN)
    def test_name_the_holders(self, call: World, aim: Any, crew: list[Any], items: Items, holders: str) -> None:
        with pytest.raises(AlreadyExists) as caught:
            call(aims.users.direct_control, aim, items(*crew))
        assert caught.value.constraint == "users_email_key"
        assert set(caught.value.ids) == {crew["abc".index(one)].id for one in holders}
        self.untouched(call, aim, crew)

    @pytest.mark.parametrize("items", COLLIDING)
    def test_between_the_items_themselves(self, call: World, aim: Any, crew: list[Any], items: Items) -> None:
        with pytest.raises(AlreadyExists) as caught:
            call(aims.users.direct_control, aim, items(*crew))
        assert caught.value.constraint == "users_email_key"
        self.untouched(call, aim, crew)

    def untouched(self, call: World, aim: Any, crew: list[Any]) -> None:
        assert list(call(users.find_many, crew).values()) == crew
        assert set(AIMS_USERS.links(call, aim)) == set(ids(crew[:2]))
        assert call(users.count) == len(crew)

    def test_ones_own_address_may_be_spelt_anew(self, call: World, aim: Any, crew: list[Any]) -> None:
        ana, bo, _ = crew
        items = [EditUser(ana, email="ANA@example.org"), EditUser(bo, email=bo.email)]
        changes = call(aims.users.direct_control, aim, items)
        assert changes == Changes(updated=(ana.id,), unchanged=(bo.id,))
        assert call(users.get, ana).email == "ANA@example.org"


def test_what_one_end_writes_the_other_reads(call: World) -> None:
    people, goals = make(call, users, 3), make(call, aims, 3)
    call(users.aims.append, people[0], goals, role="a")
    assert call(aims.users.append, goals[0], people, role="b") == Changes(
        added=ids(people[1:]), unchanged=(people[0].id,)
    )
    assert call(aims.users.replace, goals[1], people[1:]) == Changes(added=ids(people[1:]), removed=(people[0].id,))
    assert set(USERS_AIMS.links(call, people[0])) == {goals[0].id, goals[2].id}
    assert call(users.aims.update, people[1], [goals[0]], role="c") == Changes(updated=(goals[0].id,))
    assert AIMS_USERS.links(call, goals[0])[people[1].id][0] == "c"
    created = call(users.aims.create, people[2], [NewAim("New")])[0].record
    assert call(aims.users.clear, created) == Changes(removed=(people[2].id,))
    assert call(aims.exists, created)
