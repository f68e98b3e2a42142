"""SubclassClustering: each class divided into subclasses of about equal size."""

from numbers import Integral

import numpy as np
from sklearn.base import ClusterMixin, clone
from sklearn.utils import check_random_state

from skdeepcluster._sklearn import HasMethods, Interval, fit_context
from skdeepcluster.base import CentersMixin, Clusterer, RandomStateMixin, param
from skdeepcluster.discovery.balanced_kmeans import BalancedKMeans
from skdeepcluster.validation import as_array, check_labels


class SubclassClustering(CentersMixin, RandomStateMixin, Clusterer):
    r"""Each class divided into subclasses of about the size of the smallest class.

    With :math:`n_c` rows of class c, class c is divided into

    .. math:: m_c = \max\Big(1, \Big\lfloor \frac{n_c}{\max(\min_{c'} n_{c'}, \delta)}
        \Big\rfloor\Big)

    clusters of equal size [1]_. It shows structure within large classes and balances long-tailed
    labels without leaving rows out. It gains nothing where classes have one mode: their borders are
    then arbitrary.

    **Here y are classes, all of them known**: unlike with other clusterers of the package they are
    used. Without y all rows are one class.

    Parameters
    ----------
    min_subclass_size : int, default=10
        :math:`\delta`, the least size that classes are divided into.

    clusterer : estimator, default=None
        What divides a class: a clusterer with `n_clusters`. None is
        :class:`~skdeepcluster.BalancedKMeans`.

    Attributes
    ----------
    labels_ : ndarray of shape (n_samples,)
        Subclass of each training row.

    classes_ : ndarray of shape (n_classes,)
        The classes, sorted; ``[0]`` without y.

    subclass_to_class_ : ndarray of shape (n_subclasses,)
        The class of each subclass.

    n_subclasses_ : ndarray of shape (n_classes,)
        Number of subclasses of each class.

    n_clusters_ : int
        Number of all subclasses.

    cluster_centers_ : ndarray of shape (n_subclasses, n_features)
        Means of the subclasses. `predict` takes the nearest, of any class; it may differ from
        `labels_`, which knows the classes.

    See Also
    --------
    BalancedKMeans : Clusters of equal size.
    SubclassContrastive : An encoder trained by classes and subclasses.

    References
    ----------
    .. [1] C. Hou et al. (2023). Subclass-balancing contrastive learning for long-tailed
           recognition. *ICCV*.

    Examples
    --------
    >>> from sklearn.datasets import make_blobs
    >>> from skdeepcluster import SubclassClustering
    >>> X, y = make_blobs([60, 20, 15], random_state=0)
    >>> SubclassClustering(random_state=0).fit(X, y).n_subclasses_
    array([4, 1, 1])
    """

    min_subclass_size: int = param(10, Interval(Integral, 1, None, closed="left"))
    clusterer: ClusterMixin | None = param(None, HasMethods(["fit", "set_params"]), None)
    _takes_sparse = False

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y=None):
        """Divide classes.

        Parameters
        ----------
        y : array-like of shape (n_samples,), default=None
            The class of each row.
        """
        X = self._validate(X, reset=True)
        self.classes_, y = numbered_classes(y, len(X))
        self.n_subclasses_ = numbers_of_subclasses(y, self.min_subclass_size)
        self.n_clusters_ = int(self.n_subclasses_.sum())
        rng = check_random_state(self.random_state)
        self.labels_ = np.empty(len(X), dtype=np.int32)
        centers = []
        for c, (n_clusters, first) in enumerate(
            zip(self.n_subclasses_, np.cumsum(self.n_subclasses_) - self.n_subclasses_, strict=True)
        ):
            rows = np.flatnonzero(y == c)
            labels = np.zeros(len(rows), dtype=int)
            seed = rng.randint(2**31 - 1)
            if n_clusters > 1:
                model = clone(self.clusterer) if self.clusterer is not None else BalancedKMeans()
                model.set_params(n_clusters=int(n_clusters))
                if "random_state" in model.get_params():
                    model.set_params(random_state=seed)
                labels = model.fit(X[rows]).labels_
            self.labels_[rows] = first + labels
            centers += [X[rows[labels == j]].mean(axis=0) for j in range(n_clusters)]
        self.subclass_to_class_ = np.repeat(self.classes_, self.n_subclasses_)
        self._set_centers(np.array(centers), X.dtype)
        return self


def numbered_classes(y, n_samples):
    """The classes, sorted, and the number of that of each row; a single one without y."""
    y = np.zeros(n_samples, dtype=int) if y is None else check_labels(as_array(y), "y")
    if len(y) != n_samples:
        raise ValueError(f"y has {len(y)} labels, X {n_samples} rows.")
    return np.unique(y, return_inverse=True)


def numbers_of_subclasses(y, min_subclass_size):
    """Into how many subclasses each of the numbered classes of rows is divided."""
    counts = np.bincount(y)
    size = min_subclass_size
    if len(counts) > 1:
        size = max(size, counts.min())
    return np.maximum(1, counts // size)
