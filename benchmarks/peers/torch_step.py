"""The same step in PyTorch, eager, as its users write it."""

import sys

import torch
from serve import load, serve

problem = load(sys.argv[1])
X, y = torch.tensor(problem["X"]), torch.tensor(problem["y"]).long()
rate, penalty = float(problem["rate"]), float(problem["penalty"])
hidden = torch.nn.Linear(*problem["W1"].shape)
output = torch.nn.Linear(*problem["W2"].shape)
with torch.no_grad():
    for layer, W, b in ((hidden, "W1", "b1"), (output, "W2", "b2")):
        layer.weight.copy_(torch.tensor(problem[W]).T)
        layer.bias.copy_(torch.tensor(problem[b]))
model = torch.nn.Sequential(hidden, torch.nn.Tanh(), output)
# Weight decay adds penalty * W to the gradient: the penalty's derivative. Biases have none.
weights = {"params": [hidden.weight, output.weight], "weight_decay": penalty}
biases = {"params": [hidden.bias, output.bias]}
optimizer = torch.optim.SGD([weights, biases], lr=rate)


def loss():
    """The cross-entropy, without the penalty that the optimizer adds."""
    return torch.nn.functional.cross_entropy(model(X), y)


def penalized():
    """The loss that all contestants share."""
    squares = sum((layer.weight**2).sum() for layer in (hidden, output))
    return (loss() + penalty / 2 * squares).item()


def step():
    """One step of stochastic gradient descent."""
    optimizer.zero_grad()
    loss().backward()
    optimizer.step()


serve(penalized, step)
