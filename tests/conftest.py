"""What all tests share."""

import pytest

from unrolled import backend


def pytest_configure(config):
    # When PyTensor loads Numba, it turns off two of its warnings as mistaken. The filters of
    # pytest come before those of PyTensor, so they have to say it too.
    for message in (
        "is faster on contiguous arrays",
        "Cannot cache compiled function",
    ):
        config.addinivalue_line("filterwarnings", f"ignore:.*{message}")


@pytest.fixture
def float64():
    """Compute in float64 during one test; precision belongs to the whole process."""
    backend.use_precision("float64")
    yield
    backend.use_precision("float32")
