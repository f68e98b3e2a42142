"""Seconds per epoch of pre-training and of refinement: DEC, a bare torch loop, and ClustPy.

All train a 784-500-500-2000-10 network in batches of 256 with Adam on the same rows of MNIST. The
bare loop has nothing but tensors, the network and the fused optimizer, in the same precision;
in refinement it trains the encoder and the centers towards a target that a forward pass over all
rows renews once per epoch. The contenders take turns, round by round. An epoch lasts from the end
of the one before to its own end, so that all that lies between counts, and the first one of each
stage, which warms up, does not. A ratio is the median over rounds of the ratio of the medians
within a round.

    python benchmarks/bench_epoch.py --peer PYTHON

where PYTHON is an interpreter with clustpy==0.0.3; without it ClustPy is left out.
"""

import argparse
import contextlib
import statistics
import time

import numpy as np
import torch
import torch.nn.functional as F
from _common import Table, add_peer_option, fit_peer, hardware, load, peer_is_there
from torch import nn

from skdeepcluster import DEC

STAGES = ("pretrain", "refine")
N_CLUSTERS = 10
# Rows of a forward pass of the bare loop without gradient.
FORWARD_ROWS = 2000


class EpochClock:
    """A callback that notes when the epochs of each stage end."""

    def __init__(self):
        self.ends = {}

    def setup(self, estimator, context):
        pass

    def teardown(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context):
        pass

    def on_fit_task_end(self, estimator, context):
        if context.task_name == "epoch":
            self.ends.setdefault(context.parent.task_name, []).append(time.perf_counter())


def ours(X, epochs, hidden, batch_size, precision):
    clock = EpochClock()
    model = DEC(
        N_CLUSTERS,
        hidden_layer_sizes=hidden,
        n_components=10,
        pretrain_epochs=epochs + 1,
        max_epochs=epochs + 1,
        init="k-means",
        tol=0,
        batch_size=batch_size,
        precision=precision,
        random_state=0,
    )
    model.set_callbacks(clock).fit(X)
    return {stage: np.diff(clock.ends[stage]) for stage in STAGES}


def bare(X, epochs, hidden, batch_size, precision):
    X = torch.from_numpy((X - X.mean(axis=0)) / X.std())
    torch.manual_seed(0)
    widths = [X.shape[1], *hidden, 10]

    def mlp(widths):
        layers = []
        for n_in, n_out in zip(widths[:-1], widths[1:], strict=True):
            layers += [nn.Linear(n_in, n_out), nn.ReLU()]
        return nn.Sequential(*layers[:-1])

    encoder, decoder = mlp(widths), mlp(widths[::-1])
    autocast = contextlib.nullcontext
    if precision == "bfloat16":
        autocast = lambda: torch.autocast("cpu", torch.bfloat16)  # noqa: E731

    def log_q(x):
        z = encoder(x).float()
        return F.log_softmax(-torch.log1p(torch.cdist(z, centers).square()), dim=1)

    def renewed_target():
        with torch.no_grad(), autocast():
            q = torch.cat([log_q(x) for x in X.split(FORWARD_ROWS)]).exp()
        p = q.square() / q.sum(dim=0)
        return p / p.sum(dim=1, keepdim=True)

    def epoch(optimizer, loss):
        for index in torch.randperm(len(X)).split(batch_size):
            with autocast():
                value = loss(index)
            optimizer.zero_grad(set_to_none=True)
            value.backward()
            optimizer.step()

    def reconstruction(index):
        x = X[index]
        return F.mse_loss(decoder(encoder(x)).float(), x)

    def divergence(index):
        return F.kl_div(log_q(X[index]), target[index], reduction="batchmean")

    ends = {stage: [] for stage in STAGES}
    optimizer = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()], fused=True)
    for _ in range(epochs + 1):
        epoch(optimizer, reconstruction)
        ends["pretrain"].append(time.perf_counter())
    with torch.no_grad():
        centers = nn.Parameter(encoder(X[:N_CLUSTERS]))
    optimizer = torch.optim.Adam([*encoder.parameters(), centers], fused=True)
    for _ in range(epochs + 1):
        target = renewed_target()
        epoch(optimizer, divergence)
        ends["refine"].append(time.perf_counter())
    return {stage: np.diff(ends[stage]) for stage in STAGES}


def peer(python, X, epochs, batch_size):
    _, _, steps = fit_peer(
        python,
        "DEC",
        X,
        n_clusters=N_CLUSTERS,
        pretrain_epochs=epochs + 1,
        clustering_epochs=epochs + 1,
        batch_size=batch_size,
        random_state=0,
    )
    per_epoch = -(-len(X) // batch_size)
    return {
        stage: np.diff(ends[per_epoch - 1 :: per_epoch])
        for stage, ends in zip(STAGES, steps, strict=True)
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=3, help="measured per stage and round")
    parser.add_argument("--batch-size", type=int, default=256)
    parser.add_argument("--precision", nargs="+", default=["float32", "bfloat16"])
    add_peer_option(parser)
    options = parser.parse_args()
    data = load("mnist", options.rows)
    if data is None:
        return
    X, hidden = data[0], (500, 500, 2000)
    print(hardware())
    contenders = {}
    for precision in options.precision:
        for run in (ours, bare):
            # The default keeps the loop's variables of this round.
            contenders[run.__name__, precision] = lambda run=run, precision=precision: run(
                X, options.epochs, hidden, options.batch_size, precision
            )
    if peer_is_there(options.peer):
        # Its network has these layers by default.
        contenders["ClustPy", "float32"] = lambda: peer(
            options.peer, X, options.epochs, options.batch_size
        )
    times = {}
    for number in range(options.rounds):
        for who, run in contenders.items():
            for stage, values in run().items():
                times.setdefault((stage, *who), []).append(values)
        print(f"round {number + 1} of {options.rounds} done", flush=True)

    def ratio(one, other):
        if other not in times:
            return None
        pairs = zip(times[one], times[other], strict=True)
        return statistics.median(np.median(a) / np.median(b) for a, b in pairs)

    print(f"{len(X)} rows, medians of {options.rounds} rounds of {options.epochs} epochs")
    table = Table(stage="", who="", precision="", seconds=".3f", to_bare=".3f", to_ClustPy=".3f")
    for stage, who, precision in sorted(times):
        table.row(
            stage,
            who,
            precision,
            float(np.median(np.concatenate(times[stage, who, precision]))),
            ratio((stage, who, precision), (stage, "bare", precision)),
            ratio((stage, who, precision), (stage, "ClustPy", "float32")),
        )


if __name__ == "__main__":
    main()
