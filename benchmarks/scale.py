"""Whether what should not grow with the number of memberships does not: `python -m benchmarks.scale --help`.

The same operations on databases of different sizes, in turns, and how fast their time grows from size to size.
"""

import argparse
import random
import statistics
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import psycopg

from useraim import AnyOf, CountBetween, LinkFilter, NewUserAim, NoneOf, UserId
from useraim.accounts import user_aims, users
from useraim.works import aims

from . import pinning, scale_report, server
from .data import Admin
from .scale_data import CROWD, FREE, filled, free, probe, probe_aims

SIZES = [10_000, 100_000, 1_000_000, 10_000_000]
FLAT, CROWDED, ALL = "flat", "by members", "by users"  # flat: constant, or as the logarithm of the size
Call = Callable[["Place", int], Any]


@dataclass
class Place:
    """A connection to a database of one size, and what was read there before the clock starts."""

    db: Admin
    after: str = ""  # the cursor in the middle of the crowd

    def walk(self) -> None:
        """Turn pages to the middle of the crowd."""
        middle = aims.users.count(self.db, [CROWD])[CROWD] // 2
        at_once = min(middle, 1_000)
        page = aims.users.page(self.db, CROWD, limit=at_once)
        for _ in range(middle // at_once - 1):
            page = aims.users.page(self.db, CROWD, limit=at_once, after=page.next)
        self.after = page.next or ""

    def free(self) -> None:
        """Unlink the users that are written to; make those again that were deleted."""
        self.db.execute("DELETE FROM user_aims WHERE user_id = ANY(%s)", [[free(n) for n in range(FREE)]])
        self.db.execute(
            "INSERT INTO users (id, name, email) SELECT id, 'Free', id || '@example.org' FROM unnest(%s::uuid[]) id"
            " ON CONFLICT DO NOTHING",
            [[free(n) for n in range(FREE)]],
        )

    def link(self) -> None:
        """The same, and link them to twenty aims each."""
        self.free()
        self.db.execute(
            "INSERT INTO user_aims (user_id, aim_id) SELECT u, a FROM unnest(%s::uuid[]) u, unnest(%s::uuid[]) a",
            [[free(n) for n in range(FREE)], probe_aims(0)],
        )


@dataclass(frozen=True)
class Scaled:
    title: str
    promise: str
    call: Call
    before: Callable[[Place], None] = lambda _: None
    calls: int = 40


READS = [
    Scaled("users.get", FLAT, lambda p, n: users.get(p.db, probe(n))),
    Scaled("has", FLAT, lambda p, n: users.aims.has(p.db, probe(n), probe_aims(n)[7])),
    Scaled("of (20)", FLAT, lambda p, n: users.aims.of(p.db, probe(n))),
    Scaled("load 20 x 20", FLAT, lambda p, n: users.aims.load(p.db, probes(n))),
    Scaled("page of the crowd, first", FLAT, lambda p, _: aims.users.page(p.db, CROWD)),
    Scaled("page of the crowd, in its middle", FLAT, lambda p, _: aims.users.page(p.db, CROWD, after=p.after)),
    Scaled("pages of 20 users", FLAT, lambda p, n: users.aims.pages(p.db, dict.fromkeys(probes(n)))),
    Scaled("count of 20 users", FLAT, lambda p, n: users.aims.count(p.db, probes(n))),
    Scaled("count_by_role of 20 users", FLAT, lambda p, n: users.aims.count_by_role(p.db, probes(n))),
    Scaled("common of 2 users", FLAT, lambda p, n: users.aims.common(p.db, [probe(n), probe(n + 1)])),
    Scaled("similar", FLAT, lambda p, n: users.similar(p.db, probe(n))),
    Scaled("suggest_aims", FLAT, lambda p, n: users.suggest_aims(p.db, probe(n))),
    Scaled("user_aims.page", FLAT, lambda p, _: user_aims.page(p.db)),
    Scaled(
        "user_aims.page, a rare role",
        CROWDED,
        lambda p, _: user_aims.page(p.db, link=LinkFilter(roles=["none"])),
        calls=3,
    ),
    Scaled("users.page", FLAT, lambda p, _: users.page(p.db)),
    Scaled(
        "users.page, AnyOf an aim of 20 users",
        FLAT,
        lambda p, n: users.page(p.db, where=[AnyOf(probe_aims(n)[:1])]),
        calls=9,
    ),
    Scaled("users.page, NoneOf the crowd", FLAT, lambda p, _: users.page(p.db, where=[NoneOf([CROWD])]), calls=9),
    Scaled(
        "users.page, CountBetween 1 and 5", FLAT, lambda p, _: users.page(p.db, where=[CountBetween(1, 5)]), calls=9
    ),
    Scaled("users.page, search of a text all have", FLAT, lambda p, _: users.page(p.db, search="example.org")),
    Scaled(
        "users.page, search of a text 1 has", ALL, lambda p, _: users.page(p.db, search="probe-100000007@"), calls=3
    ),
    Scaled("count of the crowd", CROWDED, lambda p, _: aims.users.count(p.db, [CROWD]), calls=5),
    Scaled("count_by_role of the crowd", CROWDED, lambda p, _: aims.users.count_by_role(p.db, [CROWD]), calls=5),
]
WRITES = [
    Scaled("append 1", FLAT, lambda p, n: users.aims.append(p.db, free(n), probe_aims(n)[:1]), Place.free),
    Scaled("append 20", FLAT, lambda p, n: users.aims.append(p.db, free(n), probe_aims(n)), Place.free),
    Scaled("append 1 to the crowd", FLAT, lambda p, n: aims.users.append(p.db, CROWD, [free(n)]), Place.free),
    Scaled("replace 20 by 20", FLAT, lambda p, n: users.aims.replace(p.db, free(n), probe_aims(10)), Place.link),
    Scaled("remove 1", FLAT, lambda p, n: users.aims.remove(p.db, free(n), probe_aims(0)[:1]), Place.link),
    Scaled("put_many 100", FLAT, lambda p, n: user_aims.put_many(p.db, rows(n)), Place.free, calls=9),
    Scaled("users.delete, 20 links", FLAT, lambda p, n: users.delete(p.db, free(n)), Place.link),
]


def probes(n: int) -> list[UserId]:
    return [probe(n + each) for each in range(20)]


def rows(n: int) -> list[NewUserAim]:
    """Five users in twenty aims each."""
    return [NewUserAim(free(5 * n + each), one) for each in range(5) for one in probe_aims(n)]


def measure(scaled: Scaled, places: list[Place], rounds: int) -> list[float]:
    """Take turns between the sizes; return the median of all calls at each."""
    times: list[list[float]] = [[] for _ in places]
    for warm_up in [True] + [False] * rounds:
        for which in random.sample(range(len(places)), len(places)):
            taken = list(timed(scaled, places[which]))
            if not warm_up:
                times[which] += taken
    return [statistics.median(taken) for taken in times]


def timed(scaled: Scaled, place: Place) -> Iterator[float]:
    scaled.before(place)
    for n in range(scaled.calls):
        start = perf_counter()
        result = scaled.call(place, n)
        yield perf_counter() - start
        del result


@contextmanager
def opened(sizes: list[int], conninfo: str | None) -> Iterator[list[Place]]:
    with ExitStack() as stack:
        given = conninfo or stack.enter_context(server.throwaway())
        places: list[Place] = []
        for size in sizes:
            start = perf_counter()
            own = stack.enter_context(filled(given, size))
            db = stack.enter_context(psycopg.connect(own, autocommit=True))
            db.execute("SET max_parallel_workers_per_gather = 0")  # one core works: else big sizes had more of them
            places.append(Place(db))
            places[-1].walk()
            print(f"{size:,} memberships: made in {perf_counter() - start:.0f} s", file=sys.stderr, flush=True)
        yield places


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scale", description=__doc__)
    parser.add_argument("--largest", type=int, default=1_000_000, help="10,000,000 takes 8 GB and many minutes")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", default="", help="those whose title has this in it; writes no report")
    parser.add_argument("--conninfo", help="a server to use, as a superuser; else a throwaway one")
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "results")
    given = parser.parse_args()
    sizes = [size for size in SIZES if size <= given.largest]
    lines: list[scale_report.Line] = []
    with opened(sizes, given.conninfo) as places, ExitStack() as pins:
        for place in places:
            pins.enter_context(pinning.one_core(place.db) if pinning.possible(place.db) else nullcontext())
        for scaled in (one for one in READS + WRITES if given.only in one.title):
            print(scaled.title, file=sys.stderr, flush=True)
            times = measure(scaled, places, given.rounds)
            lines.append(scale_report.Line(scaled.title, scaled.promise, dict(zip(sizes, times, strict=True))))
    if not given.only:
        scale_report.write(lines, given.output)
    print(scale_report.markdown(lines))


if __name__ == "__main__":
    main()
