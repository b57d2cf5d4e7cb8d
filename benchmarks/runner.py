"""The rounds: all contenders in each, in an order shuffled anew; ratios are taken between neighbours in time."""

import asyncio
import gc
import random
import statistics
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field
from time import perf_counter, process_time
from typing import Any

from . import pinning
from .contenders import LABELS, Contender, available, say
from .data import Admin
from .operations import Operation

Measured = dict[str, list[float]]  # contender: a figure of each round, in seconds
QUICK_ROUNDS = 5
LONG_ROUNDS = 3  # of a quick run, for what takes seconds
QUICK_CALLS = 10


@dataclass
class Runner:
    """Runs operations for the contenders that can do them."""

    admin: Admin
    conninfo: str
    names: list[str]
    rounds: int | None = None
    quick: bool = False
    pin: bool = True
    left_out: list[str] = field(default_factory=list)
    contenders: dict[str, Contender] = field(default_factory=dict)
    loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.new_event_loop)
    shuffle: Callable[[list[str]], None] = random.Random(20).shuffle

    def __enter__(self) -> "Runner":
        for name, contender in available(self.names, self.left_out):
            self.wait(contender, contender.open(self.conninfo))
            self.contenders[name] = contender
        return self

    def __exit__(self, *_: object) -> None:
        for contender in self.contenders.values():
            self.wait(contender, contender.close())
        self.loop.close()

    def wait(self, contender: Contender, result: Any) -> Any:
        async def whole() -> Any:
            return await result

        return self.loop.run_until_complete(whole()) if contender.asynchronous else result

    def measure(self, operation: Operation) -> tuple[Measured, Measured]:
        """Check everyone, warm them up, then time them round by round: median times, and means of the client's CPU."""
        able = [name for name in self.contenders if self.can(name, operation)]
        calls, rounds = self.extent(operation)
        given = [operation.arguments(call) for call in range(calls)]
        self.admin.execute("VACUUM user_aims, users")
        gc.collect()
        gc.freeze()
        measured: Measured = {name: [] for name in able}
        cpu: Measured = {name: [] for name in able}
        with pinning.one_core(self.admin) if self.pin and operation.pinned else nullcontext():
            for warm_up in [True] * (calls > 1) + [False] * rounds:  # one long call was made by the check
                self.shuffle(able)
                for name in able:
                    operation.reset(self.admin, calls)
                    times, used = self.times(name, operation, given)
                    if not warm_up:
                        measured[name].append(statistics.median(times))
                        cpu[name].append(used / calls)
        gc.unfreeze()
        return measured, cpu

    def extent(self, operation: Operation) -> tuple[int, int]:
        """How many calls make a round, and how many rounds are made."""
        calls, rounds = operation.calls, self.rounds or operation.rounds
        if self.quick:
            return min(calls, QUICK_CALLS), self.rounds or min(
                rounds, QUICK_ROUNDS if operation.pinned else LONG_ROUNDS
            )
        return calls, rounds

    def can(self, name: str, operation: Operation) -> bool:
        """Whether the contender has the operation and does it right; said in `left_out` where it does not."""
        contender = self.contenders[name]
        function = getattr(contender, operation.name, None)
        if function is None:
            return False
        operation.reset(self.admin, 1)
        try:
            result = self.wait(contender, function(*operation.arguments(0)))
            operation.check(self.admin, result, 0)
        except Exception as error:
            say(self.left_out, f"{LABELS[name]}, {operation.title}: {type(error).__name__}: {str(error)[:200]}")
            return False
        return True

    def times(self, name: str, operation: Operation, given: list[tuple[Any, ...]]) -> tuple[list[float], float]:
        contender = self.contenders[name]
        function = getattr(contender, operation.name)
        gc.collect()
        start = process_time()
        if contender.asynchronous:
            times = self.loop.run_until_complete(awaited(function, given))
        else:
            times = called(function, given)
        return times, process_time() - start


def called(function: Callable[..., Any], given: list[tuple[Any, ...]]) -> list[float]:
    times = []
    for arguments in given:
        start = perf_counter()
        result = function(*arguments)
        times.append(perf_counter() - start)
        del result  # freed outside of the time
    return times


async def awaited(function: Callable[..., Any], given: list[tuple[Any, ...]]) -> list[float]:
    times = []
    for arguments in given:
        start = perf_counter()
        result = await function(*arguments)
        times.append(perf_counter() - start)
        del result
    return times
