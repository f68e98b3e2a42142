"""one_vs_all_labels."""

import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skdeepcluster import one_vs_all_labels


def blobs(n_known, n_unknown, size=20, seed=0):
    """Tight blobs in orthogonal directions, sure probabilities of known ones and equal others."""
    rng = np.random.default_rng(seed)
    k = n_known + n_unknown
    y = rng.permutation(np.repeat(np.arange(k), size))
    Z = np.eye(k)[y] + rng.normal(0, 0.02, (len(y), k))
    proba = np.full((len(y), n_known), 1 / n_known)
    proba[y < n_known] = np.eye(n_known)[y[y < n_known]]
    return Z, proba, np.where(y < n_known, y, -1)


@settings(max_examples=15, deadline=None)
@given(st.integers(2, 5), st.integers(0, 4), st.integers(0, 99), st.sampled_from("fd"))
def test_tight_blobs_are_labeled_without_error(n_known, n_unknown, seed, dtype):
    Z, proba, y = blobs(n_known, n_unknown, seed=seed)
    Z = Z.astype(dtype)
    n = n_known + n_unknown
    found = one_vs_all_labels(Z, proba, n_clusters=n, random_state=seed)
    np.testing.assert_array_equal(found.labels, y)
    assert found.labels.dtype == np.int32
    assert found.prototypes.dtype == found.negatives.dtype == Z.dtype
    assert found.negatives.shape == (n_known, n, n)
    np.testing.assert_allclose(found.priors, 1)
    np.testing.assert_allclose(found.entropy, y < 0, atol=1e-12)
    np.testing.assert_array_equal(found.margins >= 0, y >= 0)
    np.testing.assert_array_equal(found.predict(3 * Z), y)


@settings(max_examples=15, deadline=None)
@given(
    st.integers(2, 4), st.integers(2, 6), st.floats(0, 1), st.integers(-9, 9), st.integers(0, 99)
)
def test_the_equations_row_by_row(n_known, n_clusters, rho, exponent, seed):
    rng = np.random.default_rng(seed)
    Z = rng.normal(size=(50, 3)) + 1
    proba = rng.dirichlet(np.ones(n_known), 50)
    given = Z.copy(), proba.copy()
    options = {"n_clusters": n_clusters, "rho": rho, "random_state": seed}
    found = one_vs_all_labels(Z, proba, **options)
    np.testing.assert_array_equal(Z, given[0])
    np.testing.assert_array_equal(proba, given[1])
    unit = [z / np.linalg.norm(z) for z in Z]
    for c in range(n_known):
        best = sorted(range(50), key=lambda i: -proba[i, c])[: 50 // n_clusters]
        mean = sum(unit[i] for i in best)
        np.testing.assert_allclose(found.prototypes[c], mean / np.linalg.norm(mean))
        kappa = (1 - rho) * np.mean([proba[i, c] for i in best]) + rho
        np.testing.assert_allclose(found.priors[c], kappa)
        assert rho <= kappa <= 1
        np.testing.assert_allclose(np.linalg.norm(found.negatives[c], axis=1), 1)
    for i, z in enumerate(unit):
        c = max(range(n_known), key=lambda c: found.prototypes[c] @ z)
        margin = found.priors[c] * (found.prototypes[c] @ z) - max(found.negatives[c] @ z)
        np.testing.assert_allclose(found.margins[i], margin, atol=1e-12)
        assert found.labels[i] == (c if found.margins[i] >= 0 else -1)
    # Lengths of rows do not count.
    scaled = one_vs_all_labels(np.ldexp(Z, exponent), proba, **options)
    np.testing.assert_array_equal(scaled.labels, found.labels)
    np.testing.assert_array_equal(scaled.margins, found.margins)


def test_centers_are_those_of_the_rows_that_are_no_candidates():
    Z, proba, y = blobs(3, 0)
    found = one_vs_all_labels(Z, proba, n_clusters=3, random_state=0)
    for c in range(3):
        # The candidates of the class are all its rows; no center is left near its prototype.
        assert (found.negatives[c] @ found.prototypes[c]).max() < 0.2
        for other in set(range(3)) - {c}:
            assert (found.negatives[c] @ found.prototypes[other]).max() > 0.99


def test_improbable_candidates_need_more_similarity():
    Z, proba, y = blobs(2, 2)
    # A third class whose rows are not there: its candidates are those of other classes.
    proba = np.column_stack([0.95 * proba, np.full(len(Z), 0.05)])
    found = one_vs_all_labels(Z, proba, n_clusters=4, random_state=0)
    np.testing.assert_array_equal(found.labels, y)
    np.testing.assert_allclose(found.priors[2], 0.75 + 0.25 * 0.05)
    nearest = one_vs_all_labels(Z, proba, n_clusters=4, rho=1, random_state=0)
    np.testing.assert_array_equal(nearest.priors, 1)
    assert (nearest.labels >= 0).sum() >= (found.labels >= 0).sum()


@pytest.mark.parametrize("reducer", ["pca", "tsne", None])
def test_the_number_of_clusters_is_that_of_the_largest_silhouette(reducer):
    Z, proba, y = blobs(4, 4)
    Z = np.column_stack([Z, np.random.default_rng(1).normal(0, 0.01, (len(Z), 60))])
    found = one_vs_all_labels(Z, proba, reducer=reducer, random_state=0)
    assert set(found.silhouettes) == {2, 4, 6, 8, 12}
    assert found.n_clusters == 8 == max(found.silhouettes, key=found.silhouettes.get)
    np.testing.assert_array_equal(found.labels, y)


def test_the_same_seed_gives_the_same_and_the_order_of_rows_does_not_count():
    Z, proba, y = blobs(3, 2)
    found = one_vs_all_labels(Z, proba, random_state=3)
    again = one_vs_all_labels(Z, proba, random_state=3)
    for one, other in zip(found, again, strict=True):
        np.testing.assert_equal(one, other)
    order = np.random.default_rng(0).permutation(len(Z))
    found = one_vs_all_labels(Z, proba, n_clusters=5, random_state=3)
    moved = one_vs_all_labels(Z[order], proba[order], n_clusters=5, random_state=3)
    np.testing.assert_array_equal(moved.labels, found.labels[order])
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(found)).predict(Z), found.labels)


def test_few_rows():
    Z, proba, _ = blobs(2, 1, size=1)
    assert one_vs_all_labels(Z, proba, random_state=0).n_clusters == 2
    with pytest.raises(ValueError, match="n_samples=3 is too few for 4 clusters"):
        one_vs_all_labels(Z, proba, n_clusters=4)
    with pytest.raises(ValueError, match="n_samples=1 is too few for 2 clusters"):
        one_vs_all_labels(Z[:1], proba[:1])


@pytest.mark.parametrize(
    "change, message",
    [
        ({"proba": np.ones((60, 2))}, r"sums in \[2, 2\]. Pass scores through a softmax"),
        ({"proba": np.tile([1.5, -0.5], (60, 1))}, "must be probabilities: not negative"),
        ({"proba": np.ones((60, 1))}, "at least two classes, got 1"),
        ({"proba": np.full((50, 2), 0.5)}, "inconsistent numbers of samples"),
        ({"proba": np.full((60, 2), np.nan)}, "proba contains NaN"),
        ({"Z": np.zeros((60, 2))}, "rows of zeros, which have no direction"),
        ({"Z": np.full((60, 2), np.inf)}, "Z contains infinity"),
        ({"n_clusters": 1}, "'n_clusters' parameter"),
        ({"rho": 1.5}, "'rho' parameter"),
    ],
)
def test_bad_input(change, message):
    Z, proba, _ = blobs(2, 1)
    with pytest.raises(ValueError, match=message):
        one_vs_all_labels(**({"Z": Z, "proba": proba} | change))
    with pytest.raises(ValueError, match="Z has 2 columns, and the prototypes have 3"):
        one_vs_all_labels(Z, proba, n_clusters=3, random_state=0).predict(Z[:, :2])


def h_score(y, labels, n_known):
    """Harmonic mean of the accuracies on known classes, their mean, and on the others."""
    known = np.mean([(labels[y == c] == c).mean() for c in range(n_known)])
    unknown = (labels[y < 0] == -1).mean()
    return 2 * known * unknown / max(known + unknown, 1e-12)


def test_digits_that_a_classifier_has_never_seen():
    X, y = load_digits(return_X_y=True)
    rng = np.random.default_rng(0)
    old = rng.random(len(y)) < 0.5
    rows = old & (y < 6)
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=500)).fit(X[rows], y[rows])
    new = ~old
    Z, proba = model[0].transform(X[new]), model.predict_proba(X[new])
    truth = np.where(y[new] < 6, y[new], -1)
    found = one_vs_all_labels(Z, proba, n_clusters=10, random_state=0)
    score = h_score(truth, found.labels, 6)
    print(score, h_score(truth, np.where(found.entropy > 0.55, -1, proba.argmax(1)), 6))
    # The classifier alone gives a known class to every row.
    assert score > 0.6
