"""The recurrent language models in NumPy, gate by gate and word by word, as the book writes them.

Nothing is shared with the package but the order of a cell's blocks of columns: each gate has its
own product, one row is read after another, and words are one-hot vectors that are multiplied.
"""

import numpy as np

from unrolled.streams import Batch


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def blocks(M, count):
    """The gates' parts of U, W or b."""
    return np.split(M, count, axis=-1)


def rnn(x, states, U, W, b):
    (s,) = states
    return [np.tanh(x @ U + s @ W + b)]


def relu(x, states, U, W, b):
    (s,) = states
    a = x @ U + s @ W + b
    return [np.where(a > 0, a, 0)]


def gru(x, states, U, W, b):
    (s,) = states
    (Uz, Ur, Uh), (Wz, Wr, Wh), (bz, br, bh) = (blocks(M, 3) for M in (U, W, b))
    z = sigmoid(x @ Uz + s @ Wz + bz)
    r = sigmoid(x @ Ur + s @ Wr + br)
    h = np.tanh(x @ Uh + (r * s) @ Wh + bh)
    return [(1 - z) * h + z * s]


def gru_reset_after(x, states, U, W, b):
    (s,) = states
    (Uz, Ur, Uh), (Wz, Wr, Wh) = blocks(U, 3), blocks(W, 3)
    bz, br, bh, bs = blocks(b, 4)
    z = sigmoid(x @ Uz + s @ Wz + bz)
    r = sigmoid(x @ Ur + s @ Wr + br)
    h = np.tanh(x @ Uh + bh + r * (s @ Wh + bs))
    return [(1 - z) * h + z * s]


def lstm(x, states, U, W, b):
    s, c = states
    (Ui, Uf, Uo, Ug), (Wi, Wf, Wo, Wg) = blocks(U, 4), blocks(W, 4)
    bi, bf, bo, bg = blocks(b, 4)
    i = sigmoid(x @ Ui + s @ Wi + bi)
    f = sigmoid(x @ Uf + s @ Wf + bf)
    o = sigmoid(x @ Uo + s @ Wo + bo)
    g = np.tanh(x @ Ug + s @ Wg + bg)
    c = f * c + i * g
    return [o * np.tanh(c), c]


CELLS = {
    "rnn": rnn,
    "relu": relu,
    "gru": gru,
    "gru-reset-after": gru_reset_after,
    "lstm": lstm,
}


def names_of(layer):
    return [name + (str(layer) if layer > 1 else "") for name in "UWb"]


def read_row(settings, p, x, start, states=None, masks=()):
    """The scores of all next words after each word, (T, C), and the states at the end.

    A sentence starts where `start` is 1. Masks are (T, D) or (T, H).
    """
    C, D, layers = settings.vocabulary, settings.embedding, settings.layers
    step = CELLS[settings.cell]
    count = 2 if settings.cell == "lstm" else 1
    zeros = [[np.zeros(settings.hidden)] * count for _ in range(layers)]
    states, scores = list(states or zeros), []
    for t, word in enumerate(x):
        if start[t]:
            states = list(zeros)
        hide = iter([mask[t] for mask in masks] or [1] * (layers + bool(D)))
        inputs = p["E"][word] * next(hide) if D else np.eye(C)[word]
        for layer in range(layers):
            weights = [p[name] for name in names_of(layer + 1)]
            states[layer] = step(inputs, states[layer], *weights)
            inputs = states[layer][0] * next(hide)
        table = p["E"] if settings.tied else p["V"]
        scores.append(table @ inputs + p["c"])
    return np.array(scores), states


def read(settings, p, batch, masks=(), states=None):
    """The surprise at each word, (T, B), 0 where the mask is; and each row's states at the end.

    Dropout's masks are (T, B, ...). Rows go on from states that an earlier call gave.
    """
    losses, ends = np.zeros(batch.x.shape), []
    for b in range(batch.x.shape[1]):
        T = int(batch.mask[:, b].sum())
        one, hide = Batch(*(part[:T, b] for part in batch)), [m[:T, b] for m in masks]
        before = states and states[b]
        z, end = read_row(settings, p, one.x, one.start, before, hide)
        if T:
            losses[:T, b] = np.log(np.exp(z).sum(axis=1)) - z[np.arange(T), one.y]
        ends.append(end)
    return losses, ends


def word_losses(settings, p, batch, masks=(), states=None):
    """The surprise at each word, as `read` has it."""
    return read(settings, p, batch, masks, states)[0]


def mean_loss(settings, p, batch, masks=(), states=None):
    """In nats per word."""
    return word_losses(settings, p, batch, masks, states).sum() / batch.mask.sum()
