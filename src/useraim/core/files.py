"""Where sql/ and migrations/ are: inside an installed package, or at the top of a checkout."""

from functools import cache
from pathlib import Path

_PACKAGE = Path(__file__).parent.parent


@cache
def folder(name: str) -> Path:
    """Give the folder `sql` or `migrations`."""
    for parent in (_PACKAGE, _PACKAGE.parent.parent):
        if (parent / name).is_dir():
            return parent / name
    raise FileNotFoundError(f"{name} is missing beside {_PACKAGE}")


def sql(name: str) -> str:
    """Read a file of sql/."""
    return (folder("sql") / name).read_text(encoding="utf-8")
