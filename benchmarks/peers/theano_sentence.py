"""The step on one sentence in Theano 1.0.5: theano_sentence.py PROBLEM inside|behind.

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
rate = np.float32(problem["rate"])
# U has a column for each word.
U = theano.shared(np.ascontiguousarray(problem["U"].T))
W, b, V, c = parameters = [theano.shared(problem[name]) for name in "WbVc"]
x, y, eta = T.ivector("x"), T.ivector("y"), T.fscalar("eta")


def state(word, s, U, W, b):
    """s_t, from word t and s_{t-1}."""
    return T.tanh(U[:, word] + T.dot(s, W) + b)


def state_and_output(word, s, U, W, b, V, c):
    """s_t, and the probability of each next word."""
    s = state(word, s, U, W, b)
    return s, T.nnet.softmax(T.dot(V, s) + c)[0]


loop = {"sequences": x, "truncate_gradient": 4, "strict": True}
start = T.zeros_like(b)
if inside:
    (_, o), _ = theano.scan(
        state_and_output,
        outputs_info=[start, None],
        non_sequences=[U, W, b, V, c],
        **loop,
    )
else:
    s, _ = theano.scan(state, outputs_info=start, non_sequences=[U, W, b], **loop)
    o = T.nnet.softmax(T.dot(s, V.T) + c)
loss = T.nnet.categorical_crossentropy(o, y).mean()
parameters = [U, *parameters]
slopes = T.grad(loss, parameters)
step = theano.function(
    [x, y, eta], updates=[(p, p - eta * g) for p, g in zip(parameters, slopes)]
)
evaluate = theano.function([x, y], loss)
serve(lambda: evaluate(words, following), lambda: step(words, following, rate))
