"""A model and how to train it: all that its numbers depend on, beside the text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from unrolled import fields
from unrolled.errors import UserError
from unrolled.layers import Settings
from unrolled.updates import RULES
from unrolled.vocabulary import SPECIAL

#: For each optimizer a learning rate that suits the other defaults.
RATES = {"sgd": 4.0, "momentum": 1.2, "rmsprop": 0.012, "adam": 0.012}


@dataclass(frozen=True)
class Options:
    """A model and how to train it.

    Raises
    ------
    UserError
        If a value is not allowed.
    """

    model: Settings = Settings(vocabulary=8000, hidden=128, embedding=128)
    """What the model is made of; its vocabulary may turn out smaller, where the text has fewer
    words."""
    epochs: fields.Positive = 10
    """Times that every sentence is seen."""
    batch: fields.Positive = 32
    """Rows that the text is laid in, to be read side by side, B."""
    window: fields.Positive = 35
    """Tokens of each row that are read together, T; no gradient goes further back."""
    carry: bool = False
    """Keep the memory from sentence to sentence, and the sentences in their order."""
    optimizer: Annotated[str, fields.one_of(RULES)] = "sgd"
    """How a step follows the gradient."""
    learning_rate: fields.Amount | None = None
    """Learning rate of the first epoch, η; without it sgd takes 4, momentum 1.2, rmsprop and adam
    0.012."""
    clip: fields.Amount = 0.5
    """Longest gradient that a step follows; 0: any."""
    seed: fields.Natural = 0
    """Of the first parameters and of the order of the batches."""

    def __post_init__(self) -> None:
        fields.check(self)
        size, least = self.model.vocabulary, len(SPECIAL) + 1
        if size < least:
            raise UserError(
                f"expected a whole number from {least} up, for {len(SPECIAL)} tokens are special",
                vocabulary=size,
            )

    @property
    def first_learning_rate(self) -> float:
        """The learning rate of the first epoch, chosen or the optimizer's own."""
        if self.learning_rate is None:
            return RATES[self.optimizer]
        return self.learning_rate
