import jax
import pytest

from unrolled import budget
from unrolled.errors import UserError


@pytest.fixture(autouse=True)
def unset(monkeypatch):
    monkeypatch.delenv("UNROLLED_DEVICE", raising=False)
    monkeypatch.delenv("UNROLLED_BUDGET", raising=False)


def test_bad_word_in_the_environment(monkeypatch):
    monkeypatch.setenv("UNROLLED_BUDGET", "abacus")
    with pytest.raises(UserError) as error:
        budget.name()
    assert str(error.value) == "UNROLLED_BUDGET=abacus: expected one of smoke, cpu, gpu"


@pytest.mark.skipif(jax.default_backend() != "cpu", reason="there is a GPU")
def test_gpu_that_is_not_there(monkeypatch):
    monkeypatch.setenv("UNROLLED_DEVICE", "gpu")
    with pytest.raises(UserError, match=r"requirements-gpu\.txt"):
        budget.name()


@pytest.mark.parametrize("name", budget.BUDGETS)
def test_budget_chooses(name, monkeypatch):
    monkeypatch.setenv("UNROLLED_BUDGET", name)
    assert budget.name() == name
    amounts = {"smoke": 1, "cpu": 20, "gpu": 300}
    assert budget.choose(**amounts) == amounts[name]


def test_budget_is_that_of_the_device_unless_asked_for(monkeypatch):
    monkeypatch.setenv("UNROLLED_DEVICE", "cpu")
    assert budget.choose(smoke="little", cpu="some", gpu="much") == "some"
    monkeypatch.setenv("UNROLLED_BUDGET", "smoke")
    assert budget.choose(smoke="little", cpu="some", gpu="much") == "little"
