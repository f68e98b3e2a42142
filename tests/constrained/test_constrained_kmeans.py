"""ConstrainedKMeans: pairs, labels, sizes and metrics."""

import itertools
import warnings

import numpy as np
import pytest
import sklearn
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array
from sklearn.cluster import KMeans
from sklearn.datasets import load_digits, make_blobs
from sklearn.metrics import adjusted_rand_score
from sklearn.model_selection import GridSearchCV, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skdeepcluster import ConstrainedKMeans
from skdeepcluster.algorithms import constrained_kmeans as _descent
from skdeepcluster.constraints import (
    IgnoredLabelsWarning,
    PairwiseConstraints,
    constraint_satisfaction_scorer,
)


@pytest.fixture(scope="module")
def blobs():
    return make_blobs(150, centers=4, cluster_std=2.0, random_state=0)


def fitted(X, k=4, **options):
    fit = {
        name: options.pop(name) for name in ("y", "constraints", "sample_ids") if name in options
    }
    return ConstrainedKMeans(k, random_state=0, **options).fit(X, **fit)


@pytest.mark.parametrize("algorithm", ["pck", "cop"])
def test_without_knowledge_it_is_k_means(blobs, algorithm):
    X, _ = blobs
    model = fitted(X, algorithm=algorithm, tol=0)
    assert model.inertia_ < 1.01 * KMeans(4, n_init=10, random_state=0).fit(X).inertia_
    reference = KMeans(4, init=model.cluster_centers_, n_init=1).fit(X)
    np.testing.assert_array_equal(model.labels_, reference.labels_)
    assert model.inertia_ == pytest.approx(reference.inertia_)
    np.testing.assert_array_equal(model.predict(X), model.labels_)
    assert model.n_violations_ == 0
    assert np.isnan(model.constraint_satisfaction_["balanced"])


def objective(model, X, known, weight):
    own = np.square(X - model.cluster_centers_[model.labels_]).sum()
    must, cannot = known.rows(len(X)).violated(model.labels_)
    price = weight * X.var(axis=0).sum()
    return own + price * (known.must_link_weight @ must + known.cannot_link_weight @ cannot)


@given(st.integers(0, 200), st.sampled_from([0.0, 0.1, 1.0, 10.0]))
def test_the_objective_is_that_of_its_labels_and_no_move_of_a_row_lowers_it(seed, weight):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(25, 2))
    known = PairwiseConstraints.from_labels(rng.integers(3, size=25), 40, random_state=seed)
    known = known.merge(known.take(slice(0, 3), slice(0, 3)))  # some weigh more
    model = ConstrainedKMeans(3, constraint_weight=weight, tol=0, random_state=seed)
    model.fit(X, constraints=known)
    least = objective(model, X, known, weight)
    assert model.inertia_ == pytest.approx(least)
    labels = model.labels_.copy()
    for i, j in itertools.product(range(25), range(3)):
        model.labels_ = labels.copy()
        model.labels_[i] = j
        assert objective(model, X, known, weight) >= least * (1 - 1e-12)


def test_no_pass_raises_the_objective(blobs, monkeypatch):
    X, y = blobs
    seen = []
    assign = _descent.Soft.assign

    def watched(self, costs, labels):
        before = self.objective(costs, labels)
        after = assign(self, costs, labels)
        seen.append((before, self.objective(costs, after)))
        return after

    monkeypatch.setattr(_descent.Soft, "assign", watched)
    known = PairwiseConstraints.from_labels(y, 150, flip=0.2, random_state=0)
    fitted(X, constraints=known, n_init=1, tol=0)
    values = np.array(seen).ravel()
    assert len(values) > 4
    assert (np.diff(values) <= 1e-9 * values[0]).all()


@given(st.integers(0, 300), st.integers(2, 5))
def test_hard_constraints_hold_always(seed, k):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(30, 2))
    known = PairwiseConstraints.from_labels(rng.integers(k, size=30), 60, random_state=seed)
    try:
        model = ConstrainedKMeans(k, algorithm="cop", n_init=2, random_state=0)
        model.fit(X, constraints=known)
    except ValueError as error:
        # A coloring with k colors exists; to find it may take forever.
        assert k > 2 and "was found" in str(error)
        return
    assert model.n_violations_ == 0
    assert known.satisfaction(model.labels_)["all"] == 1


def test_exchanges_find_what_a_greedy_order_does_not():
    # A path of cannot-links: the middle row is between two that took both clusters.
    X = np.array([[0.0], [10.0], [4.9], [5.1], [5.0]])
    known = PairwiseConstraints(None, [[0, 4], [4, 3], [3, 1]])
    model = fitted(X, 2, algorithm="cop", constraints=known, n_init=1)
    assert model.n_violations_ == 0


def test_what_cannot_be_satisfied_is_named(blobs):
    X, _ = blobs
    known = PairwiseConstraints(None, [[0, 1], [1, 2], [0, 2]])
    with pytest.raises(ValueError, match="infeasible: rows .* n_clusters=2"):
        fitted(X, 2, algorithm="cop", constraints=known)
    odd = PairwiseConstraints(None, [[0, 1], [1, 2], [2, 3], [3, 4], [4, 0]])
    with pytest.raises(ValueError, match="No clustering with n_clusters=2.*pck"):
        fitted(X, 2, algorithm="cop", constraints=odd)
    assert fitted(X, 2, constraints=odd, constraint_weight=100.0).n_violations_ == 1
    known = PairwiseConstraints([[0, 1], [1, 2]], [[0, 2]])
    with pytest.raises(ValueError, match=r"cannot-link \(0, 2\) contradicts"):
        fitted(X, algorithm="cop", constraints=known)


def test_true_pairs_help_and_more_help_more(blobs):
    X, y = blobs
    scores = [adjusted_rand_score(y, fitted(X).labels_)]
    for n_pairs in (600, 4000):
        known = PairwiseConstraints.from_labels(y, n_pairs, random_state=0)
        scores.append(adjusted_rand_score(y, fitted(X, constraints=known).labels_))
    assert scores[0] < scores[1] < scores[2]


def test_without_a_price_pairs_have_no_effect(blobs):
    X, y = blobs
    known = PairwiseConstraints.from_labels(y, 500, random_state=0)
    free = fitted(X, constraints=known, constraint_weight=0.0, n_init=1)
    np.testing.assert_array_equal(free.labels_, fitted(X, n_init=1).labels_)
    assert fitted(X, constraints=known, constraint_weight=50.0).n_violations_ < free.n_violations_


@pytest.mark.parametrize("algorithm", ["pck", "cop", "mpck"])
def test_labeled_rows_keep_their_clusters(blobs, algorithm):
    X, y = blobs
    known = np.where(np.arange(len(y)) % 5 == 0, y + 3, -1)
    known[known == 4] = 5  # classes 3, 5, 6
    known[:2] = 6, 3
    model = fitted(X, algorithm=algorithm, y=known)
    np.testing.assert_array_equal(model.classes_, [3, 5, 6])
    labeled = known >= 0
    expected = np.searchsorted([3, 5, 6], known[labeled])
    np.testing.assert_array_equal(model.labels_[labeled], expected)


def test_labels_that_contradict_pairs(blobs):
    X, y = blobs
    known = np.full(len(y), -1)
    known[:2] = 0, 1
    with pytest.raises(ValueError, match="Rows 0 and 1 have different labels"):
        fitted(X, algorithm="cop", y=known, constraints=PairwiseConstraints([[0, 1]]))


def test_full_labels_are_ignored(blobs):
    X, y = blobs
    with pytest.warns(IgnoredLabelsWarning):
        model = ConstrainedKMeans(4, random_state=0).fit(X, y)
    np.testing.assert_array_equal(model.labels_, fitted(X).labels_)
    partial = np.where(np.arange(len(y)) % 2 == 0, y, -1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = make_pipeline(StandardScaler(), ConstrainedKMeans(4, random_state=0))
        labels = model.fit_predict(X, partial)
    np.testing.assert_array_equal(labels[::2], y[::2])


@given(st.integers(0, 200), st.integers(2, 4))
def test_sizes_are_within_bounds_and_each_assignment_is_the_cheapest(seed, k):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(18, 2)) * [1, 5]
    low, high = 18 // k - rng.integers(0, 3), -(-18 // k) + rng.integers(0, 3)
    model = ConstrainedKMeans(k, min_size=int(low), max_size=int(high), random_state=0).fit(X)
    assert low <= model.sizes_.min() <= model.sizes_.max() <= high
    # No exchange of two rows and no move within the bounds is cheaper.
    costs = np.square(X[:, np.newaxis] - model.cluster_centers_).sum(axis=2)
    own = costs[np.arange(18), model.labels_]
    change = costs[:, model.labels_] - own[:, np.newaxis]
    assert (change + change.T).min() > -1e-9
    sizes = model.sizes_
    for i, j in itertools.product(range(18), range(k)):
        if sizes[model.labels_[i]] > low and sizes[j] < high:
            assert costs[i, j] >= own[i] - 1e-9


def test_sizes_beside_pairs_and_labels(blobs):
    X, y = blobs
    known = PairwiseConstraints.from_labels(y, 400, random_state=0)
    partial = np.where(np.arange(len(y)) < 20, y, -1)
    model = fitted(X, y=partial, constraints=known, min_size=37, max_size=38)
    assert set(model.sizes_) == {37, 38}
    np.testing.assert_array_equal(model.labels_[:20], y[:20])
    without = fitted(X, y=partial, min_size=37, max_size=38)
    assert known.satisfaction(model.labels_)["all"] > known.satisfaction(without.labels_)["all"]


@pytest.mark.parametrize(
    "options, what",
    [
        ({"min_size": 40}, "min_size=40 and max_size=None do not fit 150 rows.*up to 37"),
        ({"max_size": 37}, "max_size=37 do not fit 150 rows.*from 38 on"),
        ({"min_size": 5, "max_size": 4}, "do not fit"),
        ({"max_size": 40, "algorithm": "cop"}, 'are for algorithm="pck", not "cop"'),
        ({"init": np.zeros((3, 2))}, r"init has shape \(3, 2\)"),
    ],
)
def test_parameters_that_do_not_fit(blobs, options, what):
    with pytest.raises(ValueError, match=what):
        fitted(blobs[0], **options)


def test_labels_that_do_not_fit_the_sizes(blobs):
    X, y = blobs
    known = np.where(np.arange(len(y)) < 140, 0, -1)
    with pytest.raises(ValueError, match="140 rows of class 0, more than max_size=100"):
        fitted(X, y=known, max_size=100)
    with pytest.raises(ValueError, match="min_size=20 needs 60 rows without labels, y leaves 10"):
        fitted(X, y=known, min_size=20)


@pytest.mark.parametrize("covariance_type", ["diag", "full"])
def test_pairs_teach_which_feature_matters(covariance_type):
    rng = np.random.default_rng(0)
    y = np.arange(200) % 2
    X = np.column_stack([3 * y + 0.5 * rng.normal(size=200), 8 * rng.normal(size=200)])
    known = PairwiseConstraints.from_labels(y, 400, random_state=0)
    options = {"covariance_type": covariance_type, "constraints": known}
    learned = fitted(X, 2, algorithm="mpck", **options)
    unlearned = fitted(X, 2, constraints=known)
    assert adjusted_rand_score(y, learned.labels_) > 0.95
    assert adjusted_rand_score(y, unlearned.predict(X)) < 0.2
    assert adjusted_rand_score(y, learned.predict(X)) > 0.95
    A = learned.metric_ if covariance_type == "full" else np.diag(learned.metric_)
    assert A[0, 0] > 5 * A[1, 1]


def test_sparse_rows_and_metrics(blobs):
    with pytest.raises(TypeError, match='"mpck" takes no sparse rows'):
        fitted(csr_array(blobs[0]), algorithm="mpck")


def test_pairs_are_an_object_and_not_an_array(blobs):
    with pytest.raises(TypeError, match="constraints is a list; .*PairwiseConstraints"):
        fitted(blobs[0], constraints=[[0, 1]])


def test_permuted_rows_have_permuted_labels(blobs):
    X, y = blobs
    known = PairwiseConstraints.from_labels(y, 200, random_state=0)
    init = X[[0, 1, 2, 3]]
    first = fitted(X, init=init, constraints=known)
    order = np.random.default_rng(0).permutation(len(X))
    for weight in (0.1, 0.0):
        first = fitted(X, init=init, constraints=known, constraint_weight=weight)
        other = fitted(
            X[order], init=init, constraints=known, sample_ids=order, constraint_weight=weight
        )
        assert other.n_violations_ == pytest.approx(first.n_violations_, abs=8 * (weight > 0))
        if weight == 0:
            np.testing.assert_array_equal(other.labels_, first.labels_[order])


def test_cross_validation_hands_pairs_on_whole(blobs):
    X, y = blobs
    n = len(X)
    # As many pairs as rows: an array would be cut as if pairs were rows.
    known = PairwiseConstraints.from_labels(y, n, random_state=0)
    assert known.n_must_link + known.n_cannot_link == n
    seen = []

    class Watched(ConstrainedKMeans):
        def fit(self, X, y=None, *, constraints=None, sample_ids=None):
            seen.append((constraints, sample_ids))
            return super().fit(X, y, constraints=constraints, sample_ids=sample_ids)

    Watched.__name__ = "ConstrainedKMeans"
    metadata = {"constraints": known, "sample_ids": np.arange(n)}
    with sklearn.config_context(enable_metadata_routing=True):
        model = Watched(4, n_init=1, random_state=0).set_fit_request(
            constraints=True, sample_ids=True
        )
        pipeline = make_pipeline(StandardScaler(), model)
        found = cross_validate(
            pipeline, X, cv=3, params=metadata, scoring=constraint_satisfaction_scorer
        )
        assert np.isfinite(found["test_score"]).all()
        assert len(seen) == 3
        assert all(pairs is known and len(ids) == 100 for pairs, ids in seen)
        search = GridSearchCV(
            pipeline,
            {"constrainedkmeans__constraint_weight": [0.0, 1.0]},
            cv=3,
            scoring=constraint_satisfaction_scorer,
        )
        search.fit(X, **metadata)
        assert np.isfinite(search.best_score_)
        with pytest.raises(TypeError, match="written for|not routed|unexpected"):
            make_pipeline(StandardScaler(), ConstrainedKMeans()).fit(X, other=known)
    with pytest.raises(ValueError, match="written for 150 rows, X has 100.*sample_ids"):
        ConstrainedKMeans(4).fit(X[:100], constraints=known)


@pytest.mark.slow
def test_wrong_answers_do_not_ruin_digits():
    X, y = load_digits(return_X_y=True)
    base = np.mean([adjusted_rand_score(y, fitted(X, 10).labels_)])
    for algorithm in ("pck", "mpck"):
        for seed in range(3):
            known = PairwiseConstraints.from_labels(y, 3000, flip=0.1, random_state=seed)
            model = fitted(X, 10, algorithm=algorithm, constraints=known)
            assert adjusted_rand_score(y, model.labels_) > base
