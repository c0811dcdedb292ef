"""The compiled step of the language model: our_language_model.py PROBLEM CELL [OPTIMIZER]."""

import sys

from serve import load, serve

from unrolled import timing
from unrolled.language_model import LanguageModel
from unrolled.layers import Settings
from unrolled.streams import Batch

problem = load(sys.argv[1])
(C, H), D = problem["V"].shape, problem["E"].shape[1] if "E" in problem else 0
layers = 1 + sum(f"U{k}" in problem for k in range(2, 10))
settings = Settings(C, H, D, cell=sys.argv[2], layers=layers)
others = "x", "y", "rate", "clip"
parameters = {name: value for name, value in problem.items() if name not in others}
clip = float(problem["clip"]) if "clip" in problem else 0.0
optimizer = sys.argv[3] if len(sys.argv) > 3 else "sgd"
model = LanguageModel(settings, parameters, clip=clip, optimizer=optimizer)
batch = Batch.apart(problem["x"], problem["y"])
rate = float(problem["rate"])


def loss():
    """The mean over the words."""
    return model.losses(batch).mean()


serve(loss, lambda: timing.wait(model.step(batch, rate)))
