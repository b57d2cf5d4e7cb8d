"""Records what each test runs, once, by two processes: it takes as long as these tests do, and half again."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
PARTS = (
    ("tests/integration/relation",),
    ("tests/races",),
    ("tests/unit",),
    ("tests/schedules",),
    ("tests/integration/bulk",),
    ("tests/integration/transactions", "tests/integration/connections"),
    ("tests/integration/user_aims", "tests/integration/rules"),
    ("tests/contract", "--ignore=tests/contract/test_wheel.py", "--ignore=tests/contract/test_recipes.py"),
    ("tests/integration", *(f"--ignore=tests/integration/{name}" for name in (
        "relation", "bulk", "transactions", "connections", "user_aims", "rules", "model", "schema", "test_local.py",
    ))),
)  # fmt: skip
"""Left out: tests of wheels, migrations and servers, and the model: too long for every mutant."""


def record(folder: Path) -> None:
    """Record every part that the folder does not have yet."""
    folder.mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(2) as two:
        list(two.map(_part, [folder / f"part{number}" for number in range(len(PARTS))], PARTS))


def _part(out: Path, tests: tuple[str, ...]) -> None:
    if not out.with_suffix(".json").exists():
        env = {**os.environ, "USERAIM_RECORD": str(out)}
        command = [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "tests.mutation.recorder",
            "-p",
            "no:cacheprovider",
            *tests,
        ]
        # Tests that fail under a recorder are left out of the choice.
        subprocess.run(command, cwd=ROOT, env=env, stdout=subprocess.DEVNULL, check=False)
