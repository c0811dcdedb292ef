"""A recurrent language model that can be trained: its graphs, compiled, and its parameters."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain
from typing import Any

import numpy as np
import pytensor
import pytensor.tensor as pt
from jax.sharding import Mesh

from unrolled import compute, devices, programs
from unrolled.cells import CELLS
from unrolled.layers import (
    Settings,
    draw_masks,
    initialize,
    input_table,
    look_up,
    mean_loss,
    output_table,
    scores,
    unroll,
    word_losses,
)
from unrolled.streams import Batch
from unrolled.updates import RULES, Memory, clip_norm, gradients_of, sgd


class LanguageModel:
    """A recurrent language model as compiled functions over shared variables.

    JAX compiles for fixed shapes, so each shape (T, B) of a batch gets functions of its own, when
    it first comes. A text in windows has one shape, and needs two: one that trains, and one that
    measures. Each carries its states from a batch to the next, so that neither disturbs the other.

    Parameters
    ----------
    settings : Settings
    parameters : mapping of str to array, optional
        Where to start; what :meth:`remembered` gave may be among them. Left out:
        :func:`unrolled.layers.initialize` draws them.
    seed : int
        For :func:`unrolled.layers.initialize` and :func:`unrolled.layers.draw_masks`.
    clip : float
        The longest gradient that a step follows, as in :func:`unrolled.updates.clip_norm`; 0: any.
    optimizer : str
        How a step follows it: a name in :data:`unrolled.updates.RULES`.
    mesh : Mesh, optional
        From :func:`unrolled.devices.mesh`: devices that share each batch, and the tables of the
        words. A batch given to a model is then what this process has of it.
    **compiler
        ``mode`` and ``on``, as for :func:`unrolled.compute.function`.

    Attributes
    ----------
    settings : Settings
    parameters : dict of str to shared variable
    memory : dict of str to shared variable
        What the rule remembers; empty before the first step is compiled.
    steps : int
        Steps taken so far.

    Raises
    ------
    ValueError
        If parameters are missing, or have shapes other than the settings say; or if what is to be
        remembered is not what the rule and the layers keep.
    """

    #: What draws the parameters, and what makes states of the words that were looked up. Another
    #: kind of model brings its own.
    initialize = staticmethod(initialize)
    unroll = staticmethod(unroll)

    def __init__(
        self,
        settings: Settings,
        parameters: Mapping[str, np.ndarray] | None = None,
        seed: int = 0,
        clip: float = 0.0,
        optimizer: str = "sgd",
        mesh: Mesh | None = None,
        **compiler: Any,
    ) -> None:
        self.settings, self.seed, self.clip, self.mesh = settings, seed, clip, mesh
        self.rule, self.compiler = RULES[optimizer], {**compiler, "mesh": mesh}
        self.steps = 0
        self._compiled: dict[tuple, Callable[..., Any]] = {}
        self._carried: dict[tuple[str, int], list[Any]] = {}

        fresh = self.initialize(settings, seed)
        self._shapes = {name: value.shape for name, value in fresh.items()}
        start = dict(fresh if parameters is None else parameters)
        remembered = {name: start.pop(name) for name in list(start) if "/" in name}
        self._check_parameters(start)
        self.parameters = {
            name: compute.shared(start[name], name) for name in self._shapes
        }
        if mesh:
            self._share_tables()
        self._restore_states(remembered)
        self.memory: Memory = {
            name: compute.shared(value, name) for name, value in remembered.items()
        }
        if self.memory:
            self._check_memory()

    def _share_tables(self) -> None:
        """Let devices share the tables that have a row for each word."""
        C, shards = self.settings.vocabulary, self.mesh.shape[devices.VOCABULARY]
        devices.check_divides("words", C, shards, vocabulary_shards=shards)
        tables = input_table(self.parameters), output_table(self.parameters)
        for table in *tables, self.parameters["c"]:
            devices.cut(table, devices.TABLE)

    def _check_parameters(self, values: Mapping[str, np.ndarray]) -> None:
        """Compare what was given as parameters with what the settings say."""
        found = {name: np.shape(value) for name, value in values.items()}
        if found != self._shapes:
            raise ValueError(f"parameters {found}: expected {self._shapes}")

    def _restore_states(self, remembered: dict[str, np.ndarray]) -> None:
        """Take the carried states of training out of what :meth:`remembered` gave."""
        prefix, count = "states of training/", len(self.start(1))
        for name in [name for name in remembered if name.startswith(prefix)]:
            values, B = remembered.pop(name), name.removeprefix(prefix)
            found, expected = (
                np.shape(values),
                f"({count}, {B}, {self.settings.hidden})",
            )
            # B is a word, whatever word a file may hold: the shapes are compared as text.
            if str(found) != expected:
                raise ValueError(f"{name} {found}: expected {expected}")
            for state, value in zip(self._states("training", found[1]), values):
                compute.assign(state, value)

    def _check_memory(self) -> None:
        """Compare what was given as the rule's memory with one that the rule starts."""
        fresh: Memory = {}
        parameters = list(self.parameters.values())
        self.rule(parameters, parameters, 0.0, fresh)
        found, expected = (
            {name: value.type.shape for name, value in memory.items()}
            for memory in (self.memory, fresh)
        )
        if found != expected:
            raise ValueError(f"memory {found}: expected {expected}")

    def values(self) -> dict[str, np.ndarray]:
        """The parameters as they are now, as NumPy arrays."""
        return {name: compute.value_of(p) for name, p in self.parameters.items()}

    def set_values(self, values: Mapping[str, np.ndarray]) -> None:
        """Put other parameters, such as :meth:`values` gave, in the place of these."""
        for name, parameter in self.parameters.items():
            compute.assign(parameter, values[name])

    def restart(
        self, seed: int = 0, parameters: Mapping[str, np.ndarray] | None = None
    ) -> None:
        """Begin anew: as a model just made with these, but nothing has to be compiled again.

        Parameters
        ----------
        seed, parameters
            As for the model, and nothing else among the parameters.
        """
        start = (
            self.initialize(self.settings, seed) if parameters is None else parameters
        )
        self._check_parameters(start)
        self.set_values(start)
        self.seed, self.steps = seed, 0
        for variable in chain(self.memory.values(), *self._carried.values()):
            compute.assign(variable, np.zeros(devices.whole_shape(variable, self.mesh)))

    def remembered(self) -> dict[str, np.ndarray]:
        """What else the next step depends on, as NumPy arrays.

        What the rule remembers; and for each B the states that training carries.
        """
        states = {
            f"states of {reader}/{B}": np.stack([compute.value_of(s) for s in states])
            for (reader, B), states in self._carried.items()
            if reader == "training"
        }
        return {name: compute.value_of(m) for name, m in self.memory.items()} | states

    def _states(self, reader: str, B: int) -> list[Any]:
        """The states that training, or measuring, carries from a batch of B rows to the next."""
        if (reader, B) not in self._carried:
            own = B // devices.shares(self.mesh)
            states = [compute.shared(s, "s") for s in self.start(own)]
            for state, whole in zip(states, self.start(B)):
                compute.assign(devices.cut(state, devices.ROWS), whole)
            self._carried[reader, B] = states
        return self._carried[reader, B]

    def _function(self, build: Callable[..., Any], *shape: int) -> Callable[..., Any]:
        """The compiled form of a graph for a shape, built when it is first needed."""
        key = (build.__name__, *shape)
        if key not in self._compiled:
            self._compiled[key] = build(*shape)
        return self._compiled[key]

    def step(self, batch: Batch, learning_rate: float) -> Any:
        """Take one step of gradient descent; the batch's mean loss *before* it.

        Where no sentence starts, the states go on from the batch of the step before. The loss is
        in nats per word. The call returns before the work is done: see
        :func:`unrolled.timing.wait`.
        """
        step = self.compiled_step(batch)
        T, B = self._shape(batch)
        where = devices.columns(self.mesh)
        masks = draw_masks(self.settings, T, B, self.seed, self.steps, where)
        self.steps += 1
        eta = np.asarray(learning_rate, pytensor.config.floatX)
        if self.mesh:
            batch = self._placed(batch)
        return step(*batch, eta, *masks)

    def _shape(self, batch: Batch) -> tuple[int, int]:
        """T and B of a batch, with the columns of all processes."""
        T, own = batch.x.shape
        return T, devices.whole_width(self.mesh, own)

    def _placed(self, arrays: Iterable[np.ndarray]) -> list[Any]:
        """Arrays with the columns of this process as arrays on all devices."""
        return [devices.place_columns(self.mesh, own) for own in arrays]

    def compiled_step(self, batch: Batch) -> Callable[..., Any]:
        """The compiled function behind :meth:`step`, for batches of this one's shape."""
        return self._function(self._build_step, *self._shape(batch))

    def losses(self, batch: Batch) -> np.ndarray:
        """The surprise at each word of a batch, in nats, (T, B); 0 where nothing counts.

        Where no sentence starts, the states go on from the batch of the call before.
        """
        losses = self._function(self._build_losses, *self._shape(batch))
        if self.mesh:
            batch = self._placed(batch)
        return devices.gather(losses(*batch))

    def start(self, B: int) -> list[np.ndarray]:
        """The states before the first word of B sentences: zeros, each (B, H)."""
        count = self.settings.layers * CELLS[self.settings.cell].states
        return [np.zeros((B, self.settings.hidden), pytensor.config.floatX)] * count

    def read(self, words: np.ndarray, states: Sequence[Any]) -> tuple[Any, list[Any]]:
        """Read one more word of each of B sentences.

        Parameters
        ----------
        words : int32 array of shape (B,)
        states : list of arrays of shape (B, H)
            From :meth:`start`, or from the call before.

        Returns
        -------
        log_probabilities : array of shape (B, C)
            Of every word to come next.
        states : list of arrays of shape (B, H)
        """
        read = self._function(self._build_read, len(words))
        log_probabilities, *states = read(words, *states)
        return log_probabilities, states

    def _batch(self, T: int, B: int) -> Batch:
        """Symbolic variables for what one device has of a batch."""
        dtypes = ("int32", "int32", "float32", "float32")
        own = B // devices.shares(self.mesh)
        variables = (
            pt.tensor(name, dtype=dtype, shape=(T, own))
            for name, dtype in zip(Batch._fields, dtypes)
        )
        return Batch(*(devices.cut(v, devices.COLUMNS) for v in variables))

    def _build_step(self, T: int, B: int) -> Callable[..., Any]:
        x, y, mask, start = batch = self._batch(T, B)
        masks = [
            devices.cut(pt.tensor("dropout", shape=m.shape), devices.COLUMNS)
            for m in draw_masks(self.settings, *x.type.shape, self.seed, 0)
        ]
        states = self._states("training", B)
        rows = look_up(self.parameters, x)
        s, end = self.unroll(
            self.settings, self.parameters, rows, states, 1 - start, masks
        )
        total = devices.total(self.mesh)
        loss = mean_loss(word_losses(self.parameters, s, y), mask, total)
        parameters = dict(self.parameters)
        if self._moves_rows():
            parameters[next(iter(parameters))] = rows
        gradients = [total(g) for g in gradients_of(loss, list(parameters.values()))]
        if self.clip:
            gradients, _ = clip_norm(gradients, self.clip)
        eta = pt.scalar("eta")
        updates = self.rule(gradients, list(parameters.values()), eta, self.memory)
        updates += zip(states, end)
        inputs = [*batch, eta, *masks]
        return self._compile(inputs, total(loss), updates)

    def _compile(
        self, inputs: Sequence[Any], outputs: Any, updates: Iterable[Any] = ()
    ) -> Callable[..., Any]:
        # To try out kernels takes an H100 17 s a program. Then a step of 256 rows is no faster (2.4
        # ms), and one of 32 rows takes 1.0 ms in place of 1.4: paid back after 40,000 steps.
        return compute.function(inputs, outputs, updates, soon=True, **self.compiler)

    def _moves_rows(self) -> bool:
        """Whether a step has to move only those rows of the first table that were looked up."""
        plain = self.rule is sgd and not self.clip and not self.settings.tied
        return plain and self.mesh is None

    def _build_losses(self, T: int, B: int) -> Callable[..., Any]:
        x, y, mask, start = batch = self._batch(T, B)
        states = self._states("measuring", B)
        rows = look_up(self.parameters, x)
        s, end = self.unroll(self.settings, self.parameters, rows, states, 1 - start)
        losses = word_losses(self.parameters, s, y) * mask
        return self._compile(batch, losses, zip(states, end))

    def _build_read(self, B: int) -> Callable[..., Any]:
        words = pt.tensor("words", dtype="int32", shape=(B,))
        states = [pt.matrix("s", shape=s.shape) for s in self.start(B)]
        rows = look_up(self.parameters, words[None, :])
        s, end = self.unroll(
            self.settings, self.parameters, rows, states, pt.ones((1, B))
        )
        log_probabilities = pt.special.log_softmax(
            scores(self.parameters, s[0]), axis=1
        )
        return self._compile([words, *states], [log_probabilities, *end])


# So that the next process need not compile them.
programs.keep()
