"""Seconds per epoch beside busy processes: DEC and a bare torch loop, with and without sleep.

Threads of OpenMP that wait for each other keep their cores busy by default, which costs most where
another process wants them too. OMP_WAIT_POLICY=PASSIVE lets them sleep. Each measurement is a
process of its own, as the variable is read once; the busy processes run Python loops. All train
the pre-training of `bench_epoch.py`; the first epoch does not count. On a machine that does other
things at the same time only large ratios mean something: its load is printed.

    python benchmarks/bench_busy.py --busy 0 1 2
"""

import argparse
import contextlib
import json
import os
import subprocess
import sys

import numpy as np
from _common import Table, hardware

POLICIES = ("default", "PASSIVE")


@contextlib.contextmanager
def busy(n):
    """n processes that compute as long as the context lasts."""
    processes = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(n)]
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


def measured(who, policy, options):
    """Median seconds of an epoch in a process of its own."""
    environment = {**os.environ, "OMP_WAIT_POLICY": policy}
    if policy == "default":
        del environment["OMP_WAIT_POLICY"]
    command = [sys.executable, __file__, "--measure", who, "--rows", str(options.rows)]
    command += ["--epochs", str(options.epochs), "--threads", str(options.threads)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def measure(options):
    """The process that trains; prints its median."""
    import torch
    from bench_epoch import bare, ours

    if options.threads:
        torch.set_num_threads(options.threads)
    X = np.random.RandomState(0).rand(options.rows, 784).astype(np.float32)
    run = {"ours": ours, "bare": bare}[options.measure]
    times = run(X, options.epochs, (500, 500, 2000), 256, "float32")
    print(json.dumps(float(np.median(times["pretrain"]))))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=5000)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--busy", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--threads", type=int, default=0, help="of torch; 0 for its own choice")
    parser.add_argument("--measure", choices=["ours", "bare"], help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        measure(options)
        return
    print(hardware())
    table = Table(busy="", policy="", ours=".3f", bare=".3f", ratio=".2f")
    for n in options.busy:
        for policy in POLICIES:
            with busy(n):
                seconds = [measured(who, policy, options) for who in ("ours", "bare")]
            table.row(n, policy, *seconds, seconds[0] / seconds[1])


if __name__ == "__main__":
    main()
