"""DBCV against its definition on the whole matrix of distances."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy.spatial.distance import cdist
from sklearn.datasets import make_moons

from skdeepcluster.metrics import _density, density_validity


def kruskal(distance, core):
    """The spanning tree by sorted edges; of equal ones the shorter distance first."""
    source, target = np.triu_indices(len(core), 1)
    length = distance[source, target]
    weight = np.maximum(length, np.maximum(core[source], core[target]))
    part, kept = np.arange(len(core)), []
    for edge in np.lexsort((length, weight)):
        a, b = part[source[edge]], part[target[edge]]
        if a != b:
            part[part == a] = b
            kept.append(edge)
    return source[kept], target[kept], weight[kept]


def reference(X, labels, d=None):
    """The quadratic form, for rows without copies."""
    d = X.shape[1] if d is None else d
    names = [k for k in np.unique(labels) if k != -1]
    D = cdist(X, X)
    core, sparseness, inner = np.zeros(len(X)), {}, {}
    for k in names:
        rows = np.flatnonzero(labels == k)
        if len(rows) == 1:
            sparseness[k], inner[k] = 0, rows
            continue
        own = D[np.ix_(rows, rows)]
        with np.errstate(divide="ignore"):
            powers = own ** (-float(d))
        np.fill_diagonal(powers, 0)
        core[rows] = (powers.sum(axis=1) / (len(rows) - 1)) ** (-1 / d)
        source, target, weight = kruskal(own, core[rows])
        inside = np.bincount(np.r_[source, target], minlength=len(rows)) > 1
        edges = weight[inside[source] & inside[target]]
        sparseness[k] = (edges if len(edges) else weight).max()
        inner[k] = rows[inside] if inside.any() else rows
    total, values = 0, []
    for k in names:
        separation = min(
            max(D[x, y], core[x], core[y])
            for other in names
            if other != k
            for x in inner[k]
            for y in inner[other]
        )
        value = (separation - sparseness[k]) / max(separation, sparseness[k])
        values.append(value if (labels == k).sum() > 1 else 0.0)
        total += (labels == k).sum() * values[-1]
    return total / len(X), values


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32), st.integers(4, 60), st.integers(1, 6), st.integers(2, 4))
def test_equals_the_definition(seed, n, n_features, k):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, n_features))
    labels = rng.integers(-1, k, n)
    labels[:2] = [0, 1]
    X += labels[:, np.newaxis] * rng.uniform(0, 4)
    total, values = reference(X, labels)
    got = density_validity(X, labels, per_cluster=True)
    assert_allclose(got, values, rtol=1e-9, atol=1e-9)
    assert_allclose(density_validity(X, labels), total, rtol=1e-9, atol=1e-9)
    # The order of rows does not matter.
    order = rng.permutation(n)
    assert_allclose(density_validity(X[order], labels[order], per_cluster=True), got, atol=1e-9)


def test_blocks_change_nothing(monkeypatch):
    X, y = make_moons(200, noise=0.1, random_state=0)
    whole = density_validity(X, y)
    assert_allclose(whole, reference(X, y)[0], rtol=1e-9)
    monkeypatch.setattr(_density, "BLOCK_ENTRIES", 700)
    assert density_validity(X, y) == whole


@pytest.mark.parametrize("factor", [1e-180, 1e180])
def test_no_overflow(factor):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 200)) + 40 * np.repeat([0, 1], 30)[:, np.newaxis]
    y = np.repeat([0, 1], 30)
    value = density_validity(X, y)
    # In so many dimensions the core distance is nearly that to the nearest row.
    own = cdist(X[:30], X[:30]) + np.diag(np.full(30, np.inf))
    core = _density._cluster(X[:30], 200)[0]
    assert (core >= own.min(axis=1)).all() and (core <= 1.02 * own.min(axis=1)).all()
    assert value > 0.9
    assert_allclose(density_validity(X * factor, y), value, rtol=1e-9)


def test_good_and_bad_clusters():
    X, y = make_moons(300, noise=0.05, random_state=0)
    rng = np.random.default_rng(0)
    assert density_validity(X, y) > 0
    assert density_validity(X, rng.permutation(y)) < 0
    assert density_validity(X, y, n_dimensions=1.5) != density_validity(X, y)
    # Noise counts as nothing.
    noisy = np.where(np.arange(300) < 30, -1, y)
    values = density_validity(X, noisy, per_cluster=True)
    sizes = [(noisy == k).sum() for k in (0, 1)]
    assert_allclose(density_validity(X, noisy), sizes @ values / 300)


def test_copies():
    X = np.repeat([[0.0, 0.0], [5.0, 0.0], [5.0, 1.0]], [4, 3, 3], axis=0)
    labels = np.repeat([0, 1], [4, 6])
    # Copies have core distance 0; the longest edge of the second cluster is 1.
    assert_allclose(density_validity(X, labels, per_cluster=True), [1, 0.8])
    assert density_validity(np.zeros((6, 2)), [0, 0, 0, 1, 1, 1]) == 0


def test_errors():
    X = np.zeros((4, 2))
    with pytest.raises(ValueError, match="at least 2; labels have 1"):
        density_validity(X, [0, 0, -1, 0])
    with pytest.raises(ValueError, match="inconsistent numbers"):
        density_validity(X, [0, 1])
    with pytest.raises(ValueError, match="n_dimensions"):
        density_validity(X, [0, 0, 1, 1], n_dimensions=0)
