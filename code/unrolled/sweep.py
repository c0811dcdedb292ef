"""Which learning rates suited the models of chapters 6 and 8, when they were last compared.

To find good rates takes longer than to train at them, so a page does not. ``benchmarks/sweep.py``
trains each model at some rates, and those with tricks from three seeds at the best. What came of
it is in ``data/sweep.json``, with the machine, the day and the commit.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

#: From a rate, as text, to the validation perplexity of each seed after the last epoch.
Rates = Mapping[str, Sequence[float]]

KEPT = Path(__file__).parent / "data" / "sweep.json"
#: The rates that each model is tried at, under each optimizer; :func:`beyond` says which more.
RATES = (0.006, 0.012, 0.024, 0.048)
#: The first seed of the comparison, which no page uses.
SEED = 100


def kept(budget: str) -> dict[str, Any]:
    """Read the record of a budget; where none was made, that of ``cpu``.

    Returns
    -------
    dict
        ``budget``: the one that it is of. ``made``: ``name`` of the device, ``processor``,
        ``cores``, ``date``, ``commit`` and ``versions``. ``models``: from a name to the ``units``,
        the ``parameters`` and the ``dropout`` of the model that was trained. ``perplexities``:
        from a model of chapter 6 to its :data:`Rates`. ``tricks``: from a model's name to what
        came of each of three seeds at the best rate, its perplexities ``training`` and
        ``validation`` of the last epoch, and ``test`` of the best. ``contest``: from a model of
        chapter 8 to an optimizer to its :data:`Rates`.
    """
    found = json.loads(KEPT.read_text(encoding="utf-8"))
    budget = budget if budget in found else "cpu"
    return {"budget": budget, **found[budget]}


def best(found: Rates) -> tuple[str, float]:
    """The rate with the lowest perplexity, on average over the seeds, and that perplexity."""
    rate = min(found, key=lambda rate: np.mean(found[rate]))
    return rate, float(np.mean(found[rate]))


def beyond(found: Rates) -> float | None:
    """The next rate to try where the best is the lowest or the highest: half of it, or twice."""
    rates, (rate, _) = [float(rate) for rate in found], best(found)
    if float(rate) == min(rates):
        return float(rate) / 2
    return 2 * float(rate) if float(rate) == max(rates) else None
