r"""The loop over time, and backpropagation through it.

PyTensor's ``scan`` can be differentiated as it is, and the gradient is right. But on the way back
each step computes its products with W a second time, and adds its share of :math:`\partial L /
\partial W` to the sum on the spot, a small product and T additions of whole matrices. Here the
loop keeps its products, and the way back finds them there. What it leaves of each step is the
error :math:`\delta_t` of the product, and the sum over time becomes one product of matrices:

.. math::
    \frac{\partial L}{\partial W} = \sum_t s_{t-1}^\top \delta_t

For W may stand in several products, and beside other things than the state: a step is taken as a
graph, and the products are those that are found in it. What stands beside W is not kept: each row
of a batch goes its own way, so with the states and the products known, it is found for all steps at
once, as if they were the rows of one large batch.

Shapes: T steps of B sequences, H units, G gates.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import chain
from typing import Any, NamedTuple

import pytensor
import pytensor.tensor as pt
from pytensor.compile.builders import OpFromGraph
from pytensor.gradient import DisconnectedType
from pytensor.graph.replace import graph_replace
from pytensor.graph.traversal import ancestors, applys_between
from pytensor.tensor.basic import Join
from pytensor.tensor.math import Dot


class Step(NamedTuple):
    """One step of a cell as a graph: its variables."""

    a: Any
    keep: Any
    before: list[Any]
    weights: list[Any]
    """W, and the biases that act inside."""
    after: list[Any]
    lefts: list[Any]
    """What meets W from the left, one for each product."""
    rights: list[Any]
    """W or some of its columns."""
    products: list[Any]

    @property
    def inputs(self) -> list[Any]:
        """What the step starts from."""
        return [self.a, self.keep, *self.before, *self.weights]


def loop(
    step: Callable[..., tuple[Any, ...]],
    a: Any,
    keep: Any,
    start: Sequence[Any],
    W: Any,
    inside: Sequence[Any] = (),
) -> list[Any]:
    """Run a cell over all time steps.

    Parameters
    ----------
    step : callable
        The :attr:`unrolled.cells.Cell.step` of a cell. No row may look at another, and W may stand
        in products alone, to the right.
    a : symbolic array of shape (T, B, G H)
        What the input brings to each step.
    keep : symbolic matrix of shape (T, B)
        Of fixed shape. 1 where the states before a step reach it, 0 where it begins anew.
    start : sequence of symbolic matrices of shape (B, H)
        The states before the first step.
    W : symbolic matrix of shape (H, G H)
    inside : sequence of symbolic matrices of shape (B, H)
        Biases that act inside the cell.

    Returns
    -------
    list of symbolic arrays of shape (T, B, H)
        Each state after each step.

    Raises
    ------
    ValueError
        If a step uses W in another way, or not at all.
    """
    T, B = keep.type.shape

    def rows(count: int) -> Step:
        return _graph_of(step, count, a, keep, start, W, inside)

    one = rows(B)

    def forward(*inputs: Any) -> list[Any]:
        return graph_replace([*one.after, *one.products], dict(zip(one.inputs, inputs)))

    outer = [variable.type() for variable in (a, keep, *start, W, *inside)]
    states = outer[2 : 2 + len(start)]
    unfed = [None] * len(one.products)
    traces = _scan(forward, outer[:2], [*states, *unfed], outer[2 + len(start) :])
    whole = OpFromGraph(
        outer,
        traces,
        pullback=lambda *known: _back(one, rows(T * B), *known),
        inline=True,
    )
    found = whole(a, keep, *start, W, *inside)[: len(start)]
    # Scan forgets how many steps there are; JAX has to know.
    return [pt.specify_shape(s, (T, B, s.type.shape[2])) for s in found]


def _scan(
    step: Callable[..., Any], over: list[Any], states: list[Any], fixed: list[Any]
) -> list[Any]:
    traces = pytensor.scan(
        step,
        sequences=over,
        outputs_info=states,
        non_sequences=fixed,
        return_updates=False,
        strict=True,
    )
    return traces if isinstance(traces, list) else [traces]


def _graph_of(
    step: Callable[..., tuple[Any, ...]],
    B: int,
    a: Any,
    keep: Any,
    start: Sequence[Any],
    W: Any,
    inside: Sequence[Any],
) -> Step:
    """Let a cell take one step in B rows, in variables of its own; find the products in it."""

    def rows(like: Any, name: str | None = None) -> Any:
        return pt.matrix(name, dtype=like.dtype, shape=(B, like.type.shape[-1]))

    a_t, keep_t = rows(a, "a_t"), pt.vector("keep_t", dtype=keep.dtype, shape=(B,))
    W = W.type("W")
    before, inside = (list(map(rows, variables)) for variables in (start, inside))
    kept = [keep_t[:, None] * state for state in before]
    after = list(step(a_t, *kept, W, *inside))
    inputs = [a_t, keep_t, *before, W, *inside]
    # A product of two matrices is a Dot, which `@` wraps so that it serves stacks of them.
    found = [
        node
        for node in applys_between(inputs, after)
        if isinstance(getattr(node.op, "core_op", node.op), Dot)
    ]
    lefts, rights = ([node.inputs[i] for node in found] for i in (0, 1))
    products = [node.outputs[0] for node in found]
    if not found or W in ancestors([*after, *lefts], blockers=products):
        raise ValueError("step: expected W in products alone, to the right")
    return Step(a_t, keep_t, before, [W, *inside], after, lefts, rights, products)


def _back(
    one: Step,
    whole_batch: Step,
    inputs: list[Any],
    traces: list[Any],
    slopes: list[Any],
) -> list[Any]:
    """The gradient with respect to the loop's inputs, from those with respect to its traces."""
    n, m = len(one.before), len(one.products)
    (a, keep), start, weights = inputs[:2], inputs[2 : 2 + n], inputs[2 + n :]
    states, products = traces[:n], traces[n:]
    before = [pt.concatenate([s0[None], s[:-1]]) for s0, s in zip(start, states)]
    per_step = [a, keep, *before, *products]
    of_start, errors = _loop_back(one, per_step, slopes[:n], start, weights)
    of_a, of_keep, *others = errors
    lefts = _lefts(whole_batch, per_step, weights)
    of_W = _sum_over_time(one, lefts, others[:m], weights[0])
    of_inside = [trace.sum(axis=0) for trace in others[m:]]
    return [of_a, of_keep, *of_start, of_W, *of_inside]


def _loop_back(
    one: Step,
    per_step: list[Any],
    slopes: list[Any],
    start: list[Any],
    weights: list[Any],
) -> tuple[list[Any], list[Any]]:
    """The errors of the states before the first step, and those of all steps.

    The latter are the errors of a, of keep, of each product and of the biases inside.
    """
    n = len(start)
    # A state that nothing outside of the loop has looked at has no slope of its own.
    own = [
        k
        for k, slope in enumerate(slopes)
        if not isinstance(slope.type, DisconnectedType)
    ]
    names, gradients = _one_step_back(one)
    of_a, deltas = gradients[n], gradients[n + 2 :]
    parts = [_blocks(of_a, deltas), *([gradient] for gradient in gradients[n + 1 :])]
    written = [*gradients[:n], *chain(*parts)]

    def backward(*given: Any) -> list[Any]:
        known, rest = given[: len(per_step)], given[len(per_step) :]
        from_outside, rest = rest[: len(own)], rest[len(own) :]
        error = list(rest[:n])
        for k, slope in zip(own, from_outside):
            error[k] = error[k] + slope
        values = dict(zip(names, [*known, *error, *rest[n:]]))
        return graph_replace(written, values, strict=False)

    found = _scan(
        backward,
        [trace[::-1] for trace in [*per_step, *(slopes[k] for k in own)]],
        [*map(pt.zeros_like, start), *[None] * (len(written) - n)],
        weights,
    )
    found = [trace[::-1] for trace in found]
    traces = iter(found[n:])
    errors = [pt.concatenate([next(traces) for _ in part], axis=-1) for part in parts]
    return [trace[0] for trace in found[:n]], errors


def _blocks(of_a: Any, deltas: list[Any]) -> list[Any]:
    """A's error, as the products' errors side by side where it is these: they are kept anyway."""
    node = of_a.owner
    joined = node.inputs if node and isinstance(node.op, Join) else []
    # Older versions of PyTensor have the axis among them. No row looks at another, so it is 1.
    blocks = [block for block in joined if block.ndim == of_a.ndim]
    return blocks if blocks and set(blocks) <= set(deltas) else [of_a]


def _one_step_back(one: Step) -> tuple[list[Any], list[Any]]:
    """A step's gradients, with the products as if they were given; and what they start from.

    They are those of the states before it, of a, of keep, of each product and of the biases
    inside. They start from a, keep, the states before, the products, the errors of the states
    after, W and the biases.
    """
    known = [variable.type() for variable in one.products]
    errors = [variable.type() for variable in one.after]
    inner = [*one.before, one.a, one.keep, *one.products, *one.weights[1:]]
    cost = sum((state * error).sum() for state, error in zip(one.after, errors))
    found = pytensor.grad(cost, inner, consider_constant=[one.weights[0]])
    gradients = graph_replace(found, dict(zip(one.products, known)))
    names = [one.a, one.keep, *one.before, *known, *errors, *one.weights]
    return names, gradients


def _lefts(batch: Step, per_step: list[Any], weights: list[Any]) -> list[Any]:
    """What met W from the left, at all steps: (T B, H) each."""
    given = [batch.a, batch.keep, *batch.before, *batch.products, *batch.weights]
    flat = [trace.reshape(known.type.shape) for trace, known in zip(per_step, given)]
    W, *inside = weights
    T = per_step[1].type.shape[0]
    inside = [pt.tile(bias, (T, 1)) for bias in inside]
    values = dict(zip(given, [*flat, W, *inside]))
    return graph_replace(batch.lefts, values, strict=False)


def _sum_over_time(one: Step, lefts: list[Any], deltas: list[Any], W: Any) -> Any:
    """The gradient of W: for each product that it took part in, one over all steps."""
    total = sum(
        (right * (left.T @ delta.reshape((-1, delta.type.shape[2])))).sum()
        for right, left, delta in zip(one.rights, lefts, deltas)
    )
    return graph_replace(
        pytensor.grad(total, one.weights[0]), {one.weights[0]: W}, strict=False
    )
