"""FairHierarchy: balanced and fair trees from any dendrogram."""

import heapq
import warnings
from numbers import Real

import numpy as np
from scipy.cluster.hierarchy import linkage as scipy_linkage
from sklearn.exceptions import ConvergenceWarning

from skdeepcluster._sklearn import Interval, StrOptions, fit_context, num_samples
from skdeepcluster.algorithms.groups import in_order, rows_of_each
from skdeepcluster.algorithms.neighbors import nearest_neighbors
from skdeepcluster.base import Clusterer, NumberOfClustersMixin, ThreadsMixin, param
from skdeepcluster.hierarchy._fair import Builder, dasgupta_cost
from skdeepcluster.hierarchy._linkage import to_scipy_linkage
from skdeepcluster.validation import (
    FLOATS,
    caller_level,
    check_labels,
    check_n_samples,
    check_rows,
    scaled_to_range,
)

# Neighbors of each row in the graph on which costs are measured.
COST_NEIGHBORS = 10


class FairHierarchy(NumberOfClustersMixin, ThreadsMixin, Clusterer):
    r"""Balanced and fair hierarchies, made from any dendrogram at little cost.

    A dendrogram is taken apart from the root and put together anew, so that every cluster is
    divided into parts of one to two thirds and, if groups of people or things are given, has each
    group :math:`l` in nearly the share :math:`p_l` that it has among all:

    .. math:: p_l (1 - \delta) \, |C| \;\le\; |C \cap l| \;\le\; \frac{p_l}{1 - \delta} \, |C|
        \quad \text{for each cluster } C \text{ of more than one row.}

    What that costs is measured by [2]_ the sum of the similarities of all pairs times the sizes of
    the smallest clusters that contain them, :math:`\sum_{i<j} w_{ij} \, n_T(i, j)`, relative to the
    dendrogram's. Balancing multiplies no :math:`n_T` by more than 1.5.

    Use it where cuts at any level have to be fair or balanced, as for committees, schools, audits.
    With groups that are far apart, a fair tree is far from the dendrogram; see `cost_ratio_`.

    Parameters
    ----------
    n_clusters : int, default=8
        Number of clusters of `labels_`.

    linkage : {"average", "complete", "single", "ward"}, default="average"
        Linkage of the dendrogram, unless `fit` is given one.

    delta : float, default=0.2
        How far the share of a group in a cluster may be off.

    Attributes
    ----------
    labels_ : ndarray of shape (n_samples,)
        Clusters of the cut that divides the largest cluster at a time.

    n_clusters_ : int
        Their number; less than asked for only if the tree cannot be divided any further in a fair
        way.

    parent_ : ndarray of shape (n_nodes,)
        Parent of each node, -1 for the root, which is the last one. The rows are nodes 0 to
        ``n_samples - 1``, and parents have larger numbers.

    sizes_ : ndarray of shape (n_nodes,)
        Number of rows below each node.

    counts_ : ndarray of shape (n_nodes, n_sensitive_groups)
        Numbers of rows of each sensitive group.

    sensitive_groups_ : ndarray of shape (n_sensitive_groups,)
        The sensitive groups; a single one, 0, without `sensitive_features`.

    linkage_ : ndarray of shape (n_samples - 1, 4)
        The tree as a linkage matrix with the sizes as heights; a cluster of many children has as
        many merges at one height.

    balance_ : float
        Largest share of a node's rows in one child, over the nodes with two children of which one
        has more than two rows.

    cost_ratio_ : float
        Cost of the tree relative to that of the dendrogram, on the graph of 10 nearest neighbors
        with the similarities 1 / (1 + distance); NaN if `fit` has no rows.

    See Also
    --------
    to_scipy_linkage : Linkage matrices of fitted models.

    Notes
    -----
    *Differences from the papers* [1]_ [3]_: balancing is their rotation of a subtree of one to two
    thirds to the root. For fairness, the frontier of 2, 4, 8, ... subtrees is divided into two
    sides in pairs of similar shares of the groups, one to each such that both sides are alike; the
    smallest frontier whose sides are fair is taken, which is at the latest that of single rows.
    Each side keeps the dendrogram restricted to it. A cluster with no fair division has its rows as
    children. Thus every cluster is fair, which the papers' folding alone does not guarantee.

    References
    ----------
    .. [1] M. Knittel, M. Springer, J. P. Dickerson, M. Hajiaghayi (2023). Generalized reductions:
           making any hierarchical clustering fair and balanced with low cost. *ICML*.
           :arxiv:`2205.14198`
    .. [2] S. Dasgupta (2016). A cost function for similarity-based hierarchical clustering. *STOC*.
    .. [3] M. Knittel, M. Springer, J. P. Dickerson, M. Hajiaghayi (2023). Fair, polylog-approximate
           low-cost hierarchical clustering. *NeurIPS*. :arxiv:`2311.12501`

    Examples
    --------
    >>> import numpy as np
    >>> from skdeepcluster import FairHierarchy
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(64, 2)) + np.repeat([[0, 0], [9, 0]], 32, axis=0)
    >>> color = np.repeat(["red", "blue"], 32)
    >>> model = FairHierarchy(n_clusters=2).fit(X, sensitive_features=color)
    >>> [int(np.sum(color[model.labels_ == k] == "red")) for k in range(2)]
    [16, 16]
    """

    linkage: str = param("average", StrOptions({"average", "complete", "single", "ward"}))
    delta: float = param(0.2, Interval(Real, 0, 1, closed="left"))

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None, *, sensitive_features=None, tree=None):
        """Make the tree.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows. None if `tree` is given and no cost is wanted.

        sensitive_features : array-like of shape (n_samples,), default=None
            The group of each row, a number or a string. None: the tree is balanced only.

        tree : estimator, tree or array-like of shape (n_samples - 1, 4), default=None
            The dendrogram: whatever :func:`to_scipy_linkage` takes. None: that of `linkage`.
        """
        rows = None if X is None else check_rows(
            self, X, reset=True, dtype=FLOATS, accept_sparse=False, ensure_min_samples=2
        )  # fmt: skip
        if rows is None and tree is None:
            raise ValueError("fit needs rows X or a dendrogram tree.")
        unit_rows = None if rows is None else scaled_to_range(rows)[0].astype(np.float64)
        Z = scipy_linkage(unit_rows, self.linkage) if tree is None else to_scipy_linkage(tree)
        n = len(Z) + 1
        if rows is not None and len(rows) != n:
            raise ValueError(f"tree has {n} samples and X has {len(rows)}.")
        check_n_samples(n, self.n_clusters)
        groups = np.zeros(n, int)
        if sensitive_features is not None:
            groups = check_labels(sensitive_features, "sensitive_features")
            if num_samples(groups) != n:
                raise ValueError(f"sensitive_features has {len(groups)} entries for {n} rows.")
        self.sensitive_groups_, color = np.unique(groups, return_inverse=True)
        builder = Builder(Z[:, :2].astype(np.int64), color, self.delta)
        self.parent_, self.sizes_, self.counts_ = builder.built()
        self._cut()
        self.linkage_ = self._as_linkage()
        self.balance_ = self._balance()
        self.cost_ratio_ = np.nan
        if unit_rows is not None:
            edges, weights = self._similarities(unit_rows)
            base = np.full(2 * n - 1, -1)
            base[Z[:, :2].astype(np.int64).ravel()] = np.repeat(np.arange(n, 2 * n - 1), 2)
            sizes = np.concatenate([np.ones(n), Z[:, 3]])
            before = dasgupta_cost(base, sizes, edges, weights)
            self.cost_ratio_ = dasgupta_cost(self.parent_, self.sizes_, edges, weights) / before
        return self

    def _similarities(self, rows):
        n = len(rows)
        k = min(COST_NEIGHBORS, n - 1)
        lengths, indices = nearest_neighbors(np.ascontiguousarray(rows), k, self._n_threads())
        unit = np.median(lengths) or 1.0
        edges = np.repeat(np.arange(n), k), indices.ravel()
        return edges, 1 / (1 + lengths.ravel() / unit)

    def _children(self):
        return rows_of_each(self.parent_[:-1])

    def _cut(self):
        """Divide the largest cluster at a time."""
        children = self._children()
        n = int(self.sizes_[-1])
        root = len(self.parent_) - 1
        heap, final = [(-n, root)], []
        while heap and len(heap) + len(final) < self.n_clusters:
            _, node = heapq.heappop(heap)
            if node < n or len(children[node]) != 2:
                # Rows of their own are fair only by exception.
                final.append(node)
                continue
            for child in children[node]:
                heapq.heappush(heap, (-int(self.sizes_[child]), int(child)))
        label = np.full(len(self.parent_), -1, np.int32)
        nodes = sorted(final + [node for _, node in heap])
        label[nodes] = np.arange(len(nodes))
        for node in range(root - 1, -1, -1):
            if label[node] == -1:
                label[node] = label[self.parent_[node]]
        self.labels_, self.n_clusters_ = in_order(label[:n]), len(nodes)
        if self.n_clusters_ < self.n_clusters:
            warnings.warn(
                f"The tree has {self.n_clusters_} clusters that are fair, fewer than n_clusters="
                f"{self.n_clusters}. Increase delta or take fewer clusters.",
                ConvergenceWarning,
                stacklevel=caller_level(),
            )

    def _as_linkage(self):
        n = int(self.sizes_[-1])
        merges, name = [], list(range(n))
        size_of = [1] * n
        for node, children in enumerate(self._children()[n:], n):
            current = name[children[0]]
            for child in children[1:]:
                total = size_of[current] + size_of[name[child]]
                merges.append([current, name[child], self.sizes_[node], total])
                current = n + len(merges) - 1
                size_of.append(total)
            name.append(current)
        merges = np.array(merges, dtype=np.float64).reshape(-1, 4)
        # SciPy wants heights that do not fall.
        order = np.argsort(merges[:, 2], kind="stable")
        number = np.arange(2 * n - 1)
        number[n + order] = n + np.arange(n - 1)
        merges = merges[order]
        merges[:, :2] = number[merges[:, :2].astype(np.int64)]
        return merges

    def _balance(self):
        n = int(self.sizes_[-1])
        shares = [0.5]
        for node, children in enumerate(self._children()[n:], n):
            if len(children) == 2 and self.sizes_[node] > 3:
                shares.append(self.sizes_[children].max() / self.sizes_[node])
        return float(max(shares))
