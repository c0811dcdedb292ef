"""The step on one sentence in PyTorch, eager: torch_sentence.py PROBLEM loop|rnn [sparse].

``loop`` is the recurrence as our equations have it. ``rnn`` leaves it to nn.RNN, which multiplies
what comes in by one more matrix: here that of the identity, which does not learn. ``sparse`` gives
the embedding a gradient of the looked-up rows only.
"""

import os
import sys

import torch
from serve import load, serve
from torch import nn

problem = load(sys.argv[1])
torch.set_num_threads(len(os.sched_getaffinity(0)))
way, sparse = sys.argv[2], "sparse" in sys.argv[3:]
x, y = (torch.tensor(problem[name][:, 0]).long() for name in "xy")
U, W, b, V, c = (torch.tensor(problem[name]) for name in "UWbVc")
C, H = U.shape


class Loop(nn.Module):
    """s_t = tanh(row_t + s_{t-1} W + b)."""

    def __init__(self):
        super().__init__()
        self.W, self.b = nn.Parameter(W), nn.Parameter(b)

    def forward(self, rows):
        """From (T, H) to (T, H)."""
        s, states = torch.zeros(1, H), []
        for row in (rows + self.b).split(1):
            s = torch.tanh(row + s @ self.W)
            states.append(s)
        return torch.cat(states), None


def library():
    """nn.RNN with the same weights; it has a second bias, which stays at zero."""
    layer = nn.RNN(H, H)
    with torch.no_grad():
        layer.weight_ih_l0.copy_(torch.eye(H))
        layer.weight_hh_l0.copy_(W.T)
        layer.bias_ih_l0.copy_(b)
        layer.bias_hh_l0.zero_()
    layer.weight_ih_l0.requires_grad_(False)
    layer.bias_hh_l0.requires_grad_(False)
    return layer


embedding = nn.Embedding(C, H, sparse=sparse)
recurrent = Loop() if way == "loop" else library()
output = nn.Linear(H, C)
with torch.no_grad():
    embedding.weight.copy_(U)
    output.weight.copy_(V)
    output.bias.copy_(c)
model = nn.ModuleList([embedding, recurrent, output])
trained = [p for p in model.parameters() if p.requires_grad]
optimizer = torch.optim.SGD(trained, lr=float(problem["rate"]))


def loss():
    """The mean cross-entropy of the words that come next."""
    s, _ = recurrent(embedding(x))
    return nn.functional.cross_entropy(output(s), y)


def step():
    """One step of stochastic gradient descent."""
    optimizer.zero_grad()
    loss().backward()
    optimizer.step()


serve(lambda: loss().item(), step)
