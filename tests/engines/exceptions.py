"""What differs behind a pooler and on a replica: each test that does, by a part of its id, and why.

Those of FAIL have to fail: one that passes is no exception any more, and fails for that.
"""

from typing import TypeAlias

Exceptions: TypeAlias = dict[str, dict[str, str]]

NOT_RUN: Exceptions = {}
FAIL: Exceptions = {}


def reason(exceptions: Exceptions, engine: str, test: str) -> str | None:
    """Say why this test is an exception with this engine, None if it is none."""
    return next((why for part, why in exceptions.get(engine, {}).items() if part in test), None)
