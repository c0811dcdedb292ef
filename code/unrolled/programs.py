"""Where compiled programs are kept, so that the next process need not compile them again."""

from __future__ import annotations

import jax

from unrolled.files import cache_folder


def keep() -> None:
    """Let JAX keep what took it long to compile, in the user's cache.

    A folder that JAX was told of before, such as by ``JAX_COMPILATION_CACHE_DIR``, stays.
    """
    if jax.config.jax_compilation_cache_dir is None:
        jax.config.update("jax_compilation_cache_dir", str(cache_folder() / "compiled"))
        # In seconds. JAX's own limit is 1, and a fast machine would keep nothing.
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.1)
