from dataclasses import replace

import numpy as np
import pytest

from unrolled import models, seeds, training
from unrolled.corpus import Corpus, Source
from unrolled.layers import Settings
from unrolled.options import Options
from unrolled.parallel import MinGRU
from unrolled.streams import Stream

OPTIONS = Options(Settings(12, hidden=4, embedding=3), epochs=3, batch=2, window=5)


@pytest.fixture
def corpus():
    random = np.random.default_rng(0)
    sentences = [list("abcdefg"[: n + 2]) for n in random.integers(5, size=40)]
    return Corpus(Source(), sentences[:20], sentences[20:30], sentences[30:], "mark")


def test_each_seed_is_what_a_training_of_its_own_gives(corpus, tmp_path):
    folders = [tmp_path / "0", tmp_path / "1"]
    _, runs = seeds.train(corpus, OPTIONS, folders, keep=(1, 3))
    assert len(runs) == 2
    for seed, (run, folder) in enumerate(zip(runs, folders)):
        found = models.load(folder)
        assert found.options.seed == seed
        options = OPTIONS if not seed else found.options
        alone = training.fit(corpus, options, tmp_path / "alone", quiet=True)
        assert [r.validation for r in run.history] == pytest.approx(
            [r.validation for r in alone.state.history]
        )
        assert list(run.kept) == [1, 3]
        for name, value in found.model.values().items():
            assert np.array_equal(run.best[name], value)
            assert np.allclose(run.kept[3][name], alone.model.values()[name])
    assert not np.array_equal(runs[0].best["W"], runs[1].best["W"])


def test_the_first_seed_shows_its_progress_unless_quiet(corpus, tmp_path, capsys):
    for quiet in (False, True):
        seeds.train(corpus, OPTIONS, [tmp_path / "0", tmp_path / "1"], quiet=quiet)
        said = capsys.readouterr()
        assert ("epoch   1" in said.out + said.err) is not quiet


def test_a_model_of_another_kind_serves_several_trainings(corpus):
    begun = models.start(corpus, OPTIONS, MinGRU)
    begun, first = seeds.train(corpus, OPTIONS, [None], begun=begun)
    assert isinstance(begun.model, MinGRU)
    short = replace(OPTIONS, epochs=1)
    begun, other = seeds.train(corpus, short, [None, None], begun=begun)
    _, again = seeds.train(corpus, OPTIONS, [None], begun=begun)
    assert [len(run.history) for run in first + other + again] == [3, 1, 1, 3]
    for name, value in first[0].best.items():
        assert np.allclose(again[0].best[name], value)


def test_surprises_stand_in_the_order_of_the_text(corpus):
    trained = models.start(corpus, OPTIONS)
    encoded = [trained.vocabulary.encode(s) for s in corpus.test]
    alone = np.concatenate(
        [seeds.surprises(trained.model, Stream([s], 1, 9)) for s in encoded]
    )
    text = Stream(encoded, 2, 5)
    together = seeds.surprises(trained.model, text)
    assert together == pytest.approx(alone, rel=1e-4)
    assert together.mean() == pytest.approx(
        training.evaluate(trained.model, text), rel=1e-5
    )
