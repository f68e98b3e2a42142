"""RGCA: clusters from answers, some of them wrong, and the rows as side information."""

from numbers import Integral, Real

import numpy as np
from scipy.linalg import eigh
from sklearn.utils import check_random_state

from skdeepcluster._sklearn import Interval, StrOptions, fit_context
from skdeepcluster.algorithms.communities import by_size
from skdeepcluster.algorithms.groups import members
from skdeepcluster.algorithms.neighbors import nearest_neighbors
from skdeepcluster.base import Clusterer, RandomStateMixin, param
from skdeepcluster.constraints import PairsMixin
from skdeepcluster.validation import check_rows, scaled_to_range

# What "auto" compares: small values reach far along a cluster, large ones do not.
REGULARIZATIONS = (1e-4, 1e-3, 1e-2, 1e-1)


class RGCA(PairsMixin, RandomStateMixin, Clusterer):
    r"""Clusters from answers "the same" or "different", some wrong, with rows as side information.

    A graph of near rows, to which must-links add edges and of which cannot-links remove them, says
    how similar any two rows are,

    .. math:: r_{ij} = \frac{K_{ij}}{\sqrt{K_{ii} K_{jj}}}, \qquad
        K = (I - D^{-1/2} W D^{-1/2} + \epsilon I)^{-1},

    and those with :math:`r_{ij} \ge \theta` are predicted to be the same, but for pairs whose
    answers are known. The threshold :math:`\theta` gives the fewest wrong predictions of answers
    that were left out of the graph, in folds. The predictions are then rounded to a partition: the
    row with the most predicted companions takes these as its cluster, and so on among the rest;
    then each row moves to the cluster :math:`G` with the least :math:`|P_i \,\triangle\, G|`, where
    :math:`P_i` are its companions. The number of clusters need not be known. Pick it for tens to
    thousands of answers about rows whose clusters are connected, of any shape, up to a few thousand
    rows.

    Parameters
    ----------
    n_neighbors : int, default=10
        Number of neighbors in the graph. An edge weighs
        :math:`\exp(-d_{ij}^2 / (2 \sigma_i \sigma_j))`, where :math:`\sigma_i` is the distance to
        the last neighbor; must-links weigh 1.

    regularization : float or "auto", default="auto"
        The number :math:`\epsilon`: small ones reach far along a cluster. "auto" takes that of
        1e-4, 1e-3, 1e-2 and 1e-1 with the fewest wrong predictions of answers left out.

    n_folds : int, default=3
        Number of folds of answers; fewer if there are fewer of a kind.

    n_refine : int, default=1
        How often all rows move to their nearest clusters.

    Attributes
    ----------
    labels_ : ndarray of shape (n_samples,)
        Cluster of each training row, the largest first.

    n_clusters_ : int
        Number of clusters.

    threshold_ : float
        The threshold :math:`\theta`.

    regularization_ : float
        The number :math:`\epsilon` that was used.

    pair_error_ : float
        Share of wrong predictions of answers left out, by their weights; NaN where there are fewer
        than two of a kind. Then the threshold is in the widest gap between similarities.

    See Also
    --------
    SACA : Answers alone.
    ConstrainedKMeans : For compact clusters and a known number.

    Notes
    -----
    Only the abstract of the paper was available. The two phases that round a prediction of pairs
    are a reconstruction from what is known of its later version; the prediction from a graph and
    the choice of its threshold are ours. Answers that follow from others are not added, since a
    wrong one would join two clusters. Time grows with the third power of the number of rows.

    References
    ----------
    .. [1] S. Pasteris, F. Vitale, C. Gentile, M. Herbster (2017). On pairwise clustering with side
           information. :arxiv:`1706.06474`

    Examples
    --------
    >>> from sklearn.datasets import make_moons
    >>> from skdeepcluster import RGCA
    >>> from skdeepcluster.constraints import PairwiseConstraints
    >>> X, y = make_moons(200, noise=0.05, random_state=0)
    >>> known = PairwiseConstraints.from_labels(y, 50, random_state=0)
    >>> RGCA(random_state=0).fit(X, constraints=known).n_clusters_
    2
    """

    n_neighbors: int = param(10, Interval(Integral, 1, None, closed="left"))
    regularization: float | str = param(
        "auto", Interval(Real, 0, None, closed="neither"), StrOptions({"auto"})
    )
    n_folds: int = param(3, Interval(Integral, 2, None, closed="left"))
    n_refine: int = param(1, Interval(Integral, 0, None, closed="left"))

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None, *, constraints=None, sample_ids=None):
        """Cluster rows by answers.

        Parameters
        ----------
        y : object, default=None
            Ignored.
        constraints : PairwiseConstraints, default=None
            Must-links and cannot-links. Without both kinds only the graph counts.
        sample_ids : array-like of shape (n_samples,), default=None
            The id of each row, by which pairs find their rows where some are left out.
        """
        X = check_rows(self, X, reset=True, accept_sparse=False)
        known = self._pairs(constraints, sample_ids, len(X))
        pairs = np.concatenate([known.must, known.cannot])
        same = np.arange(len(pairs)) < len(known.must)
        weight = np.concatenate([known.must_weight, known.cannot_weight])
        rows, _ = scaled_to_range(X)
        graph = neighbor_graph(np.ascontiguousarray(rows, dtype=np.float64), self.n_neighbors)
        choices = REGULARIZATIONS if self.regularization == "auto" else (self.regularization,)
        rng = check_random_state(self.random_state)
        folds = self._folds(same, rng)
        if folds is None:
            self.regularization_ = choices[len(choices) // 2]
            r = similarities(graph, pairs, same, (self.regularization_,))[0]
            self.threshold_, self.pair_error_ = widest_gap(r), np.nan
        else:
            # Must-links raise the similarity of their own rows: a threshold from answers that are
            # in the graph would be far too high.
            held_out = np.empty((len(choices), len(pairs)))
            for fold in range(folds.max() + 1):
                out = folds == fold
                held_out[:, out] = similarities(graph, pairs[~out], same[~out], choices, pairs[out])
            found = [best_threshold(values, same, weight) for values in held_out]
            # Of equal errors the middle one.
            errors = np.array([error for error, _ in found])
            best = np.flatnonzero(errors == errors.min())
            best = int(best[len(best) // 2])
            self.regularization_ = choices[best]
            self.pair_error_, self.threshold_ = found[best]
            r = similarities(graph, pairs, same, (self.regularization_,))[0]
        P = r >= self.threshold_
        P[pairs[:, 0], pairs[:, 1]] = P[pairs[:, 1], pairs[:, 0]] = same
        np.fill_diagonal(P, True)
        self.labels_ = rounded(P, self.n_refine)
        self.n_clusters_ = int(self.labels_.max()) + 1
        self._judge(known)
        return self

    def _folds(self, same, rng):
        """The fold of each answer, with both kinds in each; None if there are too few."""
        n_folds = min(self.n_folds, int(same.sum()), int((~same).sum()))
        if n_folds < 2:
            return None
        folds = np.empty(len(same), dtype=np.intp)
        for kind in (same, ~same):
            found = np.flatnonzero(kind)
            folds[found[rng.permutation(len(found))]] = np.arange(len(found)) % n_folds
        return folds


def neighbor_graph(X, n_neighbors):
    """Weights of the edges between rows and their nearest neighbors, dense and symmetric."""
    n = len(X)
    n_neighbors = min(n_neighbors, n - 1)
    W = np.zeros((n, n))
    if n_neighbors < 1:
        return W
    distances, near = nearest_neighbors(X, n_neighbors)
    scale = np.maximum(distances[:, -1], np.finfo(float).tiny ** 0.25)
    weight = np.exp(-(distances**2) / (2 * scale[:, np.newaxis] * scale[near]))
    np.put_along_axis(W, near, weight, axis=1)
    W = np.maximum(W, W.T)
    np.fill_diagonal(W, 0)
    return W


def similarities(graph, pairs, same, regularizations, of=None):
    """Normalized regularized Laplacian kernels of a graph with answers.

    Parameters
    ----------
    graph : array of shape (n, n)
    pairs : array of shape (n_pairs, 2)
    same : array of bool of shape (n_pairs,)
    regularizations : sequence of float
    of : array of shape (n_values, 2), optional
        The pairs of rows whose similarities are wanted; all by default.

    Returns
    -------
    r : array of shape (n_regularizations, n_values) or (n_regularizations, n, n)
    """
    W = graph.copy()
    W[pairs[:, 0], pairs[:, 1]] = W[pairs[:, 1], pairs[:, 0]] = same
    degree = np.maximum(W.sum(axis=1), np.finfo(float).tiny)
    W /= np.sqrt(degree)
    W /= np.sqrt(degree)[:, np.newaxis]
    values, U = eigh(W, overwrite_a=True, check_finite=False)
    found = []
    for regularization in regularizations:
        scaled = U / np.sqrt(np.maximum(1 - values, 0) + regularization)
        scaled /= np.linalg.norm(scaled, axis=1, keepdims=True)
        if of is None:
            found.append(scaled @ scaled.T)
        else:
            found.append(np.einsum("ij,ij->i", scaled[of[:, 0]], scaled[of[:, 1]]))
    return np.array(found)


def best_threshold(values, same, weight):
    """The least share of wrong predictions, and the middle of the widest gap that has it.

    Parameters
    ----------
    values : array of shape (n_pairs,)
        Similarities.
    same : array of bool of shape (n_pairs,)
        Answers, of both kinds.
    weight : array of shape (n_pairs,)

    Returns
    -------
    error, threshold : float
    """
    order = np.argsort(values, kind="stable")
    values, same, weight = values[order], same[order], weight[order]
    # With a threshold between i and i + 1 all up to i are different.
    missed, apart = np.cumsum(weight * same), np.cumsum(weight * ~same)
    wrong = (missed + apart[-1] - apart) / max(weight.sum(), np.finfo(float).tiny)
    error, gap = wrong[:-1], np.diff(values)
    error = np.where(gap > 0, error, np.inf)
    if not np.isfinite(error).any():
        return 1.0, float(values[0])
    least = np.flatnonzero(error <= error.min() + 1e-12)
    at = least[np.argmax(gap[least])]
    return float(error[at]), float((values[at] + values[at + 1]) / 2)


def widest_gap(r):
    """The middle of the widest gap between similarities."""
    values = np.unique(r[np.triu_indices(len(r), 1)])
    if len(values) < 2:
        return 0.0
    at = int(np.argmax(np.diff(values)))
    return float((values[at] + values[at + 1]) / 2)


def rounded(P, n_refine=1):
    """The partition that a prediction of pairs is rounded to.

    Parameters
    ----------
    P : array of bool of shape (n, n)
        Which rows are the same, symmetric, True on the diagonal.
    n_refine : int, default=1
        How often all rows move to the cluster with the fewest differences.

    Returns
    -------
    labels : array of shape (n,), int32
        Of the largest cluster first.
    """
    n = len(P)
    labels = np.full(n, -1)
    companions = P.sum(axis=1)
    n_clusters = 0
    while (labels < 0).any():
        left = labels < 0
        row = int(np.argmax(np.where(left, companions, -1)))
        found = np.flatnonzero(P[row] & left)
        labels[found] = n_clusters
        companions = companions - P[found].sum(axis=0)
        n_clusters += 1
    degree = P.sum(axis=1)
    for _ in range(n_refine):
        labels = by_size(labels)
        sizes = np.bincount(labels)
        both = (members(labels, len(sizes)).T @ P).T
        # The first of equals is the largest.
        labels = np.argmin(degree[:, np.newaxis] + sizes - 2 * both, axis=1)
    return by_size(labels)
