"""Where devices meet in a program, and what that costs."""

from types import SimpleNamespace

import jax
import numpy as np
import pytest
from jax.sharding import NamedSharding, PartitionSpec

from unrolled import devices, traffic
from unrolled.devices import DATA
from unrolled.traffic import Crossing, Link

#: A program as XLA writes it, shortened: one sum before a loop, one in it by way of a call.
TEXT = """\
HloModule jit_step, entry_computation_layout={(f32[8]{0})->f32[]}

%add.clone (x: f32[], y: f32[]) -> f32[] {
  ROOT %add.1 = f32[] add(%x, %y)
}

%deep (p: f32[8]) -> f32[8] {
  ROOT %all-gather.7 = f32[8,2]{1,0} all-gather(%p), channel_id=3, dimensions={1}
}

%body (arg: (s32[], f32[8])) -> (s32[], f32[8]) {
  %p = f32[4,8]{1,0} parameter(0)
  %call.1 = f32[8]{0} call(%p), to_apply=%deep
  %dot.1 = f32[4,5]{1,0} dot(%p, %q), lhs_contracting_dims={1}, rhs_contracting_dims={0}
}

%condition (arg: (s32[], f32[8])) -> pred[] {
  ROOT %less = pred[] compare(%i, %n), direction=LT
}

ENTRY %main (p: f32[8]) -> f32[] {
  %all-reduce = (f32[], f64[1000,64]{1,0}, /*index=2*/pred[3]{0}) all-reduce(%a, %b, %c)
  %get-tuple-element.1 = f32[] get-tuple-element(%all-reduce), index=0
  %fused = f32[8]{0} fusion(%all-reduce), kind=kLoop, calls=%add.clone
  ROOT %loop = (s32[]) while(%t), condition=%condition, body=%body, {"known_trip_count":{"n":"7"}}
}
"""


def test_exchanges_are_found_with_their_bytes_and_the_loop_around_them():
    program = SimpleNamespace(as_text=lambda: TEXT)
    assert traffic.crossings(program) == [
        Crossing("all-gather", 64, in_loop=True),
        Crossing("all-reduce", 4 + 8 * 64_000 + 3, in_loop=False),
    ]


def test_products_in_a_loop_count_at_each_turn():
    program = SimpleNamespace(as_text=lambda: TEXT)
    assert traffic.operations(program) == 7 * 2 * 4 * 5 * 8


def test_a_program_of_one_device_has_products_and_no_exchange():
    def run(x, W):
        return jax.lax.fori_loop(0, 9, lambda _, s: s @ W, x)

    square = np.ones((16, 16), "float32")
    program = jax.jit(run).lower(np.ones((3, 16), "float32"), square).compile()
    assert traffic.crossings(program) == []
    assert traffic.operations(program) == 9 * 2 * 3 * 16 * 16


def test_an_all_reduce_sums_rows_and_is_one_exchange():
    mesh = devices.mesh()
    n = mesh.size
    rows = np.arange(3.0 * n, dtype="float32").reshape(n, 3)
    x = jax.device_put(rows, NamedSharding(mesh, PartitionSpec(DATA)))
    call = traffic.all_reduce(mesh)
    np.testing.assert_allclose(np.asarray(call(x)), rows.sum(axis=0, keepdims=True))
    met = traffic.crossings(call.lower(x).compile())
    assert met in ([], [Crossing("all-reduce", 12, in_loop=False)])


def test_a_line_is_found_again_over_many_sizes():
    link = Link(2e-4, 3e9)
    sizes = 4.0 ** np.arange(1, 13)
    found = traffic.fit_link(sizes, [link.seconds(size) for size in sizes])
    assert found == pytest.approx(link)


def test_times_that_fall_have_no_negative_wait_or_bandwidth():
    found = traffic.fit_link([4, 4000], [2e-3, 1e-3])
    assert found.wait > 0
    assert found.bandwidth == np.inf
    assert found.seconds(1e9) == found.wait
    assert traffic.fit_link([1, 1000], [1e-9, 1e-3]).wait == 0


@pytest.mark.parametrize("n", [1, 2, 8])
def test_a_ring_sends_two_times_all_but_one_part(n):
    assert traffic.ring(Link(0, 1), 800, n) == pytest.approx(2 * (n - 1) / n * 800)
    assert traffic.ring(Link(3, np.inf), 800, n) == 2 * (n - 1) * 3


def test_efficiency_is_a_share():
    assert traffic.efficiency(9, 1) == 0.9
    assert traffic.efficiency(5, 0) == 1
