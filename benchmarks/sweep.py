#!/usr/bin/env python3
"""Train each model of words of chapters 6 and 8 at some learning rates, and keep what came of it.

Where the best rate is the lowest or the highest, one more is tried. The models of chapter 8 are
tried with two optimizers; those with tricks are then trained at their best rate, from three seeds.
The outcome goes to ``unrolled/data/sweep.json``, from which the chapters take the rates and show
the tables. The budget is that of ``UNROLLED_BUDGET``; others in the file stay. Run it again where
the text, the models' sizes or their training have changed.
"""

import json
import sys
import tempfile
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import jax

sys.path.insert(0, str(Path(__file__).parents[1] / "tools"))

from provenance import commit
from unrolled import (
    budget,
    command_line,
    fields,
    machine,
    models,
    recipes,
    seeds,
    sweep,
    training,
)
from unrolled.language_model import LanguageModel
from unrolled.options import Options
from unrolled.parallel import MinGRU
from unrolled.probability import perplexity
from unrolled.transformer import Transformer


@dataclass(frozen=True)
class Wish:
    """What this sweep can be told."""

    seeds: fields.Positive = 2
    """Trainings of each model at each rate."""
    trials: fields.Positive = 3
    """Trainings of each model with tricks at its best rate."""


#: What chapter 8's models are, where they are not the recurrent networks of chapter 6.
KINDS = {"minGRU": MinGRU, "transformer": Transformer}


def perplexities(
    plays, options: Options, tried: range, kind: type[LanguageModel] = LanguageModel
) -> dict[str, list[float]]:
    """From each rate to the validation perplexities after the last epoch."""
    begun = models.start(plays, options, kind)
    streams = [
        training.stream_of(part, begun.vocabulary, options)
        for part in (plays.train, plays.validation)
    ]
    found: dict[str, list[float]] = {}
    todo = list(sweep.RATES)
    while todo:
        rate = todo.pop(0)
        for seed in tried:
            begun = models.restart(begun, seed)
            begun.options = replace(options, learning_rate=rate)
            state = training.Trainer(begun, *streams, quiet=True).run()
            last = perplexity(state.history[-1].validation)
            found.setdefault(f"{rate:g}", []).append(round(last, 2))
        if not todo and (more := sweep.beyond(found)):
            todo.append(more)
    return dict(sorted(found.items(), key=lambda item: float(item[0])))


def outcomes(plays, options: Options, count: int) -> list[dict[str, float]]:
    """For each seed the perplexities of the last epoch, and on the test plays of the best."""
    with tempfile.TemporaryDirectory() as folder:
        folders = [Path(folder) / str(seed) for seed in range(count)]
        trained, runs = seeds.train(plays, options, folders, quiet=True)
    text, found = training.stream_of(plays.test, trained.vocabulary, options), []
    for run in runs:
        trained.model.set_values(run.best)
        losses = {
            "training": run.history[-1].loss,
            "validation": run.history[-1].validation,
            "test": training.evaluate(trained.model, text),
        }
        found.append({name: round(perplexity(x), 2) for name, x in losses.items()})
    return found


def both_optimizers(
    plays, tried: range
) -> dict[str, dict[str, dict[str, list[float]]]]:
    """For each model of chapter 8's contest, and each optimizer, :func:`perplexities`."""
    found: dict[str, dict[str, dict[str, list[float]]]] = {}
    for name, options in recipes.contest().items():
        found[name] = {}
        for rule in ("adam", "rmsprop"):
            alike = replace(options, optimizer=rule, learning_rate=None)
            kind = KINDS.get(name, LanguageModel)
            found[name][rule] = perplexities(plays, alike, tried, kind)
            print(name, rule, found[name][rule], flush=True)
    return found


def described(options: Options) -> dict[str, float]:
    """What chapter 6 says of the models that were swept."""
    return {
        "units": options.model.hidden,
        "parameters": recipes.count(options.model),
        "dropout": options.model.dropout,
    }


def main() -> None:
    """Train them all, and write the file."""
    wish = command_line.parse(Wish(), __doc__)
    tried = range(sweep.SEED, sweep.SEED + wish.seeds)
    plays, done = recipes.plays(), {}
    planned = {**recipes.cells(), **recipes.tricks()}
    found: dict[str, dict[str, list[float]]] = {}
    for name, options in planned.items():
        alike = replace(options, learning_rate=None)
        if alike not in done:
            done[alike] = perplexities(plays, alike, tried)
        found[name] = done[alike]
        print(name, found[name], flush=True)
    made = {
        "name": machine.describe().name,
        "processor": machine.processor(),
        "cores": machine.cores(),
        "date": datetime.now(UTC).date().isoformat(),
        "commit": commit(),
        "versions": {"JAX": jax.__version__},
    }
    kept = json.loads(sweep.KEPT.read_text(encoding="utf-8"))
    kept[budget.name()] = {
        "made": made,
        "models": {name: described(options) for name, options in planned.items()},
        "perplexities": found,
        "contest": both_optimizers(plays, tried),
        "tricks": {},
    }
    # The recipes take their rates from here.
    sweep.KEPT.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
    for name, options in recipes.tricks().items():
        kept[budget.name()]["tricks"][name] = outcomes(plays, options, wish.trials)
    sweep.KEPT.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    command_line.run(main)
