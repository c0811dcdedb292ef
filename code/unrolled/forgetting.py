"""How far back a language model looks: what a word there changes, and what it still agrees with.

A *model* here is whatever has the two methods ``start`` and ``read`` of
:class:`unrolled.language_model.LanguageModel`: a network of any cell, or
:class:`unrolled.ngrams.KneserNey`. B sentences, T words, C words of the vocabulary.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from unrolled.vocabulary import START, Vocabulary

#: Two subjects, and the verb that each of them asks for.
SUBJECTS = (
    ("He", "They", "is", "are"), ("She", "We", "is", "are"), ("It", "You", "is", "are"),
    ("This", "These", "is", "are"), ("I", "You", "am", "are"), ("I", "They", "am", "are"),
    ("I", "He", "am", "is"), ("I", "She", "am", "is"), ("Thou", "He", "art", "is"),
    ("Thou", "She", "art", "is"), ("Thou", "You", "art", "are"), ("Thou", "I", "art", "am"),
    ("He", "They", "hath", "have"), ("She", "You", "hath", "have"),
    ("Thou", "I", "hast", "have"), ("Thou", "You", "hast", "have"),
    ("He", "We", "was", "were"), ("I", "They", "was", "were"),
    ("Thou", "He", "wilt", "will"), ("Thou", "We", "shalt", "shall"),
)  # fmt: skip

#: What may stand between subject and verb: for each number of tokens ten fillers, their tokens
#: parted by blanks. There is no other subject and no verb in them.
FILLERS = {
    0: ("",) * 10,
    1: ("now", "then", "still", "never", "here", "too", "indeed", "ever", "there", "alone"),
    2: ("even now", "even then", "even here", "now indeed", "but now", "here too",
        "now too", "never yet", "then too", "there too"),
    3: tuple(f", {a} ," for a in (
        "sir", "madam", "father", "uncle", "cousin", "brother", "lady", "friend", "boy", "then")),
    4: tuple(f", {a} ," for a in (
        "my lord", "good sir", "my friend", "sweet lady", "my son", "good father", "dear cousin",
        "my liege", "my lady", "no doubt")),
    5: tuple(f", {a} ," for a in (
        "my good lord", "my dear lord", "my sweet lady", "my noble father", "my good cousin",
        "by my life", "on my word", "by my faith", "for my part", "by this hand")),
    6: tuple(f", {a} ," for a in (
        "by all the gods", "in the same hour", "for all the world", "with all my heart",
        "in this very place", "by the good gods", "on this fair day", "with a good heart",
        "for a little time", "with my good lord")),
    7: tuple(f", {a} ," for a in (
        "with all the noble lords", "by the light of day", "in the name of heaven",
        "for the love of heaven", "at this time of night", "by the hand of death",
        "for the sake of peace", "with the rest of men", "in the eye of heaven",
        "by the life of man")),
    8: tuple(f", {a} ," for a in (
        "in the midst of all this", "by the light of the sun", "for the love of a friend",
        "in the hour of our death", "at the gate of the city", "with a heart full of love",
        "in the name of the king", "in the house of my father", "at the end of the day",
        "in the eyes of the world")),
}  # fmt: skip


class Reader(Protocol):
    """What the instruments need of a model."""

    def start(self, B: int) -> list[Any]:
        """The states before the first word of B sentences."""

    def read(self, words: np.ndarray, states: Sequence[Any]) -> tuple[Any, list[Any]]:
        """Log-probabilities (B, C) after one more word of each, and the states."""


def read_all(model: Reader, texts: np.ndarray, states: Any = None) -> tuple[Any, Any]:
    """Read texts (B, T), word by word; what :meth:`Reader.read` gives after the last."""
    states = model.start(len(texts)) if states is None else states
    for words in np.ascontiguousarray(texts.T, dtype=np.int32):
        log_p, states = model.read(words, states)
    return log_p, states


def divergence(log_p: np.ndarray, log_q: np.ndarray) -> np.ndarray:
    r"""The Kullback–Leibler divergence of q from p, row by row.

    .. math:: \sum_j p_j\, (e^{-\Delta_j} - 1 + \Delta_j), \quad \Delta_j = \log p_j - \log q_j

    Since p and q sum to 1 this is :math:`\sum_j p_j \Delta_j`. But no term of it is negative, and
    an error of rounding in a :math:`\Delta_j` near 0 is squared. So it holds for distributions
    that hardly differ, too.

    Parameters
    ----------
    log_p, log_q : arrays of shape (B, C)
        Where p is 0, q is.

    Returns
    -------
    float64 array of shape (B,)
        In nats.
    """
    log_p, log_q = (np.asarray(a, dtype=np.float64) for a in (log_p, log_q))
    possible = np.isfinite(log_p)
    gap = np.subtract(log_p, log_q, out=np.zeros_like(log_p), where=possible)
    return (np.exp(log_p) * (np.expm1(-gap) + gap)).sum(axis=1)


def others(
    words: np.ndarray, text: np.ndarray, random: np.random.Generator
) -> np.ndarray:
    """For each word of an array another one, drawn as often as it comes in a text (N,)."""
    drawn = random.choice(text, words.shape)
    while (same := drawn == words).any():
        drawn[same] = random.choice(text, same.sum())
    return drawn


def influence(
    model: Reader, texts: np.ndarray, text: np.ndarray, furthest: int, seed: int = 0
) -> np.ndarray:
    """How much the prediction after a text changes with a single word of it.

    Parameters
    ----------
    model : Reader
    texts : int array of shape (B, T)
        Each begins with START, which stays.
    text : int array of shape (N,)
        Where the words to swap in are drawn from, each as often as it comes there.
    furthest : int
        The largest distance, at most T - 2.
    seed : int
        Of the draws.

    Returns
    -------
    float64 array of shape (furthest + 1, B)
        By the number of words between the one that is swapped and the prediction: the
        :func:`divergence` of the changed prediction from the one before, in nats.
    """
    random, T = np.random.default_rng(seed), texts.shape[1]
    states = [model.start(len(texts))]
    for t in range(T):
        log_p, after = read_all(model, texts[:, t : t + 1], states[-1])
        states.append(after)
    found = []
    for d in range(furthest + 1):
        changed = texts[:, T - 1 - d :].copy()
        changed[:, 0] = others(changed[:, 0], text, random)
        log_q, _ = read_all(model, changed, states[T - 1 - d])
        found.append(divergence(log_p, log_q))
    return np.array(found)


def agreement(
    model: Reader,
    vocabulary: Vocabulary,
    subjects: Sequence[Sequence[str]] = SUBJECTS,
    fillers: Sequence[str] = FILLERS[0],
) -> np.ndarray:
    r"""How well the verb that a model expects agrees with its subject.

    .. math::
        \log \frac{p(v_1 \mid u_1 f)\; p(v_2 \mid u_2 f)}{p(v_2 \mid u_1 f)\; p(v_1 \mid u_2 f)}

    The subject :math:`u_1` takes the verb :math:`v_1`, and :math:`u_2` takes :math:`v_2`; f
    stands between subject and verb. What f alone says of the verbs cancels.

    Parameters
    ----------
    model : Reader
    vocabulary : Vocabulary
    subjects : sequence of (subject, subject, verb, verb)
        Each one word; S of them.
    fillers : sequence of str
        F of them, with equally many tokens, parted by blanks.

    Returns
    -------
    float64 array of shape (S, F)
        The log-odds in nats: 0 if the subject is forgotten.
    """
    between = np.array([vocabulary.encode(filler.split()) for filler in fillers])
    S, F = len(subjects), len(fillers)
    coded = np.array([vocabulary.encode(row) for row in subjects])
    log_odds = []
    for one in (0, 1):
        start = np.full((S * F, 1), START)
        subject = np.repeat(coded[:, one], F)[:, None]
        texts = np.hstack([start, subject, np.tile(between, (S, 1))]).astype(np.int32)
        log_p = np.asarray(read_all(model, texts)[0], dtype=np.float64)
        verbs = np.repeat(coded[:, 2:], F, axis=0)
        at = np.take_along_axis(log_p, verbs, axis=1)
        log_odds.append((at[:, 0] - at[:, 1]).reshape(S, F))
    return log_odds[0] - log_odds[1]


def surprise_after(model: Reader, texts: np.ndarray, n: int) -> np.ndarray:
    """The surprise at the last word of each text, from the n words before it alone.

    START comes first, so that the model reads them as the beginning of a sentence.

    Parameters
    ----------
    model : Reader
    texts : int array of shape (B, T)
        Each ends with the word to predict; START is not among them.
    n : int
        From 0 to T - 1.

    Returns
    -------
    float64 array of shape (B,)
        In nats.
    """
    start = np.full((len(texts), 1), START, texts.dtype)
    context = texts[:, texts.shape[1] - 1 - n : -1]
    log_p, _ = read_all(model, np.hstack([start, context]))
    return -np.asarray(log_p, np.float64)[np.arange(len(texts)), texts[:, -1]]
