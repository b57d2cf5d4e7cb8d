"""Ids are UUIDs; new ones are ordered by time, also those made within a millisecond."""

import time
from uuid import UUID

from useraim.ids import AimId, UserId, new_id


def test_new_ids_are_version_7() -> None:
    id = new_id()
    assert isinstance(id, UUID)
    assert (id.version, id.variant) == (7, "specified in RFC 4122")


def test_new_ids_name_the_time_they_were_made() -> None:
    before = time.time_ns() // 1_000_000
    made = new_id().int >> 80
    assert before <= made <= time.time_ns() // 1_000_000


def test_new_ids_ascend_and_differ() -> None:
    made = [new_id() for _ in range(20_000)]
    assert sorted(made) == made
    assert len(set(made)) == len(made)


def test_both_kinds_are_plain_uuids_at_run_time() -> None:
    id = new_id()
    assert UserId(id) is id
    assert AimId(id) is id
