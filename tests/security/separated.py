"""A database of tenants: what sql/rls.sql makes of one, and who may use it."""

import subprocess
from pathlib import Path

from tests.test_docs import environment
from useraim import local
from useraim.core import files

SETTING = "useraim.tenant"


def psql(conninfo: str, *arguments: str | Path) -> "subprocess.CompletedProcess[str]":
    """Run psql as operators do."""
    command = [local.newest() / "psql", "--no-psqlrc", "--quiet", *arguments]
    return subprocess.run(command, env=environment(conninfo), capture_output=True, text=True, check=False, timeout=60)


def separate(conninfo: str, tenant: str) -> "subprocess.CompletedProcess[str]":
    """Run sql/rls.sql: the rows that are there become those of `tenant`."""
    return psql(conninfo, "-v", f"tenant={tenant}", "-f", files.folder("sql") / "rls.sql")
