"""Our language model in PyTorch, as its users write it, with weights of ours."""

import os

import numpy as np
import torch
from torch import nn

#: For each of our cells PyTorch's layer, and where in ours each block of its columns stands.
#: nn.GRU applies the reset gate after the product, whichever of our two GRUs it is beside.
LAYERS = {
    "rnn": (nn.RNN, [0]),
    "gru": (nn.GRU, [1, 0, 2]),
    "gru-reset-after": (nn.GRU, [1, 0, 2]),
    "lstm": (nn.LSTM, [0, 1, 3, 2]),
}
#: The same rules as ours; RMSprop adds its epsilon after the root and not under it.
OPTIMIZERS = {
    "sgd": lambda p, rate: torch.optim.SGD(p, lr=rate),
    "momentum": lambda p, rate: torch.optim.SGD(p, lr=rate, momentum=0.9),
    "rmsprop": lambda p, rate: torch.optim.RMSprop(p, lr=rate, alpha=0.9, eps=1e-6),
    "adam": lambda p, rate: torch.optim.Adam(p, lr=rate),
}


class Model(nn.Module):
    """Embedding, recurrent layers, output layer.

    Parameters
    ----------
    weights : mapping of str to array
        E, U, W, b, V and c; U2, W2 and b2 if there is a second layer, and so on.
    cell : str
        A name in LAYERS.
    """

    def __init__(self, weights, cell):
        super().__init__()
        torch.set_num_threads(len(os.sched_getaffinity(0)))
        (C, D), H = weights["E"].shape, weights["V"].shape[1]
        layer, self.order = LAYERS[cell]
        numbers = [""] + [str(k) for k in range(2, 10) if f"U{k}" in weights]
        self.embedding = nn.Embedding(C, D)
        self.recurrent = layer(D, H, len(numbers))
        self.output = nn.Linear(H, C)
        with torch.no_grad():
            self.embedding.weight.copy_(torch.tensor(weights["E"]))
            self.output.weight.copy_(torch.tensor(weights["V"]))
            self.output.bias.copy_(torch.tensor(weights["c"]))
            for k, number in enumerate(numbers):
                U, W, b = (weights[name + number] for name in "UWb")
                self.fill(k, U, W, b)
        self.trained = [p for p in self.parameters() if p.requires_grad]

    def turned(self, array):
        """The blocks of the last axis in PyTorch's order."""
        blocks = np.split(array, len(self.order), axis=-1)
        return torch.tensor(np.concatenate([blocks[i] for i in self.order], axis=-1))

    def fill(self, k, U, W, b):
        """Copy a layer's weights."""
        columns, H = U.shape[1], W.shape[0]
        names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        input_, state, bias, second = (
            getattr(self.recurrent, f"{name}_l{k}") for name in names
        )
        input_.copy_(self.turned(U).T)
        state.copy_(self.turned(W).T)
        bias.copy_(self.turned(b[:columns]))
        # Ours has one bias. Of the second one here only the part inside the reset gate moves, where
        # ours has it, too; the rest stays at zero.
        second.zero_()
        if len(b) > columns:
            second[-H:] = torch.tensor(b[columns:])
            inside = torch.zeros_like(second)
            inside[-H:] = 1
            second.register_hook(lambda slope: slope * inside)
        else:
            second.requires_grad_(False)

    def forward(self, x, states=None):
        """Score each next word, (T, B) to (T, B, C), and say where the states have got to."""
        s, states = self.recurrent(self.embedding(x), states)
        return self.output(s), states

    def loss_and_states(self, x, y, states=None, reduction="mean"):
        """The cross-entropy of the words that come next; those below 0 do not count."""
        z, states = self(x, states)
        loss = nn.functional.cross_entropy(
            z.flatten(0, 1), y.flatten(), ignore_index=-1, reduction=reduction
        )
        return loss, states

    def loss(self, x, y):
        """The loss of sequences that begin with their first step."""
        return self.loss_and_states(x, y)[0]

    def step(self, optimizer, x, y, clip=None, states=None):
        """One step along the gradient, clipped if a limit is given; the states, detached."""
        optimizer.zero_grad()
        loss, states = self.loss_and_states(x, y, states)
        loss.backward()
        if clip is not None:
            nn.utils.clip_grad_norm_(self.trained, clip)
        optimizer.step()
        return (
            tuple(s.detach() for s in states)
            if isinstance(states, tuple)
            else states.detach()
        )
