import numpy as np
import pytest

from unrolled.language_model import LanguageModel
from unrolled.layers import Settings, initialize
from unrolled.quantization import (
    AXES,
    Quantized,
    dequantize,
    dequantize_weights,
    quantize,
    quantize_weights,
)


@pytest.mark.parametrize("per", AXES)
def test_no_entry_is_off_by_more_than_half_its_scale(per):
    random = np.random.default_rng(0)
    W = random.normal(size=(7, 5)) * 10.0 ** random.integers(-4, 4, (7, 1))
    codes, scales = small = quantize(W, per)
    assert codes.dtype == np.int8 and scales.dtype == np.float32
    assert scales.shape == {"row": (7, 1), "column": (1, 5)}[per]
    assert (np.abs(codes).max(axis=AXES[per]) == 127).all()
    assert (np.abs(dequantize(small) - W) <= 0.5001 * scales).all()


def test_the_largest_entry_and_zero_stay_exact():
    W = np.array([[127, -3, 0.4, 0], [0, 0, 0, 0], [-25.4, 25.4, 0.2, -0.2]])
    small = quantize(W)
    assert small.codes.tolist() == [[127, -3, 0, 0], [0] * 4, [-127, 127, 1, -1]]
    np.testing.assert_allclose(small.scales, [[1], [1], [0.2]])


def test_numbers_too_small_for_a_scale_become_zero():
    small = quantize(np.full((2, 3), 1e-60))
    assert not dequantize(small).any() and np.isfinite(small.scales).all()
    assert quantize(np.zeros((2, 0))).codes.shape == (2, 0)


@pytest.mark.parametrize(
    ("W", "per", "message"),
    [
        (np.zeros(3), "row", "shape .3,.: expected a matrix"),
        (np.array([[1, np.nan]]), "row", "not finite"),
        (np.zeros((2, 2)), "block", "'block': expected row or column"),
    ],
)
def test_it_says_what_it_cannot_round(W, per, message):
    with pytest.raises(ValueError, match=message):
        quantize(W, per)


def test_a_model_takes_rounded_weights_and_hardly_changes():
    settings = Settings(vocabulary=20, hidden=16, embedding=8, cell="gru")
    values = {k: v.astype("float32") for k, v in initialize(settings).items()}
    small = quantize_weights(values, "column")
    rounded = {name for name, v in small.items() if isinstance(v, Quantized)}
    assert rounded == {"E", "U", "W", "V"}
    model, words = LanguageModel(settings, values), np.arange(8, dtype=np.int32)
    before, _ = model.read(words, model.start(8))
    model.set_values(dequantize_weights(small))
    after, _ = model.read(words, model.start(8))
    np.testing.assert_allclose(after, before, atol=0.01)
    assert (np.asarray(after) != before).any()
