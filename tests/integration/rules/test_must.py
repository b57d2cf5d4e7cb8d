"""`must=`: what shall hold for the source after a write; the write without it says what that will be."""

import pickle
from itertools import product
from typing import Any, cast

import pytest

from tests.ends import End, ids
from tests.integration.rules.demands import NAMES, OWNERS, counted, held, holds, outcome, rules, writes
from tests.worlds import World
from useraim import AlreadyExists, BrokenReference, InvalidValue, RuleBroken
from useraim.ids import new_id
from useraim.values import AllOf, AnyOf, Condition, CountBetween, Link, LinkFilter, NoneOf


@pytest.mark.parametrize("name", NAMES)
def test_a_write_happens_where_its_rule_holds_afterwards_and_else_not_at_all(
    call: World, end: End, source: Any, other: Any, far: list[Any], name: str
) -> None:
    before = held(call, end, source, far)
    call(end.relation.append, other, far[2:], role="owner")
    write = writes(end, far)[name]
    after = outcome(call, end, source, write)
    seen = set[bool]()
    for rule in rules(far):
        call.execute("SAVEPOINT before")
        seen.add(holds(rule, after))
        if holds(rule, after):
            write(call, end, source, must=rule)
            assert len(end.links(call, source)) == len(after)
        else:
            with pytest.raises(RuleBroken) as caught:
                write(call, end, source, must=rule)
            assert caught.value.rule is rule
            assert caught.value.count == len(counted(rule, after))
            assert caught.value.ids == (source.id,)
            assert end.links(call, source) == before
        call.execute("ROLLBACK TO before")
    assert seen == {True, False}


def test_of_several_rules_the_first_that_breaks_is_named(call: World, end: End, source: Any, far: list[Any]) -> None:
    held(call, end, source, far)
    owner, seats = CountBetween(at_least=1, link=OWNERS), CountBetween(at_most=4)
    both: list[Condition[Any]] = [NoneOf([far[7]]), owner, seats]
    call(end.relation.append, source, far[3:4], must=iter(both))
    with pytest.raises(RuleBroken) as caught:
        call(end.relation.append, source, far[4:5], must=both)
    assert (caught.value.rule, caught.value.count) == (seats, 5)
    with pytest.raises(RuleBroken) as caught:
        call(end.relation.replace, source, [Link(far[0], role="guest"), *far[1:6]], must=both)
    assert (caught.value.rule, caught.value.count) == (owner, 0)
    assert len(end.links(call, source)) == 4


def test_a_rule_that_was_broken_before_refuses_too(call: World, end: End, source: Any, far: list[Any]) -> None:
    held(call, end, source, far)
    both: list[Any] = [end.relation.append, end.relation.remove]
    for write in both:
        with pytest.raises(RuleBroken):
            call(write, source, far[:1], must=CountBetween(at_most=1))
    assert call(end.relation.remove, source, far[1:3], must=CountBetween(at_most=1)).removed == ids(sorted_(far[1:3]))


def test_what_does_not_exist_is_said_before_rules(call: World, end: End, far: list[Any]) -> None:
    nobody = new_id()
    for write in (end.relation.append, end.relation.replace):
        with pytest.raises(BrokenReference):
            call(write, nobody, far, must=CountBetween(at_most=0))
    with pytest.raises(BrokenReference):
        call(end.relation.create, nobody, [end.new("x")], must=CountBetween(at_most=0))


def test_nothing_to_do_asks_for_no_rule(call: World, end: End, source: Any) -> None:
    assert not call(end.relation.append, source, [], must=CountBetween(at_least=1))
    assert end.relation.remove.call(source, [], must=CountBetween(at_least=1)).statements == ()


@pytest.mark.parametrize("wrong", [None, 1, "rule", [None], [AnyOf], {"a": 1}, [CountBetween(), "x"]])
def test_what_is_no_rule_is_refused_before_any_statement(call: World, end: End, source: Any, wrong: Any) -> None:
    for relation in (end.relation.clear, end.relation.append):
        arguments: list[Any] = [[source]] if relation is end.relation.append else []
        with pytest.raises(InvalidValue) as caught:
            relation.call(source, *arguments, must=wrong)
        assert caught.value.field == "must"
    with pytest.raises(InvalidValue):
        end.relation.clear.call(source, must=[CountBetween(at_least=n) for n in range(30)])
    with pytest.raises(InvalidValue):
        end.relation.clear.call(source, must=AllOf(["no uuid"]))


def sorted_(records: list[Any]) -> list[Any]:
    return sorted(records, key=lambda record: record.id)


def test_a_rule_that_always_holds_is_checked_like_any_other(end: End, source: Any, call: World) -> None:
    always: list[Any] = [
        CountBetween(link=cast("Any", 5)),
        AllOf([], link=cast("Any", "x")),
        NoneOf([], link=cast("Any", 5)),
    ]
    for rule in always:
        with pytest.raises(InvalidValue) as caught:
            end.relation.clear.call(source, must=rule)
        assert caught.value.field == "link"


def test_what_is_taken_is_said_before_a_rule_that_would_break(
    call: World, end: End, source: Any, far: list[Any]
) -> None:
    with pytest.raises(AlreadyExists) as caught:
        call(end.relation.create, source, [end.new("new", far[0].id)], must=CountBetween(at_most=0))
    assert caught.value.ids == (far[0].id,)


def test_a_broken_rule_is_told_in_short_and_pickles(call: World, end: End, source: Any, far: list[Any]) -> None:
    with pytest.raises(RuleBroken) as caught:
        call(end.relation.clear, source, must=AnyOf(far))
    assert len(repr(caught.value)) < 200
    again = pickle.loads(pickle.dumps(caught.value))
    assert (again.count, again.ids, len(again.rule.ids)) == (0, (source.id,), len(far))


def test_rules_of_all_shapes_take_bounded_memory(end: End, source: Any, call: World, far: list[Any]) -> None:
    from useraim.relation import writing

    links = [None, OWNERS, LinkFilter(permissions=["p"]), LinkFilter(roles=["a"], permissions=["p"])]
    one: list[Any] = [kind(far[:1], link) for kind in (AnyOf, NoneOf, AllOf) for link in links]
    for must in product(one, one, one):
        end.relation.append.call(source, far, must=must)
    assert writing._put.cache_info().currsize <= 512  # pyright: ignore[reportPrivateUsage]
