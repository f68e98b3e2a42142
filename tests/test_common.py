"""What every public estimator must do, whatever its method."""

# For every estimator, on data that its tags ask for (tests/common.py), and again on a matrix of
# distances or similarities where it takes one: scikit-learn's checks, labels, determinism, the
# state of the process, pickles, pipelines and searches, precision, sparse data, docstrings.
#
# Once per family (tests/<family>/test_family.py): what its methods find, restarts, time limits,
# images, given modules. On one estimator for all: the contract of deep ones (tests/deep) and kinds
# of input (tests/validation). On cases drawn over all estimators: rows of another kind than those
# of the fit (tests/test_fuzz.py).
#
# Time budget: 10 seconds of one core for a deep method and 2 for a classical one, three quarters of
# which are scikit-learn's checks.

import ast
import inspect
import pickle
import sys
import warnings

import numpy as np
import pytest
import scipy.sparse as sp
from numpydoc.docscrape import ClassDoc
from sklearn.base import clone, is_clusterer
from sklearn.datasets import make_blobs
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import get_tags
from sklearn.utils.estimator_checks import parametrize_with_checks
from sklearn.utils.validation import has_fit_parameter
from threadpoolctl import threadpool_info

from skdeepcluster import (
    IIC,
    M3S,
    SACA,
    SP2OT,
    GlobalLocalAdapter,
    HyperTrack,
    RareClusterSearch,
    SubclassContrastive,
    VolMaxDCC,
)
from skdeepcluster._discovery import all_estimators
from skdeepcluster._sklearn import StrOptions
from skdeepcluster.deep import DeepClusterer
from tests.common import brief, data, family, known, sparse_data

# Two epochs are no convergence, and are not meant to be.
pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    # Checks give full labels.
    pytest.mark.filterwarnings("ignore::skdeepcluster.constraints.IgnoredLabelsWarning"),
]

# scikit-learn's checks fit a hundred times: one batch in an epoch, and two epochs.
ONE_BATCH = {"pretrain_epochs": 2, "init_epochs": 5, "max_epochs": 2, "batch_size": 256}
# One check wants clusters, where heads begin with arbitrary ones.
MORE_EPOCHS = dict.fromkeys([*family("semantic"), M3S, VolMaxDCC], {"max_epochs": 25})
# Each of its steps solves a transport several times.
MORE_EPOCHS[SP2OT] = {"max_epochs": 8}
# Every edge is as probable as any other until it is trained.
MORE_EPOCHS[HyperTrack] = {"max_epochs": 10}
# Rows of which its classifier is not sure are of no class.
MORE_EPOCHS[GlobalLocalAdapter] = {"pretrain_epochs": 30, "learning_rate": 0.02}
PLAIN = [brief(Estimator, **known(Estimator, ONE_BATCH)) for _, Estimator in all_estimators()]


def on_pairs(estimator):
    """The same for distances or similarities, where it takes these in the place of rows."""
    for name in estimator.get_params(deep=False).keys() & {"metric", "affinity"}:
        variant = clone(estimator).set_params(**{name: "precomputed"})
        if get_tags(variant).input_tags.pairwise:
            yield variant


ESTIMATORS = [*PLAIN, *(variant for estimator in PLAIN for variant in on_pairs(estimator))]


def each(estimators):
    def name(estimator):
        pairwise = get_tags(estimator).input_tags.pairwise
        return type(estimator).__name__ + pairwise * "-precomputed"

    return pytest.mark.parametrize("estimator", estimators, ids=name)


every_estimator = each(ESTIMATORS)
every_class = each(PLAIN)
every_deep_clusterer = each(
    [e for e in PLAIN if isinstance(e, (DeepClusterer, SubclassContrastive))]
)
every_clusterer = each([estimator for estimator in ESTIMATORS if is_clusterer(estimator)])


@pytest.fixture
def X(estimator):
    return data(estimator)


def expected_failed_checks(estimator):
    failures = {}
    tags = estimator.__sklearn_tags__()
    if tags.input_tags.pairwise:
        failures |= dict.fromkeys(
            (
                "check_clustering",
                "check_positive_only_tag_during_fit",
                "check_sample_weights_not_an_array",
                "check_transformer_data_not_an_array",
                *(["check_estimators_nan_inf"] if not tags.input_tags.positive_only else []),
            ),
            "gives rows in the place of pairs",
        )
    elif tags.input_tags.positive_only:
        failures |= dict.fromkeys(
            ("check_clustering", "check_clustering(readonly_memmap=True)"), "gives negative values"
        )
    if tags.input_tags.sparse and hasattr(estimator, "predict_proba"):
        # They look up `tags.classifier_tags.multi_class`, which a clusterer does not have.
        failures |= dict.fromkeys(
            ("check_estimator_sparse_array", "check_estimator_sparse_matrix"),
            "takes what has predict_proba for a classifier",
        )
    if isinstance(estimator, (RareClusterSearch, SACA)):
        failures["check_clustering"] = (
            "of rows that are all common, or without pairs, it finds none"
        )
        failures["check_clustering(readonly_memmap=True)"] = failures["check_clustering"]
    if isinstance(estimator, IIC):
        failures |= dict.fromkeys(
            ("check_clustering", "check_clustering(readonly_memmap=True)"),
            "views of two features carry little information: any balanced partition is as good",
        )
    if has_fit_parameter(estimator, "sample_weight") and "random_state" in estimator.get_params():
        failures |= dict.fromkeys(
            (
                "check_sample_weight_equivalence_on_dense_data",
                "check_sample_weight_equivalence_on_sparse_data",
            ),
            "as for KMeans: among repeated rows the generator draws another start",
        )
    elif type(estimator).__name__ == "HDBSCAN":
        failures |= dict.fromkeys(
            (
                "check_sample_weight_equivalence_on_dense_data",
                "check_sample_weight_equivalence_on_sparse_data",
            ),
            "clusters are numbered by their first rows, whose order the check changes",
        )
    return failures


# scikit-learn has checks for rows of several features and for pairs only; an estimator of one
# column runs them in tests of its own.
CHECKED = [estimator for estimator in ESTIMATORS if get_tags(estimator).input_tags.two_d_array]


@parametrize_with_checks(CHECKED, expected_failed_checks=expected_failed_checks)
def test_scikit_learn_checks(estimator, check):
    if check.func.__name__ == "check_clustering":
        estimator = clone(estimator).set_params(**MORE_EPOCHS.get(type(estimator), {}))
    check(estimator)


@every_clusterer
def test_labels_of_each_row(estimator, X):
    labels = clone(estimator).fit_predict(X)
    assert labels.shape == (len(X),)
    assert np.issubdtype(labels.dtype, np.integer)
    assert labels.min() >= -1


@every_clusterer
def test_a_number_of_clusters_that_is_found_is_an_attribute(estimator, X):
    fitted = clone(estimator).fit(X)
    if "n_clusters" in estimator.get_params():
        # Where it is given, it may be found as well, as by a clusterer that is passed.
        assert getattr(fitted, "n_clusters_", 3) == 3
    else:
        assert fitted.n_clusters_ == fitted.labels_.max() + 1 == len(set(fitted.labels_) - {-1})
        assert isinstance(fitted.n_clusters_, int)


@every_clusterer
def test_same_random_state_same_labels(estimator, X):
    first = clone(estimator).fit(X)
    np.random.seed(1)  # noqa: NPY002
    np.random.random(7)  # noqa: NPY002
    if "torch" in sys.modules:
        sys.modules["torch"].rand(7)
    second = clone(estimator).fit(X)
    np.testing.assert_array_equal(first.labels_, second.labels_)


@each([estimator for estimator in ESTIMATORS if get_tags(estimator).input_tags.sparse])
@pytest.mark.parametrize("container", [sp.csr_matrix, sp.csr_array, sp.csc_array])
def test_sparse_data_are_those_that_are_dense(estimator, container):
    X, stored = sparse_data(estimator, container)
    dense, sparse = clone(estimator).fit(X), clone(estimator).fit(stored)
    np.testing.assert_array_equal(sparse.labels_, dense.labels_)
    for name in ("predict", "predict_proba", "transform", "score_samples", "score"):
        # After a fit on sparse distances HDBSCAN cannot place new samples.
        for model in [model for model in (dense, sparse) if hasattr(model, name)]:
            expected = getattr(dense, name)(X)
            for found in (getattr(model, name)(X), getattr(model, name)(stored)):
                if name == "predict" or isinstance(estimator, DeepClusterer):
                    np.testing.assert_array_equal(found, expected)
                else:
                    # Sums over the entries of sparse rows take them in another order.
                    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6)


@every_deep_clusterer
def test_what_a_row_gets_depends_on_no_other(estimator):
    X = make_blobs(400, n_features=33, centers=3, random_state=0)[0].astype(np.float32)
    X = (X - X.min()) / np.ptp(X)
    widths = known(type(estimator), {"hidden_layer_sizes": (37,)})
    model = clone(estimator).set_params(**widths).fit(X[:120])
    order = np.random.RandomState(0).permutation(len(X))
    for name in ("transform", "predict_proba", "predict", "score_samples"):
        if not hasattr(model, name):
            continue
        method = getattr(model, name)
        whole = method(X)
        np.testing.assert_array_equal(method(X[order]), whole[order])
        np.testing.assert_array_equal(method(X[101:390]), whole[101:390])
        for i in (0, 255, 256, 399):
            np.testing.assert_array_equal(method(X[[i]])[0], whole[i])


def world():
    """What a fit must leave as it was."""
    state = {
        "numpy": pickle.dumps(np.random.get_state()),  # noqa: NPY002
        "filters": list(warnings.filters),
        "threads": {pool["filepath"]: pool["num_threads"] for pool in threadpool_info()},
    }
    if torch := sys.modules.get("torch"):
        state |= {
            "torch": torch.get_rng_state().tolist(),
            "dtype": torch.get_default_dtype(),
            "grad": torch.is_grad_enabled(),
            "torch threads": torch.get_num_threads(),
            "deterministic": torch.are_deterministic_algorithms_enabled(),
        }
    return state


@every_estimator
def test_fit_leaves_the_world_as_it_was(estimator, X):
    clone(estimator).fit(X)  # loads the libraries
    before = world()
    clone(estimator).fit(X)
    assert world() == before


@every_estimator
def test_pickle_round_trip(estimator, X):
    fitted = clone(estimator).fit(X)
    copy = pickle.loads(pickle.dumps(fitted))
    if is_clusterer(fitted):
        np.testing.assert_array_equal(copy.labels_, fitted.labels_)
    for method in ("predict", "predict_proba", "transform"):
        if hasattr(fitted, method):
            np.testing.assert_array_equal(getattr(copy, method)(X), getattr(fitted, method)(X))


@every_clusterer
def test_pipeline_and_grid_search(estimator, X):
    tags = get_tags(estimator).input_tags
    if tags.pairwise or tags.positive_only:
        pipeline, grid = make_pipeline(clone(estimator)), {}
    else:
        pipeline = make_pipeline(StandardScaler(), clone(estimator))
        grid = {"standardscaler__with_std": [False, True]}
    step = pipeline.steps[-1][0]
    names = estimator.get_params(deep=False)
    assert {f"{step}__{name}" for name in names} <= pipeline.get_params().keys()
    assert pipeline.fit_predict(X).shape == (len(X),)
    if hasattr(estimator, "score"):
        search = GridSearchCV(pipeline, grid, cv=2, error_score="raise").fit(X)
        assert np.isfinite(search.cv_results_["mean_test_score"]).all()
        assert search.predict(X).shape == (len(X),)


@every_estimator
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_results_keep_the_precision_of_the_data(estimator, X, dtype):
    fitted = clone(estimator).fit(X.astype(dtype))
    for method in ("predict_proba", "transform"):
        if hasattr(fitted, method):
            assert getattr(fitted, method)(X.astype(dtype)).dtype == dtype
    if getattr(fitted, "cluster_centers_", None) is not None:  # of distances there are none
        assert fitted.cluster_centers_.dtype == dtype


def _options(estimator):
    for name, constraints in estimator._parameter_constraints.items():
        for constraint in constraints if isinstance(constraints, list) else ():
            if isinstance(constraint, StrOptions):
                yield name, constraint.options


@every_class
def test_misspelled_options_get_a_suggestion(estimator, X):
    for name, options in _options(estimator):
        for option in options:
            misspelled = clone(estimator).set_params(**{name: option.upper() + "X"})
            with pytest.raises(ValueError, match=f"The '{name}' parameter") as caught:
                misspelled.fit(X)
            message = str(caught.value)
            assert ", ".join(map(repr, sorted(options))) in message
            suggested = message.rsplit(" instead. ", 1)[1]
            assert suggested in {f"Did you mean {option!r}?" for option in options}
            assert suggested == f"Did you mean {option!r}?" or len(option) <= 3


@every_class
def test_docstring_tells_what_fit_learns(estimator, X):
    doc = ClassDoc(type(estimator))
    documented = {attribute.name: " ".join(attribute.desc) for attribute in doc["Attributes"]}
    fitted = clone(estimator).fit(X)
    learned = {name for name in vars(fitted) if name.endswith("_") and not name.startswith("_")}
    assert learned <= documented.keys()
    for name, description in documented.items():
        assert hasattr(fitted, name) or "only" in description.lower(), name
    assert doc["Examples"]


@every_class
def test_documented_defaults_are_those_of_the_signature(estimator):
    signature = inspect.signature(type(estimator))
    documented = {
        parameter.name: parameter.type for parameter in ClassDoc(type(estimator))["Parameters"]
    }
    assert list(documented) == list(signature.parameters)
    for name, parameter in signature.parameters.items():
        _, _, default = documented[name].rpartition("default=")
        assert default, f"{name} has no documented default"
        try:
            default = ast.literal_eval(default.replace("-pi/2", str(-np.pi / 2)))
        except (SyntaxError, ValueError):
            pass
        assert default == parameter.default, name


@every_class
def test_parameters_come_in_the_order_that_users_meet_elsewhere(estimator):
    names = list(inspect.signature(type(estimator)).parameters)
    if "n_clusters" in names:
        assert names[0] == "n_clusters"
    if "verbose" in names:
        assert names[-1] == "verbose"
    kinds = [parameter.kind for parameter in inspect.signature(type(estimator)).parameters.values()]
    assert all(kind is inspect.Parameter.KEYWORD_ONLY for kind in kinds[1:])


@every_class
def test_the_chain_of_bases_is_short(estimator):
    def depth(cls):
        ours = [base for base in cls.__bases__ if base.__module__.startswith("skdeepcluster.")]
        return 1 + max((depth(base) for base in ours), default=0)

    assert depth(type(estimator)) <= 6


@every_clusterer
def test_fit_predict_passes_y_on(estimator, X):
    seen = []

    class Watched(type(estimator)):
        def fit(self, X, y=None, **side):
            seen.append(y)
            return super().fit(X, **side)

    Watched(**estimator.get_params(deep=False)).fit_predict(X, np.zeros(len(X)))
    assert len(seen[0]) == len(X)
