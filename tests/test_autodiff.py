import numpy as np
import pytest

from unrolled import autodiff, network
from unrolled.autodiff import Node, grad
from unrolled.gradient_check import check_gradients, relative_error
from unrolled.network import Parameters


def loss_of(parameters, X, y, regularization):
    """Chapter 1's loss, of nodes."""
    W1, b1, W2, b2 = parameters
    z2 = autodiff.tanh(Node(X) @ W1 + b1) @ W2 + b2
    z = z2 - z2.value.max(axis=1, keepdims=True)
    log_sums = autodiff.log(autodiff.total(autodiff.exp(z), axis=1))
    correct = autodiff.pick(z, (np.arange(len(y)), y))
    surprise = autodiff.total(log_sums) - autodiff.total(correct)
    squares = autodiff.total(W1 * W1) + autodiff.total(W2 * W2)
    return surprise * (1 / len(y)) + squares * (regularization / 2)


def problem(N=24, D=4, H=6, C=3, seed=3):
    random = np.random.RandomState(seed)
    X, y = random.randn(N, D), random.randint(C, size=N)
    start = network.initialize(D, H, C, seed)
    return Parameters(*(p + 0.1 * random.randn(*p.shape) for p in start)), X, y


@pytest.mark.parametrize("regularization", [0.0, 0.3])
@pytest.mark.parametrize("shape", [(20, 2, 5, 2), (24, 4, 6, 3), (1, 1, 1, 2)])
def test_gradients_of_the_network_are_those_by_hand(shape, regularization):
    for seed in range(3):
        parameters, X, y = problem(*shape, seed)
        nodes = Parameters(*map(Node, parameters))
        loss = loss_of(nodes, X, y, regularization)
        expected = network.loss(parameters, X, y, regularization)
        assert float(loss.value) == pytest.approx(expected, rel=1e-14)
        by_hand = network.gradients(parameters, X, y, regularization)
        for slope, hand in zip(grad(loss, nodes), by_hand, strict=True):
            assert slope.shape == hand.shape
            assert relative_error(slope, hand) < 1e-12


def test_the_loss_of_a_network_that_is_sure_and_wrong():
    """Probabilities vanish and powers overflow; the loss and its slopes do not."""
    start = Parameters(
        np.zeros((2, 1)), np.array([9.0]), np.array([[500.0, -500.0]]), np.zeros(2)
    )
    nodes = Parameters(*map(Node, start))
    loss = loss_of(nodes, np.ones((3, 2)), np.array([1, 1, 1]), 0.0)
    assert float(loss.value) == pytest.approx(1000)
    assert all(np.isfinite(slope).all() for slope in grad(loss, nodes))


SHAPES = [
    ((3, 4), (3, 4)),
    ((3, 4), (4,)),
    ((3, 1), (1, 4)),
    ((2, 3, 4), (3, 1)),
    ((), (3,)),
]


@pytest.mark.parametrize("shapes", SHAPES)
@pytest.mark.parametrize("operate", [Node.__add__, Node.__sub__, Node.__mul__])
def test_what_broadcasting_copies_is_added_up(shapes, operate):
    random = np.random.RandomState(0)
    arrays = [random.randn(*shape) for shape in shapes]
    weights = random.randn(*np.broadcast_shapes(*shapes))

    def loss(values):
        return autodiff.total(operate(*map(Node, values)) * weights).value

    nodes = [*map(Node, arrays)]
    slopes = grad(autodiff.total(operate(*nodes) * weights), nodes)
    assert [slope.shape for slope in slopes] == [*shapes]
    errors = check_gradients(loss, [np.array(a) for a in arrays], slopes)
    assert max(errors) < 1e-8


@pytest.mark.parametrize("function", [autodiff.tanh, autodiff.exp, autodiff.log])
def test_functions_against_finite_differences(function):
    array = np.random.RandomState(0).rand(3, 4) + 0.5
    node = Node(array)
    slopes = grad(autodiff.total(function(node) * function(node)), [node])
    errors = check_gradients(
        lambda values: (function(Node(values[0])).value ** 2).sum(), [array], slopes
    )
    assert max(errors) < 1e-8


@pytest.mark.parametrize("axis", [None, 0, 1])
def test_totals_against_finite_differences(axis):
    array = np.random.RandomState(0).randn(3, 4)
    node = Node(array)
    some = autodiff.total(node, axis)
    assert some.value.ndim == (0 if axis is None else 2)
    slopes = grad(autodiff.total(some * some), [node])
    errors = check_gradients(
        lambda values: (values[0].sum(axis) ** 2).sum(), [array], slopes
    )
    assert max(errors) < 1e-8


def test_products_against_finite_differences():
    random = np.random.RandomState(0)
    arrays = [random.randn(3, 4), random.randn(4, 2)]
    nodes = [*map(Node, arrays)]
    product = nodes[0] @ nodes[1]
    slopes = grad(autodiff.total(product * product), nodes)
    errors = check_gradients(
        lambda values: ((values[0] @ values[1]) ** 2).sum(), arrays, slopes
    )
    assert max(errors) < 1e-8


def test_an_entry_that_is_picked_twice_is_to_blame_twice():
    a = Node([1.0, 2.0, 3.0])
    (slope,) = grad(autodiff.total(autodiff.pick(a, [0, 2, 2])), [a])
    assert slope.tolist() == [1, 0, 2]


def test_a_node_that_is_used_more_than_once():
    a = Node(3.0)
    assert grad(a + a, [a]) == [2]
    assert grad(a * a * a, [a]) == [27]


def test_a_diamond():
    """Two ways from a to the end, of different lengths: the short one must not close a."""
    a = Node(2.0)
    left, right = a * 3.0, autodiff.exp(a) * a
    (slope,) = grad(left * right, [a])
    # 3a · a exp(a), whose slope is 3 exp(a) (a² + 2a).
    assert slope == pytest.approx(3 * np.exp(2) * 8, rel=1e-14)


def test_a_chain_of_diamonds_is_walked_once():
    """2 to the power of 60 ways lead from end to start."""
    node = start = Node(1.0)
    for _ in range(60):
        node = node + node
    assert grad(node, [start]) == [2.0**60]
    assert len(autodiff.nodes_of(node)) == 61


def test_a_chain_that_is_deeper_than_any_recursion():
    node = start = Node(1.0)
    for _ in range(20_000):
        node = node + 0.5
    assert grad(node, [start]) == [1]


def test_data_of_other_types_take_the_type_of_the_node():
    a = Node(np.ones(3, "float32"))
    node = autodiff.total((a * 2 - np.arange(3.0)) * (1 / 3))
    assert node.value.dtype == np.float32
    (slope,) = grad(node, [a])
    assert slope.dtype == np.float32


def test_values_are_left_alone():
    array = np.ones(3)
    a = Node(array)
    slopes = grad(autodiff.total(a + a), [a, a])
    assert array.tolist() == [1, 1, 1]
    assert [slope.tolist() for slope in slopes] == [[2, 2, 2]] * 2


def test_what_the_loss_does_not_depend_on_has_no_slope():
    a, b = Node(np.ones(3)), Node(np.ones((2, 2)))
    assert grad(autodiff.total(a), [b])[0].tolist() == [[0, 0], [0, 0]]


def test_a_loss_is_a_single_number():
    with pytest.raises(ValueError, match=r"expected a single number, not shape \(3,\)"):
        grad(Node(np.ones(3)), [])


def test_products_are_of_matrices():
    with pytest.raises(ValueError, match="expected two matrices"):
        Node(np.ones((3, 3))) @ Node(np.ones(3))


def test_an_array_at_the_left_is_refused():
    """NumPy would make an array of three nodes of it."""
    with pytest.raises(TypeError):
        np.ones(3) * Node(np.ones(3))


def test_nodes_come_after_their_sources():
    a = Node(1.0)
    trail = autodiff.nodes_of(autodiff.exp(a * a) + a)
    assert trail[0] is a
    for place, node in enumerate(trail):
        assert all(trail.index(source) < place for source, _ in node.sources)
