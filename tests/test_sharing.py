"""What the drawings of shared batches say."""

import numpy as np
import pytest
from matplotlib import pyplot as plt
from matplotlib.colors import to_hex

from unrolled.figures import sharing, style


def test_each_device_has_its_columns_and_the_words_in_them():
    figure, ax = plt.subplots()
    mask = np.ones((3, 4))
    mask[1:, 3] = 0
    sharing.shared_batch(ax, mask, 2)
    colors = [to_hex(patch.get_facecolor()) for patch in ax.patches]
    assert [colors.count(color) for color in style.COLORS[:2]] == [6, 4]
    said = [text.get_text() for text in ax.texts]
    assert "6 words" in said
    assert "4 words" in said
    plt.close(figure)


@pytest.mark.parametrize(("data", "vocabulary"), [(4, 1), (2, 2), (1, 4)])
def test_a_mesh_has_a_place_for_each_device_a_color_and_a_hatching(data, vocabulary):
    figure, ax = plt.subplots()
    sharing.mesh(ax, data, vocabulary)
    assert [int(text.get_text()) for text in ax.texts] == [1, 2, 3, 4]
    assert len({p.get_hatch() for p in ax.patches} - {None}) == vocabulary
    filled = {to_hex(p.get_facecolor()) for p in ax.patches if p.get_facecolor()[3]}
    assert filled == set(style.COLORS[:data])
    plt.close(figure)
