import numpy as np
import pytest

from unrolled import fields, models, recipes, shakespeare
from unrolled.corpus import Source
from unrolled.errors import UserError
from unrolled.layers import Settings
from unrolled.options import Options
from unrolled.sampling import score


@pytest.fixture
def smoke(monkeypatch, tmp_path):
    """The smallest budget, and a folder of our own for what is left behind."""
    monkeypatch.setenv("UNROLLED_BUDGET", "smoke")
    # Its words come from the user's cache.
    plays = recipes.plays()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(recipes, "plays", lambda: plays)
    monkeypatch.setattr(recipes, "options", lambda: SMALL)
    return plays


SMALL = Options(Settings(50, hidden=4, embedding=3), epochs=1, window=10)


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


@pytest.mark.parametrize("left", ["another size", "another text", "nothing"])
def test_what_is_left_of_another_model_is_trained_anew(smoke, monkeypatch, left):
    trained = []

    def fit(corpus, options, folder):
        trained.append((corpus, options))
        models.start(corpus, options).save(folder / "best.npz")

    monkeypatch.setattr(recipes.training, "fit", fit)
    file = recipes.folder() / "best.npz"
    other = fields.changed(SMALL, hidden=5) if left == "another size" else SMALL
    text = smoke._replace(fingerprint="other") if left == "another text" else smoke
    models.start(text, other).save(file)
    if left == "nothing":
        file.write_bytes(b"nothing")
    found = recipes.language_model()
    assert found.model.settings.hidden == 4
    assert trained == [(smoke, SMALL)]
    # Now it is there.
    assert recipes.language_model().options == SMALL
    assert len(trained) == 1


def test_budgets_differ_in_their_amount_of_work(monkeypatch):
    epochs = []
    for budget in ("smoke", "cpu", "gpu"):
        monkeypatch.setenv("UNROLLED_BUDGET", budget)
        epochs.append((recipes.options().model.hidden, recipes.options().epochs))
    assert epochs == sorted(epochs)
    assert len(set(epochs)) == 3


@pytest.mark.parametrize("budget", ["smoke", "cpu", "gpu"])
def test_variants_differ_in_what_is_compared(monkeypatch, budget):
    monkeypatch.setenv("UNROLLED_BUDGET", budget)
    found = recipes.variants()
    cells = [options.model.cell for options in found.values()]
    assert cells[:4] == ["rnn", "gru", "lstm", "gru"]
    assert found["GRU, two layers"].model.layers == 2
    assert found["GRU + Adam"].optimizer == "adam"
    assert found["GRU + Adam, tied"].model.tied
    assert found["GRU + Adam, tied, dropout"].model.dropout > 0
    # But for the largest, they train alike.
    names = list(found)[:7]
    for setting in ("epochs", "batch", "window", "carry", "vocabulary", "seed"):
        assert len({fields.flat(found[name])[setting] for name in names}) == 1
    assert len(found) == (8 if budget == "gpu" else 7)


def test_a_recipe_may_be_changed(monkeypatch):
    monkeypatch.setenv("UNROLLED_BUDGET", "smoke")
    changed = recipes.options(cell="lstm", epochs=9)
    assert changed == fields.changed(recipes.options(), cell="lstm", epochs=9)
    with pytest.raises(UserError, match="cell='brain'"):
        recipes.options(cell="brain")


def test_texts_are_every_so_many_sentences(monkeypatch):
    whole = shakespeare.load("character")
    found = {}
    for budget in ("smoke", "cpu", "gpu"):
        monkeypatch.setenv("UNROLLED_BUDGET", budget)
        found[budget] = recipes.dialogue()
    assert found["smoke"].train == whole.train[::100]
    assert found["smoke"].test == whole.test[::100]
    assert found["cpu"].train == whole.train[::6]
    assert found["cpu"].validation == whole.validation
    assert found["gpu"].train == whole.train
    for text in found.values():
        assert text.source == Source(level="character")
    assert len({text.fingerprint for text in found.values()}) == 3
