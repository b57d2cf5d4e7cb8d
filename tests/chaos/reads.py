"""Every way to read: what is read of an estate is what its owner knows."""

import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import useraim
from tests.chaos.either import listed
from tests.chaos.writer import Writer
from useraim import AllOf, AnyOf, LinkFilter

# Called here in either world, which their types keep apart.
users: Any = useraim.users
aims: Any = useraim.aims
user_aims: Any = useraim.user_aims
explain: Any = useraim.explain
dump: Any = useraim.bulk.dump


@dataclass(frozen=True)
class Read:
    """One operation, and whether its answer is right."""

    name: str
    send: Callable[[Any], Any]
    is_right: Callable[[Any], bool]


def records(w: Writer) -> list[Read]:
    user, aim, nobody = w.one(w.estate.people), w.one(w.estate.goals), w.new_user("").id
    name, title, mine = w.estate.people[user], w.estate.goals[aim], f"{w.estate.number}."
    held = len(w.estate.of(user))
    assert nobody

    def is_every_user(found: Any) -> bool:
        return {one.id: one.name for one in found if one.email.startswith(mine)} == w.estate.people

    return [
        Read("users.get", lambda db: users.get(db, user), lambda got: got.name == name),
        Read("users.find", lambda db: users.find(db, nobody), lambda got: got is None),
        Read("users.exists", lambda db: users.exists(db, user), lambda got: got is True),
        Read("users.find_many", lambda db: users.find_many(db, [nobody, user]), lambda got: list(got) == [user]),
        Read("users.find_by_email", lambda db: users.find_by_email(db, "no@body"), lambda got: got is None),
        Read("users.page", lambda db: users.page(db, search=f"{mine}", limit=1000), is_every_user),
        Read(
            "users.count", lambda db: users.count(db, where=[AnyOf([aim])]),
            lambda got: got == len(w.estate.users_of(aim)),
        ),
        Read("users.stream", lambda db: listed(users.stream(db)), is_every_user),
        Read("users.frame", lambda db: users.frame(db, search=mine), lambda got: len(got) >= len(w.estate.people)),
        Read("users.frames", lambda db: listed(users.frames(db, size=50)), bool),
        Read("aims.frame", lambda db: aims.frame(db, where=[AllOf([user])]), lambda got: len(got) == held),
        Read("aims.frames", lambda db: listed(aims.frames(db, size=50)), bool),
        Read("users.similar", lambda db: users.similar(db, user), lambda got: user not in {one.id for one in got}),
        Read(
            "users.suggest_aims", lambda db: users.suggest_aims(db, user),
            lambda got: not {one.id for one in got} & {*w.estate.of(user)},
        ),
        Read("aims.get", lambda db: aims.get(db, aim), lambda got: got.title == title),
        Read("aims.find", lambda db: aims.find(db, aim), lambda got: got.title == title),
        Read("aims.exists", lambda db: aims.exists(db, aim), lambda got: got is True),
        Read("aims.find_many", lambda db: aims.find_many(db, [aim]), lambda got: list(got) == [aim]),
        Read("aims.page", lambda db: aims.page(db, search="no such thing"), lambda got: not got.items),
        Read("aims.count", lambda db: aims.count(db, where=[AllOf([user])]), lambda got: got == held),
        Read(
            "aims.stream", lambda db: listed(aims.stream(db)),
            lambda got: {one.id: one.title for one in got if one.description == mine[:-1]} == w.estate.goals,
        ),
    ]  # fmt: skip


def relations(w: Writer) -> list[Read]:
    side = w.side(whole=True)
    source, relation, name = side.source, side.relation, side.name
    far, one = side.linked(w.estate), w.one(side.far)
    roles = {each: w.estate.links[side.pair(each)][0] for each in far}
    count = len(far)

    def is_all(found: Any) -> bool:
        return {linked.record.id: linked.role for linked in found} == roles

    return [
        Read(f"{name}.of", lambda db: relation.of(db, source), is_all),
        Read(f"{name}.load", lambda db: relation.load(db, [source]), lambda got: is_all(got[source])),
        Read(f"{name}.page", lambda db: relation.page(db, source), is_all),
        Read(f"{name}.pages", lambda db: relation.pages(db, {source: None}), lambda got: is_all(got[source])),
        Read(f"{name}.stream", lambda db: listed(relation.stream(db, source)), is_all),
        Read(f"{name}.count", lambda db: relation.count(db, [source]), lambda got: got == {source: count}),
        Read(
            f"{name}.count_by_role", lambda db: relation.count_by_role(db, [source]),
            lambda got: sum(got[source].values()) == count,
        ),
        Read(f"{name}.has", lambda db: relation.has(db, source, one), lambda got: got == (one in roles)),
        Read(
            f"{name}.common", lambda db: relation.common(db, [source]),
            lambda got: {each.id for each in got} == {*far},
        ),
        Read(f"{name}.frame", lambda db: relation.frame(db, [source]), lambda got: len(got) == count),
        Read(
            f"{name}.frames", lambda db: listed(relation.frames(db, [source], size=2)),
            lambda got: sum(map(len, got)) == count,
        ),
        Read(f"{name}.version", lambda db: relation.version(db, source), bool),
    ]  # fmt: skip


def pairs(w: Writer) -> list[Read]:
    pair, file = w.one(w.every_pair()), io.BytesIO()
    role = w.estate.links.get(pair, (None,))[0]
    ours = LinkFilter(roles=[one for one, _ in w.estate.links.values()])
    mine = [(*key, one) for key, (one, _) in w.estate.links.items()]

    def is_ours(found: Any) -> bool:
        return sorted((row.user_id, row.aim_id, row.role) for row in found if row.user_id in w.estate.people) == sorted(
            mine
        )

    return [
        Read("user_aims.find", lambda db: user_aims.find(db, *pair), lambda got: (got and got.role) == role),
        Read(
            "user_aims.find_many", lambda db: user_aims.find_many(db, [pair]),
            lambda got: (got[0] and got[0].role) == role,
        ),
        Read("user_aims.get", lambda db: user_aims.get(db, *w.shared.pairs[0]), lambda got: got.role == "hot"),
        Read("user_aims.page", lambda db: user_aims.page(db, link=ours, limit=1000), lambda got: is_ours(got.items)),
        Read("user_aims.stream", lambda db: listed(user_aims.stream(db, link=ours)), is_ours),
        Read("user_aims.frame", lambda db: user_aims.frame(db, link=LinkFilter(roles=[])), lambda got: len(got) == 0),
        Read(
            "user_aims.frames", lambda db: listed(user_aims.frames(db, link=ours, size=50)),
            lambda got: sum(map(len, got)) >= len(mine),
        ),
        Read("user_aims.count", lambda db: user_aims.count(db, link=LinkFilter(roles=[])), lambda got: got == 0),
        Read("explain", lambda db: explain(db, users.aims.clear.call(pair[0]), analyze=True), bool),
        Read(
            "bulk.dump", lambda db: dump(db, file, link=LinkFilter(roles=[])),
            lambda _: file.getvalue().count(b"\n") == 1,
        ),
    ]  # fmt: skip


READS = [records, relations, pairs]
