import numpy as np
import pytest

from unrolled import recipes
from unrolled.sampling import score


@pytest.fixture
def smoke(monkeypatch, tmp_path):
    """The smallest budget, and a folder of our own for what is left behind."""
    monkeypatch.setenv("UNROLLED_BUDGET", "smoke")
    plays = recipes.plays()  # its words come from the user's cache
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(recipes, "shakespeare", lambda: plays)
    monkeypatch.setattr(recipes, "options", lambda: small(epochs=1))
    return plays


def small(**changes):
    return recipes.Options(
        vocabulary=50, hidden=4, embedding=3, buckets=1, longest=10
    )._replace(**changes)


def test_the_model_is_trained_once_and_then_read(smoke, monkeypatch):
    first = recipes.language_model()
    file = recipes.folder() / "best.npz"
    written = file.stat().st_mtime_ns
    again = recipes.language_model()
    assert file.stat().st_mtime_ns == written
    for name, value in first.model.values().items():
        assert np.array_equal(value, again.model.values()[name])
    (one,) = score(again.model, again.vocabulary, [["the"]])
    assert np.isfinite(one.perplexity)

    # Other options, or a damaged file: trained anew.
    monkeypatch.setattr(recipes, "options", lambda: small(epochs=1, hidden=5))
    assert recipes.language_model().model.settings.H == 5
    file.write_bytes(b"nothing")
    assert recipes.language_model().model.settings.H == 5


def test_budgets_differ_in_their_amount_of_work(monkeypatch):
    epochs = []
    for budget in ("smoke", "cpu", "gpu"):
        monkeypatch.setenv("UNROLLED_BUDGET", budget)
        epochs.append((recipes.options().hidden, recipes.options().epochs))
    assert epochs == sorted(epochs)
    assert len(set(epochs)) == 3
