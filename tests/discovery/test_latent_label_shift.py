"""LatentLabelShiftClustering."""

import numpy as np
import pytest
from sklearn.cluster import KMeans
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning

from skdeepcluster import LatentLabelShiftClustering
from skdeepcluster.metrics import clustering_accuracy


class Oracle:
    """The true probabilities of the domains, in the first columns of the rows."""

    def __init__(self, n_domains=4):
        self.n_domains = n_domains

    def get_params(self, deep=True):
        return {"n_domains": self.n_domains}

    def fit(self, X, y):
        return self

    def predict_proba(self, X):
        return X[:, : self.n_domains]


@pytest.fixture(scope="module")
def shifted():
    """Classes 0 to 2 with different shares in four domains, and q(d | y)."""
    rng = np.random.default_rng(0)
    shares = np.array([[0.8, 0.1, 0.2, 0.4], [0.1, 0.8, 0.2, 0.3], [0.1, 0.1, 0.6, 0.3]])
    domains = np.repeat(np.arange(4), 1500)
    y = np.array([rng.choice(3, p=shares[:, d]) for d in domains])
    return shares, domains, y, (shares / shares.sum(axis=1, keepdims=True))[y]


def test_true_probabilities_of_the_domains_reveal_shares_and_classes(shifted):
    shares, domains, y, X = shifted
    model = LatentLabelShiftClustering(3, discriminator=Oracle(), random_state=0)
    model.fit(X, domains=domains)
    # As many cells as classes: the factorization is not unique, and near the truth.
    assert clustering_accuracy(y, model.labels_) > 0.89
    order = [np.argmax(np.bincount(model.labels_[y == c], minlength=3)) for c in range(3)]
    np.testing.assert_allclose(model.class_priors_[order], shares, atol=0.2)
    np.testing.assert_allclose(model.class_priors_.sum(axis=0), 1)
    np.testing.assert_allclose(model.cell_given_class_.sum(axis=0), 1)
    np.testing.assert_array_equal(model.predict(X, domains), model.labels_)
    named = np.array(["d", "a", "c", "b"])[domains]
    other = LatentLabelShiftClustering(3, discriminator=Oracle(), random_state=0)
    assert other.fit(X[:, [1, 3, 2, 0]], domains=named).domains_.tolist() == ["a", "b", "c", "d"]
    assert clustering_accuracy(y, other.labels_) > 0.89


def test_classes_that_only_their_shares_join():
    # Corners of a square: the product of the signs is the class, as no distance says.
    rng = np.random.default_rng(0)
    domains = np.repeat(np.arange(4), 700)
    y = (rng.random(2800) < np.array([0.05, 0.35, 0.65, 0.95])[domains]).astype(int)
    side = rng.choice([-1, 1], 2800)
    corners = 2.5 * np.column_stack([side, np.where(y == 1, side, -side)])
    X = corners + 0.6 * rng.normal(size=(2800, 2))
    X = np.column_stack([X, X[:, 0] * X[:, 1]])
    model = LatentLabelShiftClustering(2, random_state=0).fit(X, domains=domains)
    assert clustering_accuracy(y, model.labels_) > 0.9
    assert clustering_accuracy(y, KMeans(2, n_init=5, random_state=0).fit_predict(X[:, :2])) < 0.6


def test_what_domains_cannot_tell():
    X = np.random.default_rng(0).normal(size=(60, 2))
    domains = np.arange(60) % 3
    with pytest.raises(ValueError, match="3 domains, fewer than n_clusters=4"):
        LatentLabelShiftClustering(4).fit(X, domains=domains)
    with pytest.raises(ValueError, match="domains has 3 entries, X 60 rows"):
        LatentLabelShiftClustering(2).fit(X, domains=[0, 1, 2])
    with pytest.raises(ValueError, match="domains contains NaN"):
        LatentLabelShiftClustering(2).fit(X, domains=np.where(domains == 0, np.nan, 1.0))
    with pytest.raises(ValueError, match="has one row; leave it out"):
        LatentLabelShiftClustering(2).fit(X, domains=np.r_[domains[:-1], 9])
    with pytest.warns(ConvergenceWarning, match="Without domains="):
        alone = LatentLabelShiftClustering(2, random_state=0).fit(X)
    np.testing.assert_array_equal(alone.predict(X), alone.labels_)
    model = LatentLabelShiftClustering(2, discriminator=Oracle(3), random_state=0)
    same = np.random.default_rng(0).dirichlet(np.ones(3), 60)
    with pytest.warns(ConvergenceWarning, match="too much alike"):
        model.fit(np.repeat(same[:20], 3, axis=0), domains=domains)
    X = np.repeat(same[:20], 3, axis=0)
    with pytest.raises(ValueError, match="must name a domain of the fit"):
        model.predict(X, np.full(60, 7))


def test_digits_in_ten_domains():
    X, y = load_digits(n_class=5, return_X_y=True)
    rng = np.random.default_rng(1)
    shares = rng.dirichlet(np.full(5, 0.1), 10).T
    rows, domains = [], []
    for d in range(10):
        for c in range(5):
            chosen = rng.choice(np.flatnonzero(y == c), round(60 * shares[c, d]), replace=False)
            rows += chosen.tolist()
            domains += [d] * len(chosen)
    model = LatentLabelShiftClustering(5, random_state=0)
    labels = model.fit_predict(X[rows], domains=np.array(domains))
    assert clustering_accuracy(y[rows], labels) > 0.85
