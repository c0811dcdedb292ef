"""How much work the book asks of a machine: three budgets.

The environment variable ``UNROLLED_BUDGET`` names it: ``smoke`` (seconds, for tests), ``cpu``
(minutes) or ``gpu`` (the real thing). Unset, it is the name of the device that computes.
"""

from __future__ import annotations

from typing import TypeVar

from unrolled import machine

Choice = TypeVar("Choice")

BUDGETS = ("smoke", "cpu", "gpu")


def name() -> str:
    """Name the budget in force: ``"smoke"``, ``"cpu"`` or ``"gpu"``.

    Raises
    ------
    UserError
        If ``UNROLLED_BUDGET`` holds another word.
    """
    return machine.wish("UNROLLED_BUDGET", BUDGETS) or machine.device()


def choose(smoke: Choice, cpu: Choice, gpu: Choice) -> Choice:
    """Choose how much work to do.

    Parameters
    ----------
    smoke, cpu, gpu
        The amount for tests, for a processor and for a GPU: of any one type.

    Returns
    -------
    The amount that belongs to the budget in force.
    """
    return {"smoke": smoke, "cpu": cpu, "gpu": gpu}[name()]
