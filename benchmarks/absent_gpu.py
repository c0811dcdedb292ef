"""What XLA makes of a function for an H100 that is not here.

To compile, XLA needs a GPU's description and no GPU. It needs JAX's wheels for CUDA, and NVIDIA's
assembler, in the environment: `make environment DEVICE=gpu` installs them.
"""

import os

# JAX would look for a driver, and do without CUDA where there is none. So this is to be imported
# before JAX has looked.
os.environ["JAX_SKIP_CUDA_CONSTRAINTS_CHECK"] = "1"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from functools import cache

import jax
from jax.experimental import topologies

from unrolled.errors import UserError

#: As XLA's tests describe it.
H100 = """
gpu_device_info {
  cuda_compute_capability { major: 9 }
  core_count: 132
  fpus_per_core: 128
  clock_rate_ghz: 1.98
  memory_bandwidth: 3352320000000
  device_memory_size: 84929347584
  l2_cache_size: 52428800
  threads_per_warp: 32
  threads_per_block_limit: 1024
  threads_per_core_limit: 2048
  block_dim_limit_x: 2147483647
  block_dim_limit_y: 65535
  block_dim_limit_z: 65535
  registers_per_core_limit: 65536
  registers_per_block_limit: 65536
  shared_memory_per_core: 233472
  shared_memory_per_block: 49152
  shared_memory_per_block_optin: 232448
}
platform_name: "CUDA"
dnn_version_info { major: 9 minor: 7 }
runtime_version { major: 12 minor: 8 patch: 0 }
device_description_str: "NVIDIA H100 80GB HBM3"
"""


@cache
def _place():
    """All of an array, on the GPU that is not here."""
    try:
        found = topologies.get_topology_desc(
            platform="cuda", target_config=H100, topology="1x1x1"
        )
    except (NotImplementedError, RuntimeError) as error:
        raise UserError(
            "expected JAX's wheels for CUDA: see requirements-gpu.in", gpu=True
        ) from error
    mesh = topologies.make_mesh(found, (1,), ("all",))
    return jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec())


def program_of(compiled):
    """What XLA makes of a function of `unrolled.compute.function`; a jax.stages.Compiled.

    Without trying out kernels, which does take a GPU.
    """
    shapes = [
        jax.ShapeDtypeStruct(v.type.shape, v.type.dtype, sharding=_place())
        for v in compiled.maker.fgraph.inputs
    ]
    options = {"xla_gpu_autotune_level": 0}
    return compiled.vm.jit_fn.lower(*shapes).compile(compiler_options=options)
