"""Compiled programs are kept for the next process."""

import sys

import pytest

from support import clean_environment, run

CACHED = """
import jax
from unrolled import compute, programs
programs.keep()
a = compute.shared([1.0, 2.0], "a")
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
print(compute.function([], a.sum())(), jax.config.jax_compilation_cache_dir)
"""


@pytest.mark.parametrize("own", [True, False])
def test_programs_are_kept_in_the_users_cache(own, tmp_path):
    chosen = {} if own else {"JAX_COMPILATION_CACHE_DIR": str(tmp_path / "mine")}
    place = tmp_path / ("unrolled/compiled" if own else "mine")
    env = clean_environment(XDG_CACHE_HOME=str(tmp_path), **chosen)
    kept = []
    for _ in range(2):
        done = run(sys.executable, "-c", CACHED, env=env)
        assert done.stdout.split() == ["3.0", str(place)]
        kept.append({file: file.stat().st_mtime_ns for file in place.glob("*-cache")})
    # The second process found what the first had compiled.
    assert kept[0] == kept[1] != {}
