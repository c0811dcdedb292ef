import numpy as np
import pytest

from unrolled import forgetting, recipes
from unrolled.language_model import LanguageModel
from unrolled.layers import Settings
from unrolled.ngrams import KneserNey
from unrolled.vocabulary import SPECIAL, START, Vocabulary

WORDS = Vocabulary([*SPECIAL, "He", "They", "is", "are", "now", "then"])
C = len(WORDS)
HE, THEY, IS, ARE, NOW, THEN = range(4, C)
TEXT = [[HE, IS, NOW], [THEY, ARE, THEN], [HE, NOW, IS], [THEY, THEN, ARE]]
PAIRS = (("He", "They", "is", "are"),)


class Fading:
    """Knows the first word, by a score that shrinks with each word read since."""

    def __init__(self, factor):
        self.factor = factor

    def start(self, B):
        return [np.zeros(B)]

    def read(self, words, states):
        s = np.where(words == HE, 1.0, np.where(words == THEY, -1.0, 0.0))
        s = s + self.factor * states[0]
        z = np.zeros((len(words), C))
        z[:, IS], z[:, ARE] = s, -s
        return z - np.log(np.exp(z).sum(axis=1, keepdims=True)), [s]


def bigram():
    return KneserNey([np.array(s) for s in TEXT], C, order=2)


def test_divergence_is_the_sum_that_defines_it():
    p, q = np.random.default_rng(0).dirichlet(np.ones(6), (2, 5))
    expected = (p * np.log(p / q)).sum(axis=1)
    assert forgetting.divergence(np.log(p), np.log(q)) == pytest.approx(expected)
    assert (forgetting.divergence(np.log(p), np.log(p)) == 0).all()


def test_divergence_of_what_hardly_differs_is_not_lost_in_rounding():
    z = np.random.default_rng(0).normal(size=(4, 50))
    change = 1e-4 * np.random.default_rng(1).normal(size=z.shape)

    def log_p(z):
        return z - np.log(np.exp(z).sum(axis=1, keepdims=True))

    exact = forgetting.divergence(log_p(z), log_p(z + change))
    rounded = forgetting.divergence(
        log_p(z).astype("float32"), log_p(z + change).astype("float32")
    )
    assert rounded == pytest.approx(exact, rel=0.01)
    assert (rounded > 0).all()


def test_others_are_other_words_by_frequency():
    text = np.repeat([HE, IS, NOW], [60, 30, 10])
    words = np.full(4000, NOW)
    drawn = forgetting.others(words, text, np.random.default_rng(0))
    assert (drawn != words).all()
    assert (drawn == HE).mean() == pytest.approx(2 / 3, abs=0.03)


def test_agreement_fades_by_the_factor_of_its_model():
    for length, fillers in ((0, ["", ""]), (1, ["now", "then"]), (2, ["now then"] * 2)):
        found = forgetting.agreement(Fading(0.5), WORDS, PAIRS, fillers)
        assert found.shape == (1, 2)
        # Scores of 1 and -1 for "He", and of -1 and 1 for "They".
        assert found == pytest.approx(4 * 0.5**length)


def test_influence_fades_by_the_square_of_the_factor():
    texts = np.array([[START, NOW, THEN, HE, NOW, THEN, NOW]])
    texts = np.repeat(texts, 3, axis=0)
    # All words but one are worth nothing, and that one is swapped for its opposite.
    found = {}
    for factor in (0.1, 0.05):
        states = forgetting.influence(Fading(factor), texts, np.array([HE, THEY]), 3)
        found[factor] = states[3]
        assert states.shape == (4, 3)
    assert found[0.1] / found[0.05] == pytest.approx(4**3, rel=0.03)


def test_a_bigram_remembers_one_word_and_no_more():
    near = forgetting.agreement(bigram(), WORDS, PAIRS, [""])
    assert near.item() > 1
    assert forgetting.agreement(bigram(), WORDS, PAIRS, ["now"]).item() == 0
    texts = np.array([[START, HE, NOW, IS, NOW]])
    found = forgetting.influence(bigram(), texts, np.concatenate(TEXT), 3)
    assert found[0, 0] > 0
    assert (found[1:] == 0).all()


@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
def test_networks_of_any_cell_can_be_examined(cell):
    model = LanguageModel(Settings(C, 4, 3, cell), seed=1)
    texts = np.random.default_rng(0).integers(4, C, (5, 6)).astype("int32")
    texts[:, 0] = START
    found = forgetting.influence(model, texts, np.arange(4, C), 4)
    assert found.shape == (5, 5)
    assert (found > 0).all()
    odds = forgetting.agreement(model, WORDS, PAIRS, ["now then", "then now"])
    assert odds.shape == (1, 2)


def test_fillers_have_their_lengths_and_name_no_subject_and_no_verb():
    assert len(set(forgetting.SUBJECTS)) == 20
    taken = {word for row in forgetting.SUBJECTS for word in row}
    for length, fillers in forgetting.FILLERS.items():
        assert len(fillers) == 10
        assert {len(filler.split()) for filler in fillers} == {length}
        assert length == 0 or len(set(fillers)) == 10
        assert not taken & {word for filler in fillers for word in filler.split()}


def test_subjects_verbs_and_most_of_the_fillers_are_known(monkeypatch):
    monkeypatch.setenv("UNROLLED_BUDGET", "cpu")
    plays, size = recipes.plays(), recipes.options().model.vocabulary
    known = Vocabulary.build(plays.train, size)
    asked = [word for row in forgetting.SUBJECTS for word in row]
    assert not [word for word in asked if word not in known]
    words = [w for fs in forgetting.FILLERS.values() for f in fs for w in f.split()]
    assert np.mean([word in known for word in words]) > 0.95


def test_a_cut_context_is_all_that_is_read():
    texts = np.array([[HE, NOW, THEN, IS], [THEY, THEN, NOW, IS]])
    model = Fading(0.5)
    surprises = [forgetting.surprise_after(model, texts, n) for n in range(4)]
    # Without the subject both texts are alike.
    for n in (0, 1, 2):
        assert surprises[n][0] == surprises[n][1]
    assert surprises[3][0] < surprises[2][0] < surprises[3][1]
    text = [np.array([THEN, IS])]
    (found,) = forgetting.surprise_after(bigram(), texts[:1], 1)
    assert found == pytest.approx(-bigram().log_probabilities(text[0])[1])
