from dataclasses import replace

import numpy as np
import pytest

from unrolled import fields, models, recipes, shakespeare, sweep
from unrolled.corpus import Source
from unrolled.errors import UserError
from unrolled.language_model import LanguageModel
from unrolled.layers import Settings, initialize
from unrolled.options import Options
from unrolled.parallel import MinGRU
from unrolled.sampling import score
from unrolled.transformer import Transformer


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
def test_cells_are_of_one_size_and_train_alike(monkeypatch, budget):
    monkeypatch.setenv("UNROLLED_BUDGET", budget)
    found = recipes.cells()
    models = [options.model for options in found.values()]
    assert [m.cell for m in models] == ["rnn", "gru", "lstm", "gru"]
    assert [m.layers for m in models] == [1, 1, 1, 2]
    sizes = [sum(p.size for p in initialize(m).values()) for m in models]
    assert sizes == [recipes.count(m) for m in models]
    assert max(sizes) < 1.04 * min(sizes)
    for setting in ("epochs", "batch", "window", "carry", "vocabulary", "embedding"):
        assert len({fields.flat(options)[setting] for options in found.values()}) == 1


@pytest.mark.parametrize("budget", ["smoke", "cpu", "gpu"])
def test_each_trick_alone_is_left_out(monkeypatch, budget):
    monkeypatch.setenv("UNROLLED_BUDGET", budget)
    everything, *others, nothing = [
        replace(options, learning_rate=None) for options in recipes.tricks().values()
    ]
    assert everything.model.tied
    assert everything.optimizer == "adam"
    had = fields.flat(everything)
    changes = [
        {k for k, value in fields.flat(other).items() if value != had[k]}
        for other in others
    ]
    assert changes == [{"optimizer"}, {"tied"}, {"dropout"}]
    assert bool(everything.model.dropout) == (budget == "gpu")
    assert nothing == replace(recipes.cells()["GRU"], learning_rate=None)


def test_models_are_counted_with_one_table_and_with_two():
    for settings in (
        Settings(30, 6, 6, "lstm", layers=2, tied=True),
        Settings(30, 6, 4, "gru-reset-after", layers=3),
    ):
        values = initialize(settings).values()
        assert recipes.count(settings) == sum(value.size for value in values)


def test_rates_are_those_that_the_sweep_found_best(monkeypatch):
    monkeypatch.setenv("UNROLLED_BUDGET", "smoke")
    kept = {"GRU": {"0.1": [9.0, 7.0], "0.2": [8.5, 6.5]}}
    monkeypatch.setattr(recipes.sweep, "kept", lambda _: {"perplexities": kept})
    found = recipes.cells()
    assert found["GRU"].learning_rate == 0.2
    assert found["LSTM"].learning_rate is None


def test_the_sweep_that_is_kept_is_whole(monkeypatch):
    monkeypatch.setenv("UNROLLED_BUDGET", "cpu")
    kept = sweep.kept("cpu")
    models = {**recipes.cells(), **recipes.tricks()}
    assert kept["perplexities"].keys() == models.keys()
    contest = kept["contest"]
    assert contest.keys() == recipes.contest().keys()
    for by_rule in contest.values():
        assert by_rule.keys() == {"adam", "rmsprop"}
    tried = [rates for by_rule in contest.values() for rates in by_rule.values()]
    for found in (*kept["perplexities"].values(), *tried):
        assert {f"{rate:g}" for rate in sweep.RATES} <= found.keys()
        # The best is none of the outermost: a better one may lie beyond it.
        assert sweep.beyond(found) is None
    # The chapter's table has a column for each rate.
    assert len({tuple(kept["perplexities"][name]) for name in recipes.cells()}) == 1
    for name, made in kept["models"].items():
        assert made == {
            "units": models[name].model.hidden,
            "parameters": recipes.count(models[name].model),
            "dropout": models[name].model.dropout,
        }
    assert kept["tricks"].keys() == recipes.tricks().keys()
    for found in kept["tricks"].values():
        assert len(found) == 3
        for one in found:
            assert one.keys() == {"training", "validation", "test"}
    assert {"name", "cores", "date", "commit"} <= kept["made"].keys()
    assert sweep.kept("smoke")["budget"] == "cpu"


def test_beyond_the_best_rate_another_is_tried():
    assert sweep.beyond({"0.01": [3, 5], "0.02": [2, 3]}) == 0.04
    assert sweep.beyond({"0.02": [2, 3], "0.01": [1, 1]}) == 0.005
    assert sweep.beyond({"0.01": [3], "0.02": [2], "0.04": [2.5]}) is None
    assert sweep.best({"0.01": [3, 5], "0.02": [2, 3]}) == ("0.02", 2.5)


@pytest.mark.parametrize("budget", ["smoke", "cpu", "gpu"])
def test_the_contest_is_one_of_equals_each_at_its_best(monkeypatch, budget):
    monkeypatch.setenv("UNROLLED_BUDGET", budget)
    tried = {"adam": {"0.1": [9.0]}, "rmsprop": {"0.1": [8.0], "0.2": [7.0]}}
    kept = {"contest": {"minGRU": tried}, "perplexities": {}}
    monkeypatch.setattr(recipes.sweep, "kept", lambda _: kept)
    kinds = {"GRU": LanguageModel, "minGRU": MinGRU, "transformer": Transformer}
    found = recipes.contest()
    sizes = [
        sum(value.size for value in kinds[name].initialize(options.model).values())
        for name, options in found.items()
    ]
    assert max(sizes) < 1.15 * min(sizes)
    assert found["minGRU"].optimizer == "rmsprop"
    assert found["minGRU"].learning_rate == 0.2
    assert found["GRU"].learning_rate is None
    assert len({(one.epochs, one.batch, one.window) for one in found.values()}) == 1


def test_a_recipe_may_be_changed(monkeypatch):
    monkeypatch.setenv("UNROLLED_BUDGET", "smoke")
    changed = recipes.options(cell="lstm", epochs=9)
    assert changed == fields.changed(recipes.options(), cell="lstm", epochs=9)
    with pytest.raises(UserError, match="cell='brain'"):
        recipes.options(cell="brain")


def test_dialogues_are_speeches_that_follow_each_other(monkeypatch):
    whole = shakespeare.load("character")
    found = {}
    for budget in ("smoke", "cpu", "gpu"):
        monkeypatch.setenv("UNROLLED_BUDGET", budget)
        found[budget] = recipes.dialogue()
    assert found["smoke"].train == whole.train[: len(whole.train) // 100]
    assert found["smoke"].test == whole.test[: len(whole.test) // 100]
    assert found["cpu"].train == whole.train[: len(whole.train) // 6]
    assert found["cpu"].validation == whole.validation
    assert found["gpu"].train == whole.train
    for text in found.values():
        assert text.source == Source(level="character")
    assert len({text.fingerprint for text in found.values()}) == 3
