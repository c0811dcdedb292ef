"""What came of a comparison, in words: each sentence of a page that turns on it is chosen here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np

from unrolled.intervals import Spread, bootstrap


def verdict(one: Spread, other: Spread) -> str:
    """Whether one model is better than another, as far as seeds tell; less is better.

    Returns
    -------
    str
        ``better`` or ``worse`` where all seeds of the one lie on one side of all seeds of the
        other, and the means lie farther apart than the seeds of either; else ``undecided``.
    """
    side = one.compared_with(other.low, other.high)
    widest = max(one.high - one.low, other.high - other.low)
    if side == "undecided" or abs(one.mean - other.mean) <= widest:
        return "undecided"
    return "better" if side == "below" else "worse"


def ranked(found: Mapping[str, Spread]) -> str:
    """Name models from the lowest mean to the highest, and say who is told from the next."""
    names = sorted(found, key=lambda name: found[name].mean)
    said = [f"{name} ({found[name].mean:.1f})" for name in names]
    for i, (one, other) in enumerate(pairwise(names), 1):
        apart = verdict(found[one], found[other]) == "better"
        said[i] = f"{'ahead of' if apart else 'not told from'} {said[i]}"
    return ", ".join(said)


def beside(how: str, other: str) -> str:
    """A :func:`verdict` as the end of a sentence about a model."""
    return f"not told from {other}" if how == "undecided" else f"{how} than {other}"


def list_of(names: Sequence[str], none: str = "none") -> str:
    """Names with commas and an *and*."""
    *first, last = names or [none]
    return f"{', '.join(first)} and {last}" if first else last


def paced(one: float, other: float) -> str:
    """How two times compare, where they differ by a tenth or more."""
    if max(one, other) < 1.1 * min(one, other):
        return "takes as long as"
    factor = max(one, other) / min(one, other)
    return f"is {factor:.1f} times as {'fast' if one < other else 'slow'} as"


def in_tens(factor: float) -> str:
    """A factor, above 0, by the power of ten that it has reached."""
    if factor < 2:
        return "about as much" if factor > 0.5 else "not half as much"
    words = {1: "a few", 10: "tens of", 100: "hundreds of", 1000: "thousands of"}
    reached = max(power for power in words if factor >= power)
    return f"{words[reached]} times as much"


# ------------------------------------------------------------------------------- chapter 6


def dropout(share: float) -> str:
    """Whether dropout, of a share of the entries, is one of all tricks, or added to them."""
    if share:
        return "these networks are large, and one row leaves it out"
    return "these networks are small, and it is added in a row of its own"


def interplay(with_one: str, with_two: str) -> str:
    """What the tables do to Adam's :func:`verdict` against RMSProp."""
    if with_one == with_two:
        return "so the tables do not change who wins"
    return "so which optimizer is better depends on the tables"


def rise(fresh: Mapping[str, float], trained: Mapping[str, Spread], plain: str) -> str:
    """What training did to the factors by which errors fade, before it and after."""
    risen = [name for name in fresh if trained[name].low > fresh[name]]
    if not risen:
        return "Training has raised none of them with every seed"
    if plain in risen:
        return (
            f"With every seed training has raised those of {list_of(risen)}: "
            "the plain network's is among them, so a rise alone is no mark of gates"
        )
    return f"With every seed training has raised those of {list_of(risen)} alone"


def gained(one: np.ndarray, other: np.ndarray) -> str:
    """Which of two models gains more, by the gains (seeds, N) of each at the same N places.

    Returns
    -------
    str
        ``larger`` or ``smaller`` where the 95 % bootstrap interval of the difference over the
        places leaves out 0, and all seeds lie on that side; else ``undecided``.
    """
    low, high = bootstrap(np.mean, one.mean(axis=0) - other.mean(axis=0))
    seeds, others = (Spread.of(each.mean(axis=1)) for each in (one, other))
    side = seeds.compared_with(others.low, others.high)
    if low > 0 and side == "above":
        return "larger"
    return "smaller" if high < 0 and side == "below" else "undecided"


def spelled(network: float, counting: float, own: float) -> str:
    """What bits per character, on new text and on the network's own, say together."""
    gap = f"by {abs(network - counting):.2f} bits"
    if network < counting:
        return f"wins over counting on the test plays {gap}"
    lost = f"loses to counting on the test plays {gap}"
    if own < network - 0.2:
        return (
            f"{lost}, though in its last epoch it was at {own:.2f} bits on its own text: "
            "it knows its own plays better than new ones"
        )
    return f"{lost}, and with {own:.2f} bits in its last epoch it is not trained out"


def late_letters(network: float, counting: float) -> str:
    """Who is surprised more by the last letters, by mean surprises in bits."""
    said = (
        f"the network is surprised by {network:.2f} bits, the 6-gram by {counting:.2f}"
    )
    if abs(network - counting) < 0.05:
        return f"{said}: hardly a difference"
    if network < counting:
        return f"{said}: more than the last five letters may help there"
    return f"{said}: it has long words yet to learn"


def told_untrained(told: Mapping[tuple[str, str], float]) -> str:
    """Which features an untrained network tells as well, by correlations of both kinds."""
    found = [
        name
        for (name, kind), r in told.items()
        if kind == "untrained" and r > told[name, "trained"] - 0.03
    ]
    if not found:
        return "All units of the trained network tell every feature better"
    return (
        "All units of the untrained network together come within 0.03 of the trained one, "
        f"or pass it, in: {'; '.join(found)}"
    )


# ------------------------------------------------------------------------------- chapter 8


def depth(one: Spread, deep: Spread) -> str:
    """Whether more layers get more answers right, in percent."""
    return {
        "above": f"Three layers get {deep:.0f} % of the echoes: a stack can do more",
        "below": f"Three layers get {deep:.0f} % of the echoes, and learn more slowly",
        "undecided": f"Three layers, with {deep:.0f} %, are not told from one",
    }[deep.compared_with(one.low, one.high)]


def at_stake(one: Sequence[float], other: Sequence[float]) -> str:
    """Whether an optimizer can turn the order of two models, by each one's perplexity with each."""
    first, second = sorted((one, other), key=min)
    if max(first) > min(second):
        return "the wrong optimizer for one of them turns their order"
    return "the optimizer alone does not turn their order"


def cost(factor: Spread) -> str:
    """What the windows' cuts cost in perplexity, seed by seed."""
    said = f"a factor of {factor:.3f} in perplexity"
    return {
        "above": f"the cuts cost {said}",
        "below": f"the cuts cost nothing: {said}",
        "undecided": f"what the cuts cost is undecided: {said}",
    }[factor.compared_with(1)]
