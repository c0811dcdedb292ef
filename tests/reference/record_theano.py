"""Record what Theano 1.0.5 computes, so that the tests can hold `unrolled` to it.

Runs under Python 3.8 with Theano's last release, and does not import `unrolled`, which needs a
newer Python: README.md beside this file says how. Each model is one function that returns arrays
by name; `<model>.npz` is what it returned.

    python record_theano.py                   # every model
    python record_theano.py network           # one
    python record_theano.py --folder FOLDER   # leave the record alone
"""

import argparse
import pathlib
import signal
from collections import OrderedDict

import numpy as np
import theano
import theano.tensor as tt

UPDATES = 10
HERE = pathlib.Path(__file__).resolve().parent


def sgd(shared, gradients, learning_rate):
    """The updates of gradient descent, and what it remembers: nothing."""
    moves = [(p, p - learning_rate * g) for p, g in zip(shared.values(), gradients)]
    return moves, {}


def rmsprop(shared, gradients, learning_rate, decay=0.9, epsilon=1e-6):
    """Divide each slope by the root of a running mean of its squares."""
    means, updates = OrderedDict(), []
    for (name, p), g in zip(shared.items(), gradients):
        mean = theano.shared(np.zeros_like(p.get_value()))
        new = decay * mean + (1 - decay) * tt.sqr(g)
        updates += [(mean, new), (p, p - learning_rate * g / tt.sqrt(new + epsilon))]
        means["mean of squares/" + name] = mean
    return updates, means


def descend(start, build_loss, learning_rate, rule=sgd):
    """Record the loss and the gradients at the start, and then some updates.

    `start` maps names to arrays; `build_loss` takes a dict of the shared variables of these names
    and returns the loss as a graph. Returned are, by name: `start/W1`, `gradient/W1`, `end/W1` for
    each parameter, `end/...` for what the rule remembers, and `losses`, of which number i is the
    loss after i updates.
    """
    shared = OrderedDict((k, theano.shared(v, name=k)) for k, v in start.items())
    loss = build_loss(shared)
    gradients = tt.grad(loss, list(shared.values()))
    updates, memory = rule(shared, gradients, learning_rate)
    differentiate = theano.function([], gradients)
    step = theano.function([], loss, updates=updates)
    evaluate = theano.function([], loss)

    at_start = differentiate()
    losses = [step() for _ in range(UPDATES)]  # each is the loss before its update
    losses.append(evaluate())
    recorded = {"learning_rate": np.float64(learning_rate), "losses": np.array(losses)}
    for name, gradient in zip(start, at_start):
        recorded["start/" + name] = start[name]
        recorded["gradient/" + name] = gradient
        recorded["end/" + name] = shared[name].get_value()
    for name, value in memory.items():
        recorded["end/" + name] = value.get_value()
    return recorded


# ------------------------------------------------------------------------- the 3-layer network


def two_moons(random, count, noise):
    """Two half circles that reach into each other, `count` points in the plane."""
    y = np.arange(count) % 2
    angle = random.uniform(0, np.pi, count)
    X = np.column_stack([np.cos(angle), np.sin(angle)])
    X[y == 1] = [1, 0.5] - X[y == 1]
    return X + noise * random.randn(count, 2), y


def clusters(random, count, features, classes):
    """One cloud of points for each class, near enough to overlap."""
    y = np.arange(count) % classes
    return random.randn(classes, features)[y] + random.randn(count, features), y


def network_case(random, X, y, hidden, learning_rate, regularization):
    """Train the classifier on one set of examples."""
    features, classes = X.shape[1], y.max() + 1
    start = OrderedDict(
        W1=random.randn(features, hidden) / np.sqrt(features),
        b1=random.randn(hidden) / 10,
        W2=random.randn(hidden, classes) / np.sqrt(hidden),
        b2=random.randn(classes) / 10,
    )

    def build_loss(p):
        a1 = tt.tanh(tt.dot(tt.constant(X), p["W1"]) + p["b1"])
        probabilities = tt.nnet.softmax(tt.dot(a1, p["W2"]) + p["b2"])
        losses = tt.nnet.categorical_crossentropy(probabilities, tt.constant(y))
        penalty = tt.sqr(p["W1"]).sum() + tt.sqr(p["W2"]).sum()
        return losses.mean() + regularization / 2 * penalty

    recorded = descend(start, build_loss, learning_rate)
    recorded.update(X=X, y=y, regularization=np.float64(regularization))
    return recorded


def network():
    """Two classes of points in the plane, and three classes of four features."""
    random = np.random.RandomState(1)
    cases = {
        "moons": network_case(random, *two_moons(random, 60, 0.2), 5, 1.5, 0.01),
        "clusters": network_case(random, *clusters(random, 45, 4, 3), 6, 0.5, 0.02),
    }
    return {f"{case}/{key}": v for case, d in cases.items() for key, v in d.items()}


# ------------------------------------------------------------------- the RNN language model


def rnn_losses(p, rows, y, truncate_gradient=-1):
    """Predict each next word of a sentence from the rows of U that its words look up."""
    states, _ = theano.scan(
        lambda row, s, W, b: tt.tanh(row + tt.dot(s, W) + b),
        sequences=rows,
        outputs_info=tt.zeros_like(p["b"]),
        non_sequences=[p["W"], p["b"]],
        truncate_gradient=truncate_gradient,
    )
    o = tt.nnet.softmax(tt.dot(states, p["V"].T) + p["c"])
    return tt.nnet.categorical_crossentropy(o, tt.constant(y))


def rnn_case(random, words, C, H, learning_rate):
    """Train the model on one sentence: each word is to predict the one after it."""
    x, y = np.array(words[:-1]), np.array(words[1:])
    start = OrderedDict(
        U=random.uniform(-1, 1, (C, H)) / np.sqrt(H),
        W=random.uniform(-1, 1, (H, H)) / np.sqrt(H),
        b=random.randn(H) / 10,
        V=random.uniform(-1, 1, (C, H)) / np.sqrt(H),
        c=random.randn(C) / 10,
    )
    recorded = descend(
        start, lambda p: rnn_losses(p, p["U"][x], y).mean(), learning_rate
    )
    recorded.update(x=x, y=y)
    return recorded


def slopes_by_position(case, truncate_gradient):
    """How much the loss depends on the row that each position looks up: (T, H)."""
    p = {name: theano.shared(case["start/" + name]) for name in "UWbVc"}
    rows = p["U"][case["x"]]
    loss = rnn_losses(p, rows, case["y"], truncate_gradient).mean()
    return theano.function([], tt.grad(loss, rows))()


def rnn():
    """A sentence in which words come again, and one in which none does."""
    random = np.random.RandomState(2)
    cases = {
        "repeated": rnn_case(random, [0, 3, 7, 3, 3, 9, 10, 0, 5, 1], 11, 7, 0.5),
        "distinct": rnn_case(random, list(random.permutation(13)[:11]), 13, 5, 0.3),
    }
    # What scan makes of truncation. Without repeated words, a row of U is a position.
    distinct = cases["distinct"]
    distinct["truncate_gradient"] = np.int64(4)
    distinct["truncated"] = slopes_by_position(distinct, 4)
    return {f"{case}/{key}": v for case, d in cases.items() for key, v in d.items()}


# ------------------------------------------------------------- the gated language models


def gate(number, H, x, s, U, W, b, squash=tt.nnet.sigmoid):
    """One gate, from its own columns of U, W and b."""
    own = slice(number * H, (number + 1) * H)
    return squash(tt.dot(x, U[:, own]) + tt.dot(s, W[:, own]) + b[own])


def gru_layer(H, x, s, U, W, b):
    """The new state of a GRU; the reset gate acts on the state before the product."""
    z = gate(0, H, x, s, U, W, b)
    r = gate(1, H, x, s, U, W, b)
    h = gate(2, H, x, r * s, U, W, b, tt.tanh)
    return (1 - z) * h + z * s


def lstm_layer(H, x, s, c, U, W, b):
    """The new state and the new memory of an LSTM."""
    i, f, o = (gate(number, H, x, s, U, W, b) for number in range(3))
    c = f * c + i * gate(3, H, x, s, U, W, b, tt.tanh)
    return o * tt.tanh(c), c


def weights(random, inputs, columns, H):
    """U, W and b of a layer."""
    return [
        random.uniform(-1, 1, (inputs, columns)) / np.sqrt(inputs),
        random.uniform(-1, 1, (H, columns)) / np.sqrt(H),
        random.randn(columns) / 10,
    ]


def surprise(p, states, y):
    """The mean loss of the words that follow."""
    o = tt.nnet.softmax(tt.dot(states, p["V"].T) + p["c"])
    return tt.nnet.categorical_crossentropy(o, tt.constant(y)).mean()


def language_case(random, C, D, H, gates, layers, build, learning_rate, rule):
    """Train a language model on one sentence, in which words come again.

    `build` takes the parameters by name and the rows of E that the words look up, and returns the
    states of the last layer.
    """
    words = np.array([0, 3, 7, 3, 3, 9, 10, 0, 5, 1])
    x, y = words[:-1], words[1:]
    start = OrderedDict(E=random.uniform(-1, 1, (C, D)))
    for layer in range(layers):
        number = str(layer + 1) if layer else ""
        own = weights(random, H if layer else D, gates * H, H)
        start.update((k + number, value) for k, value in zip("UWb", own))
    start["V"] = random.uniform(-1, 1, (C, H)) / np.sqrt(H)
    start["c"] = random.randn(C) / 10

    def build_loss(p):
        return surprise(p, build(p, p["E"][x]), y)

    recorded = descend(start, build_loss, learning_rate, rule)
    recorded.update(x=x, y=y)
    return recorded


def gru():
    """Two layers in one loop, word by word, trained by RMSProp."""
    H = 5

    def states(p, rows):
        def step(row, s1, s2, U1, W1, b1, U2, W2, b2):
            s1 = gru_layer(H, row, s1, U1, W1, b1)
            return s1, gru_layer(H, s1, s2, U2, W2, b2)

        (_, s2), _ = theano.scan(
            step,
            sequences=rows,
            outputs_info=[tt.zeros(H), tt.zeros(H)],
            non_sequences=[p[name] for name in ("U", "W", "b", "U2", "W2", "b2")],
        )
        return s2

    random = np.random.RandomState(3)
    case = language_case(random, 11, 4, H, 3, 2, states, 0.01, rmsprop)
    return {"two layers/" + key: value for key, value in case.items()}


def lstm():
    """One layer, trained by gradient descent."""
    H = 6

    def states(p, rows):
        (s, _), _ = theano.scan(
            lambda row, s, c, U, W, b: lstm_layer(H, row, s, c, U, W, b),
            sequences=rows,
            outputs_info=[tt.zeros(H), tt.zeros(H)],
            non_sequences=[p[name] for name in "UWb"],
        )
        return s

    random = np.random.RandomState(4)
    case = language_case(random, 11, 4, H, 4, 1, states, 0.5, sgd)
    return {"one layer/" + key: value for key, value in case.items()}


# ------------------------------------------------------------------------------- all the models

MODELS = {"network": network, "rnn": rnn, "gru": gru, "lstm": lstm}


def main():
    """Write the file of each model named on the command line, or of all."""
    # Who reads no further, as `head`, ends it without a word.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="*", metavar="model", help=", ".join(MODELS))
    parser.add_argument(
        "--folder",
        type=pathlib.Path,
        default=HERE,
        help="where to write; left out: the record",
    )
    chosen = parser.parse_args()
    models = chosen.models or list(MODELS)
    unknown = sorted(set(models) - set(MODELS))
    if unknown:
        parser.error(f"model {unknown[0]!r}: expected one of {', '.join(MODELS)}")
    if (theano.__version__, theano.config.floatX) != ("1.0.5", "float64"):
        parser.error(
            f"found Theano {theano.__version__} with floatX={theano.config.floatX}, "
            "expected Theano 1.0.5 with THEANO_FLAGS=floatX=float64"
        )
    made_by = np.array(f"Theano {theano.__version__}, NumPy {np.__version__}")
    chosen.folder.mkdir(parents=True, exist_ok=True)
    for model in models:
        path = chosen.folder / (model + ".npz")
        np.savez_compressed(path, made_by=made_by, **MODELS[model]())
        print(f"{path.name}: {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
