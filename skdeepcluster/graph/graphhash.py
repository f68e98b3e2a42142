"""GraphHash: shared embedding rows for users and items of the same bipartite community."""

from numbers import Integral, Real

import numpy as np
from scipy.sparse import block_array, csr_array, issparse
from sklearn.utils.validation import check_is_fitted

from skdeepcluster._sklearn import Interval, StrOptions, fit_context
from skdeepcluster.algorithms import communities as algorithm
from skdeepcluster.algorithms.groups import members, weights_to
from skdeepcluster.base import (
    Clusterer,
    FloatTransformerMixin,
    RandomStateMixin,
    ThreadsMixin,
    param,
)
from skdeepcluster.validation import check_rows

# Runs in search of a resolution.
MAX_SEARCH = 25


class GraphHash(FloatTransformerMixin, RandomStateMixin, ThreadsMixin, Clusterer):
    r"""Communities of the rows and columns of a table of interactions, for shared embedding rows.

    Users and items are the two sides of a bipartite graph with the weights :math:`b_{ui}`. Their
    joint communities maximize Barber's modularity with a resolution [2]_,

    .. math:: \frac{1}{w} \sum_{ui} \left( b_{ui} - \gamma \frac{d_u d_i}{w} \right) [c_u = c_i],
        \qquad w = \sum_{ui} b_{ui},

    by the method of :class:`Leiden`. Those of the users and those of the items are then numbered
    each from 0: users of one community share a row of an embedding table, and so do items [1]_.

    Use it to make embedding tables of recommenders small, or to cluster both sides of a table when
    the number of clusters is not known.

    Parameters
    ----------
    resolution : float, default=1.0
        The resolution :math:`\gamma`. Larger values give more and smaller communities; it has no
        natural scale.

    n_rows_budget : int, default=None
        Most rows of both tables together. The resolution is then searched for that comes nearest
        from below; `resolution` is not used.

    algorithm : {"leiden", "louvain"}, default="leiden"
        The method.

    max_iter : int, default=2
        Most iterations.

    random_state : int, RandomState instance or None, default=None
        Determines the order of nodes. The result is the same for any number of threads.

    Attributes
    ----------
    labels_ : ndarray of shape (n_samples,)
        Row of the table for each user. Users without interactions share the last row.

    row_labels_ : ndarray of shape (n_samples,)
        The same as `labels_`.

    column_labels_ : ndarray of shape (n_features,)
        Row of the table for each item. Items without interactions share the last row.

    n_clusters_ : int
        Number of rows of the table that users have.

    n_rows_ : int
        Size of the table of users.

    n_columns_ : int
        Size of the table of items.

    modularity_ : float
        Barber's modularity.

    resolution_ : float
        The resolution that was used.

    n_iter_ : int
        Iterations that were needed.

    See Also
    --------
    Leiden : Communities of graphs with one kind of nodes.
    sklearn.cluster.SpectralCoclustering : A given number of clusters of both sides.

    Notes
    -----
    Unlike in the paper communities are refined, by Leiden's method, the size of the tables may be
    given, and users and items without interactions do not take rows of their own.

    References
    ----------
    .. [1] X. Wu et al., "GraphHash: graph clustering enables parameter efficiency in recommender
           systems", WWW, 2025. :arxiv:`2412.17245`
    .. [2] M. J. Barber, "Modularity and community detection in bipartite networks", Physical Review
           E 76, 2007. :arxiv:`0707.1616`

    Examples
    --------
    >>> import numpy as np
    >>> from skdeepcluster import GraphHash
    >>> table = np.kron(np.eye(3), np.ones((4, 2)))
    >>> model = GraphHash(random_state=0).fit(table)
    >>> model.n_rows_, model.n_columns_, round(model.modularity_, 3)
    (3, 3, 0.667)
    >>> model.predict(table[:1]) == model.labels_[:1]
    array([ True])
    """

    resolution: float = param(1.0, Interval(Real, 0, None, closed="left"))
    n_rows_budget: int | None = param(None, Interval(Integral, 2, None, closed="left"), None)
    algorithm: str = param("leiden", StrOptions({"leiden", "louvain"}))
    max_iter: int = param(2, Interval(Integral, 1, None, closed="left"))

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = tags.input_tags.positive_only = True
        return tags

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Find communities of users and items.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Interactions of users, the rows, with items, the columns; none negative, some positive.
        """
        B = self._validate(X, reset=True)
        n, m = B.shape
        total = float(B.sum())
        if not total > 0:
            raise ValueError("X has no interactions.")
        directed = csr_array(block_array([[csr_array((n, n)), B], [None, csr_array((m, m))]]))
        graph = csr_array((directed + directed.T) / 2)
        graph.sort_indices()
        model = algorithm.null_model("modularity", graph, directed)
        seed = self._seed()

        def find(resolution):
            return algorithm.communities(
                graph, model, resolution=resolution, algorithm=self.algorithm,
                max_iter=self.max_iter, seed=seed, n_threads=self._n_threads(),
            )  # fmt: skip

        if self.n_rows_budget is None:
            self.resolution_, found = float(self.resolution), find(self.resolution)
        else:
            found, self.resolution_ = self._searched(find, B)
        joint, self.n_iter_ = found
        self.modularity_ = algorithm.quality(graph, joint, model, self.resolution_)
        self._set_sides(joint, B, total)
        return self

    def _searched(self, find, B):
        """The finest communities within the budget."""
        low, high, gamma = 0.0, np.inf, 1.0
        best = find(0.0), 0.0
        largest = _table_rows(best[0][0], B)
        if largest > self.n_rows_budget:
            raise ValueError(
                f"n_rows_budget={self.n_rows_budget} is less than the {largest} rows that the "
                "components of X take."
            )
        for _ in range(MAX_SEARCH):
            result = find(gamma)
            found = _table_rows(result[0], B)
            if found <= self.n_rows_budget:
                low = gamma
                if found > largest:
                    largest, best = found, (result, gamma)
            else:
                high = gamma
            if found == self.n_rows_budget:
                break
            gamma = 4 * low if high == np.inf else np.sqrt(max(low, high / 16) * high)
            if gamma > 1e9:
                break
        return best

    def _set_sides(self, joint, B, total):
        n = B.shape[0]
        rows, columns = joint[:n], joint[n:]
        self.labels_, self.n_rows_, known = _numbered(rows, B.sum(axis=1) > 0)
        self.row_labels_ = self.labels_
        self.n_clusters_ = int(self.labels_.max()) + 1
        self.column_labels_, self.n_columns_, _ = _numbered(columns, B.sum(axis=0) > 0)
        # For new users: which row each community has, and the degrees of its items.
        k = int(joint.max()) + 1
        self._item_community, self._communities = columns, known
        self._pull = self.resolution_ * np.bincount(columns, B.sum(axis=0), k)[known] / total
        self._n_features_out = self.n_columns_

    def _validate(self, X, reset):
        B = check_rows(self, X, reset=reset, accept_sparse="csr")
        self._dtype = B.dtype
        if (B.data if issparse(B) else B).min(initial=0) < 0:
            raise ValueError("Negative values in data passed to GraphHash: X has interactions.")
        B = csr_array(B, dtype=np.float64)
        with np.errstate(over="ignore"):
            total = B.sum()
        if not total < 1e150 or 0 < total < 1e-150:
            raise ValueError(f"The interactions add up to {total:.3g}. Scale X.")
        if not B.data.all():
            B = B.copy()
            B.eliminate_zeros()
        return B

    def predict(self, X):
        """The row of the table for each new user, who may be one of the fit.

        Returns
        -------
        labels : ndarray of shape (n_samples,)
            The community that a user gains most by; for users of the fit the one in `labels_`, but
            for those who gain by several equally. The last row for users without interactions.
        """
        check_is_fitted(self)
        B = self._validate(X, reset=False)
        k = int(self._item_community.max(initial=0)) + 1
        shares = csr_array(B @ members(self._item_community, max(k, self._communities.max() + 1)))
        degrees = B.sum(axis=1)
        labels = np.empty(B.shape[0], np.int32)
        for begin in range(0, len(labels), 1024):
            part = slice(begin, begin + 1024)
            gains = shares[part].toarray()[:, self._communities]
            labels[part] = (gains - np.outer(degrees[part], self._pull)).argmax(axis=1)
        labels[degrees == 0] = self.n_rows_ - 1
        return labels

    def transform(self, X):
        """Interactions of users with each community of items.

        Returns
        -------
        Z : ndarray of shape (n_samples, n_columns_)
            Sums over the items of each row of their table.
        """
        check_is_fitted(self)
        B = self._validate(X, reset=False)
        return weights_to(B, self.column_labels_, self.n_columns_).astype(self._dtype)


def _numbered(labels, active):
    """Labels of one side from 0, inactive ones last; their number; and their communities."""
    known, numbers = np.unique(labels[active], return_inverse=True)
    found = np.full(len(labels), len(known), np.int32)
    found[active] = numbers
    return found, len(known) + int(not active.all()), known


def _table_rows(joint, B):
    """Rows of both tables."""
    n = B.shape[0]
    return _numbered(joint[:n], B.sum(axis=1) > 0)[1] + _numbered(joint[n:], B.sum(axis=0) > 0)[1]
