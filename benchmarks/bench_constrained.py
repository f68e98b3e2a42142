"""Constrained methods: right and wrong answers, few labels, seconds.

    python benchmarks/bench_constrained.py --noise    # share of wrong answers, digits
    python benchmarks/bench_constrained.py --usps     # 100 pairs and 5 labels per class, USPS
    python benchmarks/bench_constrained.py --seconds  # pairs and bounds of sizes
    python benchmarks/bench_constrained.py --deep     # VolMaxDCC, wrong answers
    python benchmarks/bench_constrained.py --moons    # RGCA and SACA
    python benchmarks/bench_constrained.py --semi     # DEC and IDEC with labels and pairs
    python benchmarks/bench_constrained.py --peers    # beside other libraries

Peers: pip install active-semi-supervised-clustering==0.0.1 metric-learn k-means-constrained==0.9.1

Every method stands beside k-means without what is known, and every seed is reported. Shares are of
20,000 true pairs that the fit did not see.
"""

import time
from functools import partial

import numpy as np
from _common import Table, load, peer, run_tasks, scores
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
    """3,000 rows without what is known, with 100 pairs and with 5 labels of each class."""
    data = load("usps", 3000)
    if data is None:
        return
    X, y = data
    table = Table(data="", method="", seed="d", accuracy=".3f", NMI=".3f", ARI=".3f")
    for seed in range(seeds):
        known = PairwiseConstraints.from_labels(y, 100, random_state=seed)
        rng = np.random.default_rng(seed)
        labeled = np.full(len(y), -1)
        for c in range(10):
            labeled[rng.choice(np.flatnonzero(y == c), 5, replace=False)] = c
        table.row("usps", "k-means", seed, *scores(y, ConstrainedKMeans(
            10, random_state=seed).fit_predict(X)))  # fmt: skip
        answered = {
            f"ConstrainedKMeans, {a}": ConstrainedKMeans(10, algorithm=a, random_state=seed)
            for a in ("pck", "cop", "mpck")
        }
        answered["VolMaxDCC"] = VolMaxDCC(10, random_state=seed)
        answered["RGCA"] = RGCA(random_state=seed)
        for name, model in answered.items():
            labels = model.fit(X, constraints=known).labels_
            table.row("usps, 100 pairs", name, seed, *scores(y, labels))
        laplacian = LaplacianPrototypeClustering(10, n_init=2, random_state=seed)
        table.row(
            "usps", "LaplacianPrototypeClustering", seed, *scores(y, laplacian.fit_predict(X))
        )
        for name, model in {
            "LaplacianPrototypeClustering": laplacian,
            "SemiSupervisedKMeans": SemiSupervisedKMeans(10, random_state=seed),
        }.items():
            table.row("usps, 5 labels", name, seed, *scores(y, model.fit_predict(X, labeled)))
        for Estimator in (DEC, IDEC):
            model = Estimator(10, random_state=seed)
            for data, y_known, pairs in (
                ("usps", None, None), ("usps, 100 pairs", None, known),
                ("usps, 5 labels", labeled, None),
            ):  # fmt: skip
                labels = model.fit(X, y_known, constraints=pairs).labels_
                table.row(data, Estimator.__name__, seed, *scores(y, labels))


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


def peers(seeds):
    """Wall-clock seconds and agreement beside active-semi-supervised-clustering and others."""
    table = Table(data="", method="", seed="d", seconds=".2f", peer_seconds=".2f", ratio=".3f",
                  ARI=".3f", peer_ARI=".3f")  # fmt: skip
    pairwise = peer("active_semi_clustering.semi_supervised.pairwise_constraints")
    sized = peer("k_means_constrained")

    def beside(data, name, seed, classes, *fits):
        """A line of the table: ours and theirs, one after the other."""
        times, ari = [], []
        for fit in fits:
            start = time.perf_counter()
            labels = fit()
            times.append(time.perf_counter() - start)
            ari.append(scores(classes, labels)[2])
        table.row(data, name, seed, *times, times[0] / times[1], *ari)

    def with_pairs(X, known, algorithm, seed):
        model = ConstrainedKMeans(20, algorithm=algorithm, random_state=seed)
        return model.fit(X, constraints=known).labels_

    def their_pairs(X, known, name, seed):
        np.random.seed(seed)  # noqa: NPY002 (it draws from the global generator)
        links = {"ml": known.must_link.tolist(), "cl": known.cannot_link.tolist()}
        return getattr(pairwise, name)(20).fit(X, **links).labels_

    def with_sizes(X, low, high, seed):
        return ConstrainedKMeans(20, min_size=low, max_size=high, random_state=seed).fit(X).labels_

    def their_sizes(X, low, high, seed):
        options = {"size_min": low, "size_max": high, "n_init": 1, "random_state": seed}
        return sized.KMeansConstrained(20, **options).fit_predict(X)

    for seed in range(seeds):
        for n, algorithm, name in (
            (10_000, "pck", "PCKMeans"), (2000, "pck", "PCKMeans"), (2000, "cop", "COPKMeans"),
            (2000, "mpck", "MPCKMeans"),
        ):  # fmt: skip
            X, y = make_blobs(n, n_features=64, centers=20, cluster_std=4.0, random_state=0)
            known = PairwiseConstraints.from_labels(y, n, random_state=seed)
            if pairwise is not None:
                ours = partial(with_pairs, X, known, algorithm, seed)
                theirs = partial(their_pairs, X, known, name, seed)
                beside(f"{n} rows and pairs", algorithm, seed, y, ours, theirs)
        X, y = make_blobs(20_000, n_features=10, centers=20, cluster_std=3.0, random_state=0)
        if sized is not None:
            bounds = (X, 900, 1100, seed)
            ours, theirs = partial(with_sizes, *bounds), partial(their_sizes, *bounds)
            beside("20000 rows, sizes", "900 to 1100", seed, y, ours, theirs)


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
        labeled = np.full(len(y), -1)
        for c in range(10):
            labeled[rng.choice(np.flatnonzero(y == c), 5, replace=False)] = c
        rest = labeled < 0
        known = PairwiseConstraints.from_labels(y, 2000, random_state=seed)
        for Estimator in (DEC, IDEC):
            for init in ("neighbors", "k-means"):
                model = Estimator(10, init=init, random_state=seed)
                found = {
                    "nothing": model.fit(X).labels_,
                    "50 labels": model.fit(X, labeled).labels_,
                    "2,000 pairs": model.fit(X, constraints=known).labels_,
                }
                for name, labels in found.items():
                    method = f"{Estimator.__name__}, {init}"
                    table.row(f"digits, {name}", method, seed, *scores(y[rest], labels[rest]))


if __name__ == "__main__":
    run_tasks(__doc__, (noise, usps, seconds, deep, moons, semi, peers))
