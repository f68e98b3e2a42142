"""Store what every estimator gives on digits and blobs with fixed seeds, or compare with that.

    python tools/compare_labels.py store labels.npz
    python tools/compare_labels.py compare labels.npz

For changes that are to leave every result as it is: store before, compare after, on one machine.
Networks are small and trained briefly, so that all of it takes minutes. Exit status 1 where labels,
embeddings or objectives differ, or an estimator is missing.
"""

import argparse
import inspect
import sys
import warnings

import numpy as np
import torch
from scipy.sparse import issparse
from sklearn.base import is_clusterer
from sklearn.datasets import load_digits, make_blobs

from skdeepcluster._discovery import all_estimators

BRIEF = {
    "pretrain_epochs": 3,
    "max_epochs": 4,
    "hidden_layer_sizes": (64,),
    "random_state": 0,
}


def data_sets():
    """Rows and a number of clusters."""
    yield "digits", load_digits(return_X_y=True)[0][:900], 10
    yield "blobs", make_blobs(500, n_features=6, centers=5, random_state=0)[0], 5


def results():
    """Pairs of a name and an array."""
    for name, Estimator in all_estimators():
        parameters = inspect.signature(Estimator).parameters
        for data, X, n_clusters in data_sets():
            known = BRIEF | {"n_clusters": n_clusters}
            estimator = Estimator(**{key: known[key] for key in known if key in parameters})
            tags = estimator.__sklearn_tags__().input_tags
            X = X[:, :1] if tags.one_d_array else X
            X = X - X.min() if tags.positive_only else X
            estimator.fit(X)
            if is_clusterer(estimator):
                yield f"{name} {data} labels", estimator.labels_
            for attribute in ("loss_", "inertia_", "embedding_", "probabilities_"):
                if hasattr(estimator, attribute):
                    value = getattr(estimator, attribute)
                    value = value.toarray() if issparse(value) else np.asarray(value)
                    yield f"{name} {data} {attribute}", value
            for method in ("predict", "predict_proba", "transform"):
                if hasattr(estimator, method):
                    yield f"{name} {data} {method}", getattr(estimator, method)(X)


def main():
    """Store or compare."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("action", choices=["store", "compare"])
    parser.add_argument("file")
    options = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    if options.action == "store":
        np.savez_compressed(options.file, **dict(results()))
        return 0
    stored, differing = dict(np.load(options.file)), 0
    for name, found in results():
        expected = stored.pop(name, None)
        if expected is None:
            print(f"{name}: new")
        elif not np.array_equal(found, expected, equal_nan=expected.dtype.kind == "f"):
            differing += 1
            same = found.shape == expected.shape and np.mean(found == expected)
            print(f"{name}: differs, {100 * same:.1f} % equal")
    for name in stored:
        print(f"{name}: missing")
    return int(differing + len(stored) > 0)


if __name__ == "__main__":
    sys.exit(main())
