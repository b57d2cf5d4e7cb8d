"""What a mutant is: one file of a copy of the checkout with another text."""

from hashlib import sha256
from typing import NamedTuple


class Mutant(NamedTuple):
    """A change that tests should notice. `line` is the first that differs, of the file as it was."""

    path: str
    line: int
    kind: str
    told: str
    text: str

    @property
    def name(self) -> str:
        """Say which it is, the same in every run."""
        return f"{self.path}:{self.line} {self.kind}: {self.told}"


def told(before: str, after: str) -> str:
    """Show what is replaced by what, in one line."""
    one, other = (" ".join(part.split()) for part in (before, after))
    return f"{_short(one)} -> {_short(other) or 'nothing'}"


def _short(text: str) -> str:
    # The digest keeps apart what differs in the middle.
    return text if len(text) <= 90 else f"{text[:60]} …{sha256(text.encode()).hexdigest()[:4]}… {text[-27:]}"


def line_of(text: str, place: int) -> int:
    """Number the line of a place in a text, from 1."""
    return text.count("\n", 0, place) + 1
