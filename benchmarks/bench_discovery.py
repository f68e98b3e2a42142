"""Novel, split and shifted classes on the digits, streams, few labels and wrong ones.

    python benchmarks/bench_discovery.py --novel   # 1, 2, 7, 8 and 9 known, others novel
    python benchmarks/bench_discovery.py --split   # half of the rows of 0 to 4 labeled
    python benchmarks/bench_discovery.py --sizes   # exact and greedy assignments
    python benchmarks/bench_discovery.py --shift   # an old classifier, and digits new to it
    python benchmarks/bench_discovery.py --adapt   # the same, and a network that adapts
    python benchmarks/bench_discovery.py --stream  # rows in their order, and rows that turn
    python benchmarks/bench_discovery.py --few     # one or five labeled rows of each class
    python benchmarks/bench_discovery.py --gate    # pseudo-labels of which some are wrong

Every seed is reported, beside k-means where it applies.
"""

import itertools

import numpy as np
from _common import Table, run_tasks
from scipy.stats import ortho_group
from sklearn.cluster import KMeans, MiniBatchKMeans
from sklearn.datasets import load_digits
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score
from sklearn.neural_network import MLPClassifier

from skdeepcluster import (
    PBN,
    BalancedKMeans,
    DynamicClusterMemory,
    GlobalLocalAdapter,
    LossGatedClusterer,
    NCDKMeans,
    NCDSpectralClustering,
    OptimalTransportAligner,
    SemiSupervisedKMeans,
    SplitMergeGaussianMixture,
    one_vs_all_labels,
)
from skdeepcluster.metrics import clustering_accuracy


def novel(X, y, seeds):
    """Accuracy on rows of novel classes."""
    partial = np.where(np.isin(y, [1, 2, 7, 8, 9]), y, -1)
    rows = partial < 0
    table = Table(data="", method="", seed="d", accuracy=".3f")
    for seed in range(seeds):
        models = {
            "NCDKMeans": NCDKMeans(5),
            "NCDSpectralClustering": NCDSpectralClustering(5),
            "PBN": PBN(5),
            "PBN, reconstruction only": PBN(5, label_weight=0.0),
        }
        for name, model in models.items():
            labels = model.set_params(random_state=seed).fit_predict(X, partial)[rows]
            table.row("digits", name, seed, clustering_accuracy(y[rows], labels))
        labels = KMeans(5, n_init=10, random_state=seed).fit_predict(X[rows])
        table.row("digits", "k-means", seed, clustering_accuracy(y[rows], labels))


def split(X, y, seeds):
    """Number of clusters, and accuracy on unlabeled rows."""
    table = Table(data="", method="", seed="d", clusters="d", accuracy=".3f")
    for n_components in (8, 16, 32):
        for seed in range(seeds):
            rng = np.random.default_rng(seed)
            partial = np.where((y < 5) & (rng.random(len(y)) < 0.5), y, -1)
            model = SplitMergeGaussianMixture(n_components=n_components, random_state=seed)
            labels = model.fit_predict(X, partial)
            rows = partial < 0
            accuracy = clustering_accuracy(y[rows], labels[rows])
            method = f"{n_components} components"
            table.row("digits", method, seed, model.n_clusters_, accuracy)


def sizes(X, y, seeds):
    """Loss of equal sizes, by assignment."""
    table = Table(data="", method="", seed="d", loss=".0f")
    for k in (10, 18, 50):
        for seed in range(seeds):
            for assignment in ("exact", "greedy"):
                model = BalancedKMeans(k, assignment=assignment, random_state=seed).fit(X)
                table.row(f"digits, {k} clusters", assignment, seed, model.inertia_)


def h_score(y, labels):
    """Harmonic mean of the accuracies on known classes, their mean, and on rows of no known one."""
    known = np.mean([(labels[y == c] == c).mean() for c in np.unique(y[y >= 0])])
    unknown = (labels[y < 0] == -1).mean()
    return 2 * known * unknown / max(known + unknown, 1e-12)


def split_of(X, y, seed, noise):
    """Digits for the classifier, those new to it, and all rows, of which the new ones may shift."""
    rng = np.random.default_rng(seed)
    old = rng.random(len(y)) < 0.5
    first, new = old & (y < 6), ~old & ~np.isin(y, [4, 5])
    X = X / 16
    if noise:
        # Less contrast, and noise.
        X[new] = np.clip(0.7 * X[new] + 0.1 + rng.normal(0, noise / 16, X[new].shape), 0, 1)
    return first, new, X


def shift(X, y, seeds):
    """H-score on 0 to 3 and 6 to 9, by a network that learned 0 to 5 from half of the rows."""
    table = Table(data="", method="", seed="d", clusters="d", score=".3f")
    for noise in (0, 3):
        for seed in range(seeds):
            first, new, rows = split_of(X, y, seed, noise)
            model = MLPClassifier((128, 64), max_iter=200, random_state=seed)
            model.fit(rows[first], y[first])
            Z = rows[new]
            for W, b in list(zip(model.coefs_, model.intercepts_, strict=True))[:-1]:
                Z = np.maximum(Z @ W + b, 0)
            proba = model.predict_proba(rows[new])
            truth = np.where(y[new] < 6, y[new], -1)
            data = "digits, noise" if noise else "digits"
            for k in (None, 6, 8, 10, 12):
                found = one_vs_all_labels(Z, proba, n_clusters=k, random_state=seed)
                name = "one against all" + ", found" * (k is None)
                table.row(data, name, seed, found.n_clusters, h_score(truth, found.labels))
            for t in (0.1, 0.3, 0.55):
                labels = np.where(found.entropy > t, -1, proba.argmax(axis=1))
                table.row(data, f"entropy below {t}", seed, 0, h_score(truth, labels))


def adapt(X, y, seeds):
    """H-score on the same rows, before and after the adaptation of a network."""
    table = Table(data="", method="", seed="d", clusters="d", score=".3f")
    for noise in (0, 3):
        for seed in range(seeds):
            first, new, rows = split_of(X, y, seed, noise)
            used = first | new
            partial = np.where(first, y, -1)[used]
            truth = np.where(y[new] < 6, y[new], -1)
            data = "digits, noise" if noise else "digits"
            for k in (None, 6, 8, 10):
                model = GlobalLocalAdapter(k, random_state=seed)
                after = model.fit(rows[used], partial).labels_[partial < 0]
                if k is None:
                    before = model.source_labels_[partial < 0]
                    table.row(data, "network alone", seed, 0, h_score(truth, before))
                name = "adapted" + ", found" * (k is None)
                table.row(data, name, seed, model.n_clusters_, h_score(truth, after))


def stream(X, y, seeds):
    """Digits that stay or turn in the space of their features, and Gaussians of unequal size."""
    table = Table(data="", method="", seed="d", nmi=".3f", ratio=".2f", same=".3f")
    memory = {"memory_size": 800, "batch_size": 128}
    for seed in range(seeds):
        models = {
            "memory, 2 passes": DynamicClusterMemory(10, max_epochs=2, **memory),
            "memory, 5 passes": DynamicClusterMemory(10, **memory),
            'memory, balance="kl"': DynamicClusterMemory(10, balance="kl", **memory),
            "k-means": KMeans(10, n_init=10),
        }
        for name, model in models.items():
            labels = model.set_params(random_state=seed).fit_predict(X)
            sizes = np.bincount(labels)
            ratio = sizes.max() / sizes.min()
            table.row("digits", name, seed, normalized_mutual_info_score(y, labels), ratio, np.nan)
    for seed in range(seeds):
        rng = np.random.default_rng(seed)
        axes = ortho_group.rvs(64, random_state=seed)
        rows = (X - X.mean(axis=0)) @ axes
        models = {
            "memory": DynamicClusterMemory(10, **memory),
            "mini-batch k-means": MiniBatchKMeans(10, n_init=10),
        }
        found = {name: [] for name in models}
        for turn in np.linspace(0, 2 * np.pi, 21):
            order = rng.permutation(len(X))
            c, s = np.cos(turn), np.sin(turn)
            left, right = rows[order, :32], rows[order, 32:]
            turned = np.hstack([c * left - s * right, s * left + c * right])
            for name, model in models.items():
                model.set_params(random_state=seed)
                labels = np.empty(len(X), dtype=int)
                for start in range(0, len(X), 128):
                    batch = turned[start : start + 128]
                    labels[order[start : start + 128]] = model.partial_fit(batch).predict(batch)
                found[name].append(labels)
        for name, labels in found.items():
            nmi = np.mean([normalized_mutual_info_score(y, each) for each in labels[1:]])
            sizes = np.bincount(labels[-1], minlength=10)
            # What is left of the clusters of the first turn, under their numbers.
            same = np.mean(labels[1] == labels[-1])
            table.row("turning", name, seed, nmi, sizes.max() / max(1, sizes.min()), same)
    table = Table(data="", method="", seed="d", ari=".3f")
    truth = np.repeat(np.arange(5), [1200, 400, 200, 120, 80])
    for seed in range(seeds):
        rng = np.random.default_rng(seed)
        rows = rng.normal(0, 4, (5, 8))[truth] + rng.normal(size=(2000, 8))
        models = {
            "memory": DynamicClusterMemory(5),
            'memory, balance="kl"': DynamicClusterMemory(5, balance="kl"),
            "k-means": KMeans(5, n_init=10),
        }
        for name, model in models.items():
            labels = model.set_params(random_state=seed).fit_predict(rows)
            table.row("Gaussians", name, seed, adjusted_rand_score(truth, labels))


def few(X, y, seeds):
    """Accuracy on unlabeled digits, a mean over 20 draws of classes and rows."""
    table = Table(data="", method="", seed="d", accuracy=".3f")
    X = (X - X.mean(axis=1, keepdims=True)) / X.std(axis=1, keepdims=True)
    models = {
        "prototypes alone": OptimalTransportAligner(n_passes=0),
        "aligned": OptimalTransportAligner(),
        'aligned, balance="kl"': OptimalTransportAligner(balance="kl", reg=0.02, reg_cluster=0.005),
        "semi-supervised k-means": SemiSupervisedKMeans(random_state=0),
    }
    for n_classes, equal, n_shots in itertools.product((5, 10), (True, False), (1, 5)):
        for seed in range(seeds):
            found = {name: [] for name in models}
            rng = np.random.default_rng(seed)
            for _ in range(20):
                order = rng.permutation(len(X))
                # Of unequal classes each is half as large as the one before.
                sizes = [15 if equal else max(2, 30 >> c) for c in range(n_classes)]
                rows = [
                    order[y[order] == c][: n_shots + size]
                    for c, size in zip(rng.permutation(10)[:n_classes], sizes, strict=True)
                ]
                partial = np.concatenate(
                    [np.where(np.arange(len(r)) < n_shots, c, -1) for c, r in enumerate(rows)]
                )
                truth = np.repeat(np.arange(n_classes), [len(r) for r in rows])
                new = partial < 0
                for name, model in models.items():
                    if "n_init" in model.get_params():
                        model.set_params(n_clusters=n_classes)
                    labels = model.fit_predict(X[np.concatenate(rows)], partial)
                    found[name].append(np.mean(labels[new] == truth[new]))
            data = f"{n_classes} classes{'' if equal else ', unequal'}, {n_shots} labeled"
            for name, accuracies in found.items():
                table.row(data, name, seed, np.mean(accuracies))


def gate(X, y, seeds):
    """Accuracy of labels of which 30 % are wrong at random, and of k-means, before and after."""
    table = Table(data="", method="", seed="d", before=".3f", after=".3f", reliable=".3f")
    variants = {
        "gate and correction": {},
        "gate": {"correct_start": 1.0},
        "neither": {"gate_start": 1.0},
        "without epochs": {"max_epochs": 0},
    }
    wide = {"hidden_layer_sizes": (512, 512), "max_epochs": 30}
    variants |= {
        f"{name}, wide": variants[name] | wide for name in ("gate and correction", "neither")
    }
    for seed in range(seeds):
        rng = np.random.default_rng(seed)
        wrong = (y + rng.integers(1, 10, len(y))) % 10
        noisy = np.where(rng.random(len(y)) < 0.3, wrong, y)
        for name, params in variants.items():
            model = LossGatedClusterer(10, **{"n_rounds": 1, "random_state": seed} | params)
            model.fit(X / 16, pseudo_labels=noisy)
            right = noisy == y
            reliable = right[model.reliable_].mean()
            row = ("digits, 30 % wrong", name, seed, right.mean())
            table.row(*row, (model.labels_ == y).mean(), reliable)
        for name, params in list(variants.items())[:4]:
            model = LossGatedClusterer(10, random_state=seed, **params).fit(X / 16)
            before, after = (
                clustering_accuracy(y, labels) for labels in (model.initial_labels_, model.labels_)
            )
            table.row("digits, k-means", name, seed, before, after, model.reliable_.mean())


if __name__ == "__main__":
    run_tasks(
        __doc__,
        (novel, split, sizes, shift, adapt, stream, few, gate),
        *load_digits(return_X_y=True),
    )
