"""Use a language model: write new sentences, and say how likely given ones are.

The state is carried along, so each word costs one step of the network, however long the sentence.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import numpy as np

from unrolled import spacing
from unrolled.errors import UserError
from unrolled.language_model import LanguageModel
from unrolled.probability import perplexity, softmax
from unrolled.vocabulary import END, PADDING, START, UNKNOWN, Vocabulary

#: Sentences that go through the network together.
TOGETHER = 64


def tokenize(text: str, level: str = "word", lower: bool = False) -> Sequence[str]:
    """Split a sentence into the tokens that models are trained on: see :mod:`unrolled.spacing`.

    Parameters
    ----------
    text : str
    level : {"word", "character"}
    lower : bool
        Turn capitals into small letters.
    """
    text = text.lower() if lower else text
    return spacing.cut(text) if level == "word" else text


def detokenize(tokens: Sequence[str], level: str = "word", start: int = 0) -> str:
    """Join tokens to text, with blanks where they belong.

    Parameters
    ----------
    tokens : sequence of str
    level : {"word", "character"}
    start : int
        So many tokens are left out, such as a prompt's, but not the blank that follows them.
    """
    if level == "character":
        return "".join(tokens[start:])
    return spacing.join(tokens, start)


def distribution(
    log_probabilities: np.ndarray,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
) -> np.ndarray:
    r"""The probabilities to draw the next word from.

    .. math:: p_j \propto o_j^{1/\tau}

    A temperature below 1 favors the likely words, above 1 the unlikely ones, and 0 takes the
    likeliest. Padding, the start and the unknown word have no chance. Where equally likely words
    compete for the last place, those with the lower numbers win.

    Parameters
    ----------
    log_probabilities : array of shape (B, C)
        :math:`\log o`, as :meth:`unrolled.language_model.LanguageModel.read` returns them.
    temperature : float
        :math:`\tau`, from 0 up.
    top_k : int, optional
        Draw from the k likeliest words only.
    top_p : float, optional
        Draw from the fewest words only that have this probability together: Holtzman et al.
        (2020), "The curious case of neural text degeneration", equation (2).

    Returns
    -------
    array of shape (B, C)
        Each row sums to 1.
    """
    z = np.array(log_probabilities, dtype=np.float64)
    z[:, [PADDING, START, UNKNOWN]] = -np.inf
    z -= z.max(axis=1, keepdims=True)
    if temperature == 0:
        temperature, top_k = 1, 1
    # An unlikely word may become impossible.
    with np.errstate(over="ignore"):
        p = softmax(z / temperature)
    if top_k is None and top_p is None:
        return p
    falling = np.sort(p)[:, ::-1][:, :top_k]
    last = np.full((len(p), 1), falling.shape[1] - 1)
    if top_p is not None and top_p < 1:
        together = falling.cumsum(axis=1)
        last = (together < top_p * together[:, -1:]).sum(axis=1, keepdims=True)
    least = np.take_along_axis(falling, last, axis=1)
    above, level = p > least, p == least
    # Room for equally likely words.
    room = last + 1 - above.sum(axis=1, keepdims=True)
    p *= above | (level & (level.cumsum(axis=1) <= room))
    return p / p.sum(axis=1, keepdims=True)


def draw(p: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Draw one word from each row of probabilities: (B, C) to int32 (B,).

    Raises
    ------
    UserError
        If a row is none: the numbers of the model have run over.
    """
    rising = p.cumsum(axis=1)
    if not np.isfinite(rising).all():
        raise UserError("the model's numbers have run over, and it has no next word")
    # A random point on the line from 0 to the sum falls on word j with probability p_j.
    point = random.random((len(p), 1)) * rising[:, -1:]
    return (rising > point).argmax(axis=1).astype(np.int32)


def generate(
    model: LanguageModel,
    vocabulary: Vocabulary,
    count: int = 10,
    prompt: Sequence[str] = (),
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    longest: int = 100,
    seed: int = 0,
) -> list[list[str]]:
    """Write sentences.

    Parameters
    ----------
    model : LanguageModel
    vocabulary : Vocabulary
    count : int
        How many sentences.
    prompt : sequence of str
        The tokens that each begins with; they are part of the result.
    temperature, top_k, top_p
        As for :func:`distribution`.
    longest : int
        Words, after which a sentence without an end is cut off.
    seed : int
        The same seed writes the same sentences.

    Returns
    -------
    list of lists of str
        Each sentence's tokens, for :func:`detokenize`. The end is not among them.
    """
    random = np.random.default_rng(seed)
    start = [START, *vocabulary.encode(_learned(prompt, vocabulary))]
    steps = longest - len(prompt)

    def choose(log_probabilities: np.ndarray) -> np.ndarray:
        return draw(distribution(log_probabilities, temperature, top_k, top_p), random)

    written: list[list[int]] = []
    for first in range(0, count, TOGETHER):
        B = min(TOGETHER, count - first)
        written += _write_together(model, start, B, steps, choose)
    return [[*prompt, *vocabulary.decode(words)] for words in written]


def _learned(sentence: Sequence[str], vocabulary: Vocabulary) -> list[str]:
    """A sentence without the signs for blanks that a model has never met."""
    signs = [sign for sign in spacing.SIGNS if sign not in vocabulary]
    return [token for token in sentence if token not in signs]


def _write_together(
    model: LanguageModel,
    start: Sequence[int],
    B: int,
    steps: int,
    choose: Callable[[np.ndarray], np.ndarray],
) -> list[list[int]]:
    """Write B sentences after the same start, a word of each at a time."""
    states = model.start(B)
    for word in start:
        scores, states = model.read(np.full(B, word, np.int32), states)
    written: list[list[int]] = [[] for _ in range(B)]
    ended = np.zeros(B, bool)
    for _ in range(steps):
        words = choose(np.asarray(scores))
        ended |= words == END
        for i in np.flatnonzero(~ended):
            written[i].append(int(words[i]))
        if ended.all():
            break
        scores, states = model.read(words, states)
    return written


class Score(NamedTuple):
    """How a language model takes a sentence."""

    #: The sentence's words, as given but for signs for blanks, and the end.
    words: list[str]
    #: Whether each is in the vocabulary. Where not, the surprise is that of *some* unknown word.
    known: list[bool]
    #: The surprise at each, :math:`-\\log o_{t, y_t}`, in nats; of a sign and its word together.
    surprises: list[float]

    @property
    def log_probability(self) -> float:
        """The logarithm of the whole sentence's probability, its end included."""
        return -sum(self.surprises)

    @property
    def perplexity(self) -> float:
        """The exponential of the mean surprise: as unsure as between so many equal choices."""
        return perplexity(sum(self.surprises) / len(self.surprises))


def score(
    model: LanguageModel, vocabulary: Vocabulary, sentences: Iterable[Sequence[str]]
) -> list[Score]:
    """Say how likely sentences are.

    Parameters
    ----------
    model : LanguageModel
    vocabulary : Vocabulary
    sentences : iterable of sequences of str
        Each a sentence's tokens, none or more.

    Returns
    -------
    list of Score
        In the order of the sentences.
    """
    sentences = [_learned(sentence, vocabulary) for sentence in sentences]
    scores = []
    for first in range(0, len(sentences), TOGETHER):
        scores += _score_together(
            model, vocabulary, sentences[first : first + TOGETHER]
        )
    return scores


def _score_together(
    model: LanguageModel, vocabulary: Vocabulary, sentences: list[Sequence[str]]
) -> list[Score]:
    """Score some sentences, reading a word of each at a time."""
    B, T = len(sentences), max(map(len, sentences)) + 1
    words = np.full((T, B), END, np.int32)
    for i, sentence in enumerate(sentences):
        words[: len(sentence), i] = vocabulary.encode(sentence)
    surprises = np.empty((T, B))
    reading, states = np.full(B, START, np.int32), model.start(B)
    for t in range(T):
        log_probabilities, states = model.read(reading, states)
        reading = words[t]
        surprises[t] = -np.asarray(log_probabilities)[np.arange(B), reading]
    end = vocabulary.decode([END])[0]
    known = words != UNKNOWN
    return [
        _by_word([*sentence, end], known[:, i].tolist(), surprises[:, i].tolist())
        for i, sentence in enumerate(sentences)
    ]


def _by_word(
    tokens: list[str], known: Sequence[bool], surprises: Sequence[float]
) -> Score:
    """The score of each word of a sentence, that of a sign before it included."""
    score, surprise = Score([], [], []), 0.0
    for token, is_known, at_token in zip(tokens, known, surprises):
        surprise += at_token
        if token not in spacing.SIGNS:
            for part, value in zip(score, (token, is_known, surprise)):
                part.append(value)
            surprise = 0.0
    return score
