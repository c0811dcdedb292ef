"""Our language model in PyTorch, as its users write it, with weights of ours."""

import os

import torch
from torch import nn

LAYERS = {"rnn": nn.RNN}


class Model(nn.Module):
    """Embedding, recurrent layer, output layer.

    Parameters
    ----------
    weights : mapping of str to array
        E, U, W, b, V and c.
    cell : str
        A name in LAYERS.
    """

    def __init__(self, weights, cell):
        super().__init__()
        torch.set_num_threads(len(os.sched_getaffinity(0)))
        E, U, W, b, V, c = (torch.tensor(weights[name]) for name in "EUWbVc")
        (C, D), H = E.shape, V.shape[1]
        self.embedding = nn.Embedding(C, D)
        self.recurrent = LAYERS[cell](D, H)
        self.output = nn.Linear(H, C)
        copies = {
            self.embedding.weight: E,
            self.recurrent.weight_ih_l0: U.T,
            self.recurrent.weight_hh_l0: W.T,
            self.recurrent.bias_ih_l0: b,
            # Ours has one bias; the second one here stays at zero.
            self.recurrent.bias_hh_l0: torch.zeros_like(b),
            self.output.weight: V,
            self.output.bias: c,
        }
        with torch.no_grad():
            for parameter, value in copies.items():
                parameter.copy_(value)
        self.recurrent.bias_hh_l0.requires_grad_(False)
        self.trained = [p for p in self.parameters() if p.requires_grad]

    def forward(self, x):
        """Score each next word: (T, B) to (T, B, C)."""
        s, _ = self.recurrent(self.embedding(x))
        return self.output(s)

    def loss(self, x, y, reduction="mean"):
        """The cross-entropy of the words that come next; those below 0 do not count."""
        z = self(x).flatten(0, 1)
        return nn.functional.cross_entropy(
            z, y.flatten(), ignore_index=-1, reduction=reduction
        )

    def step(self, optimizer, x, y, clip):
        """One step of stochastic gradient descent along the clipped gradient."""
        optimizer.zero_grad()
        self.loss(x, y).backward()
        nn.utils.clip_grad_norm_(self.trained, clip)
        optimizer.step()
