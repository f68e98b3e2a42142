"""GowerEncoder: tables of numbers and categories as rows whose Manhattan distances are Gower's."""

import numpy as np

from skdeepcluster.medoids._mixed import MixedTableEncoder


class GowerEncoder(MixedTableEncoder):
    r"""Numeric rows of a mixed table, whose Manhattan distances are Gower's.

    Gower's distance of two rows of :math:`p` columns is the mean over the columns of

    .. math:: d_j(x, y) = \frac{|x_j - y_j|}{\max_j - \min_j} \text{ for numbers and ranks}, \qquad
        d_j(x, y) = [\, x_j \ne y_j \,] \text{ for categories.}

    Numbers and ranks are scaled to an interval of length :math:`1 / p`, a category becomes an
    indicator of height :math:`1 / (2 p)`. So each clusterer that takes ``metric="manhattan"``, such
    as :class:`KMedoids`, :class:`CLARA` and :class:`HDBSCAN`, clusters mixed tables by its fast
    kernels, without a matrix of all pairs. Data frames of pandas and polars are read as they are.

    Attributes
    ----------
    minima_ : ndarray of shape (n_features_in_,)
        The least value of columns of numbers or ranks.

    ranges_ : ndarray of shape (n_features_in_,)
        Their ranges.

    middles_ : ndarray of shape (n_features_in_,)
        Their medians.

    See Also
    --------
    KMedoids : Medoids under any distance.
    KPrototypesEncoder : Squared differences, and a weight of categories.

    Notes
    -----
    Where both values are known, distances are exactly Gower's. A missing number stands at the
    median, a missing category is as far from each as a random row is: Gower's own rule, to leave
    the column out for such pairs, is no distance of rows. A category that was not seen in `fit`
    differs from all others.

    References
    ----------
    .. [1] J. C. Gower (1971). A general coefficient of similarity and some of its properties.
           *Biometrics* 27(4), 857-871.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn.pipeline import make_pipeline
    >>> from skdeepcluster import GowerEncoder, KMedoids
    >>> frame = pd.DataFrame({"age": [20, 22, 60, 61], "job": ["a", "a", "b", None]})
    >>> model = make_pipeline(GowerEncoder(), KMedoids(2, metric="manhattan", random_state=0))
    >>> labels = model.fit_predict(frame)
    >>> bool(labels[0] == labels[1] != labels[2] == labels[3])
    True
    """

    def _begin(self, p):
        self.minima_, self.ranges_, self.middles_ = np.zeros(p), np.zeros(p), np.zeros(p)

    def _learn(self, j, numbers, found):
        if len(numbers):
            self.minima_[j] = numbers.min()
            with np.errstate(over="ignore"):
                self.ranges_[j] = numbers.max() - numbers.min()
        if len(found):
            self.middles_[j] = np.median(found)

    def _scaled(self, j, numbers):
        numbers = np.where(np.isnan(numbers), self.middles_[j], numbers)
        scale = self.ranges_[j] if self.ranges_[j] > 0 else 1.0
        return (numbers - self.minima_[j]) / scale / len(self.kinds_)

    def _of_categories(self, indicators):
        return indicators / (2 * len(self.kinds_))
