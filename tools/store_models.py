"""Store a small fitted model of every estimator for the tests of later versions.

    python tools/store_models.py [name ...]

To be run once for each released version: writes ``tests/models/<version>/<name>.pkl``, each a
dictionary of the model, rows, and what the model's methods gave for them.
"""

import inspect
import pickle
import sys
import warnings
from pathlib import Path

from sklearn.datasets import make_blobs

import skdeepcluster
from skdeepcluster._discovery import all_estimators

FOLDER = Path(__file__).parents[1] / "tests" / "models" / skdeepcluster.__version__
BRIEF = {
    "n_clusters": 3,
    "pretrain_epochs": 1,
    "max_epochs": 1,
    "hidden_layer_sizes": (8,),
    "n_components": 4,
    "n_prototypes": 6,
    "random_state": 0,
}
METHODS = ("predict", "predict_proba", "transform", "score")


def main(names):
    """Fit and store estimators, all or some."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    warnings.simplefilter("ignore")
    for name, Estimator in all_estimators():
        if names and name not in names:
            continue
        parameters = inspect.signature(Estimator).parameters
        estimator = Estimator(**{key: BRIEF[key] for key in BRIEF if key in parameters})
        X = make_blobs(40, n_features=4, centers=3, random_state=0)[0]
        tags = estimator.__sklearn_tags__().input_tags
        X = X[:, :1] if tags.one_d_array else X
        X = X - X.min() if tags.positive_only else X
        estimator.fit(X)
        outputs = {
            method: getattr(estimator, method)(X)
            for method in METHODS
            if hasattr(estimator, method)
        }
        with open(FOLDER / f"{name}.pkl", "wb") as file:
            pickle.dump({"estimator": estimator, "X": X, "outputs": outputs}, file, protocol=4)


if __name__ == "__main__":
    main(sys.argv[1:])
