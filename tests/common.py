"""What tests share: estimators that train briefly, families, and data that an estimator takes."""

import inspect

import numpy as np
import pytest
from sklearn.datasets import make_blobs
from sklearn.metrics import pairwise_distances
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.utils import get_tags

from skdeepcluster._discovery import all_estimators

# Where the defaults train for minutes. Few epochs are no convergence, and are not meant to be.
BRIEF = {
    "hidden_layer_sizes": (16,), "pretrain_epochs": 3, "guide_epochs": 2, "max_epochs": 3, "tol": 0,
    "init_epochs": 10, "warmup_steps": 3, "batch_size": 64, "max_clusters": 4, "n_repeats": 2,
    "n_walks": 2, "random_state": 0,
}  # fmt: skip
# What takes long only in one class, which has the name of the parameter from many others.
BRIEF_OF = {
    "HyperTrack": {"n_components": 8, "n_layers": 1, "read_out": "components"},
    "JULE": {"n_init": 1},
    "MagmaClust": {"n_init": 1, "tol": 1e-2},
}

# Metrics of truth values; SciPy 1.17 has some of them no more.
BOOLEAN = {
    "dice", "jaccard", "rogerstanimoto", "russellrao", "sokalmichener", "sokalsneath", "yule",
}  # fmt: skip


def known(Estimator, params):
    """Those of the parameters that the class has."""
    return {
        name: params[name] for name in params if name in inspect.signature(Estimator).parameters
    }


def brief(Estimator, n_clusters=3, **params):
    own = BRIEF_OF.get(Estimator.__name__, {})
    return Estimator(**known(Estimator, {"n_clusters": n_clusters, **BRIEF}) | own | params)


def family(name):
    """The public estimators of a folder of the package."""
    prefix = f"skdeepcluster.{name}."
    return [
        Estimator for _, Estimator in all_estimators() if Estimator.__module__.startswith(prefix)
    ]


def each_class(classes):
    return pytest.mark.parametrize("Estimator", classes, ids=lambda Estimator: Estimator.__name__)


def torch_generator(seed=0):
    import torch  # classical methods are tested without it

    return torch.Generator().manual_seed(seed)


class Recorder:
    """A callback that follows the tasks of a fit, scores those of a name and can end the fit."""

    def __init__(self, scored, stop_after=None):
        self.tasks, self.scores = [], []
        self.scored, self.stop_after = scored, stop_after

    def setup(self, estimator, context):
        self.tasks.append("setup")

    def teardown(self, estimator, context):
        self.tasks.append("teardown")

    def on_fit_task_begin(self, estimator, context, *, X=None):
        self.tasks.append(context.task_name)

    def on_fit_task_end(self, estimator, context, *, X=None, fitted_estimator=None):
        if context.task_name != self.scored:
            return False
        self.scores.append(fitted_estimator.score(X))
        return len(self.scores) == self.stop_after


# -- data by tag ---------------------------------------------------------------------------------


def rows(estimator):
    return make_blobs(120, n_features=6, centers=3, random_state=0)[0]


def nonnegative_rows(estimator):
    X = rows(estimator)
    return X - X.min()


def column(estimator):
    return rows(estimator)[:, :1]


def pairs_of_rows(estimator):
    """Distances for `metric="precomputed"`, else similarities."""
    distances = getattr(estimator, "metric", None) == "precomputed"
    return (pairwise_distances if distances else rbf_kernel)(rows(estimator))


# The first tag that an estimator has decides. Another kind of data (texts, graphs, pairs of rows)
# needs a maker and a line here, and all common tests run on it.
MAKERS = {
    "pairwise": pairs_of_rows,
    "one_d_array": column,
    "positive_only": nonnegative_rows,
    "two_d_array": rows,
}


def data(estimator):
    tags = get_tags(estimator).input_tags
    return next(maker for tag, maker in MAKERS.items() if getattr(tags, tag))(estimator)


def sparse_data(estimator, container):
    """The same, dense and sparse; of pairs all are stored, as others may count as no pair."""
    X = data(estimator)
    if not get_tags(estimator).input_tags.pairwise:
        X = np.where(np.abs(X) < 2, 0, X)  # a third
        return X, container(X)
    stored = container(np.ones_like(X))
    stored.data[:] = X.ravel()  # the order matters not: X is symmetric
    return X, stored
