"""Spectral clustering of landmarks: clusters of any shape, in memory linear in the rows."""

import itertools
from contextlib import suppress
from typing import NamedTuple

import numpy as np
from scipy.linalg import eigh
from scipy.sparse import diags_array
from scipy.sparse.linalg import ArpackNoConvergence, LinearOperator, eigsh

from skdeepcluster._sklearn import effective_n_threads
from skdeepcluster.algorithms.kmeans import kmeans, lloyd, nearest_center
from skdeepcluster.algorithms.neighbors import connectivity_graph

# Landmarks only have to cover the rows: few steps on this many rows for each of them are enough.
LANDMARK_ITERATIONS = 10
ROWS_PER_LANDMARK = 30
# Rows on which k-means runs in the spectral embedding; the others get the nearest center.
SAMPLE_ROWS = 10_000
BLOCK_ROWS = 2**14
# Regularizations in units of the mean degree, and the one at which cuts are compared.
REGULARIZATIONS = (1.0, 0.3, 0.1, 0.01)
COMPARED_WITH = 0.1
# With views, candidates come from all draws of landmarks together and from the draws split into so
# many groups, with this number of k-means runs each.
PARTS = (1, 2, 3, 6)
STARTS = 3
# From so many rows on, and so many for each eigenvector, Lanczos' method takes less time than a
# dense one.
LANCZOS_ROWS, LANCZOS_SIZE = 400, 20
LANCZOS_TOLERANCE, LANCZOS_RESTARTS = 1e-8, 50


class LandmarkCut(NamedTuple):
    """The result of `landmark_cut`.

    Attributes
    ----------
    labels : array of shape (n,), int32
    landmarks : array of shape (n_graphs, n_landmarks, n_components)
        Of each draw.
    coordinates : array of shape (n_graphs, n_landmarks, n_clusters), float32
        Spectral coordinates of the landmarks.
    centers : array of shape (n_clusters, n_graphs * n_clusters), float32
        Of k-means in the coordinates of all draws side by side.
    regularization : float
        The one that was kept, in units of the mean degree.
    normalized_cut : float
    """

    labels: np.ndarray
    landmarks: np.ndarray
    coordinates: np.ndarray
    centers: np.ndarray
    regularization: float
    normalized_cut: float


def landmark_spectral(Z, n_clusters, **options):
    """Labels of `landmark_cut`, which takes the same arguments."""
    return landmark_cut(Z, n_clusters, **options).labels


def landmark_cut(
    Z,
    n_clusters,
    *,
    views=None,
    n_neighbors=5,
    max_landmarks=1000,
    n_graphs=None,
    n_init=10,
    regularizations=REGULARIZATIONS,
    seed=0,
    n_threads=None,
):
    r"""The smallest normalized cut of neighborhood graphs over landmarks.

    k-means with many centers gives the landmarks (all rows where there are few); a graph joins each
    to its nearest ones, and the leading eigenvectors of
    :math:`(D + \tau I)^{-1/2} (W + \tau / m) (D + \tau I)^{-1/2}` embed them, each scaled to
    length one [1]_. A row has the embedding of its landmark. Where two clusters touch, the cut
    depends on the draw of landmarks, so k-means runs on the concatenated embeddings of several
    draws.

    The regularization :math:`\tau` [2]_ prevents clusters of a few outlying landmarks. The mean
    degree favors balanced cuts, which suits touching clusters but not separate or thin ones; a
    hundredth of it hardly changes the graph. Several are tried, and the clusters with the smallest
    normalized cut

    .. math:: \sum_c \mathrm{cut}(c, \bar c) / \mathrm{vol}(c)

    are kept: its mean over the moderately regularized graphs, each landmark weighted by its number
    of rows. With `views` it is the cut of the graph that joins each row with its views, which
    distinguish one cluster in two pieces from two clusters that touch, as neighbors cannot.
    Clusters from subsets of the draws are then candidates as well.

    Parameters
    ----------
    Z : array of shape (n, n_components)
        float32 or float64.
    n_clusters : int
    views : array of shape (n_views, n, n_components), optional
        Embeddings of views of each row.
    n_neighbors : int, default=5
        Neighbors of each landmark in its graph.
    max_landmarks : int, default=1000
        Less for fewer than four rows for each landmark, down to 500 or all rows; more for more than
        a cluster for five landmarks.
    n_graphs : int, optional
        Draws of landmarks; by default 12, and fewer for more than 10 clusters, so that the
        embeddings side by side have about 120 columns.
    n_init : int, default=10
        K-means++ starts in the embeddings; with views others.
    regularizations : sequence of float
        Those that are tried, in units of the mean degree.
    seed : int
    n_threads : int, optional
        By default as many as OpenMP would use; the result does not depend on it.

    Returns
    -------
    cut : LandmarkCut
        Landmarks of the draws that are kept.

    References
    ----------
    .. [1] Ng, Jordan, Weiss: On spectral clustering: analysis and an algorithm. NIPS 2001.
    .. [2] Amini, Chen, Bickel, Levina: Pseudo-likelihood methods for community detection in large
       sparse networks. Annals of Statistics 41, 2013.
    """
    n = len(Z)
    if n_clusters == 1:
        one = np.ones((1, 1, 1), dtype=np.float32)
        labels = np.zeros(n, dtype=np.int32)
        return LandmarkCut(labels, Z[np.newaxis, :1], one, one[0], regularizations[0], 0.0)
    Z = np.ascontiguousarray(Z)
    m = min(n, max(5 * n_clusters, min(max_landmarks, max(500, n // 4))))
    random_state = np.random.RandomState(seed)
    n_threads = effective_n_threads(n_threads)
    n_graphs = (n_graphs or min(12, max(1, 120 // n_clusters))) if m < n else 1
    places, covers, graphs, tables = [], [], [], {tau: [] for tau in regularizations}
    for _ in range(n_graphs):
        landmarks, place = Z, np.arange(n)
        if m < n:
            rows = Z[random_state.permutation(n)[: ROWS_PER_LANDMARK * m]]
            landmarks, _ = lloyd(rows, rows[:m].copy(), LANDMARK_ITERATIONS, 0.0, n_threads)
            place = nearest_center(Z, landmarks, n_threads)
        graph = connectivity_graph(landmarks, min(n_neighbors, m - 1), n_threads)
        places.append(place)
        covers.append(landmarks)
        graphs.append(graph)
        for tau in regularizations:
            tables[tau].append(graph_coordinates(graph, tau, n_clusters))
    sample = random_state.permutation(n)[:SAMPLE_ROWS]
    if views is not None:
        views = views[:, sample].reshape(-1, Z.shape[1])
        view_places = [nearest_center(views, landmarks, n_threads) for landmarks in covers]

    def embedding(tau, draws, places, rows=slice(None)):
        return np.concatenate([tables[tau][draw][places[draw][rows]] for draw in draws], axis=1)

    def cut(tau, draws, centers, labels):
        if views is None:
            return np.mean(
                [
                    _normalized_cut(graph, place[sample], labels, n_clusters)
                    for graph, place in zip(graphs, places, strict=True)
                ]
            )
        of_views = nearest_center(embedding(tau, draws, view_places), centers, n_threads)
        return cut_of_pairs(np.resize(labels, len(of_views)), of_views, n_clusters)

    parts, starts, n_init = ((1,), 1, n_init) if views is None else (PARTS, STARTS, 1)
    parts = sorted({min(n_parts, n_graphs) for n_parts in parts})
    least, best = np.inf, None
    for n_parts, tau, start in itertools.product(parts, regularizations, range(starts)):
        for draws in np.array_split(range(n_graphs), n_parts):
            centers, labels = kmeans(
                embedding(tau, draws, places, sample),
                n_clusters,
                n_init=n_init,
                max_iter=100,
                seed=seed + start,
                n_threads=n_threads,
            )
            found = cut(tau, draws, centers, labels)
            if found < least:
                least, best = found, (tau, draws, centers)
    tau, draws, centers = best
    labels = [
        nearest_center(
            embedding(tau, draws, places, slice(begin, begin + BLOCK_ROWS)), centers, n_threads
        )
        for begin in range(0, n, BLOCK_ROWS)
    ]
    return LandmarkCut(
        np.concatenate(labels),
        np.stack([covers[draw] for draw in draws]),
        np.stack([tables[tau][draw] for draw in draws]),
        centers,
        tau,
        float(least),
    )


def blocks_of_coordinates(Z, landmarks, coordinates, n_threads):
    """Spectral coordinates of rows, by their nearest landmarks, block by block.

    Parameters
    ----------
    Z : array of shape (n, n_components)
        Of the landmarks' dtype, C-contiguous.
    landmarks, coordinates : arrays
        As in `LandmarkCut`.
    n_threads : int

    Yields
    ------
    block : array of shape (n_rows, n_graphs * n_clusters), float32
        Coordinates of the next rows.
    """
    for begin in range(0, len(Z), BLOCK_ROWS):
        rows = Z[begin : begin + BLOCK_ROWS]
        yield np.concatenate(
            [
                table[nearest_center(rows, cover, n_threads)]
                for cover, table in zip(landmarks, coordinates, strict=True)
            ],
            axis=1,
        )


def cut_of_pairs(labels, others, n_clusters):
    """The normalized cut of the graph whose edges have these labels at their ends."""
    pairs = np.bincount(labels * n_clusters + others, minlength=n_clusters**2)
    pairs = pairs.reshape(n_clusters, n_clusters)
    volume = pairs.sum(axis=0) + pairs.sum(axis=1)
    return np.sum(1 - 2 * pairs.diagonal() / np.maximum(volume, 1))


def _normalized_cut(graph, place, labels, n_clusters):
    """Normalized cut where each landmark has the most frequent label of its rows."""
    m = graph.shape[0]
    counts = np.bincount(place * n_clusters + labels, minlength=m * n_clusters)
    counts = counts.reshape(m, n_clusters)
    weight = counts.sum(axis=1) / counts.sum() * m
    member = np.eye(n_clusters)[counts.argmax(axis=1)]
    root = np.sqrt(weight)
    degree = root * (graph @ root)
    tau = COMPARED_WITH * degree.mean()
    size = member.T @ weight
    weighted = member * root[:, None]
    within = np.einsum("ij,ij->j", weighted, graph @ weighted) + tau * size**2 / m
    volume = member.T @ degree + tau * size
    return np.sum(1 - within / np.maximum(volume, 1e-12))


def graph_coordinates(graph, tau, n_clusters):
    """Coordinates of landmarks in the leading eigenvectors of their graph."""
    m = graph.shape[0]
    degree = graph.sum(axis=1)
    added = tau * degree.sum() / m**2
    scale = (degree + added * m) ** -0.5
    _, vectors = leading_eigenvectors(
        diags_array(scale) @ graph @ diags_array(scale), n_clusters, added, scale
    )
    vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    return vectors.astype(np.float32)


def leading_eigenvectors(A, n_vectors, added, scale):
    """The largest eigenvalues of a sparse symmetric matrix and one of rank one, and their vectors.

    Parameters
    ----------
    A : csr_array of shape (m, m)
    n_vectors : int
        At most m.
    added : float
    scale : (m,) array
        The matrix is A + added * scale * scale^T.

    Returns
    -------
    values : (n_vectors,) array
        Increasing.
    vectors : (m, n_vectors) array
    """

    def product(x):
        return A @ x + scale * (added * (scale @ x))

    def dense():
        return A.toarray() + added * scale * scale[:, np.newaxis]

    operator = LinearOperator(A.shape, matvec=product, dtype=np.float64)
    return _largest(operator, dense, n_vectors, scale)


def affinity_eigenvectors(affinity, n_vectors, seed):
    """Leading eigenvectors of a dense matrix of affinities whose rows have equal sums.

    Parameters
    ----------
    affinity : array of shape (m, m)
        Symmetric.
    n_vectors : int
        At most m.
    seed : int
        Of the start of Lanczos' method.

    Returns
    -------
    vectors : (m, n_vectors) array
        The largest eigenvalue last.
    """
    # Not from equal entries: these are an eigenvector themselves.
    start = np.random.RandomState(seed).uniform(-1, 1, len(affinity))
    values, vectors = _largest(affinity, lambda: affinity, n_vectors, start)
    return vectors[:, np.argsort(values, kind="stable")]


def _largest(operator, dense, n_vectors, start):
    """The largest eigenvalues and their vectors: by Lanczos' method, or of the matrix `dense()`."""
    m = operator.shape[0]
    if m >= max(LANCZOS_ROWS, LANCZOS_SIZE * n_vectors):
        # Where eigenvalues lie too near each other for this, all are computed.
        with suppress(ArpackNoConvergence):
            return eigsh(
                operator, n_vectors, which="LA", v0=start, tol=LANCZOS_TOLERANCE,
                maxiter=LANCZOS_RESTARTS,
            )  # fmt: skip
    return eigh(dense(), subset_by_index=[m - n_vectors, m - 1])
