"""How many mutants were noticed, and how sure that is of a sample."""

from collections.abc import Sequence
from math import sqrt

from tests.mutation.child import Verdict
from tests.mutation.mutant import Mutant


def interval(killed: int, of: int) -> tuple[float, float]:
    """Give Wilson's 95% interval of a share."""
    z, share = 1.96, killed / of
    middle = (share + z * z / (2 * of)) / (1 + z * z / of)
    half = z / (1 + z * z / of) * sqrt(share * (1 - share) / of + z * z / (4 * of * of))
    return middle - half, min(middle + half, 1.0)


def population(mutant: Mutant) -> str:
    """Say what a mutant was drawn from."""
    if mutant.path.endswith(".py"):
        return "Python"
    return "files of SQL" if mutant.path.endswith(".sql") else "rendered statements"


def told(verdicts: Sequence[tuple[Mutant, Verdict]]) -> str:
    """Tell the score of each population, and of all."""
    lines: list[str] = []
    names = dict.fromkeys(population(mutant) for mutant, _ in verdicts)
    for name in (*names, "all"):
        killed = [verdict.killed for mutant, verdict in verdicts if name in (population(mutant), "all")]
        low, high = interval(sum(killed), len(killed))
        score = f"{sum(killed)} of {len(killed)} killed, {sum(killed) / len(killed):.1%}"
        lines.append(f"{name}: {score} (95%: {low:.1%} to {high:.1%})")
    return "\n".join(lines)


def line(mutant: Mutant, verdict: Verdict) -> str:
    """Tell one of them."""
    word = "killed  " if verdict.killed else "SURVIVES"
    return f"{word} {verdict.seconds:5.1f} s {verdict.tests:4} {mutant.name} | {verdict.by}"
