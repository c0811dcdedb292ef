import math

import numpy as np
import pytest

from unrolled.errors import UserError
from unrolled.language_model import LanguageModel
from unrolled.layers import Settings, initialize
from unrolled.sampling import (
    TOGETHER,
    Score,
    detokenize,
    distribution,
    draw,
    generate,
    score,
    tokenize,
)
from unrolled.spacing import BLANK, GLUE, SIGNS
from unrolled.streams import Stream
from unrolled.vocabulary import END, PADDING, SPECIAL, START, UNKNOWN, Vocabulary

WORDS = ["the", "cat", "dog", "sat", "ran", "on", "mat", ","]
VOCABULARY = Vocabulary([*SPECIAL, *WORDS])
C = len(VOCABULARY)
NEVER = [PADDING, START, UNKNOWN]


@pytest.fixture(scope="module")
def model():
    """A model whose words are far from equally likely."""
    settings = Settings(C, hidden=6, embedding=4, layers=2)
    parameters = initialize(settings, seed=2)
    return LanguageModel(settings, {k: 3 * v for k, v in parameters.items()})


def log_probabilities(B=5, seed=0):
    z = np.random.default_rng(seed).normal(size=(B, C)) * 2
    return (z - np.log(np.exp(z).sum(axis=1, keepdims=True))).astype(np.float32)


# -------------------------------------------------------------------------------- distributions


@pytest.mark.parametrize(
    "how",
    [
        {},
        {"temperature": 0},
        {"temperature": 0.3},
        {"temperature": 1e-320},
        {"temperature": 1e300},
        {"top_k": 1},
        {"top_k": 4},
        {"top_k": 1000},
        {"top_p": 1e-9},
        {"top_p": 0.7},
        {"top_p": 1.0},
        {"top_p": math.nextafter(1, 0)},
        {"temperature": 2.0, "top_k": 6, "top_p": 0.8},
    ],
)
def test_probabilities_sum_to_1_and_special_words_have_none(how):
    for given in (log_probabilities(), np.full((2, C), -math.log(C))):
        before = given.copy()
        p = distribution(given, **how)
        assert p.shape == given.shape
        np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-12)
        assert (p >= 0).all()
        assert (p[:, NEVER] == 0).all()
        assert np.array_equal(given, before)


def test_the_model_s_own_probabilities_are_kept_in_proportion():
    log_o = log_probabilities()
    p = distribution(log_o)
    o = np.exp(log_o.astype(float))
    o[:, NEVER] = 0
    np.testing.assert_allclose(p, o / o.sum(axis=1, keepdims=True), rtol=1e-9)


def test_temperature_is_a_power():
    p, cold = (
        distribution(log_probabilities()),
        distribution(log_probabilities(), 0.5),
    )
    np.testing.assert_allclose(cold, p**2 / (p**2).sum(axis=1, keepdims=True))


def test_a_higher_temperature_is_flatter():
    def entropy(p):
        return -(p * np.log(np.where(p > 0, p, 1))).sum(axis=1)

    entropies = [
        entropy(distribution(log_probabilities(), temperature))
        for temperature in (0, 0.1, 0.5, 1, 2, 10, 1e6)
    ]
    assert (np.diff(entropies, axis=0) > 0).all()
    assert (entropies[0] == 0).all()
    np.testing.assert_allclose(entropies[-1], math.log(C - 3), rtol=1e-6)


def test_temperature_0_takes_the_likeliest():
    log_o = log_probabilities(50)
    allowed = log_o.copy()
    allowed[:, NEVER] = -np.inf
    p = distribution(log_o, temperature=0)
    assert np.array_equal(p.argmax(axis=1), allowed.argmax(axis=1))
    assert (p.max(axis=1) == 1).all()
    # Where all are, the first.
    assert np.array_equal(distribution(np.zeros((2, C)), 0), np.eye(C)[[END, END]])


@pytest.mark.parametrize("k", range(1, C + 2))
def test_top_k_keeps_the_k_likeliest(k):
    for log_o in (log_probabilities(), np.zeros((2, C))):
        whole, p = distribution(log_o), distribution(log_o, top_k=k)
        kept = p > 0
        assert (kept.sum(axis=1) == min(k, C - 3)).all()
        for row in range(len(p)):
            assert whole[row, kept[row]].min() >= whole[row, ~kept[row]].max()
            share = whole[row, kept[row]] / whole[row, kept[row]].sum()
            np.testing.assert_allclose(p[row, kept[row]], share)


@pytest.mark.parametrize("top_p", [0.01, 0.3, 0.5, 0.9, 0.999])
def test_top_p_keeps_the_fewest_words_that_are_enough(top_p):
    log_o = log_probabilities(20)
    whole, p = distribution(log_o), distribution(log_o, top_p=top_p)
    for row in range(len(p)):
        kept = p[row] > 0
        falling = np.sort(whole[row])[::-1]
        needed = next(n for n in range(1, C) if falling[:n].sum() >= top_p)
        assert kept.sum() == needed
        assert whole[row, kept].min() >= whole[row, ~kept].max()


def test_top_p_keeps_no_more_than_it_needs_where_words_are_equally_likely():
    p = distribution(np.zeros((2, C)), top_p=0.5)  # of 9 words
    assert (np.count_nonzero(p, axis=1) == 5).all()
    half = np.log([[1, 1, 1e-9, 1, 0.5, 0.25, 0.25, *[1e-30] * (C - 7)]])
    kept = np.flatnonzero(distribution(half, top_p=0.499))
    assert kept.tolist() == [4]


def test_top_p_counts_what_top_k_left():
    log_o = np.log([[1, 1, 1e-30, 1, 0.4, 0.3, 0.2, 0.1, *[1e-30] * (C - 8)]])
    p = distribution(log_o, top_k=2, top_p=0.57)  # 0.4 / 0.7 is 0.571
    assert np.flatnonzero(p).tolist() == [4]


def test_words_come_as_often_as_they_should():
    random = np.random.default_rng(7)
    p = distribution(log_probabilities(1), top_k=6)
    draws = 200_000
    words = draw(np.repeat(p, draws, axis=0), random)
    assert words.dtype == np.int32
    counts = np.bincount(words, minlength=C)
    assert (counts[p[0] == 0] == 0).all()
    expected = p[0, p[0] > 0] * draws
    chi_square = ((counts[p[0] > 0] - expected) ** 2 / expected).sum()
    assert chi_square < 20.5  # 5 degrees of freedom: exceeded once in a thousand


def test_rows_are_drawn_from_each_by_itself():
    p = np.eye(C)[[4, 9, 2]]
    assert draw(p, np.random.default_rng(0)).tolist() == [4, 9, 2]


def test_a_model_that_has_run_over_writes_nothing():
    with pytest.raises(UserError, match="have run over"):
        draw(np.full((2, C), np.nan), np.random.default_rng(0))


# -------------------------------------------------------------------------------------- writing


def test_the_same_seed_writes_the_same_sentences(model):
    sentences = generate(model, VOCABULARY, 20, seed=3, longest=12)
    assert generate(model, VOCABULARY, 20, seed=3, longest=12) == sentences
    assert generate(model, VOCABULARY, 20, seed=4, longest=12) != sentences
    assert len({tuple(sentence) for sentence in sentences}) > 5


def test_sentences_begin_with_the_prompt_and_end_in_time(model):
    for prompt in ([], ["the", "cat"], ["a", "unicorn"]):
        sentences = generate(model, VOCABULARY, 20, prompt, longest=9)
        assert len(sentences) == 20
        for sentence in sentences:
            assert sentence[: len(prompt)] == prompt
            assert len(sentence) <= 9
            assert set(sentence[len(prompt) :]) <= set(WORDS)
    lengths = {len(sentence) for sentence in sentences}
    assert len(lengths) > 1


def test_a_prompt_that_is_too_long_stands_alone(model):
    assert generate(model, VOCABULARY, 2, ["the"] * 5, longest=5) == [["the"] * 5] * 2
    assert generate(model, VOCABULARY, 2, ["the"] * 7, longest=5) == [["the"] * 7] * 2


def test_many_sentences_are_written_some_at_a_time(model):
    many = generate(model, VOCABULARY, TOGETHER + 6, seed=1, longest=6)
    assert len(many) == TOGETHER + 6
    assert many[:TOGETHER] == generate(model, VOCABULARY, TOGETHER, seed=1, longest=6)


def test_the_likeliest_sentence_is_built_word_by_word(model):
    (sentence,) = generate(model, VOCABULARY, 1, ["the"], temperature=0, longest=8)
    for t in range(1, len(sentence)):
        others = [[*sentence[:t], word] for word in WORDS]
        surprises = [one.surprises[t] for one in score(model, VOCABULARY, others)]
        assert WORDS[int(np.argmin(surprises))] == sentence[t]


# -------------------------------------------------------------------------------------- scoring


def test_the_carried_state_is_that_of_the_whole_sentence(model):
    sentences = [
        ["the", "cat", "sat"],
        ["dog"],
        [],
        ["on", "the", "unicorn", ",", "mat"],
    ]
    scores = score(model, VOCABULARY, sentences)
    text = Stream([VOCABULARY.encode(s) for s in sentences], B=1, T=4)
    losses = [model.losses(b)[b.mask > 0] for b in text.in_order()]
    ends = np.cumsum([len(one.surprises) for one in scores])
    assert ends[-1] == text.words
    for found, alone in zip(scores, np.split(np.concatenate(losses), ends[:-1])):
        np.testing.assert_allclose(found.surprises, alone, rtol=1e-5, atol=1e-6)


def test_unknown_words_are_flagged_and_the_end_is_scored(model):
    empty, one = score(model, VOCABULARY, [[], ["the", "unicorn", "<unk>", "</s>"]])
    assert empty.words == ["</s>"]
    assert empty.known == [True]
    assert len(empty.surprises) == 1
    assert one.words == ["the", "unicorn", "<unk>", "</s>", "</s>"]
    assert one.known == [True, False, False, False, True]


def test_sentences_keep_their_order_however_many_there_are(model):
    random = np.random.default_rng(0)
    sentences = [
        [WORDS[i] for i in random.integers(len(WORDS), size=n % 7)]
        for n in range(2 * TOGETHER + 3)
    ]
    scores = score(model, VOCABULARY, iter(sentences))
    assert [one.words[:-1] for one in scores] == sentences
    for i in (0, TOGETHER - 1, TOGETHER, 2 * TOGETHER + 2):
        (alone,) = score(model, VOCABULARY, [sentences[i]])
        np.testing.assert_allclose(scores[i].surprises, alone.surprises, rtol=1e-5)
    assert score(model, VOCABULARY, []) == []


def test_probabilities_of_all_next_words_sum_to_1(model):
    after = score(model, VOCABULARY, [["the", word] for word in [*WORDS, "unicorn"]])
    (end,) = score(model, VOCABULARY, [["the"]])
    total = sum(math.exp(-one.surprises[1]) for one in after)
    total += math.exp(-end.surprises[1])
    # The start and the padding, which no sentence has, take the little that is left.
    _, states = model.read(np.full(1, START, np.int32), model.start(1))
    log_o, _ = model.read(VOCABULARY.encode(["the"]), states)
    left = np.exp(np.asarray(log_o)[0, [PADDING, START]]).sum()
    assert total + left == pytest.approx(1, abs=1e-5)


def test_log_probability_and_perplexity_belong_together():
    one = Score(["a", "b", "</s>"], [True] * 3, [1.0, 2.0, 3.0])
    assert one.log_probability == -6
    assert one.perplexity == pytest.approx(math.exp(2))
    assert Score(["</s>"], [True], [1e6]).perplexity == math.inf


def test_a_sign_for_a_blank_belongs_to_its_word():
    learned = Vocabulary([*SPECIAL, *WORDS[:-2], *SIGNS])
    own = LanguageModel(Settings(len(learned), 6, 4))
    tokens = ["the", "cat", BLANK, ",", "sat", GLUE, "unicorn"]
    (one,) = score(own, learned, [tokens])
    assert one.words == ["the", "cat", ",", "sat", "unicorn", "</s>"]
    assert one.known == [True, True, False, True, False, True]
    stream = Stream([learned.encode(tokens)], B=1, T=8)
    losses = np.concatenate([own.losses(b)[b.mask > 0] for b in stream.in_order()])
    expected = [*losses[:2], losses[2:4].sum(), losses[4], losses[5:7].sum(), losses[7]]
    np.testing.assert_allclose(one.surprises, expected, rtol=1e-5)


def test_a_model_that_never_met_signs_does_not_see_them(model):
    """As all that were trained before there were any."""
    plain, signed = ["the", "cat", "sat"], ["the", BLANK, "cat", GLUE, "sat"]
    assert score(model, VOCABULARY, [signed]) == score(model, VOCABULARY, [plain])
    after_signed = generate(model, VOCABULARY, 5, signed, longest=14)
    after_plain = generate(model, VOCABULARY, 5, plain, longest=12)
    assert all(sentence[:5] == signed for sentence in after_signed)
    assert [s[5:] for s in after_signed] == [s[3:] for s in after_plain]


def test_a_model_writes_blanks_where_it_puts_them(model):
    words = ["the", BLANK, ",", "cat", GLUE, "sat", "can", "not", "'", "tis", "'"]
    assert detokenize(words) == "the , catsat cannot 'tis'"
    assert detokenize(words, start=2) == " , catsat cannot 'tis'"
    assert detokenize("<glue>", "character", start=1) == "glue>"


def test_tokens_become_text_and_text_tokens():
    assert tokenize("The cat, sat.", lower=True) == ["the", "cat", ",", "sat", "."]
    assert detokenize(["The", "cat", ",", "sat", "."]) == "The cat, sat."
    assert tokenize("A b", "character") == "A b"
    assert tokenize("A b", "character", lower=True) == "a b"
    assert detokenize(["A", " ", "b"], "character") == "A b"
    assert list(tokenize("")) == []
