"""Run them: `python -m benchmarks --help`."""

import argparse
import sys
from pathlib import Path
from typing import Any

import psycopg

from . import imports, memory, pinning, report, server
from .contenders import BASE, WHERE
from .operations import BY_NAME, Operation
from .proxy import network
from .results import Measurement, Results, versions
from .runner import QUICK_ROUNDS, Runner

FOLDER = Path(__file__).parent / "results"
LAST = "bulk_1m"  # it leaves nothing else in the table


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="useraim beside its peers.")
    parser.add_argument("--quick", action="store_true", help="few calls and rounds, and no million rows: minutes")
    parser.add_argument("--only", type=names(BY_NAME), default=list(BY_NAME), help="operations, by comma")
    parser.add_argument("--contenders", type=names(WHERE), default=list(WHERE), help="by comma")
    parser.add_argument("--rounds", type=int, help="instead of each operation's own number")
    parser.add_argument("--conninfo", help="a server to use; else a throwaway one")
    parser.add_argument("--output", type=Path, help="folder of the report; a quick run writes none unless told where")
    return parser.parse_args()


def names(known: Any) -> Any:
    def split(text: str) -> list[str]:
        given = text.split(",")
        if unknown := set(given) - set(known):
            raise argparse.ArgumentTypeError(f"unknown: {', '.join(sorted(unknown))}; known: {', '.join(known)}")
        return given

    return split


def run(given: argparse.Namespace) -> Results:
    chosen = [BY_NAME[name] for name in given.only]
    with server.database(given.conninfo) as conninfo, psycopg.connect(conninfo, autocommit=True) as admin:
        results = Results({**versions(), **server.settings(admin)})
        options = {"rounds": given.rounds, "quick": given.quick, "left_out": results.left_out}
        pin = pinning.possible(admin)
        results.settings["pinned to one core"] = (
            "all but list, stream, frame and load" if pin else "no: impossible here"
        )
        with Runner(admin, conninfo, given.contenders, pin=pin, **options) as runner:
            near(results, runner, [each for each in chosen if each.name != LAST])
        with network(conninfo) as away, Runner(admin, away, given.contenders, pin=False, **options) as runner:
            far(results, runner, [each for each in chosen if each.network])
        if set(memory.OPERATIONS) & set(given.only):
            readers = [name for name, contender in runner.contenders.items() if hasattr(contender, "list_100k")]
            results.memory = memory.measure(readers, conninfo, results.left_out)
        if LAST in given.only and not given.quick:
            with Runner(admin, conninfo, given.contenders, pin=False, **options) as runner:
                near(results, runner, [BY_NAME[LAST]])
    results.imports = imports.measure(QUICK_ROUNDS if given.quick else 15, results.left_out)
    return results


def near(results: Results, runner: Runner, operations: list[Operation]) -> None:
    for each in operations:
        print(each.title, file=sys.stderr, flush=True)
        rounds, cpu = runner.measure(each)
        shown = {} if each.pinned else cpu
        results.measurements.append(Measurement("local", each.name, each.title, each.target, BASE, rounds, shown))


def far(results: Results, runner: Runner, operations: list[Operation]) -> None:
    for each in operations:
        print(f"{each.title}, with a network", file=sys.stderr, flush=True)
        target, of = each.network_target or (None, BASE)
        rounds, _ = runner.measure(each)
        results.measurements.append(Measurement("network", each.name, each.title, target, of, rounds))


def main() -> None:
    given = arguments()
    results = run(given)
    print(report.markdown(results))
    folder = given.output or (None if given.quick else FOLDER)
    if folder:
        report.write(results, folder)


if __name__ == "__main__":
    main()
