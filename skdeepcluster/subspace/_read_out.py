"""Clusters from memberships of pairs of landmarks, and the coding lengths of their numbers."""

import warnings

import numpy as np
import torch
import torch.nn.functional as F

from skdeepcluster.algorithms.kmeans import kmeans
from skdeepcluster.algorithms.spectral import affinity_eigenvectors
from skdeepcluster.assignment import doubly_stochastic
from skdeepcluster.metrics import coding_length
from skdeepcluster.validation import caller_level

# Normalizations of columns and rows in a step of training.
SWEEPS = 3
# Relative error of the masses of landmarks' memberships.
TOLERANCE = 1e-6
N_INIT = 10
# Share of the energy of a cluster that its subspace holds.
ENERGY = 0.95
# Numbers of clusters whose codes differ less than this cannot be told apart by them.
FLAT = 0.01


def batch_memberships(similarity, reg):
    """Memberships of the pairs of a batch: rows sum to one, columns nearly.

    The gradient flows through the similarities and the last normalization.

    Parameters
    ----------
    similarity : Tensor of shape (n, n)
    reg : float

    Returns
    -------
    memberships : Tensor of shape (n, n)
    """
    scores = similarity / reg
    with torch.no_grad():
        columns = -scores.logsumexp(0)
        for _ in range(SWEEPS - 1):
            rows = -(scores + columns).logsumexp(1, keepdim=True)
            columns = -(scores + rows).logsumexp(0)
    return F.softmax(scores + columns, dim=1)


def landmark_memberships(C, reg, signed=False):
    """Doubly stochastic memberships of rows of length one, an array of shape (m, m)."""
    C = C.astype(np.float64)
    similarity = C @ C.T
    similarity = (similarity + similarity.T) / 2
    return doubly_stochastic(
        similarity if signed else np.abs(similarity), reg=reg, tol=TOLERANCE, max_iter=5000
    )


def clusters_of_numbers(memberships, Z, numbers, distortion, seed):
    """Spectral clusters of landmarks for several numbers of clusters.

    Parameters
    ----------
    memberships : array of shape (m, m)
        Doubly stochastic and symmetric.
    Z : array of shape (m, n_components)
        Embedding of the landmarks.
    numbers : sequence of int
        Increasing.
    distortion : float
    seed : int

    Returns
    -------
    found : dict of int to (m,) array of int
    lengths : dict of int to float
        Length of the code of the embedding by these clusters.
    """
    vectors = affinity_eigenvectors(memberships, numbers[-1], seed)
    found, lengths = {}, {}
    for k in numbers:
        labels = np.zeros(len(Z), dtype=np.int32)
        if k > 1:
            own = vectors[:, -k:]
            own = own / np.maximum(np.linalg.norm(own, axis=1, keepdims=True), 1e-12)
            own = np.ascontiguousarray(own)
            labels = kmeans(own, k, n_init=N_INIT, seed=seed, n_threads=1)[1]
        found[k] = labels
        lengths[k] = coding_length(Z, labels, precision=distortion)
    return found, lengths


def shortest(lengths):
    """The number of clusters with the shortest code; warns where others are as short."""
    k = min(lengths, key=lengths.get)
    near = [other for other in lengths if lengths[other] <= (1 + FLAT) * lengths[k]]
    if len(near) > 1:
        warnings.warn(
            f"The coding lengths of {', '.join(map(str, near))} clusters differ by less than "
            f"{FLAT:.0%}: n_clusters=None took {k}, but the curve says little. Look at "
            "coding_lengths_, or give n_clusters.",
            UserWarning,
            stacklevel=caller_level(),
        )
    return k


def subspaces_of(z, labels, n_clusters):
    """Orthonormal bases of what holds most of the energy of each cluster: a list of arrays.

    Parameters
    ----------
    z : Tensor of shape (n, p)
    labels : LongTensor of shape (n,)
    n_clusters : int

    Returns
    -------
    bases : list of (rank, p) arrays
    """
    bases = []
    for c in range(n_clusters):
        own = z[labels == c].double()
        values, vectors = torch.linalg.eigh(own.T @ own)
        shares = values.flip(0).clamp_min(0).cumsum(0) / values.clamp_min(0).sum().clamp_min(1e-300)
        rank = int((shares < ENERGY).sum()) + 1 if len(own) else 0
        bases.append(vectors.flip(1)[:, :rank].T.contiguous().cpu().numpy())
    return bases
