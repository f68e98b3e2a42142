"""Samples that are spread evenly over the clusters of a hierarchy."""

from numbers import Integral

import numpy as np
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_consistent_length, column_or_1d

from skdeepcluster._sklearn import Interval, StrOptions, validate_params
from skdeepcluster.algorithms.groups import rows_of_each


def water_filling(sizes, target, rng):
    """Split a target evenly over children, each up to its size.

    Parameters
    ----------
    sizes : array of shape (n_children,), int
    target : int
    rng : Generator
        Draws the children that take one more where the target cannot be split evenly.

    Returns
    -------
    shares : array of shape (n_children,), int
        Their sum is the target, or that of the sizes if it is less.
    """
    if sizes.sum() <= target:
        return sizes.copy()
    ascending = np.sort(sizes)
    # With the i smallest children exhausted, what is left is split over the others.
    exhausted = np.concatenate([[0], np.cumsum(ascending)[:-1]])
    others = np.arange(len(sizes), 0, -1)
    level = ((target - exhausted) // others)[np.argmax(exhausted + others * ascending > target)]
    shares = np.minimum(sizes, level)
    spare = rng.choice(np.flatnonzero(sizes > level), target - shares.sum(), replace=False)
    shares[spare] += 1
    return shares


def _nested(labels):
    """Labels of all levels with noise left out, and the parents of each level's clusters.

    Clusters of a level are numbered 0, 1, ...
    """
    parents = []
    for level, (fine, coarse) in enumerate(zip(labels[:-1], labels[1:], strict=True)):
        parent = np.full(fine.max(initial=-1) + 1, -1)
        parent[fine] = coarse
        if not np.array_equal(parent[fine], coarse):
            raise ValueError(
                f"labels are not nested: a cluster of level {level} is divided in level "
                f"{level + 1}. Order the levels from the finest to the coarsest."
            )
        parents.append(parent)
    return parents


@validate_params(
    {
        "labels": ["array-like"],
        "n_samples": [Interval(Integral, 1, None, closed="left")],
        "strategy": [StrOptions({"random", "closest"})],
        "distances": ["array-like", None],
        "multiplier": [Interval(Integral, 1, None, closed="left")],
        "random_state": ["random_state"],
    },
    prefer_skip_nested_validation=True,
)
def balanced_sample(
    labels, n_samples, *, strategy="random", distances=None, multiplier=1, random_state=None
):
    r"""Draw rows that are spread evenly over the clusters of a hierarchy.

    The number of rows is split over the coarsest clusters, the share of each over its children,
    and so on down to the rows. Children of sizes :math:`s_1, \dots, s_m` share a target :math:`N`
    like vessels share water,

    .. math:: n_j = \min(c, s_j) \quad \text{with the largest } c \text{ such that }
        \sum_j \min(c, s_j) \le N,

    and the remainder goes, one each, to random children that have more than :math:`c`.

    Read more in the :ref:`User Guide <user_guide_hierarchical_kmeans>`.

    Parameters
    ----------
    labels : array-like of shape (n_levels, n_rows) or (n_rows,)
        Clusters of the rows on each level, from the finest to the coarsest, as in
        `labels_per_level_` of :class:`HierarchicalKMeans`. On each level the clusters are unions of
        those of the level before. Rows labeled -1 on any level are noise and never drawn.

    n_samples : int
        How many rows to draw. There are fewer if there are no more.

    strategy : {"random", "closest"}, default="random"
        Which rows of a finest cluster are drawn: any, or those nearest to its center.

    distances : array-like of shape (n_rows,), default=None
        Distances of the rows to the centers of their finest clusters, for "closest".

    multiplier : int, default=1
        How often a row may be drawn.

    random_state : int, RandomState instance or None, default=None
        Determines the rows, and the clusters that give one more than others.

    Returns
    -------
    rows : ndarray of shape (min(n_samples, n_rows * multiplier),)
        Indices of the rows, ascending.

    See Also
    --------
    HierarchicalKMeans : A hierarchy made for such samples.

    References
    ----------
    .. [1] H. V. Vo et al. (2024). Automatic data curation for self-supervised learning: a
           clustering-based approach. *Transactions on Machine Learning Research*.

    Examples
    --------
    Two fine clusters are one coarse cluster, and so get as many rows together as the third.

    >>> from skdeepcluster import balanced_sample
    >>> fine = [0, 0, 0, 0, 0, 0, 1, 1, 2, 2, 2, 2, 2, 2]
    >>> coarse = [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1]
    >>> rows = balanced_sample([fine, coarse], 8, random_state=0)
    >>> [fine[row] for row in rows]
    [0, 0, 1, 1, 2, 2, 2, 2]
    """
    labels = np.asarray(labels)
    labels = labels.reshape(1, -1) if labels.ndim == 1 else labels
    if labels.ndim != 2 or not labels.shape[0] or labels.dtype.kind not in "iu":
        raise ValueError(
            f"labels must be integers of shape (n_levels, n_rows) or (n_rows,); got {labels.dtype} "
            f"of shape {labels.shape}."
        )
    if strategy == "closest":
        if distances is None:
            raise ValueError('strategy="closest" needs distances.')
        distances = column_or_1d(distances)
        check_consistent_length(distances, labels.T)
    rng = np.random.default_rng(check_random_state(random_state).randint(2**31 - 1))

    kept = np.flatnonzero((labels >= 0).all(axis=0))
    labels = np.array([np.unique(level[kept], return_inverse=True)[1] for level in labels])
    if not len(kept):
        return kept
    parents = [*_nested(labels), np.zeros(labels[-1].max() + 1, np.intp)]
    targets = np.array([n_samples])
    for level, parent in zip(labels[::-1], parents[::-1], strict=True):
        sizes = np.bincount(level) * multiplier
        shares = np.empty_like(sizes)
        for children, target in zip(rows_of_each(parent), targets, strict=True):
            shares[children] = water_filling(sizes[children], target, rng)
        targets = shares

    drawn = []
    for rows, target in zip(rows_of_each(labels[0]), targets, strict=True):
        repeats, rest = divmod(target, len(rows))
        if strategy == "random":
            some = rng.choice(rows, rest, replace=False)
        else:
            some = rows[np.argsort(distances[kept[rows]], kind="stable")[:rest]]
        drawn += [np.repeat(rows, repeats), some]
    return np.sort(kept[np.concatenate(drawn)])
