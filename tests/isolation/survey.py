"""History after history at one isolation level, each checked; what is forbidden at the level is told in words."""

import asyncio
import random

from psycopg import IsolationLevel

from tests.isolation.checker import check
from tests.isolation.report import Tally
from tests.isolation.workload import Workload

LEVELS = (IsolationLevel.READ_COMMITTED, IsolationLevel.REPEATABLE_READ, IsolationLevel.SERIALIZABLE)
_LONGEST_HISTORY = 120


def survey(conninfo: str, level: IsolationLevel, operations: int, seed: int, *, kills: bool = True) -> Tally:
    """Run histories until that many operations were done."""
    choices = random.Random(seed)
    tally = Tally(level)

    async def histories() -> None:
        while tally.operations < operations:
            async with asyncio.timeout(_LONGEST_HISTORY):
                history = await Workload(conninfo, level, choices).run(kills=kills)
            tally.count(history, check(history))

    asyncio.run(histories())
    return tally
