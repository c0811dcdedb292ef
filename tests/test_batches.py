from itertools import chain, combinations

import numpy as np
import pytest

from unrolled.batches import Batch, Batches, best_lengths
from unrolled.errors import UserError
from unrolled.vocabulary import END, PADDING, START


def sentences_of(lengths):
    """Sentences of given lengths, in which no word comes twice: it tells where it is from."""
    ends = 4 + np.cumsum(lengths)
    return [np.arange(end - n, end, dtype=np.int32) for n, end in zip(lengths, ends)]


def some(N=200, longest=30, seed=0):
    return sentences_of(np.random.RandomState(seed).randint(1, longest, size=N))


def columns(batches):
    """The counted (x, y) of each column that holds any."""
    for batch in batches:
        for x, y, mask in zip(batch.x.T, batch.y.T, batch.mask.T):
            if mask.any():
                yield x[mask > 0].tolist(), y[mask > 0].tolist()


def pairs(sentence):
    return [START, *sentence], [*sentence, END]


# ---------------------------------------------------------------------------- what is in a batch


def test_one_batch_by_hand():
    batches = Batches([np.array([7, 8]), np.array([9])], B=2, buckets=1)
    (batch,) = batches
    assert isinstance(batch, Batch)
    assert batch.x.tolist() == [[START, START], [7, 9], [8, PADDING]]
    assert batch.y.tolist() == [[7, 9], [8, END], [END, PADDING]]
    assert batch.mask.tolist() == [[1, 1], [1, 1], [1, 0]]
    assert [array.dtype for array in batch] == [np.int32, np.int32, np.float32]
    assert batches.shapes == [(3, 2)]
    assert (len(batches), batches.tokens) == (1, 5)
    assert batches.padding == pytest.approx(1 / 6)


@pytest.mark.parametrize("order", ["plain", "shuffled"])
def test_each_sentence_comes_once_and_whole(order):
    sentences = some()
    batches = Batches(sentences, B=16, buckets=4)
    found = batches if order == "plain" else batches.epoch(seed=1, epoch=2)
    assert sorted(columns(found)) == sorted(map(pairs, sentences))


def test_steps_that_do_not_count_are_padding():
    batches = Batches(some(), B=16, buckets=4)
    for batch in batches:
        assert set(np.unique(batch.mask)) <= {0, 1}
        assert (batch.x[batch.mask == 0] == PADDING).all()
        assert (batch.y[batch.mask == 0] == PADDING).all()
        # A sentence begins at the first step and has no holes.
        assert (np.diff(batch.mask, axis=0) <= 0).all()


def test_numbers_are_those_of_the_batches():
    batches = Batches(some(), B=16, buckets=4)
    made = list(batches)
    assert len(batches) == len(made)
    assert {batch.x.shape for batch in made} == set(batches.shapes)
    assert all(batch.y.shape == batch.mask.shape == batch.x.shape for batch in made)
    assert batches.tokens == sum(batch.mask.sum() for batch in made)
    assert batches.tokens == sum(len(sentence) + 1 for sentence in some())
    cells = sum(batch.mask.size for batch in made)
    assert batches.padding == pytest.approx(1 - batches.tokens / cells)


def test_empty_sentences_have_an_end():
    batches = Batches([np.zeros(0, np.int32)] * 3, B=2)
    assert list(columns(batches)) == [([START], [END])] * 3


# ------------------------------------------------------------------------------ cut to a length


@pytest.mark.parametrize("longest", [1, 2, 5, 6, 7])
def test_long_sentences_are_cut_and_nothing_is_lost(longest):
    sentence = np.arange(10, 15)  # 6 steps
    batches = Batches([sentence], B=1, buckets=9, longest=longest)
    assert max(T for T, _ in batches.shapes) == min(6, longest)
    assert batches.tokens == 6
    pieces = dict(columns_by_first_input(batches))
    x, y = pieces[START]
    while y[-1] != END:
        # The next piece goes on from the last word to which this one came.
        next_x, next_y = pieces[y[-1]]
        x, y = x + next_x, y + next_y
    assert (x, y) == pairs(sentence)


def columns_by_first_input(batches):
    for x, y in columns(batches):
        assert x[1:] == y[:-1]
        yield x[0], (x, y)


def test_cut_sentences_among_others():
    sentences = some(N=100, longest=50)
    batches = Batches(sentences, B=8, longest=20)
    assert max(T for T, _ in batches.shapes) == 20
    targets = sorted(chain.from_iterable(y for _, y in columns(batches)))
    assert targets == sorted(chain.from_iterable(pairs(s)[1] for s in sentences))
    assert all(x[1:] == y[:-1] for x, y in columns(batches))


# ----------------------------------------------------------------------------------- the buckets


def cells(lengths, bounds, B):
    """The cells of an epoch, counted bucket by bucket."""
    total = 0
    for low, high in zip((0, *bounds), bounds):
        members = sum(low < length <= high for length in lengths)
        total += -(-members // B) * B * high
    return total


@pytest.mark.parametrize("B", [1, 4, 7])
@pytest.mark.parametrize("buckets", [1, 2, 3, 20])
def test_no_other_buckets_have_fewer_cells(B, buckets):
    for seed in range(5):
        lengths = np.random.RandomState(seed).randint(1, 12, size=60)
        chosen = best_lengths(lengths, B, buckets)
        assert 1 <= len(chosen) <= buckets
        assert chosen == sorted(set(chosen))
        assert chosen[-1] == lengths.max()
        others = [
            (*bounds, lengths.max())
            for n in range(buckets)
            for bounds in combinations(range(1, lengths.max()), n)
        ]
        fewest = min(cells(lengths, bounds, B) for bounds in others)
        assert cells(lengths, chosen, B) == fewest


def test_sentences_of_one_length_make_one_bucket():
    batches = Batches(sentences_of([4] * 32), B=16)
    assert batches.shapes == [(5, 16)]
    assert batches.padding == 0


# ------------------------------------------------------------------------------------- the order


def same(first, second):
    first, second = list(first), list(second)
    return len(first) == len(second) and all(
        np.array_equal(a, b)
        for one, other in zip(first, second)
        for a, b in zip(one, other)
    )


def test_order_is_that_of_seed_and_epoch_alone():
    batches = Batches(some(), B=16, buckets=4)
    first = list(batches.epoch(seed=5, epoch=0))
    np.random.rand(3)
    list(batches.epoch(seed=5, epoch=1))
    assert same(batches.epoch(seed=5, epoch=0), first)
    assert same(Batches(some(), B=16, buckets=4).epoch(seed=5, epoch=0), first)
    for seed, epoch in ((5, 1), (6, 0), (0, 5)):
        assert not same(batches.epoch(seed, epoch), first)


def test_epoch_leaves_the_dice_of_others_alone():
    np.random.seed(3)
    expected = np.random.rand()
    np.random.seed(3)
    list(Batches(some(), B=16).epoch(0, 0))
    assert np.random.rand() == expected


def test_epoch_mixes_the_sentences_and_the_batches():
    batches = Batches(some(), B=16, buckets=4)
    groups = [
        {frozenset(batch.y[0].tolist()) for batch in batches.epoch(0, epoch)}
        for epoch in (0, 1)
    ]
    assert not groups[0] & groups[1]  # no batch has the same sentences again
    steps = [batch.x.shape[0] for batch in batches.epoch(0, 0)]
    assert steps != sorted(steps)


def test_plain_order_is_always_the_same():
    batches = Batches(some(), B=16, buckets=4)
    steps = [batch.x.shape[0] for batch in batches]
    assert steps == sorted(steps)
    assert same(batches, batches)


@pytest.mark.parametrize("skip", [0, 1, 7])
def test_skip_goes_on_where_an_epoch_stopped(skip):
    batches = Batches(some(), B=16, buckets=4)
    whole = list(batches.epoch(1, 2))
    assert same(batches.epoch(1, 2, skip=skip), whole[skip:])
    assert list(batches.epoch(1, 2, skip=len(batches))) == []


def test_skip_does_not_make_what_it_skips(monkeypatch):
    batches = Batches(some(), B=16, buckets=4)
    made = []
    real = Batches._batch
    monkeypatch.setattr(Batches, "_batch", lambda *all: made.append(1) or real(*all))
    list(batches.epoch(1, 2, skip=len(batches) - 2))
    assert len(made) == 2


def test_a_batch_may_be_changed_without_changing_the_next():
    batches = Batches(some(), B=16)
    expected = [Batch(*map(np.copy, batch)) for batch in batches]
    for batch in batches:
        for array in batch:
            array += 1
    assert same(batches, expected)


# --------------------------------------------------------------------------------- too few, wrong


def test_fewer_sentences_than_one_batch():
    with pytest.raises(UserError) as caught:
        Batches(sentences_of([3] * 31), B=32)
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith(
        "batch=32: found 31 sentences, fewer than one batch holds"
    )
    assert len(Batches(sentences_of([3] * 32), B=32)) == 1
    with pytest.raises(UserError, match="found 0 sentences"):
        Batches([])


def test_pieces_count_as_sentences():
    assert len(Batches(sentences_of([7] * 4), B=8, longest=4)) == 1
    with pytest.raises(UserError, match="batch=9: found 8 sentences"):
        Batches(sentences_of([7] * 4), B=9, longest=4)


@pytest.mark.parametrize("wrong", ["B", "buckets", "longest"])
def test_numbers_below_one(wrong):
    with pytest.raises(ValueError, match=f"{wrong}=0.*expected 1 or more"):
        Batches(some(), **{wrong: 0})
