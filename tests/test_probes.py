import matplotlib.pyplot as plt
import numpy as np
import pytest

from unrolled import jacobians, probes
from unrolled.figures import gated_cells
from unrolled.gradient_check import numerical_gradient, relative_error
from unrolled.language_model import LanguageModel
from unrolled.layers import Settings, initialize
from unrolled.probability import softmax

C, H, T, B = 9, 4, 6, 3


def model_of(cell, D=3):
    settings = Settings(C, H, D, cell)
    random = np.random.default_rng(2)
    weights = initialize(settings, seed=1)
    return LanguageModel(
        settings,
        {name: p + 0.3 * random.normal(size=p.shape) for name, p in weights.items()},
    )


@pytest.fixture
def words():
    return np.random.default_rng(0).integers(C, size=(2, T, B)).astype("int32")


def test_states_are_those_of_reading_word_by_word(words, float64):
    model, (x, _) = model_of("lstm"), words
    found, carried = probes.states(model, x), model.start(B)
    assert found.shape == (T, B, H)
    for t in range(T):
        _, carried = model.read(x[t], carried)
        assert relative_error(found[t], np.asarray(carried[0])) < 1e-12


def test_gates_of_a_gru_make_its_states(words, float64):
    model, x = model_of("gru"), words[0, :, 0]
    gates, s = probes.gates(model, x), probes.states(model, x[:, None])[:, 0]
    assert list(gates) == ["z", "r"]
    p = {
        name: value[..., 2 * H :]
        for name, value in model.values().items()
        if name in "UWb"
    }
    before = np.concatenate([np.zeros((1, H)), s[:-1]])
    rows = model.values()["E"][x] @ p["U"]
    h = np.tanh(rows + (gates["r"] * before) @ p["W"] + p["b"])
    z = gates["z"]
    assert relative_error((1 - z) * h + z * before, s) < 1e-12


def test_gates_of_an_lstm_make_its_memory(words, float64):
    model, x = model_of("lstm", D=0), words[0, :, 0]
    gates = probes.gates(model, x)
    assert list(gates) == ["i", "f", "o"]
    _, U, W, b = (model.values()[name] for name in "VUWb")
    s, c = np.zeros(H), np.zeros(H)
    for t, word in enumerate(x):
        g = np.tanh((U[word] + s @ W + b)[3 * H :])
        c = gates["f"][t] * c + gates["i"][t] * g
        s = gates["o"][t] * np.tanh(c)
    assert relative_error(s, probes.states(model, x[:, None])[-1, 0]) < 1e-12


def test_errors_by_distance_of_a_plain_network_are_those_by_hand(words, float64):
    model, (x, y) = model_of("rnn"), words
    found = probes.error_by_distance(model, x, y)
    p, s = model.values(), probes.states(model, x)
    logs = []
    for i in range(B):
        o = softmax(s[:, i] @ p["V"].T + p["c"])
        errors = jacobians.state_errors(p["V"], o, y[:, i])
        norms = jacobians.error_norms(p["W"], s[:, i], errors, T - 1)
        logs.append(np.log(norms[:, -1]))
    assert relative_error(found, np.exp(np.mean(logs, axis=0))) < 1e-10


def test_a_probe_follows_the_parameters(words, float64):
    model, (x, y) = model_of("rnn"), words
    probe = probes.distance_probe(model, T, B)
    assert np.array_equal(probe(x, y), probes.error_by_distance(model, x, y))
    halved = {**model.values(), "W": model.values()["W"] / 2}
    model.set_values(halved)
    assert relative_error(probe(x, y), probes.error_by_distance(model, x, y)) < 1e-12
    assert probe(x, y)[-1] < probe(x, y)[0]


@pytest.mark.parametrize("cell", ["gru", "lstm"])
def test_errors_by_distance_of_gated_cells_against_finite_differences(
    cell, words, float64
):
    model, x, y = model_of(cell), words[0, :, :1], words[1, :, :1]
    found = probes.error_by_distance(model, x, y)
    carried = [model.start(1)]
    for word in x:
        carried.append([np.asarray(s) for s in model.read(word, carried[-1])[1]])
    for distance in (1, 2, T - 1):
        at = T - distance

        def loss_from(states, at=at):
            parts = list(states.reshape(-1, 1, H))
            for word in x[at:]:
                log_o, parts = model.read(word, parts)
            return -float(np.asarray(log_o)[0, y[-1, 0]])

        slope = numerical_gradient(loss_from, np.concatenate(carried[at]).ravel())
        assert found[distance] == pytest.approx(np.linalg.norm(slope), rel=1e-5)


def test_tell_tale_units_follow_their_feature():
    random = np.random.default_rng(0)
    s = random.normal(size=(400, 5))
    features = {"up": s[:, 3] + 0.01 * random.normal(size=400), "down": -s[:, 1]}
    found = probes.tell_tale_units(s, features)
    assert found["up"][0] == 3
    assert found["up"][1] > 0.99
    assert found["down"][0] == 1
    assert found["down"][1] == pytest.approx(-1)
    # A unit that never changes follows nothing.
    assert (
        probes.tell_tale_units(np.ones((9, 2)), {"any": np.arange(9.0)})["any"][1] == 0
    )


def test_a_read_out_finds_what_all_units_tell_together():
    random = np.random.default_rng(0)
    s, new = random.normal(size=(2, 300, 6))
    weights = random.normal(size=6)
    assert probes.read_out(s, 4 + s @ weights, new, new @ weights) == pytest.approx(1)
    noise = random.normal(size=300)
    assert abs(probes.read_out(s, noise, new, random.normal(size=300))) < 0.3


def test_a_mean_of_some_places_lies_in_its_interval():
    random = np.random.default_rng(0)
    values, chosen = random.normal(size=5000), random.random(5000) < 0.3
    mean, low, high = probes.mean_where(values, chosen, block=100)
    assert mean == pytest.approx(values[chosen].mean())
    assert low < mean < high
    error = values[chosen].std() / np.sqrt(chosen.sum())
    assert high - low == pytest.approx(2 * 1.96 * error, rel=0.3)


def test_states_of_two_layers_are_those_of_the_last(words, float64):
    model = LanguageModel(Settings(C, H, 3, "gru", layers=2), seed=1)
    x, carried = words[0], model.start(B)
    found = probes.states(model, x)
    for t in range(T):
        _, carried = model.read(x[t], carried)
        assert relative_error(found[t], np.asarray(carried[1])) < 1e-12


def test_neighbors_point_in_the_same_direction():
    table = np.array([[1.0, 0.0], [5.0, 0.5], [0.0, 1.0], [-1.0, 0.0]])
    assert probes.neighbors(table, 0, count=2).tolist() == [1, 2]


def test_features_of_a_speech():
    text = "ANN\nSo, I am."
    told = {name: f(text).astype(int).tolist() for name, f in probes.FEATURES.items()}
    assert told == {
        "in the speaker's name": [1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        "characters since the line began": [1, 2, 3, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
        "characters since the word began": [1, 2, 3, 0, 1, 2, 3, 0, 1, 0, 1, 2, 3],
        "characters since a comma or stop": [1, 2, 3, 0, 1, 2, 0, 1, 2, 3, 4, 5, 0],
        "after a vowel": [0, 1, 0, 0, 0, 0, 1, 0, 0, 1, 0, 1, 0],
        "in a capitalized word": [1, 1, 1, 0, 1, 1, 0, 0, 1, 0, 0, 0, 0],
    }


@pytest.mark.parametrize(
    ("draw", "labels"),
    [
        (
            gated_cells.lstm_cell,
            ["$f$", "$i$", "$g$", "$o$", "$c_t$", "$s_t$", "$x_t$"],
        ),
        (gated_cells.gru_cell, ["$r$", "$z$", "$h$", "$s_{t-1}$", "$s_t$", "$x_t$"]),
    ],
)
def test_drawn_cells_name_their_parts(draw, labels):
    _, ax = plt.subplots()
    draw(ax)
    texts = [text.get_text() for text in ax.texts]
    assert set(labels) <= set(texts)
    plt.close()
