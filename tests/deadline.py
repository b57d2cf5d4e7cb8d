"""A limit on how long something may take: a hang is a failure with words."""

import signal
from collections.abc import Generator
from contextlib import contextmanager
from types import FrameType


class TooLong(BaseException):
    """Not an Exception, so that nothing which is tested takes it for an error of its own."""


@contextmanager
def within(seconds: float, what: str) -> Generator[None, None, None]:
    """Raise `TooLong`, which says what hung, when the block is not done in time; for the main thread."""

    def expired(_: int, __: FrameType | None) -> None:
        raise TooLong(f"{what} is not done after {seconds} s")

    before = signal.signal(signal.SIGALRM, expired)
    outer, _ = signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        signal.setitimer(signal.ITIMER_REAL, outer)
