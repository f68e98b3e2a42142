"""Linkage matrices of fitted models, and trees of linkage matrices."""

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skdeepcluster._kernels._trees import Dendrogram, single_linkage
from skdeepcluster.trees import (
    MinimumSpanningTree,
    SingleLinkageTree,
    check_linkage,
    condensed_tree,
    node_sizes,
)
from skdeepcluster.validation import last_step


def to_scipy_linkage(model):
    """Linkage matrix of a fitted model or of a tree, for all that takes SciPy's.

    Parameters
    ----------
    model : estimator, pipeline, search, tree or array-like
        A fitted :class:`HDBSCAN`, :class:`GraphDegreeLinkage`,
        :class:`~sklearn.cluster.AgglomerativeClustering` or another model with `children_`, alone
        or at the end of a pipeline or search; their trees; or a linkage matrix, which is checked.

    Returns
    -------
    linkage : ndarray of shape (n_samples - 1, 4)
        Of each merge the two nodes, the height and the number of samples. Samples are nodes 0 to
        ``n_samples - 1``, the merge in row i is the node ``n_samples + i``. Where the model has no
        distances of its merges (scikit-learn computes them with `compute_distances=True`), the
        heights are 1, 2, ...

    Raises
    ------
    TypeError
        If the model has no tree.
    ValueError
        If its tree is not complete, as that of an agglomeration that stopped early.

    See Also
    --------
    from_linkage : The other way.

    Examples
    --------
    >>> from scipy.cluster.hierarchy import fcluster
    >>> from sklearn.cluster import AgglomerativeClustering
    >>> from skdeepcluster import to_scipy_linkage
    >>> model = AgglomerativeClustering(compute_distances=True).fit([[0.0], [1.0], [5.0], [7.0]])
    >>> linkage = to_scipy_linkage(model)
    >>> fcluster(linkage, 2, "maxclust")
    array([1, 1, 2, 2], dtype=int32)
    """
    if isinstance(model, SingleLinkageTree):
        return check_linkage(model.linkage)
    if isinstance(model, MinimumSpanningTree):
        source, target = (np.ascontiguousarray(a, np.int64) for a in (model.source, model.target))
        distance = np.ascontiguousarray(model.distance, np.float64)
        return check_linkage(single_linkage(source, target, distance))
    if not hasattr(model, "fit"):
        if not hasattr(model, "__len__") and not hasattr(model, "__array__"):
            raise TypeError(f"{type(model).__name__} is neither a fitted model nor a tree.")
        return check_linkage(model)
    model, _ = last_step(model)
    check_is_fitted(model)
    for name in ("linkage_", "single_linkage_tree_"):
        if hasattr(model, name):
            return to_scipy_linkage(getattr(model, name))
    if not hasattr(model, "children_"):
        raise TypeError(f"{type(model).__name__} has no tree of merges after fit.")
    children = np.asarray(model.children_)
    n = getattr(model, "n_leaves_", len(children) + 1)
    if len(children) != n - 1:
        raise ValueError(
            f"The tree of {type(model).__name__} has {len(children)} merges of {n} samples. Fit it "
            "with compute_full_tree=True."
        )
    heights = getattr(model, "distances_", None)
    heights = np.arange(1.0, n) if heights is None else np.asarray(heights, np.float64)
    return check_linkage(np.column_stack([children, heights, node_sizes(children)[n:]]))


def from_linkage(linkage, min_cluster_size=None, **options):
    """Tree of a linkage matrix: the dendrogram, or its condensed tree.

    Parameters
    ----------
    linkage : array-like of shape (n_samples - 1, 4)
        As of :func:`scipy.cluster.hierarchy.linkage`; by any method whose heights do not fall.

    min_cluster_size : int, default=None
        Condense the dendrogram to clusters of at least this size, as :class:`HDBSCAN` does. None
        leaves it as it is.

    **options : dict
        Of the condensed tree: `method` ("eom" or "leaf"), `epsilon`, `max_cluster_size` and
        `allow_single_cluster`.

    Returns
    -------
    tree : SingleLinkageTree or CondensedTree
        With exports to pandas and networkx; displays draw both.

    Raises
    ------
    ValueError
        If the matrix is no linkage, or heights fall.

    See Also
    --------
    to_scipy_linkage : The other way.

    Examples
    --------
    >>> from scipy.cluster.hierarchy import linkage
    >>> from skdeepcluster import from_linkage
    >>> Z = linkage([[0.0], [1.0], [5.0], [7.0]], "average")
    >>> from_linkage(Z)
    <SingleLinkageTree of 3 merges>
    >>> from_linkage(Z, min_cluster_size=2)
    <CondensedTree of 3 clusters, 2 selected>
    """
    linkage = check_linkage(linkage)
    if (np.diff(linkage[:, 2]) < 0).any():
        raise ValueError(
            "Heights of linkage fall, as those of centroid and median linkage may. Use another "
            "method."
        )
    if min_cluster_size is None:
        if options:
            raise ValueError(
                f"{sorted(options)} are options of the condensed tree; pass "
                "min_cluster_size with them."
            )
        return SingleLinkageTree(linkage)
    if not min_cluster_size >= 2:
        raise ValueError(f"min_cluster_size={min_cluster_size!r} must be at least 2.")
    return condensed_tree(Dendrogram(linkage), min_cluster_size, **options)
