"""Threads that have nothing to do."""

import os
import subprocess
import sys

import pytest

SCRIPT = """
import os, time
import numpy as np

before = dict(os.environ)
from skdeepcluster._kernels._distance import lloyd_step
assert dict(os.environ) == before

X = np.random.default_rng(0).normal(size=(2048, 8))
centers, labels = X[:8].copy(), np.empty(2048, np.int32)
sums, counts = np.empty((8, 8)), np.empty(8, np.int64)

def spent(n_threads):
    start = time.process_time()
    for _ in range(20):
        lloyd_step(X, centers, labels, sums, counts, n_threads)
        time.sleep(0.01)
    return time.process_time() - start

spent(2)
print(1e3 * (spent(2) - spent(1)) / 20)
"""


@pytest.mark.parametrize("given", [None, "PASSIVE"])
def test_threads_that_wait_take_no_time_and_the_environment_stays(given):
    environment = {name: value for name, value in os.environ.items() if "OMP_" not in name}
    if given is not None:
        environment["OMP_WAIT_POLICY"] = given
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], env=environment, check=True, capture_output=True, text=True
    )
    # Milliseconds after each call; threads that spin take several.
    assert float(done.stdout) < 1.5
