"""Compiled hot loops: arrays in, arrays out, no knowledge of estimators or their parameters."""

import os


def _load_with_threads_that_sleep():
    """Load the OpenMP runtime with the policy that waiting threads sleep, unless one is given.

    By default they spin for milliseconds after each loop, in the way of whoever has something to
    do: beside other processes a loop took twenty times as long. The runtime reads its environment
    when the first kernel loads it. One that is loaded already, as PyTorch's may be, stays as it is.
    """
    if {"OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME"} & os.environ.keys():
        return
    os.environ["OMP_WAIT_POLICY"] = "PASSIVE"
    try:
        from skdeepcluster._kernels import _products  # noqa: F401
    finally:
        del os.environ["OMP_WAIT_POLICY"]


_load_with_threads_that_sleep()
