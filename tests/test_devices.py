"""Several devices find what one finds, and share the work. Here they are simulated."""

import re
from dataclasses import replace

import numpy as np
import pytest

from small_models import HALF, ONE_HOT, TIED, TWO_LAYERS
from unrolled import devices, roofline
from unrolled.errors import UserError
from unrolled.language_model import LanguageModel
from unrolled.layers import Settings
from unrolled.parallel import MinGRU
from unrolled.streams import Batch, Stream
from unrolled.transformer import Transformer

T, B, STEPS = 5, 8, 10


def even(settings, **changes):
    """With as many words as four shards can hold."""
    return replace(settings, vocabulary=12, **changes)


def batches(count, C=12, T=T):
    """With padding that some devices have more of than others."""
    random = np.random.default_rng(0)
    for _ in range(count):
        x, y = random.integers(3, C, (2, T, B)).astype(np.int32)
        mask = np.ones((T, B), np.float32)
        mask[2:, :3] = 0
        yield Batch(x, y, mask, (random.random((T, B)) < 0.2).astype(np.float32))


def trained(settings, mesh, kind=LanguageModel, **how):
    """The model, the losses of its steps, and those of a batch afterwards."""
    model = kind(settings, seed=1, mesh=mesh, **how)
    rate = 0.01 if how.get("optimizer") in ("adam", "rmsprop") else 0.3
    losses = [float(model.step(batch, rate)) for batch in batches(STEPS)]
    return model, losses, model.losses(next(batches(1)))


# Every rule and every cell, with and without dropout, clipping, and shards of the tables.
CASES = {
    "SGD, words one-hot": (even(ONE_HOT), 2, {}),
    "Adam, clipped, dropout": (even(HALF), 1, {"optimizer": "adam", "clip": 0.5}),
    "RMSProp": (even(TWO_LAYERS, cell="lstm"), 2, {"optimizer": "rmsprop"}),
    "momentum, one table for both": (
        *(even(TIED, cell="gru-reset-after"), 4, {"optimizer": "momentum"}),
    ),
    "a parallel scan": (even(TWO_LAYERS, embedding=4), 1, {"kind": MinGRU}),
    "a transformer": (even(TWO_LAYERS, embedding=4), 2, {"kind": Transformer}),
}


@pytest.mark.parametrize("name", CASES)
def test_four_devices_find_what_one_finds(name, float64):
    settings, shards, how = CASES[name]
    one, one_losses, one_after = trained(settings, None, **how)
    four, losses, after = trained(settings, devices.mesh(4, shards), **how)
    np.testing.assert_allclose(losses, one_losses, rtol=1e-12)
    np.testing.assert_allclose(after, one_after, rtol=1e-10)
    kept, expected = (m.values() | m.remembered() for m in (four, one))
    assert kept.keys() == expected.keys()
    for array, value in expected.items():
        scale = np.abs(value).max()
        np.testing.assert_allclose(kept[array], value, atol=1e-10 * scale)


def test_in_float32_too():
    settings, how = even(TIED, dropout=0.5), {"optimizer": "adam", "clip": 0.5}
    _, one, _ = trained(settings, None, **how)
    _, two, _ = trained(settings, devices.mesh(2), **how)
    np.testing.assert_allclose(two, one, rtol=1e-4)


LARGE = Settings(vocabulary=2000, hidden=32, embedding=32, cell="gru")


@pytest.fixture(scope="module")
def program():
    """XLA's programs for a step, by the mesh."""

    def compile_step(*mesh):
        model = LanguageModel(
            LARGE, clip=0.5, mesh=devices.mesh(*mesh) if mesh else None
        )
        step = model.compiled_step(next(batches(1, LARGE.vocabulary)))
        return model, roofline.program_of(step)

    return compile_step


def test_the_work_is_shared_and_two_sums_cross(program):
    """Equal results prove nothing: each device might have done everything."""
    operations = [p.cost_analysis()["flops"] for _, p in (program(4, 1), program())]
    assert operations[0] <= 0.3 * operations[1]
    text = program(4, 1)[1].as_text()
    sums = re.findall(r"^.*\ball-reduce(?:-start)?\(.*$", text, re.M)
    others = re.findall(r"\b(?:all-gather|all-to-all|collective-permute)\(", text)
    assert (len(sums), others) == (2, [])
    # The loop over time is a program of its own; both stand in the one that calls it.
    entry = text[text.index("\nENTRY ") :]
    assert all(line in entry for line in sums)


def test_shards_of_the_tables(program):
    model, shared = program(4, 4)
    E = model.parameters["E"].get_value(borrow=True)
    assert {part.data.shape for part in E.addressable_shards} == {(500, 32)}
    alone = program()[1].memory_analysis().argument_size_in_bytes
    assert shared.memory_analysis().argument_size_in_bytes <= 0.4 * alone


def test_a_batch_has_the_rows_of_its_process():
    sentences = [np.arange(3, 3 + n, dtype=np.int32) for n in (4, 9, 2, 7, 5, 6)]
    every, own = (Stream(sentences, 4, 3, rows=r) for r in (slice(None), slice(1, 3)))
    for seed in range(3):
        pairs = zip(every.epoch(seed, 0), own.epoch(seed, 0), strict=True)
        for number, (batch, part) in enumerate(pairs):
            assert every.epoch(seed, 0).words(number) == batch.mask.sum()
            for whole, mine in zip(batch, part):
                np.testing.assert_array_equal(mine, whole[:, 1:3])


def test_begun_on_four_goes_on_on_any(float64):
    settings, how = even(TIED), {"optimizer": "adam"}
    four, *_ = trained(settings, devices.mesh(4), **how)
    kept = four.values() | four.remembered()
    expected = float(four.step(next(batches(1)), 0.01))
    for mesh in (devices.mesh(2), devices.mesh(2, 2), None):
        model = LanguageModel(settings, kept, seed=1, mesh=mesh, **how)
        model.steps = STEPS
        assert float(model.step(next(batches(1)), 0.01)) == pytest.approx(
            expected, rel=1e-12
        )


def test_a_model_begins_anew_on_its_devices():
    model, losses, _ = trained(even(TIED), devices.mesh(2), optimizer="adam")
    model.restart(seed=1)
    again = [float(model.step(batch, 0.01)) for batch in batches(STEPS)]
    assert again == losses


def test_without_a_mesh_nothing_is_added():
    model = LanguageModel(even(TIED), optimizer="adam")
    graph = model.compiled_step(next(batches(1))).maker.fgraph
    assert not any(isinstance(node.op, devices.Total) for node in graph.toposort())


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: devices.mesh(99), "devices=99: there are 4 of kind cpu here"),
        (
            lambda: devices.mesh(4, 3),
            "vocabulary_shards=3: cannot cut 4 devices in 3 equal parts; 3 or 6 would do",
        ),
        (
            lambda: LanguageModel(ONE_HOT, mesh=devices.mesh(4, 4)),
            "vocabulary_shards=4: cannot cut 11 words in 4 equal parts; 8 or 12 would do",
        ),
        (
            lambda: devices.own_columns(devices.mesh(4), 30),
            "batch=30: cannot cut 30 rows in 4 equal parts; 28 or 32 would do",
        ),
        (
            lambda: devices.own_columns(devices.mesh(4), 3),
            "batch=3: cannot cut 3 rows in 4 equal parts; 4 would do",
        ),
    ],
)  # fmt: skip
def test_sizes_that_do_not_divide(build, message):
    with pytest.raises(UserError, match=f"^{re.escape(message)}$"):
        build()
