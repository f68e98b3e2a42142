"""Constrained methods: right and wrong answers, few labels, seconds.

    python benchmarks/bench_constrained.py --noise    # share of wrong answers, digits
    python benchmarks/bench_constrained.py --usps     # 100 pairs and 5 labels per class, USPS
    python benchmarks/bench_constrained.py --seconds  # pairs and bounds of sizes
    python benchmarks/bench_constrained.py --deep     # VolMaxDCC, wrong answers
    python benchmarks/bench_constrained.py --moons    # RGCA and SACA
    python benchmarks/bench_constrained.py --semi     # DEC and IDEC with labels and pairs

Every method stands beside k-means without what is known, and every seed is reported. Shares are of
20,000 true pairs that the fit did not see.
"""

import argparse
import time

import numpy as np
from _common import Table, load, scores
from sklearn.datasets import make_blobs, make_moons

from skdeepcluster import (
    DEC,
    IDEC,
    RGCA,
    SACA,
    ConstrainedKMeans,
    LaplacianPrototypeClustering,
    SemiSupervisedKMeans,
    VolMaxDCC,
)
from skdeepcluster.constraints import PairwiseConstraints
from skdeepcluster.metrics import clustering_accuracy

ALGORITHMS = ("pck", "mpck")


def noise(seeds):
    """Satisfaction and agreement with the classes against the share of wrong answers."""
    X, y = load("digits")
    table = Table(data="", method="", seed="d", flipped=".2f", satisfaction=".3f", ARI=".3f")
    for flip in (0.0, 0.1, 0.2, 0.3, 0.4):
        for seed in range(seeds):
            truth = PairwiseConstraints.from_labels(y, 20_000, random_state=1000 + seed)
            known = PairwiseConstraints.from_labels(y, 3000, flip=flip, random_state=seed)
            models = {a: ConstrainedKMeans(10, algorithm=a, random_state=seed) for a in ALGORITHMS}
            models["VolMaxDCC"] = VolMaxDCC(10, random_state=seed)
            models["DEC"] = DEC(10, random_state=seed)
            models["RGCA"] = RGCA(random_state=seed)
            models["SACA"] = SACA(on_conflict="ignore")
            labels = {a: m.fit(X, constraints=known).labels_ for a, m in models.items()}
            labels["without pairs"] = ConstrainedKMeans(10, random_state=seed).fit(X).labels_
            for name, found in labels.items():
                share = truth.satisfaction(found)["balanced"]
                table.row("digits", name, seed, flip, share, scores(y, found)[2])


def moons(seeds):
    """Shares of wrong rows by answers alone and by answers with rows."""
    table = Table(data="", method="", seed="d", pairs="d", clusters="d", error=".3f")
    for n_pairs in (20, 50, 200):
        for seed in range(seeds):
            X, y = make_moons(500, noise=0.08, random_state=seed)
            known = PairwiseConstraints.from_labels(y, n_pairs, random_state=seed)
            for model in (RGCA(random_state=seed), SACA()):
                labels = model.fit(X, constraints=known).labels_
                error = 1 - clustering_accuracy(y, labels)
                name = type(model).__name__
                table.row("moons", name, seed, n_pairs, model.n_clusters_, error)


def usps(seeds):
    """Gain by 100 pairs and by 5 labels per class."""
    data = load("usps", 3000)
    if data is None:
        return
    X, y = data
    table = Table(data="", method="", seed="d", accuracy=".3f", NMI=".3f", ARI=".3f")
    for seed in range(seeds):
        known = PairwiseConstraints.from_labels(y, 100, random_state=seed)
        rng = np.random.default_rng(seed)
        partial = np.full(len(y), -1)
        for c in range(10):
            partial[rng.choice(np.flatnonzero(y == c), 5, replace=False)] = c
        table.row("usps", "k-means", seed, *scores(y, ConstrainedKMeans(
            10, random_state=seed).fit_predict(X)))  # fmt: skip
        for a in ("pck", "cop", "mpck"):
            model = ConstrainedKMeans(10, algorithm=a, random_state=seed)
            table.row(
                "usps, 100 pairs", a, seed, *scores(y, model.fit(X, constraints=known).labels_)
            )
        laplacian = LaplacianPrototypeClustering(10, n_init=2, random_state=seed)
        table.row("usps", "Laplacian", seed, *scores(y, laplacian.fit_predict(X)))
        for name, model in {
            "Laplacian": laplacian,
            "k-means": SemiSupervisedKMeans(10, random_state=seed),
        }.items():
            table.row("usps, 5 labels", name, seed, *scores(y, model.fit_predict(X, partial)))


def seconds(seeds):
    """Seconds of the processor for 10,000 rows and pairs, and for bounds of 100,000 rows."""
    table = Table(data="", method="", seed="d", seconds=".2f")
    X, y = make_blobs(10_000, n_features=64, centers=20, cluster_std=4.0, random_state=0)
    Z, _ = make_blobs(100_000, n_features=10, centers=50, cluster_std=3.0, random_state=0)
    for seed in range(seeds):
        known = PairwiseConstraints.from_labels(y, 10_000, random_state=seed)
        for a in ("pck", "cop", "mpck"):
            start = time.process_time()
            ConstrainedKMeans(20, algorithm=a, random_state=seed).fit(X, constraints=known)
            table.row("10,000 pairs", a, seed, time.process_time() - start)
        for low, high in ((1000, 2500), (2000, 2000)):
            start = time.process_time()
            ConstrainedKMeans(50, min_size=low, max_size=high, random_state=seed).fit(Z)
            table.row(f"sizes {low} to {high}", "pck", seed, time.process_time() - start)


def deep(seeds):
    """VolMaxDCC and its plain loss with right and wrong answers, on rows of the fit and others."""
    X, y = load("digits")
    table = Table(
        data="", method="", seed="d", flipped=".2f", accuracy=".3f", unseen=".3f", loss=".3f"
    )
    plain = {"link_matrix": "identity", "volume_weight": 0.0}
    for seed in range(seeds):
        order = np.random.default_rng(seed).permutation(len(X))
        rows, others = order[:1200], order[1200:]
        for flip in (0.0, 0.1, 0.2):
            known = PairwiseConstraints.from_labels(y[rows], 3000, flip=flip, random_state=seed)
            for name, options in {"VolMaxDCC": {}, "plain loss": plain}.items():
                model = VolMaxDCC(10, random_state=seed, **options)
                model.fit(X[rows], constraints=known)
                found = (clustering_accuracy(y[at], model.predict(X[at])) for at in (rows, others))
                table.row("digits", name, seed, flip, *found, model.pair_log_loss_)


def semi(seeds):
    """DEC and IDEC without, with 5 labels per class and with 2,000 pairs, by their start."""
    X, y = load("digits")
    table = Table(data="", method="", seed="d", accuracy=".3f", NMI=".3f", ARI=".3f")
    for seed in range(seeds):
        rng = np.random.default_rng(seed)
        partial = np.full(len(y), -1)
        for c in range(10):
            partial[rng.choice(np.flatnonzero(y == c), 5, replace=False)] = c
        rest = partial < 0
        known = PairwiseConstraints.from_labels(y, 2000, random_state=seed)
        for Estimator in (DEC, IDEC):
            for init in ("neighbors", "k-means"):
                model = Estimator(10, init=init, random_state=seed)
                found = {
                    "nothing": model.fit(X).labels_,
                    "50 labels": model.fit(X, partial).labels_,
                    "2,000 pairs": model.fit(X, constraints=known).labels_,
                }
                for name, labels in found.items():
                    method = f"{Estimator.__name__}, {init}"
                    table.row(f"digits, {name}", method, seed, *scores(y[rest], labels[rest]))


def main():
    """Run what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    tasks = {
        "noise": noise,
        "usps": usps,
        "seconds": seconds,
        "deep": deep,
        "moons": moons,
        "semi": semi,
    }
    for name, task in tasks.items():
        parser.add_argument(f"--{name}", action="store_true", help=task.__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    options = parser.parse_args()
    for name, task in tasks.items():
        if getattr(options, name):
            task(options.seeds)


if __name__ == "__main__":
    main()
