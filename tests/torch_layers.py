"""What PyTorch's recurrent layers compute: PYTHON torch_layers.py CASES.npz RESULTS.npz.

Runs in an interpreter of its own that has PyTorch, which the book does without. The names in the
first file are ``case/what``. For each case it holds the layer's name in ``torch.nn``, what goes in
(T, B, D), the states before (layers, B, H) as ``start0`` and, for an LSTM, ``start1``, all of the
layer's parameters by PyTorch's names, and how much each entry of the outputs counts in the number
that is differentiated. The second file gets the outputs, the states after, and all slopes.
"""

import sys

import numpy as np
import torch


def compute(case):
    """The outputs, the end, and the slopes, by name."""
    kind = str(case.pop("layer"))
    tensors = {name: torch.tensor(value) for name, value in case.items()}
    count = tensors.pop("count")
    inputs = tensors.pop("inputs").requires_grad_()
    start = [
        tensors.pop(name).requires_grad_()
        for name in ("start0", "start1")
        if name in tensors
    ]
    (layers, _, H), D = start[0].shape, inputs.shape[2]
    layer = getattr(torch.nn, kind)(D, H, layers).to(inputs.dtype)
    layer.load_state_dict(tensors)
    outputs, end = layer(inputs, tuple(start) if kind == "LSTM" else start[0])
    (outputs * count).sum().backward()
    found = {"outputs": outputs, "slope/inputs": inputs.grad}
    for i, state in enumerate(end if kind == "LSTM" else [end]):
        found.update({f"end{i}": state, f"slope/start{i}": start[i].grad})
    for name, parameter in layer.named_parameters():
        found[f"slope/{name}"] = parameter.grad
    return {name: value.detach().numpy() for name, value in found.items()}


def main():
    """Read all cases, compute, write all results."""
    cases = {}
    with np.load(sys.argv[1], allow_pickle=False) as file:
        for name in file.files:
            case, what = name.split("/", 1)
            cases.setdefault(case, {})[what] = file[name]
    results = {}
    for case, arrays in cases.items():
        found = compute(arrays)
        results.update({f"{case}/{name}": value for name, value in found.items()})
    results["made_by"] = np.array(f"PyTorch {torch.__version__}")
    np.savez(sys.argv[2], **results)


if __name__ == "__main__":
    main()
