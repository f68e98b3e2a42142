"""What random views cost beside the training steps that they are made for.

    python benchmarks/bench_views.py

For images of 28 x 28 and for rows of 64 features, batches of 256: milliseconds of making a view of
each row, of a whole step of SwAV with two views, and the share of the step that views take.
"""

import statistics
import time

import numpy as np
import torch
from _common import Table, hardware

from skdeepcluster import SwAV
from skdeepcluster.selfsupervised import _base
from skdeepcluster.views import Draws, ImageViews, TabularViews

BATCH, STEPS, ROUNDS = 256, 20, 5


def milliseconds(function):
    times = []
    for _ in range(ROUNDS * STEPS):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return 1e3 * statistics.median(times)


def step_and_views(X):
    """Milliseconds of a step, and of what it spends on views."""
    spent = []
    make = _base.view_of

    def timed(*args):
        start = time.perf_counter()
        view = make(*args)
        spent.append(time.perf_counter() - start)
        return view

    _base.view_of = timed
    steps = []
    try:
        for _ in range(ROUNDS):
            model = SwAV(2, n_prototypes=100, max_epochs=1, final_clustering="k-means", verbose=0)
            spent.clear()
            train = model._loss_of_batch

            def watched(fit, batch, train=train):
                steps.append(time.perf_counter())
                return train(fit, batch)

            model._loss_of_batch = watched
            model.fit(X)
    finally:
        _base.view_of = make
    between = np.diff(steps)
    # Two views for each step; those of the read-out come last.
    views = 2 * statistics.median(spent[: 2 * STEPS])
    return 1e3 * statistics.median(between), 1e3 * views


def main():
    print(hardware())
    table = Table(rows="", view=".2f", step=".2f", share=".3f")
    rng = np.random.default_rng(0)
    cases = [
        ("images 1 x 28 x 28", (1, 28, 28), ImageViews()),
        ("images 3 x 32 x 32", (3, 32, 32), ImageViews()),
        ("rows of 64", (64,), TabularViews()),
        ("rows of 784", (784,), TabularViews()),
    ]
    for name, shape, views in cases:
        X = rng.normal(size=(BATCH * STEPS, *shape)).astype(np.float32)
        x = torch.as_tensor(X[:BATCH])
        generator = torch.Generator().manual_seed(0)
        view = milliseconds(lambda x=x, views=views, g=generator: views(x, Draws(x, g)))
        step, spent = step_and_views(X)
        table.row(name, view, step, spent / step)


if __name__ == "__main__":
    main()
