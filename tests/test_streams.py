"""A text in windows: every word once, sentences whole, and the same losses in any shape."""

from itertools import chain

import numpy as np
import pytest

from small_models import ONE_HOT, TWO_LAYERS, differentiate, weights
from unrolled import rnn_by_hand
from unrolled.errors import UserError
from unrolled.gradient_check import relative_error
from unrolled.language_model import LanguageModel
from unrolled.layers import Settings
from unrolled.streams import Batch, Stream
from unrolled.training import evaluate
from unrolled.vocabulary import END, PADDING, START


def sentences_of(lengths, seed=0):
    """Random sentences of given lengths, of the words 3 to 10."""
    random = np.random.default_rng(seed)
    return [random.integers(3, 11, size=n).astype(np.int32) for n in lengths]


def distinct(lengths):
    """Sentences in which no word comes twice: each tells where it is from."""
    ends = 4 + np.cumsum(lengths)
    return [np.arange(end - n, end, dtype=np.int32) for n, end in zip(lengths, ends)]


def some(N=200, longest=30):
    return distinct(np.random.RandomState(0).randint(0, longest, size=N))


def rows(windows):
    """What counts of each row, from its first window to its last: words, next words, starts."""
    x, y, mask, start = map(np.concatenate, zip(*windows))
    counts = mask.astype(bool)
    return [
        [part[counts[:, b], b].tolist() for part in (x, y, start)]
        for b in range(x.shape[1])
    ]


def pieces(windows):
    """The sentences in the order of the rows, cut apart where one starts."""
    found = []
    for x, y, start in rows(windows):
        for word, following, first in zip(x, y, start):
            if first:
                found.append(([], []))
            found[-1][0].append(word)
            found[-1][1].append(following)
    return found


def pairs(sentence):
    return [START, *sentence.tolist()], [*sentence.tolist(), END]


# ------------------------------------------------------------------------ what is in a window


def test_windows_by_hand():
    text = [np.array([7, 8]), np.array([9]), np.array([5, 6, 4])]
    stream = Stream(text, B=2, T=3)
    first, second = windows = stream.in_order()
    assert isinstance(first, Batch)
    assert first.x.T.tolist() == [[START, 7, 8], [START, 5, 6]]
    assert first.y.T.tolist() == [[7, 8, END], [5, 6, 4]]
    assert first.start.T.tolist() == [[1, 0, 0], [1, 0, 0]]
    assert first.mask.all()
    assert second.x.T.tolist() == [[START, 9, PADDING], [4, PADDING, PADDING]]
    assert second.y.T.tolist() == [[9, END, PADDING], [END, PADDING, PADDING]]
    assert second.mask.T.tolist() == [[1, 1, 0], [1, 0, 0]]
    assert second.start.T.tolist()[0][0] == 1
    assert [a.dtype for a in first] == [np.int32, np.int32, np.float32, np.float32]
    assert (stream.words, len(stream), len(windows)) == (9, 3, 2)
    assert windows.padding == pytest.approx(3 / 12)


@pytest.mark.parametrize("order", ["in order", "shuffled"])
@pytest.mark.parametrize(("B", "T"), [(1, 1), (3, 7), (16, 35), (500, 4)])
def test_each_sentence_comes_once_and_whole(order, B, T):
    sentences = some()
    stream = Stream(sentences, B, T)
    windows = stream.in_order() if order == "in order" else stream.epoch(1, 2)
    assert {w.x.shape for w in windows} == {(T, B)}
    found, expected = pieces(windows), [pairs(s) for s in sentences]
    if order == "in order":
        assert found == expected
    else:
        assert found != expected
        assert sorted(found) == sorted(expected)
    assert stream.words == sum(len(x) for x, _ in expected)


def test_rows_are_about_equally_long():
    sentences = some(2000)
    stream = Stream(sentences, B=16, T=35)
    lengths = [len(x) for x, _, _ in rows(stream.epoch(3, 1))]
    # A row ends where a sentence does, at most half of the longest one from its share.
    assert max(abs(n - stream.words / 16) for n in lengths) <= 30
    windows = stream.epoch(3, 1)
    assert all(w.mask.all() for w in list(windows)[:-2])
    assert windows.padding < 0.03


def test_places_that_do_not_count_are_padding():
    for batch in Stream(some(), B=16, T=9).in_order():
        assert set(np.unique(batch.mask)) <= {0, 1}
        for part in (batch.x, batch.y):
            assert (part[batch.mask == 0] == PADDING).all()


def test_orders_follow_from_the_seed_and_the_epoch():
    stream = Stream(some(), B=4, T=10)

    def order(seed, epoch):
        return list(chain(*(w.x.ravel().tolist() for w in stream.epoch(seed, epoch))))

    assert order(1, 2) == order(1, 2)
    assert len({tuple(order(*one)) for one in ((1, 2), (2, 1), (1, 3), (2, 2))}) == 4


def test_the_rest_of_an_epoch():
    windows = Stream(some(), B=4, T=10).epoch(0, 0)
    whole, rest = list(windows), list(windows.since(3))
    assert len(rest) == len(whole) - 3 > 0
    for one, other in zip(whole[3:], rest):
        assert all(np.array_equal(a, b) for a, b in zip(one, other))


def test_carrying_reads_the_text_as_one():
    sentences = some()
    stream = Stream(sentences, B=4, T=10, carry=True)
    for windows in (stream.in_order(), stream.epoch(0, 0), stream.epoch(1, 5)):
        found = rows(windows)
        # Nothing starts but the rows, and the sentences stay in their order.
        assert [sum(start) for _, _, start in found] == [1] * 4
        assert [start[0] for _, _, start in found] == [1] * 4
        words = list(chain(*(x for x, _, _ in found)))
        assert words == list(chain(*(pairs(s)[0] for s in sentences)))


def test_sequences_apart():
    x = np.arange(6, dtype=np.int32).reshape(3, 2)
    batch = Batch.apart(x, x + 1)
    assert batch.start.tolist() == [[1, 1], [0, 0], [0, 0]]
    assert batch.mask.all()
    assert batch.mask.dtype == batch.start.dtype == np.float32
    mask = np.eye(3, 2, dtype=np.float32)
    assert Batch.apart(x, x, mask).mask is mask


@pytest.mark.parametrize("wrong", [{"B": 0}, {"T": 0}])
def test_a_window_of_nothing_is_refused(wrong):
    with pytest.raises(ValueError, match="expected 1 or more"):
        Stream(some(), **wrong)


def test_no_text_is_refused():
    with pytest.raises(UserError, match="found no sentences"):
        Stream([])


# --------------------------------------------------------------- what a model makes of it


def test_a_window_with_whole_sentences_is_the_model_by_hand(float64):
    sentences, values = sentences_of([7, 4, 1, 9, 3, 2]), weights(ONE_HOT)
    (batch,) = Stream(sentences, B=2, T=20).in_order()
    hand = rnn_by_hand.Parameters(**values)
    _, loss, slopes = differentiate(ONE_HOT, values, batch)
    each = [tuple(map(np.array, pairs(s))) for s in sentences]
    counts = [len(x) for x, _ in each]
    expected = np.average(
        [rnn_by_hand.loss(hand, *one) for one in each], weights=counts
    )
    assert loss == pytest.approx(expected, rel=1e-12)
    gradients = [rnn_by_hand.gradients(hand, *one) for one in each]
    for name, slope in slopes.items():
        by_hand = np.average(
            [getattr(g, name) for g in gradients], axis=0, weights=counts
        )
        assert relative_error(slope, by_hand) < 1e-10


@pytest.mark.parametrize("cell", ["rnn", "gru", "gru-reset-after", "lstm"])
def test_a_sentence_across_windows_has_the_losses_of_one_piece(cell, float64):
    settings = Settings(11, hidden=4, embedding=3, cell=cell, layers=2)
    model = LanguageModel(settings, weights(settings))
    sentences = sentences_of([3, 20, 0, 7, 11, 1, 2, 16])

    def losses(B, T):
        """Of each word, in the order of the text."""
        found, stream = [], Stream(sentences, B, T)
        for batch in stream.in_order():
            found.append((model.losses(batch), batch.mask))
        loss, mask = (np.concatenate(part) for part in zip(*found))
        return np.concatenate([loss[mask[:, b] > 0, b] for b in range(B)])

    whole = losses(1, 80)
    assert len(whole) == sum(len(s) + 1 for s in sentences)
    assert losses(1, 5) == pytest.approx(whole, rel=1e-12)
    assert losses(3, 4) == pytest.approx(whole, rel=1e-12)


def test_a_carried_memory_changes_what_follows(float64):
    model = LanguageModel(TWO_LAYERS, weights(TWO_LAYERS))
    sentences = sentences_of([3, 5, 4])
    (apart,) = Stream(sentences, B=1, T=15).in_order()
    (carried,) = Stream(sentences, B=1, T=15, carry=True).in_order()
    one, other = model.losses(apart)[:, 0], model.losses(carried)[:, 0]
    assert one[:4] == pytest.approx(other[:4], rel=1e-12)
    assert (one[4:] != other[4:]).all()


def test_evaluation_does_not_depend_on_the_shape(float64):
    model = LanguageModel(TWO_LAYERS, weights(TWO_LAYERS))
    sentences = sentences_of(np.random.RandomState(1).randint(0, 12, size=40))
    found = [evaluate(model, Stream(sentences, B, T)) for B, T in ((1, 6), (7, 13))]
    assert found[0] == pytest.approx(found[1], rel=1e-12)
