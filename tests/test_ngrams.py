import numpy as np
import pytest

from unrolled.ngrams import FACTORS, KneserNey, discounts, tuned
from unrolled.vocabulary import END, PADDING, START, UNKNOWN

A, B, X, Y = range(UNKNOWN + 1, UNKNOWN + 5)
C = Y + 2  # and one word that no text below contains
UNSEEN = C - 1
TINY = [[A, B, X], [A, B, Y], [B, A], [X, A, B, X], [A], [Y, Y, UNKNOWN], [B, X]]


def texts(*sentences):
    return [np.array(sentence, dtype=np.int32) for sentence in sentences]


def uniform_text(tokens, C, seed):
    """Words and ENDs, all equally likely: END closes a sentence."""
    drawn = np.random.default_rng(seed).integers(END, C, tokens)
    drawn[-1] = END
    sentences = np.split(drawn, np.flatnonzero(drawn == END) + 1)[:-1]
    return [sentence[:-1].astype(np.int32) for sentence in sentences]


def chain(sentences, C, seed):
    """Each word is one of two that the two before it decide; END comes after twelve."""
    random = np.random.default_rng(seed)
    words = C - UNKNOWN
    text = random.integers(words, size=(sentences, 12))
    for t in range(2, 12):
        coin = random.integers(2, size=sentences)
        text[:, t] = (3 * text[:, t - 1] + 5 * text[:, t - 2] + coin) % words
    return list((text + UNKNOWN).astype(np.int32))


def probabilities(model, context):
    """Of END and of each word after a context, from complete sentences."""
    end = model.log_probabilities(np.array(context, dtype=np.int32))[-1]
    words = [
        model.log_probabilities(np.array([*context, w], dtype=np.int32))[-2]
        for w in range(UNKNOWN, model.C)
    ]
    return np.exp([end, *words])


# ------------------------------------------------------------------------ it is a distribution


@pytest.mark.parametrize("order", [1, 2, 3, 4])
@pytest.mark.parametrize(
    "context",
    [
        [],  # the start of a sentence
        [A, B],  # seen twice
        [Y, A],  # unseen, but A was seen
        [A, UNSEEN],  # nothing was seen
        [UNSEEN, A, B, X],
        [UNKNOWN],
    ],
)
def test_probabilities_sum_to_one(order, context):
    p = probabilities(KneserNey(texts(*TINY), C, order), context)
    assert p.sum() == pytest.approx(1, rel=1e-14)
    assert (p > 0).all()


@pytest.mark.parametrize("order", [1, 2, 3])
def test_unseen_words_have_a_probability_where_every_seen_word_is_frequent(order):
    model = KneserNey(texts(*[[A, B]] * 5), C, order)
    p = np.exp(model.log_probabilities(np.array([UNSEEN, A, UNSEEN])))
    assert (p > 0).all()
    assert np.isfinite(model.perplexity(texts([UNSEEN, UNSEEN])))


# -------------------------------------------------------------------------------------- by hand


def test_unigram_by_hand():
    # Six tokens: A 3, B 1, END 2. n1 = 1 and n2 = 1, so the discount is 1/3; three types.
    model = KneserNey(texts([A, B, A], [A]), C=8, order=1)
    rest = 1 / 3 * 3 / 6 * 1 / 6  # six words can be predicted
    p = [(3 - 1 / 3) / 6 + rest, (1 - 1 / 3) / 6 + rest, rest, (2 - 1 / 3) / 6 + rest]
    found = np.exp(model.log_probabilities(np.array([A, B, X])))
    assert found == pytest.approx(p, rel=1e-14)


def test_bigram_by_hand():
    # A B A B X / A B: the bigrams are START A 2, A B 3, B A 1, B X 1, X END 1, B END 1.
    # n1 = 4, n2 = 1: the discount is 2/3. Of these six, A ends 2, B 1, X 1, END 2:
    # n1 = 2 and n2 = 2, the discount is 1/3. A and B occur three times each, but B only
    # after A. So B is the less likely of the two after anything new.
    model = KneserNey(texts([A, B, A, B, X], [A, B]), C=8, order=2)
    rest = 1 / 3 * 4 / 6 * 1 / 6
    a, b, end = [(n - 1 / 3) / 6 + rest for n in (2, 1, 2)]
    p = [
        (2 - 2 / 3) / 2 + 2 / 3 * 1 / 2 * a,  # A after START, which was followed by A
        (3 - 2 / 3) / 3 + 2 / 3 * 1 / 3 * b,  # B after A
        2 / 3 * 3 / 3 * rest,  # Y after B, which was followed by A, X and END
        b,  # B after Y, which was not seen
        (1 - 2 / 3) / 3 + 2 / 3 * 3 / 3 * end,  # END after B
    ]
    found = np.exp(model.log_probabilities(np.array([A, B, Y, B])))
    assert found == pytest.approx(p, rel=1e-14)


def test_discounts_of_small_texts_are_all_one():
    assert (discounts(np.array([1, 1, 1, 2, 5])) == 3 / 5).all()
    assert (discounts(np.array([1, 1, 3])) == 1).all()
    assert (discounts(np.array([2, 2, 7])) == 0.5).all()


def test_three_discounts_by_hand():
    # n1 = 8, n2 = 4, n3 = 2, n4 = 1: Y is 1/2, and each ratio of neighbors too.
    counts = np.repeat([1, 2, 3, 4, 9], [8, 4, 2, 1, 3])
    assert discounts(counts) == pytest.approx([1 - 1 / 2, 2 - 3 / 4, 3 - 4 / 4])


def test_each_count_has_its_discount():
    # A 3, B 2, X 1 and END 1, of 7; six words can be predicted.
    model = KneserNey(
        texts([A, A, A, B, B, X]), C=8, order=1, discounts=[(0.1, 0.2, 0.3)]
    )
    rest = (0.1 + 0.1 + 0.2 + 0.3) / 7 / 6
    p = [2.7 / 7 + rest, 1.8 / 7 + rest, 0.9 / 7 + rest, rest, 0.9 / 7 + rest]
    found = np.exp(model.log_probabilities(np.array([A, B, X, Y])))
    assert found == pytest.approx(p, rel=1e-14)


@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_reading_word_by_word_gives_the_same_probabilities(order):
    model = KneserNey(texts(*TINY), C, order)
    sentences = np.array([[A, B, X, Y, UNSEEN], [Y, UNKNOWN, A, B, A]])
    states, found = model.start(2), []
    for words in np.column_stack([[START, START], sentences]).T:
        log_p, states = model.read(words, states)
        found.append(log_p)
    expected = [model.log_probabilities(sentence) for sentence in sentences]
    followed = np.column_stack([sentences, [END, END]])
    for t, log_p in enumerate(found):
        assert np.exp(log_p).sum(axis=1) == pytest.approx(1, rel=1e-13)
        at = log_p[np.arange(2), followed[:, t]]
        assert at == pytest.approx([logs[t] for logs in expected], rel=1e-13)


# ----------------------------------------------------------------------------------------- NLTK


def with_nltk(order, d):
    """NLTK's model of the tiny text, from the n-grams that predict a word or END."""
    lm = pytest.importorskip("nltk.lm")
    model = lm.KneserNeyInterpolated(
        order, discount=d, vocabulary=lm.Vocabulary(map(str, range(C)))
    )
    for words in TINY:
        words = [*[str(START)] * (order - 1), *map(str, words), str(END)]
        ends = range(order, len(words) + 1)
        model.fit(
            [tuple(words[end - n : end]) for n in range(1, order + 1)] for end in ends
        )
    return model


@pytest.mark.parametrize("order", [2, 3, 4])
def test_agreement_with_nltk(order):
    # NLTK has one discount for all orders but the lowest, where it takes none and mixes
    # nothing in: words that were not seen have the probability 0. Our discounts can be so.
    d = 0.4
    theirs = with_nltk(order, d)
    ours = KneserNey(texts(*TINY), C, order, discounts=[0, *[d] * (order - 1)])
    for sentence in [*TINY, [Y, A, X, B, UNKNOWN, A], [UNKNOWN, UNKNOWN, B, B]]:
        words = [*[str(START)] * (order - 1), *map(str, sentence), str(END)]
        expected = [
            theirs.score(words[i], tuple(words[i - order + 1 : i]))
            for i in range(order - 1, len(words))
        ]
        found = np.exp(ours.log_probabilities(np.array(sentence)))
        assert found == pytest.approx(expected, rel=1e-12)


# ----------------------------------------------------------------------------------- perplexity


def test_perplexity_of_uniform_text_is_the_number_of_words():
    words = 100  # PADDING and START are none
    training, held_out = (uniform_text(200_000, words + 2, seed) for seed in (0, 1))
    perplexity = KneserNey(training, words + 2, 1).perplexity(held_out)
    assert perplexity == pytest.approx(words, rel=0.01)
    for order in (2, 3):  # contexts cannot help here, and cost a little
        perplexity = KneserNey(training, words + 2, order).perplexity(held_out)
        assert words < perplexity < 1.2 * words


def test_higher_orders_are_better_where_text_has_structure():
    training, held_out = chain(4000, 20, seed=0), chain(200, 20, seed=1)
    one, two, three = (
        KneserNey(training, 20, order).perplexity(held_out) for order in (1, 2, 3)
    )
    assert two < one
    assert three < 0.5 * two
    # Two free words, ten that are one of two, and an END that a trigram cannot see coming.
    assert three > (17**2 * 2**10) ** (1 / 13)


def test_perplexity_is_of_all_words_and_ends():
    sentences = texts([A, B, X], [], [Y])
    model = KneserNey(texts(*TINY), C)
    logs = np.concatenate([model.log_probabilities(s) for s in sentences])
    assert len(logs) == 7
    assert model.perplexity(sentences) == pytest.approx(np.exp(-logs.mean()))


def test_sentences_do_not_see_each_other():
    model = KneserNey(texts(*TINY), C)
    first, second = texts([A, B], [X, A, B])
    alone = [model.log_probabilities(s) for s in (first, second)]
    assert [len(logs) for logs in alone] == [3, 4]
    again = KneserNey(texts(*TINY[::-1]), C)
    for sentence, logs in zip((first, second), alone):
        assert again.log_probabilities(sentence) == pytest.approx(logs, rel=1e-14)
        assert logs.dtype == np.float64


# --------------------------------------------------------------------------------------- errors


@pytest.mark.parametrize("word", [PADDING, START, END, C, -1])
def test_numbers_that_are_no_words(word):
    with pytest.raises(ValueError, match="words must be from 3 to"):
        KneserNey(texts([A, word]), C)
    with pytest.raises(ValueError, match="words must be from 3 to"):
        KneserNey(texts([A]), C).log_probabilities(np.array([word, A]))


def test_orders_that_cannot_be():
    for order in (0, 5):
        with pytest.raises(ValueError, match="order"):
            KneserNey(texts([A]), 8000, order)
    with pytest.raises(ValueError, match="1 discounts for 2 orders"):
        KneserNey(texts([A]), C, 2, discounts=[0.5])
    with pytest.raises(ValueError):
        KneserNey([], C)


def test_the_tuned_model_is_the_best_of_its_scaled_discounts():
    train, new = texts(*TINY), texts([A, B], [X, Y, B, A], [B, X])
    found = tuned(train, C, 2, new)
    estimated = KneserNey(train, C, 2)
    by_factor = [
        KneserNey(
            train,
            C,
            2,
            [np.minimum(f * o.discounts, (1, 2, 3)) for o in estimated.orders],
        ).perplexity(new)
        for f in FACTORS
    ]
    assert found.perplexity(new) == pytest.approx(min(by_factor))
    assert min(by_factor) <= estimated.perplexity(new)
