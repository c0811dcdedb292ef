"""Our models on the recorded cases, beside Theano 1.0.5.

The tests compare them with the record in tests/reference. `make parity` lets Theano compute the
cases again, and starts this file with the folder of what it has just written:

    python tests/parity.py FOLDER

It prints a table of the largest relative errors and keeps it as tests/reference/parity.md. The
exit status is 1 where one is above 1e-6.
"""

import sys
from collections.abc import Callable
from datetime import date
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple
from unittest.mock import patch

import numpy as np
import pytensor

from small_models import differentiate, memory_of, sentence
from support import REFERENCE, made_by, part, read_cases
from unrolled import command_line, compute, network, rnn_by_hand
from unrolled.gradient_check import relative_error
from unrolled.language_model import LanguageModel
from unrolled.layers import Settings
from unrolled.updates import RULES, rmsprop

TOLERANCE = 1e-6
UPDATES = 10
TABLE = REFERENCE / "parity.md"
#: What is held to Theano: our models by hand, our models as graphs, the committed record.
COLUMNS = ("NumPy", "PyTensor", "record")

#: What is compared, and how the names of its arrays begin in a case.
QUANTITIES = {
    "losses": "losses",
    "gradients": "gradient/",
    "parameters after ten updates": "end/",
}

# ------------------------------------------------------------- what our models compute


def named(losses, gradients, end):
    """Losses, gradients and trained parameters under the names that they have in a case."""
    return {
        "losses": np.array(losses, float),
        **{f"gradient/{name}": value for name, value in gradients.items()},
        **{f"end/{name}": value for name, value in end.items()},
    }


def train_network_by_hand(case):
    """The 3-layer network in NumPy."""
    X, y, regularization = case["X"], case["y"], case["regularization"]
    start = network.Parameters(**part(case, "start"))
    rate = case["learning_rate"]
    path = [start, *network.train(start, X, y, rate, UPDATES, regularization)]
    losses = [network.loss(p, X, y, regularization) for p in path]
    gradients = network.gradients(start, X, y, regularization)
    return named(losses, gradients._asdict(), path[-1]._asdict())


def network_slopes(parameters, X, y, regularization, mode="JAX"):
    """The network's loss and its gradients as the graph gives them."""
    shared = network.Parameters(
        *map(compute.shared, parameters, network.Parameters._fields)
    )
    graph = network.theano_loss(
        shared, compute.shared(X, "X"), compute.shared(y, "y"), regularization
    )
    slopes = pytensor.grad(graph, list(shared))
    value, *slopes = compute.function([], [graph, *slopes], mode=mode)()
    return float(value), network.Parameters(*map(np.asarray, slopes))


def train_network(case, mode="JAX"):
    """The 3-layer network in PyTensor."""
    X, y, regularization = case["X"], case["y"], float(case["regularization"])
    start = network.Parameters(**part(case, "start"))
    _, gradients = network_slopes(start, X, y, regularization, mode)
    rate = float(case["learning_rate"])
    model = network.TheanoNetwork(start, X, y, rate, regularization, mode=mode)
    losses = [model.step() for _ in range(UPDATES)]
    end = model.values()
    # A step returns the loss before it: one more gives the loss at the end.
    losses.append(model.step())
    return named(losses, gradients._asdict(), end._asdict())


def train_rnn_by_hand(case):
    """The RNN language model in NumPy."""
    x, y = case["x"], case["y"]
    p = rnn_by_hand.Parameters(**part(case, "start"))
    gradients = rnn_by_hand.gradients(p, x, y)
    losses = [rnn_by_hand.loss(p, x, y)]
    for _ in range(UPDATES):
        rnn_by_hand.step(p, x, y, case["learning_rate"])
        losses.append(rnn_by_hand.loss(p, x, y))
    return named(losses, gradients._asdict(), p._asdict())


def train_language_model(case, cell="rnn", layers=1, optimizer="sgd", mode="JAX"):
    """A language model in PyTensor."""
    start, batch = part(case, "start"), sentence(case["x"], case["y"])
    C, H = start["V"].shape
    D = start["E"].shape[1] if "E" in start else 0
    settings = Settings(C, H, D, cell, layers)
    *_, gradients = differentiate(settings, start, batch)
    # The tutorial's epsilon; ours is smaller.
    with patch.dict(RULES, rmsprop=partial(rmsprop, epsilon=1e-6)):
        model = LanguageModel(settings, start, optimizer=optimizer, mode=mode)
    step = partial(model.step, batch, float(case["learning_rate"]))
    losses = [step() for _ in range(UPDATES)]
    end = model.values() | memory_of(model)
    # A step returns the loss before it: one more gives the loss at the end.
    losses.append(step())
    return named(losses, gradients, end)


class Model(NamedTuple):
    """A recorded model: what the book calls it, and our ways to compute a case of it."""

    title: str
    as_graph: Callable
    by_hand: Callable | None = None


#: The models by the names of their files.
MODELS = {
    "network": Model("3-layer network", train_network, train_network_by_hand),
    "rnn": Model("RNN", train_language_model, train_rnn_by_hand),
    "gru": Model(
        "GRU", partial(train_language_model, cell="gru", layers=2, optimizer="rmsprop")
    ),
    "lstm": Model("LSTM", partial(train_language_model, cell="lstm")),
}

# --------------------------------------------------------------------- the comparison


def error(found, expected, name):
    """The relative error of one array; infinite where there is none to compare."""
    shapes = [arrays[name].shape for arrays in (found, expected) if name in arrays]
    if len(shapes) < 2 or shapes[0] != shapes[1]:
        return np.inf
    return relative_error(found[name], expected[name])


def errors(found, expected):
    """The largest relative error of each quantity of a case."""
    largest = {}
    for quantity, beginning in QUANTITIES.items():
        names = {name for name in (*found, *expected) if name.startswith(beginning)}
        # NumPy's maximum keeps what is not a number; Python's may lose it.
        largest[quantity] = float(np.max([error(found, expected, n) for n in names]))
    return largest


def too_large(largest, tolerance=TOLERANCE):
    """Those of the errors that are above the tolerance, or not a number."""
    return {
        quantity: size for quantity, size in largest.items() if not size <= tolerance
    }


def compare(folder):
    """Hold our models, and what is recorded, to what Theano wrote to a folder.

    Gives the model, the case, and for each of COLUMNS the errors; None where we have no such model.
    """
    for name, model in MODELS.items():
        recorded = read_cases(name)
        for case, live in read_cases(name, folder).items():
            by_hand = errors(model.by_hand(live), live) if model.by_hand else None
            as_graph = errors(model.as_graph(live), live)
            of_record = errors(recorded.get(case, {}), live)
            yield model.title, case, (by_hand, as_graph, of_record)


# -------------------------------------------------------------------------- the table


def heading(theano):
    """When and with what the table was made, in one line."""
    today = date.today()
    ours = ", ".join(f"{name} {version(name)}" for name in ("PyTensor", "JAX", "NumPy"))
    made = f"Made on {today:%B} {today.day}, {today.year}."
    return f"{made} Theano's side: {theano}; ours: {ours}."


def cell(column, quantity):
    """An error as it is printed: a dash where nothing was compared."""
    if column is None:
        return "–"
    return f"{column[quantity]:.1e}" if column[quantity] else "0"


def table(compared):
    """The errors in Markdown, a row for each quantity."""
    yield f"| model | case | quantity | {' | '.join(COLUMNS)} |"
    yield "|:--|:--|:--|" + "--:|" * len(COLUMNS)
    for title, case, columns in compared:
        for quantity in QUANTITIES:
            cells = [title, case, quantity, *(cell(c, quantity) for c in columns)]
            yield f"| {' | '.join(cells)} |"


def main():
    """Compare, and write the table."""
    parser = command_line.Parser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="what record_theano.py has written")
    folder = parser.parse_args().folder
    compute.use_precision("float64")
    compared = list(compare(folder))
    lines = [heading(made_by("network", folder)), "", *table(compared)]
    TABLE.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(*lines, "", sep="\n")
    found = [column for *_, columns in compared for column in columns if column]
    if any(map(too_large, found)):
        sys.exit(f"Error: not all of these are below {TOLERANCE}")
    print(f"All are below {TOLERANCE}.")


if __name__ == "__main__":
    command_line.run(main)
