"""A two-layer GRU on one sentence in Theano 1.0.5: theano_gru_sentence.py PROBLEM inside|behind.

Each gate has matrices of its own, and E has a column for each word, as the tutorial had it.

``inside``: the output layer is computed in the loop, word by word, as the tutorial did.
``behind``: it is computed after the loop, for all words at once.
"""

import sys

import numpy as np
import theano
import theano.tensor as T
from serve import load, serve

problem = load(sys.argv[1])
inside = sys.argv[2] == "inside"
words, following = (problem[name][:, 0].astype("int32") for name in "xy")
x, y, eta = T.ivector("x"), T.ivector("y"), T.fscalar("eta")
decay, share, epsilon = (np.float32(number) for number in (0.9, 0.1, 1e-6))


def own(array):
    """A shared variable for each gate, from columns side by side."""
    return [
        theano.shared(np.ascontiguousarray(block))
        for block in np.split(array, 3, axis=-1)
    ]


E = theano.shared(np.ascontiguousarray(problem["E"].T))
V, c = theano.shared(problem["V"]), theano.shared(problem["c"])
layers = [[own(problem[name + number]) for name in "UWb"] for number in ("", "2")]
weights = [one for layer in layers for gates in layer for one in gates]
H = problem["V"].shape[1]


def gru(x, s, layer):
    """One layer, one step; the reset gate acts on the state before the product."""
    (Uz, Ur, Uh), (Wz, Wr, Wh), (bz, br, bh) = layer
    z = T.nnet.sigmoid(T.dot(x, Uz) + T.dot(s, Wz) + bz)
    r = T.nnet.sigmoid(T.dot(x, Ur) + T.dot(s, Wr) + br)
    h = T.tanh(T.dot(x, Uh) + T.dot(r * s, Wh) + bh)
    return (1 - z) * h + z * s


def states(word, s1, s2, *_):
    """Both layers."""
    s1 = gru(E[:, word], s1, layers[0])
    return s1, gru(s1, s2, layers[1])


def states_and_output(word, s1, s2, *_):
    """Both layers, and the probability of each next word."""
    s1, s2 = states(word, s1, s2)
    return s1, s2, T.nnet.softmax(T.dot(V, s2) + c)[0]


start = [T.zeros(H, dtype="float32")] * 2
if inside:
    (_, _, o), _ = theano.scan(
        states_and_output,
        sequences=x,
        outputs_info=[*start, None],
        non_sequences=[E, V, c, *weights],
        strict=True,
    )
else:
    (_, s), _ = theano.scan(
        states,
        sequences=x,
        outputs_info=start,
        non_sequences=[E, *weights],
        strict=True,
    )
    o = T.nnet.softmax(T.dot(s, V.T) + c)
loss = T.nnet.categorical_crossentropy(o, y).mean()
updates = []
for p in [E, V, c, *weights]:
    slope, mean = T.grad(loss, p), theano.shared(np.zeros_like(p.get_value()))
    new = decay * mean + share * slope**2
    updates += [(mean, new), (p, p - eta * slope / T.sqrt(new + epsilon))]
step = theano.function([x, y, eta], updates=updates)
evaluate = theano.function([x, y], loss)
rate = np.float32(problem["rate"])
serve(lambda: evaluate(words, following), lambda: step(words, following, rate))
