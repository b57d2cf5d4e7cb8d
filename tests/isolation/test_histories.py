"""Histories of real transactions have the anomalies that their isolation level allows, and no others."""

import asyncio
import random
from collections.abc import Sequence
from typing import Any

import pytest
from psycopg import AsyncConnection, IsolationLevel

from tests.isolation.checker import check
from tests.isolation.report import ALLOWED
from tests.isolation.survey import LEVELS, survey
from tests.isolation.workload import Grant, Workload
from useraim import AimId, UserId, user_aims


@pytest.mark.parametrize("kills", [False, True], ids=["undisturbed", "sessions end"])
@pytest.mark.parametrize("level", LEVELS, ids=lambda level: level.name)
def test_nothing_is_seen_that_the_level_forbids(database: str, level: IsolationLevel, kills: bool) -> None:
    tally = survey(database, level, 800, seed := random.randrange(10**9), kills=kills)
    assert not tally.forbidden, f"seed {seed}: {tally.forbidden}"
    assert tally.outcomes["committed"] > 100


def test_what_read_committed_allows_is_seen(database: str) -> None:
    """So the histories are dense enough to show what is there."""
    tally = survey(database, IsolationLevel.READ_COMMITTED, 4_000, 1, kills=False)
    assert set(tally.columns) == ALLOWED[IsolationLevel.READ_COMMITTED]


async def read_then_write(conn: AsyncConnection[Any], user: UserId, aim: AimId, element: str) -> Sequence[str]:
    """What an application does that has no grant."""
    before = (await user_aims.get(conn, user, aim)).permissions
    return (await user_aims.update(conn, user, aim, permissions=[*before, element])).permissions


def beside_the_transaction(conninfo: str) -> Grant:
    """What a data layer does that takes another connection from its pool for each statement."""

    async def grant(_: AsyncConnection[Any], user: UserId, aim: AimId, element: str) -> Sequence[str]:
        async with await AsyncConnection.connect(conninfo, autocommit=True) as other:
            return (await user_aims.grant(other, user, aim, [element])).permissions

    return grant


def test_a_client_that_reads_and_then_writes_loses_updates(database: str) -> None:
    assert "lost" in names_of_anomalies(database, read_then_write)


def test_a_write_beside_the_transaction_outlives_it(database: str) -> None:
    assert {"G1a", "G1b"} & names_of_anomalies(database, beside_the_transaction(database))


def names_of_anomalies(database: str, grant: Grant) -> set[str]:
    workload = Workload(database, IsolationLevel.READ_COMMITTED, random.Random(1), grant)
    return {anomaly.name for anomaly in check(asyncio.run(workload.run(kills=True)))}
