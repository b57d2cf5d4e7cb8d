"""What is not worth a mutant is told by rules."""

import pytest

from tests.mutation.idle import idle

MODULE = '''"""Text."""
from typing import TYPE_CHECKING, cast
if TYPE_CHECKING:
    A = 1 + 1
class Thing:
    __slots__ = ("a", "b")
    @lru_cache(maxsize=256)
    def get(self, x: int | None) -> str | None:
        raise InvalidValue(f"more than {100}") if x > 200 else cast(int | str, 300)
@dataclass(frozen=True, slots=True)
class Other: ...
'''


def is_idle(text: str) -> bool:
    place = MODULE.index(text)
    line = MODULE.count("\n", 0, place) + 1
    column = place - MODULE.rfind("\n", 0, place) - 1
    return any(one <= (line, column) < end for one, end in idle(MODULE))


@pytest.mark.parametrize(
    "text", ['"""Text', "1 + 1", '"a"', "256", "| None", "str | None:", "100", "| str, 300", "True)"]
)
def test_a_change_that_cannot_matter_is_none(text: str) -> None:
    assert is_idle(text)


@pytest.mark.parametrize("text", ["> 200", "200", "300", "True, slots"])
def test_all_others_can(text: str) -> None:
    assert not is_idle(text)
