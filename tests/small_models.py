"""Small language models, and sentences for them, that more than one file of tests uses."""

from dataclasses import replace
from functools import cache
from itertools import chain

import numpy as np
import pytensor
import pytensor.tensor as pt

from unrolled import compute
from unrolled.cells import CELLS
from unrolled.layers import (
    Settings,
    initialize,
    look_up,
    mean_loss,
    unroll,
    word_losses,
)
from unrolled.streams import Batch

ONE_HOT = Settings(vocabulary=11, hidden=5)
TWO_LAYERS = Settings(vocabulary=11, hidden=4, embedding=3, layers=2)
TIED = Settings(vocabulary=11, hidden=3, embedding=3, cell="gru", tied=True)
HALF = replace(TWO_LAYERS, cell="gru", dropout=0.5)
THIRD = replace(ONE_HOT, cell="lstm", dropout=0.3)

# Three sentences of 7, 4 and 1 words, with words that come again.
SENTENCES = [
    ([0, 3, 7, 3, 3, 9, 10], [3, 7, 3, 3, 9, 10, 1]),
    ([7, 7, 2, 0], [7, 2, 0, 4]),
    ([5], [5]),
]


def batch_of(sentences, T=7, B=None, seed=0):
    """Sentences side by side. The padding is random words: only the mask says it is none."""
    B = B or len(sentences)
    random = np.random.RandomState(seed)
    x, y = random.randint(ONE_HOT.vocabulary, size=(2, T, B)).astype("int32")
    mask = np.zeros((T, B), "float32")
    for b, (words, following) in enumerate(sentences):
        x[: len(words), b], y[: len(words), b] = words, following
        mask[: len(words), b] = 1
    return Batch.apart(x, y, mask)


def rows_of(rows, T=7):
    """Several sentences one after another in each row."""
    joined = [[[*chain(*parts)] for parts in zip(*sentences)] for sentences in rows]
    batch = batch_of(joined, T)
    for b, sentences in enumerate(rows):
        lengths = [len(x) for x, _ in sentences]
        batch.start[np.cumsum([0, *lengths[:-1]]), b] = 1
    return batch


BATCH = batch_of(SENTENCES)
ROWS = rows_of([SENTENCES[:1], [*SENTENCES[1:], SENTENCES[2]], SENTENCES[2:0:-1]])


def sentence(x, y):
    """A batch of one sentence."""
    return batch_of([(x, y)], T=len(x))


def reads_as_it_measures(model, rel):
    """Hold a model that reads word by word to the losses that it finds in one window."""
    x, y = SENTENCES[0]
    losses, states = model.losses(sentence(x, y))[:, 0], model.start(1)
    for t, word in enumerate(x):
        log_o, states = model.read(np.array([word], "int32"), states)
        np.testing.assert_allclose(-np.asarray(log_o)[0, y[t]], losses[t], rtol=rel)


def weights(settings, seed=1):
    """Parameters with no zero among them."""
    random = np.random.RandomState(3)
    start = initialize(settings, seed)
    if "E" in start:
        # As small as the others: where tanh is flat, finite differences tell little.
        start["E"] /= np.sqrt(settings.hidden)
    return {name: p + 0.1 * random.randn(*p.shape) for name, p in start.items()}


@cache
def differentiated(settings, *shape):
    """Compile the words' losses, their mean and its gradients, of whole tables."""
    p = {
        name: pt.tensor(name, shape=value.shape)
        for name, value in initialize(settings).items()
    }
    dtypes = ("int32", "int32", "float32", "float32")
    x, y, mask, start = batch = [
        pt.tensor(name, dtype=dtype, shape=shape)
        for name, dtype in zip(Batch._fields, dtypes)
    ]
    count = settings.layers * CELLS[settings.cell].states
    zeros = [pt.zeros((shape[1], settings.hidden)) for _ in range(count)]
    s, _ = unroll(settings, p, look_up(p, x), zeros, 1 - start)
    losses = word_losses(p, s, y)
    loss = mean_loss(losses, mask)
    slopes = pytensor.grad(loss, list(p.values()))
    return compute.function([*p.values(), *batch], [losses, loss, *slopes])


def differentiate(settings, values, batch):
    """The words' losses of a batch, their mean and its gradients, in float64, by the graph."""
    assert pytensor.config.floatX == "float64"
    compiled = differentiated(settings, *batch.x.shape)
    losses, loss, *slopes = map(np.asarray, compiled(*values.values(), *batch))
    return losses, float(loss), dict(zip(values, slopes))


def memory_of(model):
    """What a model's rule remembers, without the states that training carries."""
    return {name: compute.value_of(value) for name, value in model.memory.items()}
