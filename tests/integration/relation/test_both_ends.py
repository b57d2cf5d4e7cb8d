"""One relation, seen from both ends."""

from tests.ends import AIMS_USERS, USERS_AIMS, ids, make
from tests.worlds import World
from useraim import aims, user_aims, users
from useraim.values import Changes, NewAim


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


def test_both_ends_read_the_same_links(call: World) -> None:
    people, goals = make(call, users, 3), make(call, aims, 3)
    call(users.aims.append, people[0], goals, role="a")
    call(aims.users.append, goals[0], people, role="b")
    forth = {(user, row.record.id, row.role) for user, rows in call(users.aims.load, people).items() for row in rows}
    back = {(row.record.id, aim, row.role) for aim, rows in call(aims.users.load, goals).items() for row in rows}
    assert forth == back
    assert len(forth) == call(user_aims.count) == 5
