"""WeightCoclustering: blocks of the rows and columns of a matrix of weights."""

from numbers import Integral, Real

import numpy as np
from scipy.sparse import csr_array
from sklearn.base import BiclusterMixin

from skdeepcluster._sklearn import Interval, fit_context
from skdeepcluster.algorithms.coclusters import bipartite_cut
from skdeepcluster.base import Estimator, NumberOfClustersMixin, RandomStateMixin, param
from skdeepcluster.metrics import clusterability_score
from skdeepcluster.validation import check_n_samples, check_rows


class WeightCoclustering(NumberOfClustersMixin, RandomStateMixin, BiclusterMixin, Estimator):
    r"""Groups of the outputs and inputs of a layer that have little to do with each other.

    The weights of a layer are the edges of a bipartite graph between its outputs, the rows of
    :math:`W`, and its inputs, the columns. With :math:`A_{ij} = |W_{ij}|^p` the normalized cut

    .. math:: \min_{u, v} \sum_k
        \frac{\sum_{ij} A_{ij} [u_i = k \ne v_j] + A_{ij} [u_i \ne k = v_j]}
        {\sum_{ij} A_{ij} ([u_i = k] + [v_j = k])}

    gives row and column groups :math:`u` and :math:`v` of the same names, between which there are
    few weights. It is relaxed to singular vectors [1]_.

    Use it to see whether a layer, trained with
    ``skdeepcluster.nn.clusterability_penalty`` or not, consists of modules [2]_, or to cluster
    both sides of any table in which large entries of either sign mean that row and column belong
    together. Where the number of groups is not known and entries count interactions take
    :class:`GraphHash`.

    Parameters
    ----------
    n_clusters : int, default=8
        Number of groups, at most that of the rows.

    power : float, default=2.0
        The power :math:`p` of the absolute weights. 2 cuts what the score counts; with less small
        weights count more.

    n_init : int, default=10
        Number of runs of k-means.

    Attributes
    ----------
    row_labels_ : ndarray of shape (n_samples,)
        Group of each row; -1 for rows of zeros, which are in none.

    labels_ : ndarray of shape (n_samples,)
        The same as `row_labels_`.

    column_labels_ : ndarray of shape (n_features,)
        Group of each column; -1 for columns of zeros.

    rows_ : ndarray of shape (n_clusters, n_samples)
        Whether each row is in each group.

    columns_ : ndarray of shape (n_clusters, n_features)
        Whether each column is in each group.

    clusterability_ : float
        Share of the squared weights that is within the groups,
        :func:`~skdeepcluster.metrics.clusterability_score`.

    See Also
    --------
    sklearn.cluster.SpectralCoclustering : The same for counts, by fewer singular vectors.
    GraphHash : Communities of both sides.

    Notes
    -----
    Differences from [2]_: one run of k-means clusters both sides. Where each side has its own, the
    i-th group of the rows has nothing to do with the i-th of the columns, and the score of even a
    perfectly divided layer is low. Squared weights are cut, in place of absolute ones; coordinates
    have length one. Differences from [1]_: one singular vector for each group, in place of one for
    each power of 2.

    References
    ----------
    .. [1] I. S. Dhillon, "Co-clustering documents and words using bipartite spectral graph
           partitioning", KDD, 2001.
    .. [2] S. Golechha et al., "Modular training of neural networks aids interpretability", 2025.
           :arxiv:`2502.02470`

    Examples
    --------
    >>> import numpy as np
    >>> from skdeepcluster import WeightCoclustering
    >>> rng = np.random.default_rng(0)
    >>> outputs, inputs = rng.integers(3, size=30), rng.integers(3, size=20)
    >>> W = rng.normal(size=(30, 20)) * (outputs[:, np.newaxis] == inputs)
    >>> model = WeightCoclustering(3, random_state=0).fit(W)
    >>> model.clusterability_, model.get_shape(0) == (np.sum(model.row_labels_ == 0),
    ...                                               np.sum(model.column_labels_ == 0))
    (1.0, True)
    """

    power: float = param(2.0, Interval(Real, 0, 100, closed="right"))
    n_init: int = param(10, Interval(Integral, 1, None, closed="left"))

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Find the groups of rows and columns.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Weights, of either sign: outputs are rows and inputs columns, as in `torch.nn.Linear`.
        """
        X = check_rows(self, X, reset=True, accept_sparse="csr")
        check_n_samples(X.shape[0], self.n_clusters)
        table = abs(csr_array(X, dtype=np.float64))
        largest = table.data.max(initial=0)
        if not largest > 0:
            raise ValueError("X has no weights: all of them are 0.")
        # In units in which no power overflows.
        table.data = (table.data / largest) ** self.power
        table.eliminate_zeros()
        rows, columns = (np.flatnonzero(table.sum(axis=axis)) for axis in (1, 0))
        check_n_samples(len(rows) + len(columns), self.n_clusters, of_weight=" other than 0")
        found = bipartite_cut(
            table[rows][:, columns], self.n_clusters, n_init=self.n_init, seed=self._seed()
        )
        self.labels_ = self.row_labels_ = _placed(found[0], rows, X.shape[0])
        self.column_labels_ = _placed(found[1], columns, X.shape[1])
        groups = np.arange(self.n_clusters)[:, np.newaxis]
        self.rows_, self.columns_ = self.row_labels_ == groups, self.column_labels_ == groups
        self.clusterability_ = clusterability_score(X, self.row_labels_, self.column_labels_)
        return self


def _placed(labels, places, n):
    """Labels of some of n units, -1 for the others."""
    found = np.full(n, -1, np.int32)
    found[places] = labels
    return found
