"""Every rule is one call, by the model and by the database."""

import random
from collections.abc import Callable
from datetime import datetime
from typing import Any

import psycopg
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.ends import AIMS_USERS, ENDS, USERS_AIMS, End
from tests.integration.model.given import END, GIVEN, LABELS, LINKS, NAMED, ON_MATCH, PERMISSIONS, PLACES, POOL, ROLES
from tests.integration.model.memory import NEWLY, Given, Model, Pair, Refused, T, attempt, named_by
from useraim import AlreadyExists, BrokenReference, Conflict, NotFound, user_aims
from useraim.core.operation import Operation
from useraim.ids import new_id
from useraim.values import Changes, Link, NewUserAim, UserAim


class Relation(RuleBasedStateMachine):
    """Every rule is one call: by the model, and by the database; both give the same, or refuse for the same reason."""

    conn: psycopg.Connection[Any]
    started: datetime

    @initialize(rows=st.lists(st.tuples(PLACES, PLACES, GIVEN), min_size=5, max_size=20))
    def start(self, rows: list[tuple[int, int, Given]]) -> None:
        self.conn.execute("DELETE FROM users")
        self.conn.execute("DELETE FROM aims")
        self.model = Model()
        self.counter = 0
        self.ids: dict[str, list[Any]] = {}
        for end in ENDS:
            self.ids[end.source_id] = [new_id() for _ in range(POOL + 1)]
            random.shuffle(self.ids[end.source_id])
            for id in self.ids[end.source_id][:POOL]:
                self.create_record(end, id)
        self.put_many([row for row in rows if POOL not in row[:2]], "update")

    def create_record(self, end: End, id: Any) -> None:
        label = self.fresh_label()
        opposite = AIMS_USERS if end is USERS_AIMS else USERS_AIMS
        end.sources.create_many(self.conn, [opposite.new(label, id)])
        self.model.records[end.source_id][id] = label

    def fresh_label(self) -> str:
        self.counter += 1
        return f"label {self.counter}"

    def same(self, expected: Callable[[], T], operation: Operation[..., Any], *args: Any, **kwargs: Any) -> T | None:
        """Let both do it, and compare; None when both refuse."""
        wanted, refused = attempt(expected)
        if refused:
            self.refuses(refused, operation, *args, **kwargs)
        else:
            assert operation(self.conn, *args, **kwargs) == wanted
        return wanted

    def refuses(self, refused: tuple[Any, ...], operation: Operation[..., Any], *args: Any, **kwargs: Any) -> None:
        kind, *named = refused
        with pytest.raises(kind) as caught:
            operation(self.conn, *args, **kwargs)
        assert not named or named_by(caught.value) == refused

    def source(self, end: End, place: int) -> Any:
        return self.ids[end.source_id][place]

    def far(self, end: End, place: int) -> Any:
        return self.ids[end.far_id][place]

    def wanted(self, end: End, links: list[tuple[int, Given]], common: Given) -> dict[Any, Given]:
        chosen: dict[Any, Given] = {}
        for place, own in links:
            chosen.setdefault(self.far(end, place), {**common, **own})
        return chosen

    def asked(self, end: End, links: list[tuple[int, Given]]) -> list[Any]:
        return [Link(self.far(end, place), **own) if own else self.far(end, place) for place, own in links]

    @rule(end=END, source=PLACES, links=LINKS, common=GIVEN, on_match=ON_MATCH)
    def append(self, end: End, source: int, links: list[Any], common: Given, on_match: Any) -> None:
        key, wanted = self.source(end, source), self.wanted(end, links, common)
        asked = self.asked(end, links)
        self.same(
            lambda: self.model.relate(end, key, wanted, on_match),
            end.relation.append, key, asked, on_match=on_match, **common,
        )  # fmt: skip

    @rule(end=END, source=PLACES, links=LINKS, common=GIVEN, on_match=ON_MATCH)
    def replace(self, end: End, source: int, links: list[Any], common: Given, on_match: Any) -> None:
        key, wanted = self.source(end, source), self.wanted(end, links, common)
        asked = self.asked(end, links)
        self.same(
            lambda: self.model.relate(end, key, wanted, on_match, replacing=True),
            end.relation.replace, key, asked, on_match=on_match, **common,
        )  # fmt: skip

    @rule(end=END, source=PLACES, links=LINKS, common=GIVEN)
    def update(self, end: End, source: int, links: list[Any], common: Given) -> None:
        key, wanted = self.source(end, source), self.wanted(end, links, common)
        self.same(
            lambda: self.model.update(end, key, wanted), end.relation.update, key, self.asked(end, links), **common
        )

    @rule(end=END, source=PLACES, common=GIVEN)
    def update_all(self, end: End, source: int, common: Given) -> None:
        key = self.source(end, source)
        held = list(self.model.of(end, key))
        wanted = dict.fromkeys(held, common)
        self.same(lambda: self.model.update(end, key, wanted), end.relation.update, key, held, **common)

    @rule(end=END, source=PLACES, named=NAMED)
    def remove(self, end: End, source: int, named: list[int]) -> None:
        key, far = self.source(end, source), [self.far(end, place) for place in named]
        self.same(lambda: Changes(removed=self.model.unlink(end, key, set(far))), end.relation.remove, key, iter(far))

    @precondition(lambda self: len(self.model.links) > POOL)
    @rule(end=END, source=PLACES)
    def clear(self, end: End, source: int) -> None:
        key = self.source(end, source)
        far = set(self.model.of(end, key))
        self.same(lambda: Changes(removed=self.model.unlink(end, key, far)), end.relation.clear, key)

    @rule(rows=st.lists(st.tuples(PLACES, PLACES, GIVEN), max_size=10), on_match=ON_MATCH)
    def put_many(self, rows: list[tuple[int, int, Given]], on_match: Any) -> None:
        keyed = [((self.ids["user_id"][user], self.ids["aim_id"][aim]), given) for user, aim, given in rows]
        wanted: dict[Pair, Given] = {}
        for pair, given in keyed:
            wanted.setdefault(pair, given)

        def expected() -> list[str]:
            self.model.check(list(wanted))
            outcomes = self.model.put(wanted, on_match)
            return [outcomes[pair] for pair, _ in keyed]

        asked = [NewUserAim(*pair, **given) for pair, given in keyed]
        self.same(expected, user_aims.put_many, asked, on_match=on_match)

    @rule(user=PLACES, aim=PLACES, given=GIVEN)
    def create_one(self, user: int, aim: int, given: Given) -> None:
        pair = (self.ids["user_id"][user], self.ids["aim_id"][aim])
        _, refused = attempt(lambda: self.model.create(pair, given))
        if refused:
            self.refuses(refused, user_aims.create, *pair, **given)
        else:
            assert self.with_time(pair, user_aims.create(self.conn, *pair, **given)) == self.row(pair)

    @rule(user=PLACES, aim=PLACES, given=GIVEN, if_role=st.none() | ROLES)
    def update_one(self, user: int, aim: int, given: Given, if_role: str | None) -> None:
        pair = (self.ids["user_id"][user], self.ids["aim_id"][aim])

        def expected() -> UserAim:
            if pair not in self.model.links:
                raise Refused(NotFound, "user_aims", (pair,))
            if if_role not in {None, self.model.links[pair]["role"]}:
                raise Refused(Conflict)
            self.model.put_one(pair, given, "update")
            return self.row(pair)

        self.same(expected, user_aims.update, *pair, **given, if_role=if_role)

    @rule(user=PLACES, aim=PLACES, permissions=PERMISSIONS, granting=st.booleans())
    def grant_or_revoke(self, user: int, aim: int, permissions: tuple[str, ...], granting: bool) -> None:
        pair = (self.ids["user_id"][user], self.ids["aim_id"][aim])

        def expected() -> UserAim:
            if pair not in self.model.links:
                raise Refused(NotFound, "user_aims", (pair,))
            old = self.model.links[pair]["permissions"]
            new = (*old, *dict.fromkeys(one for one in permissions if one not in old))
            left = tuple(one for one in old if one not in permissions)
            self.model.links[pair]["permissions"] = new if granting else left
            return self.row(pair)

        self.same(expected, user_aims.grant if granting else user_aims.revoke, *pair, permissions)

    @rule(old=PLACES, new=PLACES)
    def merge(self, old: int, new: int) -> None:
        both = self.ids["user_id"][old], self.ids["user_id"][new]
        self.same(lambda: self.model.merge(*both), user_aims.merge, *both)

    @rule(pairs=st.lists(st.tuples(PLACES, PLACES), min_size=1, max_size=8))
    def delete_many(self, pairs: list[tuple[int, int]]) -> None:
        keys = list(dict.fromkeys((self.ids["user_id"][user], self.ids["aim_id"][aim]) for user, aim in pairs))
        self.same(lambda: tuple(key for key in keys if self.model.links.pop(key, None)), user_aims.delete_many, keys)

    @precondition(lambda self: len(self.model.links) > POOL)
    @rule(end=END, place=st.integers(0, POOL - 1), again=st.booleans())
    def delete_a_record(self, end: End, place: int, again: bool) -> None:
        """Its links go; often another takes its place, so that there is something left to link."""
        key = self.source(end, place)
        self.same(lambda: self.model.delete(end.source_id, key), end.sources.delete, key)
        if again:
            self.ids[end.source_id][place] = new_id()
            self.create_record(end, self.ids[end.source_id][place])

    @rule(end=END, source=PLACES, place=st.integers(0, POOL - 1), more=st.integers(0, 2), given=GIVEN)
    def create(self, end: End, source: int, place: int, more: int, given: Given) -> None:
        """Far records, of which one may have an id that is taken."""
        key, taken = self.source(end, source), self.far(end, place)
        new = {new_id(): self.fresh_label() for _ in range(more)} | {taken: self.fresh_label()}
        asked = [end.new(label, id) for id, label in new.items()]
        _, broken = attempt(lambda: self.model.check([end.pair(key, None)]))
        exists = (AlreadyExists, end.far_table, (taken,)) if taken in self.model.records[end.far_id] else None
        if broken and exists:
            # Either may be named.
            self.refuses(((BrokenReference, AlreadyExists),), end.relation.create, key, asked, **given)
            return
        if refused := broken or exists:
            self.refuses(refused, end.relation.create, key, asked, **given)
            return
        self.model.records[end.far_id].update(new)
        self.model.put({end.pair(key, id): given for id in new}, "error")
        made = end.relation.create(self.conn, key, asked, **given)
        assert [(one.record.id, end.labelled(one.record)) for one in made] == list(new.items())
        for one in made:
            pair = end.pair(key, one.record.id)
            row = UserAim(*pair, one.role, one.permissions, one.joined_at)
            assert self.with_time(pair, row) == self.row(pair)

    @rule(
        end=END,
        source=PLACES,
        places=st.none() | NAMED,
        edits=st.lists(LABELS, max_size=7),
        more=st.integers(0, 2),
    )
    def direct_control(self, end: End, source: int, places: list[int] | None, edits: list[str], more: int) -> None:
        """Some records, or those that are linked, so that it often succeeds; some of them edited; some new ones."""
        key = self.source(end, source)
        far = list(self.model.of(end, key))[:3] if places is None else [self.far(end, place) for place in places]
        kept: dict[Any, str | None] = {}
        items: list[Any] = []
        for number, one in enumerate(far):
            label = edits[number] if number < len(edits) else None
            kept.setdefault(one, label)
            items.append(one if label is None else end.edit(one, label))
        created = {new_id(): self.fresh_label() for _ in range(more)}
        items += [end.new(label, id) for id, label in created.items()]
        done = self.same(
            lambda: self.model.direct_control(end, key, created, kept), end.relation.direct_control, key, items
        )
        if done:
            for place, id in enumerate(created):
                self.ids[end.far_id][place] = id

    def row(self, pair: Pair) -> UserAim:
        link = self.model.links[pair]
        return UserAim(*pair, link["role"], link["permissions"], link["joined_at"])

    def with_time(self, pair: Pair, row: UserAim) -> UserAim:
        """Let the model take over a time that only the database knows."""
        if self.model.links[pair]["joined_at"] == NEWLY:
            self.model.links[pair]["joined_at"] = row.joined_at
        return row

    @invariant()
    def the_tables_are_the_same(self) -> None:
        rows: dict[Pair, dict[str, Any]] = {
            (user, aim): {"role": role, "permissions": tuple(permissions), "joined_at": joined_at}
            for user, aim, role, permissions, joined_at, _ in self.conn.execute(
                "SELECT user_id, aim_id, role, permissions, joined_at, clock_timestamp() FROM user_aims"
            )
        }
        for pair, link in self.model.links.items():
            if link["joined_at"] == NEWLY and pair in rows:
                joined_at: datetime = rows[pair]["joined_at"]
                assert joined_at > self.started
                link["joined_at"] = joined_at
        assert rows == self.model.links
        assert dict(self.conn.execute("SELECT id, name FROM users").fetchall()) == self.model.records["user_id"]
        assert dict(self.conn.execute("SELECT id, title FROM aims").fetchall()) == self.model.records["aim_id"]

    @rule(end=END, source=PLACES)
    def reads_agree(self, end: End, source: int) -> None:
        key = self.source(end, source)
        rows = self.model.of(end, key)
        loaded = {
            one.record.id: {"role": one.role, "permissions": one.permissions, "joined_at": one.joined_at}
            for one in end.relation.of(self.conn, key)
        }
        assert loaded == rows
        assert end.relation.count(self.conn, [key]) == {key: len(rows)}
