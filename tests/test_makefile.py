"""What `make` says and does."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent


def make(folder: Path, target: str) -> "subprocess.CompletedProcess[str]":
    """Run make with the tools of this environment, which is not installed again."""
    command = ["make", "--old-file=install", f"BIN={Path(sys.executable).parent}", target]
    env = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False, timeout=60)


def test_format_formats_and_fixes_also_where_something_is_left_to_say(tmp_path: Path) -> None:
    for name in ("Makefile", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    names = [f"name_{n}" for n in range(20)]
    head = '"""Text that is long, in a list."""\n\n'
    module = tmp_path / "module.py"
    module.write_text(f"{head}import os\nLIST = [nobody, {', '.join(map(repr, names))}]\n")
    ran = make(tmp_path, "format")
    lines = ["    nobody,", *(f'    "{name}",' for name in names)]
    assert module.read_text() == "\n".join([f"{head}LIST = [", *lines, "]\n"]), ran.stdout + ran.stderr
    assert "Undefined name `nobody`" in ran.stdout
    assert ran.returncode != 0


def test_help_names_every_target_and_says_which_take_long() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = makefile[makefile.index(".PHONY: ") :].partition("\n")[0].split()[1:]
    told = dict(line.split(maxsplit=1) for line in make(ROOT, "help").stdout.splitlines())
    assert sorted(told) == sorted(targets)
    long = {"install", "test", "test-quick", "check", "bench", "bench-quick", "bench-rules", "bench-scale", "schedules"}
    long |= {"isolation", "chaos", "soak", "test-pooler", "test-replica", "test-cluster", "tenants"}
    assert {target for target in told if "minute" in told[target]} == long
