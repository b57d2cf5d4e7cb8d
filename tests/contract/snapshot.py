"""All statements as they are sent, in statements.sql, which `make statements` writes: a change is seen as SQL."""

import re
from pathlib import Path

from tests.calls import every_shape

SNAPSHOT = Path(__file__).parent / "statements.sql"


def rendered() -> str:
    """Give the fullest statement of each name."""
    fullest: dict[str, str] = {}
    for shape in every_shape():
        for sql, _ in shape.call.statements:
            name = re.match(r"/\* useraim (.*?) \*/", sql)
            assert name, sql
            fullest[name[1]] = max(fullest.get(name[1], ""), str(sql), key=lambda text: (len(text), text))
    return "".join(f"{fullest[name]};\n\n" for name in sorted(fullest))


if __name__ == "__main__":
    SNAPSHOT.write_text(rendered(), encoding="utf-8")
