"""Which learning rates suited the models of chapter 6, when they were last compared.

To find good rates takes longer than to train at them, so a page does not. ``benchmarks/sweep.py``
trains each model at some rates, and those with tricks from three seeds at the best. What came of
it is in ``data/sweep.json``, with the machine, the day and the commit.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

KEPT = Path(__file__).parent / "data" / "sweep.json"
#: What each optimizer's rates are, before they are tuned: the same for all models that use it.
RATES = {"adam": (0.012, 0.024, 0.048), "rmsprop": (0.006, 0.012, 0.024, 0.048)}
#: The seed of the comparison, which no page uses.
SEED = 100


def kept(budget: str) -> dict[str, Any]:
    """Read the record of a budget; where none was made, that of ``cpu``.

    Returns
    -------
    dict
        ``budget``: the one that it is of. ``made``: ``name`` of the device, ``processor``,
        ``cores``, ``date``, ``commit`` and ``versions``. ``perplexities``: from a model's name to
        a rate, as text, to the validation perplexity of each seed after the last epoch.
        ``tricks``: from a model's name to what came of each of three seeds at the best rate, its
        perplexities ``training`` and ``validation`` of the last epoch, and ``test`` of the best.
    """
    found = json.loads(KEPT.read_text(encoding="utf-8"))
    budget = budget if budget in found else "cpu"
    return {"budget": budget, **found[budget]}
