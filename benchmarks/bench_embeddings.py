"""Embeddings by classes, by charts and by subclasses: what they show of new rows and classes.

    python benchmarks/bench_embeddings.py --charts  # embeddings of one and of several charts
    python benchmarks/bench_embeddings.py --atlas   # charts as clusters
    python benchmarks/bench_embeddings.py --tail    # long-tailed classes, on two levels
    python benchmarks/bench_embeddings.py --within  # digits within classes of several digits
    python benchmarks/bench_embeddings.py --embed   # an embedding of known classes, for new rows
    python benchmarks/bench_embeddings.py --metric  # a metric of known classes

Every seed is reported, beside k-means where it applies.
"""

from dataclasses import replace

import numpy as np
from _common import Table, run_tasks
from sklearn.cluster import KMeans
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import normalized_mutual_info_score, recall_score
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier, NearestNeighbors, NeighborhoodComponentsAnalysis
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skdeepcluster import (
    DynamicSubspaceEmbedding,
    MetricLearningClusterer,
    SubclassContrastive,
    UnbalancedAtlas,
)
from skdeepcluster.constraints import PartialLabelKFold, constraint_search
from skdeepcluster.metrics import linear_probe_score


def charts(X, y, seeds):
    """Linear probe on new rows, by 200 labels, and charts used; 1,000 rows without labels."""
    table = Table(data="", method="", seed="d", charts="d", accuracy=".3f")
    labeled = np.arange(0, 1000, 5)

    def probe(Z):
        return linear_probe_score(Z[labeled], y[labeled], Z_test=Z[1000:], y_test=y[1000:])

    table.row("digits", "pixels", 0, 0, probe(X / 16))
    for width in (16, 256):
        methods = {
            f"4 x {width}, untrained": UnbalancedAtlas(4, n_components=width, max_epochs=0),
            f"1 x {4 * width}": UnbalancedAtlas(1, n_components=4 * width),
            f"4 x {width}, mean": UnbalancedAtlas(4, n_components=width),
            f"4 x {width}, mixture": UnbalancedAtlas(4, n_components=width, target="mixture"),
        }
        for name, model in methods.items():
            model.set_params(hidden_layer_sizes=(256,))
            for seed in range(seeds):
                Z = model.set_params(random_state=seed).fit(X[:1000]).transform(X)
                table.row("digits", name, seed, model.n_charts_used_, probe(Z))


class WithoutContrast(UnbalancedAtlas):
    """Memberships that are certain and balanced, and no more."""

    def _stages(self):
        (stage,) = super()._stages()
        return [replace(stage, weights=stage.weights | {"contrast": 0.0})]


def atlas(X, y, seeds):
    """Normalized mutual information of ten charts with the digits, 1,000 of them."""
    X, y = X[:1000], y[:1000]
    table = Table(data="", method="", seed="d", charts="d", nmi=".3f")
    used = {"unbalance_weight": 1.0, "balance_weight": 3.0, "temperature": 1.0}
    mixture = {"target": "mixture", "hidden_layer_sizes": (256,)}
    methods = {
        "untrained": UnbalancedAtlas(10, max_epochs=0, **mixture),
        "mixture, weights of the defaults": UnbalancedAtlas(10, **mixture),
        "mixture": UnbalancedAtlas(10, **mixture | used),
        "mean": UnbalancedAtlas(10, **mixture | used | {"target": "mean"}),
        "without contrast": WithoutContrast(10, **mixture | used),
    }
    for name, model in methods.items():
        for seed in range(seeds):
            labels = model.set_params(random_state=seed).fit(X).labels_
            nmi = normalized_mutual_info_score(y, labels)
            table.row("digits", name, seed, model.n_charts_used_, nmi)
    for seed in range(seeds):
        labels = KMeans(10, n_init=10, random_state=seed).fit_predict(X)
        table.row("digits", "k-means", seed, 10, normalized_mutual_info_score(y, labels))


def embeddings(seed):
    """The embedding before training, by the contrast of classes, and by that on two levels."""
    variants = {
        "untrained": {"pretrain_epochs": 0, "max_epochs": 0},
        "classes alone": {"pretrain_epochs": 110, "max_epochs": 0},
        "two levels": {},
        "two levels, no head": {"n_projected": None},
    }
    for name, options in variants.items():
        yield name, SubclassContrastive(**options, random_state=seed)


def tail(X, y, seeds):
    """Accuracy of a linear classifier: of all classes, and of those of less than 15 rows."""
    table = Table(data="", method="", seed="d", accuracy=".3f", few=".3f")
    for seed in range(seeds):
        A, B, y_A, y_B = train_test_split(X, y, test_size=0.3, stratify=y, random_state=seed)
        rng = np.random.default_rng(seed)
        # From 120 rows down to 2, of digits in random order.
        sizes = (120 * 50.0 ** (-np.arange(10) / 9)).astype(int)
        rows = [
            rng.permutation(np.flatnonzero(y_A == c))[:n]
            for c, n in zip(rng.permutation(10), sizes, strict=True)
        ]
        few = [y_A[own[0]] for own in rows if len(own) < 15]
        rows = np.concatenate(rows)
        A, y_A = A[rows], y_A[rows]
        for name, model in [("rows", StandardScaler()), *embeddings(seed)]:
            last = LogisticRegression(class_weight="balanced", max_iter=3000)
            found = make_pipeline(model, last).fit(A, y_A).predict(B)
            recall = recall_score(y_B, found, average=None)
            table.row("digits, long-tailed", name, seed, recall.mean(), recall[few].mean())


def within(X, y, seeds):
    """Digits in four classes: share between them of the variance within classes, and neighbors."""
    table = Table(data="", method="", seed="d", share=".3f", neighbors=".3f")
    for seed in range(seeds):
        order = np.random.default_rng(seed).permutation(len(y))
        A, B = order[:600], order[600:]
        label = np.array([0, 0, 0, 0, 0, 0, 1, 1, 2, 3])[y]
        for name, model in [("rows", StandardScaler()), *embeddings(seed)]:
            Z_A = model.fit(X[A], label[A]).transform(X[A])
            Z = model.transform(X[B])
            near = KNeighborsClassifier(5).fit(Z_A, y[A]).score(Z, y[B])
            Z = Z - np.stack([Z[label[B] == c].mean(axis=0) for c in range(4)])[label[B]]
            means = np.stack([Z[y[B] == digit].mean(axis=0) for digit in range(10)])
            share = np.square(means[y[B]]).sum() / np.square(Z).sum()
            table.row("digits in 4 classes", name, seed, share, near)


def recall(Z, y):
    """Share of the rows whose nearest other row is of their class."""
    nearest = NearestNeighbors(n_neighbors=1).fit(Z).kneighbors(return_distance=False)[:, 0]
    return np.mean(y[nearest] == y)


def embed(X, y, seeds):
    """Recall@1 and k-means of new rows, by an embedding of the classes of others."""
    table = Table(data="", method="", seed="d", learners="d", recall=".3f", nmi=".3f")
    for n_train, kinds in ((300, {"": None, ", images": (8, 8)}), (1257, {"": None})):
        for seed in range(seeds):
            train, new, y_train, y_new = train_test_split(
                X, y, train_size=n_train, stratify=y, random_state=seed
            )
            embeddings = {"rows as they are": (new, 0)}
            variants = {
                "untrained": {"max_epochs": 0},
                "one learner": {"max_learners": 1},
                "up to 4 learners": {},
            }
            for kind, shape in kinds.items():
                for name, params in variants.items():
                    model = DynamicSubspaceEmbedding(image_shape=shape, random_state=seed, **params)
                    Z = model.fit(train, y_train).transform(new)
                    embeddings[name + kind] = Z, model.n_learners_
            for name, (Z, n_learners) in embeddings.items():
                labels = KMeans(10, n_init=10, random_state=seed).fit_predict(Z)
                nmi = normalized_mutual_info_score(y_new, labels)
                data = f"digits, {n_train} for training"
                table.row(data, name, seed, n_learners, recall(Z, y_new), nmi)


def loud_rows(seed):
    """20 classes that differ in 5 features; 45 others vary as much and mean nothing."""
    rng = np.random.default_rng(seed)
    y = np.repeat(np.arange(20), 50)
    means = rng.normal(0, 4, (20, 5))
    X = np.column_stack([means[y] + rng.normal(size=(1000, 5)), rng.normal(0, 4, (1000, 45))])
    return X, y


METRICS = {
    "default": {},
    "not trained": {"max_epochs": 0},
    "labels of others": {},
    "cosine": {"metric": "cosine"},
    "signal to noise": {"metric": "snr"},
    "signal to noise, means of 0": {"metric": "snr", "zero_mean_weight": 0.005},
    "binomial, cosine": {"loss": "binomial", "metric": "cosine"},
    "binomial, cosine, energy": {"loss": "binomial", "metric": "cosine", "energy_weight": 0.1},
    "two hidden layers": {"hidden_layer_sizes": (128, 128), "learning_rate": 1e-3},
}


def metric(X, y, seeds):
    """NMI on rows of novel classes, by a metric of the known ones."""
    table = Table(data="", method="", seed="d", NMI=".3f", epochs="d")
    for seed in range(seeds):
        data = {
            "10 of 20 classes, noise": (*loud_rows(seed), range(10)),
            "digits 1, 2, 7, 8, 9": (X, y, [1, 2, 7, 8, 9]),
        }
        for name, (rows, classes, known) in data.items():
            novel = ~np.isin(classes, known)
            partial = np.where(novel, -1, classes)
            k = len(np.unique(classes[novel]))

            def row(method, labels, epochs=0, name=name, truth=classes[novel], seed=seed):
                score = normalized_mutual_info_score(truth, labels)
                table.row(name, method, seed, score, epochs)

            row("k-means", KMeans(k, n_init=10, random_state=seed).fit_predict(rows[novel]))
            linear = NeighborhoodComponentsAnalysis(32, random_state=seed)
            Z = linear.fit(rows[~novel], classes[~novel]).transform(rows[novel])
            row("NCA and k-means", KMeans(k, n_init=10, random_state=seed).fit_predict(Z))
            for method, options in METRICS.items():
                labels = partial.copy()
                if method == "labels of others":
                    rng = np.random.default_rng(seed)
                    labels[~novel] = rng.permutation(labels[~novel])
                model = MetricLearningClusterer(k, random_state=seed, **options)
                found = model.fit(rows, labels)
                row(method, found.labels_[novel], found.n_epochs_)
            found = constraint_search(
                MetricLearningClusterer(k, random_state=seed),
                {"max_epochs": [0, 10, 100]},
                rows,
                partial,
                cv=PartialLabelKFold(2, mode="classes", random_state=seed),
            )
            best = found["best_estimator"]
            row("epochs chosen by hidden classes", best.labels_[novel], best.n_epochs_)


if __name__ == "__main__":
    run_tasks(__doc__, (charts, atlas, tail, within, embed, metric), *load_digits(return_X_y=True))
