"""Memberships of pairs, spectral clusters of landmarks, subspaces, and names by votes."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import adjusted_rand_score
from sklearn.preprocessing import normalize

from skdeepcluster.algorithms.spectral import affinity_eigenvectors
from skdeepcluster.assignment import doubly_stochastic
from skdeepcluster.metrics import coding_length
from skdeepcluster.subspace._names import names_by_vote
from skdeepcluster.subspace._network import SubspaceNet
from skdeepcluster.subspace._read_out import (
    batch_memberships,
    clusters_of_numbers,
    landmark_memberships,
    shortest,
    subspaces_of,
)

few = settings(max_examples=15, deadline=None)


def unit_rows(seed, n=20, p=5):
    return normalize(np.random.default_rng(seed).normal(size=(n, p)))


def subspaces(n_clusters=5, dim=3, width=50, n=60, noise=0.02, seed=0):
    """Rows in subspaces at random."""
    rng = np.random.default_rng(seed)
    bases = np.linalg.qr(rng.normal(size=(n_clusters, width, dim)))[0]
    X = np.concatenate([rng.normal(size=(n, dim)) @ basis.T for basis in bases])
    return X + noise * rng.normal(size=X.shape), np.repeat(np.arange(n_clusters), n)


@few
@given(seed=st.integers(0, 10**6), reg=st.sampled_from([0.05, 0.1, 0.175]))
def test_memberships_of_a_batch_are_nearly_the_projection(seed, reg):
    c = torch.as_tensor(unit_rows(seed))
    similarity = (c @ c.T).abs()
    found = batch_memberships(similarity, reg)
    torch.testing.assert_close(found.sum(dim=1), torch.ones(20, dtype=c.dtype))
    exact = doubly_stochastic(similarity, reg=reg)
    torch.testing.assert_close(found, exact, rtol=0, atol=0.05)
    assert (found - exact).abs().mean() < 2e-3


def test_memberships_have_gradients_and_stay_finite_at_any_entropy():
    for reg in (1e-3, 0.1, 10.0):
        c = torch.as_tensor(unit_rows(0), dtype=torch.float32).requires_grad_()
        found = batch_memberships((c @ c.T).abs(), reg)
        found.square().sum().backward()
        assert found.isfinite().all() and c.grad.isfinite().all()
    weights = torch.arange(400.0).view(20, 20)
    c = torch.as_tensor(unit_rows(0), dtype=torch.float32).requires_grad_()
    (batch_memberships((c @ c.T).abs(), 0.1) * weights).sum().backward()
    assert c.grad.abs().max() > 0.1


def test_landmarks_are_doubly_stochastic_with_and_without_signs():
    C = unit_rows(0, n=30)
    for signed in (False, True):
        found = landmark_memberships(C, 0.12, signed)
        np.testing.assert_allclose(found.sum(axis=0), 1, atol=1e-5)
        np.testing.assert_allclose(found, found.T, atol=1e-12)
    C[0], C[1] = C[2], -C[2]
    of_lines, of_rays = (landmark_memberships(C, 0.12, signed)[2] for signed in (False, True))
    assert of_lines[1] == pytest.approx(of_lines[0])
    assert of_rays[1] < 0.1 * of_rays[0]


@pytest.mark.parametrize("m", [30, 420])
def test_eigenvectors_are_those_of_the_largest_eigenvalues(m):
    memberships = landmark_memberships(unit_rows(0, n=m), 0.12)
    vectors = affinity_eigenvectors(memberships, 4, seed=0)
    values = np.linalg.eigvalsh(memberships)[-4:]
    np.testing.assert_allclose(memberships @ vectors, vectors * values, atol=1e-6)
    np.testing.assert_allclose(vectors.T @ vectors, np.eye(4), atol=1e-6)
    np.testing.assert_array_equal(vectors, affinity_eigenvectors(memberships, 4, seed=0))


def test_subspaces_and_their_number_are_found_by_coding_lengths():
    X, y = subspaces()
    Z = normalize(X)
    memberships = landmark_memberships(Z, 0.1)
    found, lengths = clusters_of_numbers(memberships, Z, range(1, 9), 0.1, seed=0)
    assert adjusted_rand_score(y, found[5]) == 1
    assert shortest({k: lengths[k] for k in (3, 4, 5, 7, 8)}) == 5
    assert lengths[5] == pytest.approx(coding_length(Z, y))
    bases = subspaces_of(torch.as_tensor(Z), torch.as_tensor(y), 5)
    assert [len(basis) for basis in bases] == [3] * 5
    np.testing.assert_allclose(bases[0] @ bases[0].T, np.eye(3), atol=1e-9)


def test_flat_curves_are_warned_of():
    with pytest.warns(UserWarning, match="of 3, 4 clusters"):
        assert shortest({2: 300.0, 3: 100.0, 4: 100.5}) == 3


@few
@given(seed=st.integers(0, 10**6))
def test_rows_add_to_the_code_of_a_cluster_what_the_formula_says(seed):
    Z = unit_rows(seed, n=30, p=4)
    labels = np.random.default_rng(seed).integers(2, size=30)
    labels[:2] = 0, 2  # none in the last of four, and some in none between
    net = SubspaceNet(torch.nn.Identity(), torch.nn.Linear(3, 4), True, 4)
    net.set_subspaces(torch.as_tensor(Z), torch.as_tensor(labels), 0.1)
    found = net.added_lengths(torch.as_tensor(Z, dtype=torch.float32), 0.1).numpy()
    for c in range(4):
        own = Z[labels == c]
        if len(own) == 0:
            assert np.isinf(found[:, c]).all()
            continue
        n_c = len(own)
        A = np.eye(4) + 4 / (n_c * 0.1) * own.T @ own
        squares = np.einsum("ip,pq,iq->i", Z, np.linalg.inv(A), Z)
        expected = (n_c + 4) / 2 * np.log1p(4 / (n_c * 0.1) * squares)
        expected += np.linalg.slogdet(A)[1] / 2 - np.log(n_c / 30)
        np.testing.assert_allclose(found[:, c], expected, rtol=1e-4)


def test_heads_are_alike_after_the_copy():
    net = SubspaceNet(torch.nn.Identity(), torch.nn.Linear(3, 4), True, 2)
    net.cluster_head.weight.data.zero_()
    x = torch.randn(5, 3)
    net.copy_head()
    z, c = net.heads(x)
    torch.testing.assert_close(z, c, rtol=0, atol=0)
    torch.testing.assert_close(z, net.encode(x), rtol=0, atol=0)


def test_clusters_are_named_by_the_nearest_texts():
    texts = np.eye(4)
    X = np.array([[9.0, 1, 0, 0], [8, 0, 1, 0], [0, 0, 5, 1], [0, 1, 0, 5]])
    labels = np.array([0, 0, 1, 1])
    names, shares = names_by_vote(X, labels, texts, list("abcd"), 3, 2, 0.01)
    assert names == ["a", "c", None]
    assert shares[0] > 0.99 and 0.4 < shares[1] < 0.6 and np.isnan(shares[2])
    # By softmax of cosines, divided by the temperature.
    cosines = normalize(X[:1])[0]
    weights = np.exp(cosines / 0.5) / np.exp(cosines / 0.5).sum()
    (_, share) = names_by_vote(X[:1], labels[:1], texts, list("abcd"), 1, 4, 0.5)
    assert share[0] == pytest.approx(weights[0])


@pytest.mark.parametrize(
    "change, message",
    [
        ({"texts": ["a"]}, "texts has 1"),
        ({"text_features": np.eye(3)}, "one network"),
        ({"n_votes": 0}, "n_votes"),
        ({"temperature": 0.0}, "temperature"),
    ],
)
def test_names_with_malformed_arguments(change, message):
    params = {"text_features": np.eye(4), "texts": list("abcd"), "n_votes": 2, "temperature": 0.01}
    with pytest.raises(ValueError, match=message):
        names_by_vote(np.eye(4), np.zeros(4, int), n_clusters=1, **params | change)
