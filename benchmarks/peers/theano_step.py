"""The same step in Theano 1.0.5, with the whole data set in shared variables."""

import sys

import theano
import theano.tensor as T
from serve import load, serve

problem = load(sys.argv[1])
X, y = theano.shared(problem["X"]), theano.shared(problem["y"].astype("int32"))
rate, penalty = float(problem["rate"]), float(problem["penalty"])
W1, b1, W2, b2 = (theano.shared(problem[name]) for name in ("W1", "b1", "W2", "b2"))

p = T.nnet.softmax(T.tanh(X.dot(W1) + b1).dot(W2) + b2)
data_loss = T.nnet.categorical_crossentropy(p, y).mean()
loss = data_loss + T.cast(penalty / 2, "float32") * ((W1**2).sum() + (W2**2).sum())
rate = T.cast(rate, "float32")
updates = [(v, v - rate * theano.grad(loss, v)) for v in (W1, b1, W2, b2)]
serve(theano.function([], loss), theano.function([], loss, updates=updates))
