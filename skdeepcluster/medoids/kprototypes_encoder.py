"""KPrototypesEncoder: mixed tables as rows whose squared distances are those of k-prototypes."""

from numbers import Real

import numpy as np

from skdeepcluster._sklearn import Interval
from skdeepcluster.base import param
from skdeepcluster.medoids._mixed import MixedTableEncoder


class KPrototypesEncoder(MixedTableEncoder):
    r"""Numeric rows of a mixed table, whose squared distances are those of k-prototypes.

    For numbers and ranks with the standard deviations :math:`s_j`, and categories of the weight
    :math:`\gamma`, the squared Euclidean distance of two encoded rows is

    .. math:: d(x, y) = \sum_{j \text{ number, rank}} \frac{(x_j - y_j)^2}{s_j^2}
        + \gamma \sum_{j \text{ category}} [\, x_j \ne y_j \,] .

    Numbers and ranks are standardized, a category becomes an indicator of height
    :math:`\sqrt{\gamma / 2}`. So each clusterer of Euclidean rows clusters mixed tables. Use it
    where squares fit, for numbers without outliers; elsewhere :class:`GowerEncoder`, which weighs
    all columns the same. Data frames of pandas and polars are read as they are.

    Parameters
    ----------
    category_weight : float, default=0.5
        The weight :math:`\gamma`, about the share of a category in a squared distance; two random
        numbers of unit variance differ by 2 in the mean. The default is half of the standard
        deviation of the numbers, as is usual.

    Attributes
    ----------
    means_ : ndarray of shape (n_features_in_,)
        The means of columns of numbers or ranks.

    scales_ : ndarray of shape (n_features_in_,)
        Their standard deviations.

    See Also
    --------
    GowerEncoder : Absolute differences by range, and categories that weigh as much.
    KMedoids : Clusters around rows, with ``metric="sqeuclidean"`` k-prototypes' distance.

    Notes
    -----
    Where both values are known, distances are exactly those of k-prototypes. A missing number
    stands at the mean, and a missing category at the shares of the categories. A category that was
    not seen in `fit` differs from all others. K-means of encoded rows differs from k-prototypes:
    a center has the shares of the categories of its rows, where a prototype has the most frequent
    ones.

    References
    ----------
    .. [1] Z. Huang (1998). Extensions to the k-means algorithm for clustering large data sets with
           categorical values. *Data Mining and Knowledge Discovery* 2, 283-304.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn.cluster import KMeans
    >>> from sklearn.pipeline import make_pipeline
    >>> from skdeepcluster import KPrototypesEncoder
    >>> frame = pd.DataFrame({"age": [20, 22, 60, 61], "job": ["a", "a", "b", None]})
    >>> model = make_pipeline(KPrototypesEncoder(), KMeans(2, random_state=0))
    >>> labels = model.fit_predict(frame)
    >>> bool(labels[0] == labels[1] != labels[2] == labels[3])
    True
    """

    category_weight: float = param(0.5, Interval(Real, 0, None, closed="left"))

    def _begin(self, p):
        self.means_, self.scales_ = np.zeros(p), np.zeros(p)

    def _learn(self, j, numbers, found):
        # In parts of the largest value, whose square may be infinite.
        largest = np.abs(found).max(initial=0)
        if largest > 0:
            self.means_[j] = (found / largest).mean() * largest
            self.scales_[j] = (found / largest).std() * largest

    def _scaled(self, j, numbers):
        numbers = np.where(np.isnan(numbers), self.means_[j], numbers)
        return (numbers - self.means_[j]) / (self.scales_[j] if self.scales_[j] > 0 else 1.0)

    def _of_categories(self, indicators):
        return indicators * np.sqrt(self.category_weight / 2)
