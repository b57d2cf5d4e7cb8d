"""What others delete, make and remove while a load is at work."""

import threading
from collections.abc import Callable, Iterator

import psycopg
import pytest

from tests.integration.bulk.loads import Pair, refs
from tests.integration.bulk.others import Others, beside, in_world
from useraim import AlreadyExists, BrokenReference, NewUserAim, bulk, user_aims, users
from useraim.bulk import BulkResult

KINDS = pytest.mark.parametrize("kinds", [("user",), ("aim",), ("user", "aim")], ids="-".join)
MODES = pytest.mark.parametrize("on_match", ["ignore", "update"])


def check_skipped(database: str, others: Others, result: BulkResult, kinds: tuple[str, ...]) -> None:
    assert result.rejected == others.rejected(*kinds)
    left_out = {row.pair for row in result.rejected}
    assert (result.added, result.unchanged) == (
        len(set(others.pairs) - left_out - set(others.pairs[::3])),
        len(set(others.pairs[::3]) - left_out),
    )
    with psycopg.connect(database, autocommit=True) as conn:
        assert user_aims.count(conn) == len(set(others.pairs) - left_out)


def check_refused(database: str, others: Others, load: Callable[[], object], kinds: tuple[str, ...]) -> None:
    with pytest.raises(BrokenReference) as caught:
        load()
    assert (caught.value.users, caught.value.aims) == others.gone(*kinds)
    with psycopg.connect(database, autocommit=True) as conn:
        left = {(row.user_id, row.aim_id) for row in user_aims.page(conn).items}
        assert left == set(others.pairs[::3]) - {row.pair for row in others.rejected(*kinds)}


@KINDS
@MODES
@pytest.mark.parametrize("on_broken", ["skip", "error"])
@pytest.mark.parametrize("waits_for", ["the table", "the deletion"])
def test_what_others_delete_between_the_check_and_the_write_counts_as_missing(
    database: str, others: Others, world: str, kinds: tuple[str, ...], on_match: str, on_broken: str, waits_for: str
) -> None:
    if waits_for == "the table":
        others.conn.execute("LOCK TABLE user_aims IN SHARE ROW EXCLUSIVE MODE")
    else:  # which the check does not see yet, but foreign keys wait for
        others.delete(*kinds)

    def go_on() -> None:
        if waits_for == "the table":
            others.delete(*kinds)
        others.conn.commit()

    def load() -> BulkResult:
        options = {"on_match": on_match, "on_broken": on_broken}
        return beside(database, lambda: in_world(world, database, others.pairs, **options), go_on)

    if on_broken == "error":
        check_refused(database, others, load, kinds)
    else:
        check_skipped(database, others, load(), kinds)


@KINDS
@pytest.mark.parametrize("on_broken", ["skip", "error"])
def test_what_others_delete_while_rows_are_drawn_counts_as_missing(
    database: str, others: Others, world: str, kinds: tuple[str, ...], on_broken: str
) -> None:
    def rows() -> Iterator[Pair]:
        yield from others.pairs
        others.delete(*kinds)
        others.conn.commit()

    def load() -> BulkResult:
        return in_world(world, database, rows(), on_broken=on_broken)

    if on_broken == "error":
        check_refused(database, others, load, kinds)
    else:
        check_skipped(database, others, load(), kinds)


def test_deletions_go_on_as_long_as_the_load_waits(database: str, others: Others, world: str) -> None:
    """Each attempt loses a user to a deletion that it has to wait for; the last finds all of them missing."""
    with psycopg.connect(database) as second, psycopg.connect(database) as third:
        deleters = [others.conn, second, third]
        for deleter, person in zip(deleters, others.people, strict=False):
            users.delete(deleter, person)
        waits = [deleter.commit for deleter in deleters]
        result = beside(database, lambda: in_world(world, database, others.pairs, on_broken="skip"), *waits)
        assert {row.pair[0] for row in result.rejected} == set(others.people[:3])
        assert result.added + result.unchanged == 8


def test_who_deletes_after_the_write_waits_for_the_load_and_takes_its_links_along(
    database: str, others: Others
) -> None:
    with psycopg.connect(database) as conn:
        result = bulk.load(conn, others.pairs)
        assert (result.added, result.unchanged) == (13, 7)
        thread = threading.Thread(target=others.delete, args=("user", "aim"), daemon=True)
        thread.start()
        thread.join(timeout=0.3)
        assert thread.is_alive(), "the deletion did not wait"
        conn.commit()
        thread.join(timeout=20)
        assert not thread.is_alive()
        others.conn.commit()
        assert user_aims.count(conn) == 3 * 3


def test_a_link_that_others_remove_before_it_is_updated_is_added(database: str, others: Others, world: str) -> None:
    rows = [NewUserAim(*refs(others.pairs[0]), role="new"), others.pairs[3]]
    others.conn.execute("SELECT FROM user_aims WHERE (user_id, aim_id) = (%s, %s) FOR UPDATE", others.pairs[0])

    def go_on() -> None:
        assert user_aims.delete(others.conn, *refs(others.pairs[0]))
        others.conn.commit()

    result = beside(database, lambda: in_world(world, database, rows, on_match="update"), go_on)
    assert result == BulkResult(1, 0, 1, [])
    assert user_aims.get(others.conn, *refs(others.pairs[0])).role == "new"


def test_a_link_that_others_make_meanwhile_is_refused_where_links_are_an_error(
    database: str, others: Others, world: str
) -> None:
    user_aims.create(others.conn, *refs(others.pairs[1]))

    def load() -> BulkResult:
        return in_world(world, database, others.pairs[1:3], on_match="error")

    with pytest.raises(AlreadyExists) as caught:
        beside(database, load, others.conn.commit)
    assert caught.value.ids == (others.pairs[1],)
    assert user_aims.find(others.conn, *refs(others.pairs[2])) is None


@MODES
@pytest.mark.parametrize("ends", ["commit", "rollback"])
def test_a_link_that_others_make_meanwhile_is_found_or_made(
    database: str, others: Others, world: str, on_match: str, ends: str
) -> None:
    user_aims.create(others.conn, *refs(others.pairs[1]), role="theirs")
    rows = [others.pairs[0], NewUserAim(*refs(others.pairs[1]), role="ours"), (*others.pairs[2], "ours")]
    options = {"on_match": on_match}
    result = beside(database, lambda: in_world(world, database, rows, **options), getattr(others.conn, ends))
    theirs = ends == "commit"
    updated = int(theirs and on_match == "update")
    assert result == BulkResult(1 if theirs else 2, updated, 3 - (1 if theirs else 2) - updated, [])
    role = user_aims.get(others.conn, *refs(others.pairs[1])).role
    assert role == ("theirs" if theirs and on_match == "ignore" else "ours")
    assert user_aims.get(others.conn, *refs(others.pairs[2])).role == "ours"
