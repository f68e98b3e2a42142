"""Coding rates: how many directions rows fill, in all and within clusters."""

from numbers import Real

import numpy as np
from sklearn.utils import check_array, check_consistent_length, column_or_1d

from skdeepcluster._sklearn import Interval, validate_params

_ROWS = {"Z": ["array-like"], "precision": [Interval(Real, 0, None, closed="neither")]}


@validate_params(_ROWS, prefer_skip_nested_validation=True)
def coding_rate(Z, *, precision=0.1):
    r"""Coding rate of rows: large if they fill many directions evenly.

    With :math:`n` rows of length one in :math:`p` dimensions, in nats for each row,

    .. math:: R(Z) = \frac{1}{2} \log\det \left( I + \frac{p}{n \epsilon^2} Z^\top Z \right).

    Parameters
    ----------
    Z : array-like of shape (n_samples, n_features)
        Rows, such as an embedding. They are scaled to length one.

    precision : float, default=0.1
        Squared error :math:`\epsilon^2` up to which rows are coded.

    Returns
    -------
    rate : float
        At least that of equal rows, :math:`\frac{1}{2} \log(1 + p / \epsilon^2)`, and at most
        :math:`\frac{p}{2} \log(1 + 1 / \epsilon^2)`.

    Raises
    ------
    ValueError
        If a row is zero.

    See Also
    --------
    rate_reduction : The same without what is within clusters.

    References
    ----------
    .. [1] Yu, Chan, You, Song, Ma: Learning diverse and discriminative representations via the
       principle of maximal coding rate reduction. NeurIPS 2020. :arxiv:`2006.08558`

    Examples
    --------
    >>> from skdeepcluster.metrics import coding_rate
    >>> round(coding_rate([[1, 0], [1, 0]]), 2), round(coding_rate([[1, 0], [0, 1]]), 2)
    (1.52, 2.4)
    """
    return float(_log_det(_unit_rows(Z), precision) / 2)


@validate_params(_ROWS | {"labels": ["array-like"]}, prefer_skip_nested_validation=True)
def rate_reduction(Z, labels, *, precision=0.1):
    r"""Coding rate of all rows, less that within clusters.

    It is large if clusters lie in different, orthogonal subspaces of few dimensions:

    .. math:: \Delta R = R(Z) - \sum_c \frac{n_c}{n} R(Z_c).

    Parameters
    ----------
    Z : array-like of shape (n_samples, n_features)
        Rows, such as an embedding. They are scaled to length one.

    labels : array-like of shape (n_samples,)
        Clusters, numbers or strings; -1 is one like others.

    precision : float, default=0.1
        Squared error :math:`\epsilon^2` up to which rows are coded.

    Returns
    -------
    reduction : float
        Not negative, and 0 for a single cluster. It grows with the number of clusters; to compare
        numbers take :func:`coding_length`.

    Raises
    ------
    ValueError
        If a row is zero, or there is not a label for each.

    See Also
    --------
    coding_rate : The rate of all rows.

    References
    ----------
    .. [1] Yu, Chan, You, Song, Ma: Learning diverse and discriminative representations via the
       principle of maximal coding rate reduction. NeurIPS 2020. :arxiv:`2006.08558`

    Examples
    --------
    >>> from skdeepcluster.metrics import rate_reduction
    >>> Z = [[1, 0], [1, 0], [0, 1], [0, 1]]
    >>> round(rate_reduction(Z, [0, 0, 1, 1]), 2), round(rate_reduction(Z, [0, 1, 0, 1]), 2)
    (0.88, 0.0)
    """
    Z, groups = _unit_rows(Z), _groups(Z, labels)
    within = sum(len(rows) * _log_det(Z[rows], precision) for rows in groups) / len(Z)
    return float(max(0.0, (_log_det(Z, precision) - within) / 2))


@validate_params(_ROWS | {"labels": ["array-like"]}, prefer_skip_nested_validation=True)
def coding_length(Z, labels, *, precision=0.1):
    r"""Length of a code of rows by their clusters: the less, the better the clusters.

    A code of the basis and the rows of each cluster, and of the cluster of each row, has in nats

    .. math:: \sum_c \frac{n_c + p}{2}
        \log\det \left( I + \frac{p}{n_c \epsilon^2} Z_c^\top Z_c \right)
        - n_c \log \frac{n_c}{n} .

    It has a minimum over numbers of clusters, which is the right one if clusters are subspaces with
    little noise. For other rows it may be flat, or have its minimum elsewhere: look at the whole
    curve.

    Parameters
    ----------
    Z : array-like of shape (n_samples, n_features)
        Rows, such as an embedding. They are scaled to length one.

    labels : array-like of shape (n_samples,)
        Clusters, numbers or strings; -1 is one like others.

    precision : float, default=0.1
        Squared error :math:`\epsilon^2` up to which rows are coded.

    Returns
    -------
    length : float
        In nats, of all rows together.

    Raises
    ------
    ValueError
        If a row is zero, or there is not a label for each.

    See Also
    --------
    rate_reduction : How different the subspaces of clusters are.

    References
    ----------
    .. [1] Ma, Derksen, Hong, Wright: Segmentation of multivariate mixed data via lossy data coding
       and compression. IEEE Transactions on Pattern Analysis and Machine Intelligence 29, 2007.
    .. [2] Chu, Tong, Ding, Dai, Haeffele, Vidal, Ma: Image clustering via the principle of rate
       reduction in the age of pretrained models. ICLR 2024. :arxiv:`2306.05272`

    Examples
    --------
    >>> from skdeepcluster.metrics import coding_length
    >>> Z = [[1, 0], [1, 0], [0, 1], [0, 1]] * 5
    >>> coding_length(Z, [0, 0, 1, 1] * 5) < coding_length(Z, [0] * 20)
    True
    """
    Z, groups = _unit_rows(Z), _groups(Z, labels)
    n, p = Z.shape
    parts = [
        (len(rows) + p) / 2 * _log_det(Z[rows], precision) - len(rows) * np.log(len(rows) / n)
        for rows in groups
    ]
    return float(sum(parts))


def _unit_rows(Z):
    Z = check_array(Z, dtype=np.float64, input_name="Z")
    lengths = np.linalg.norm(Z, axis=1, keepdims=True)
    if not lengths.all():
        row = int(lengths[:, 0].argmin())
        raise ValueError(f"Row {row} of Z is zero and has no direction; leave such rows out.")
    return Z / lengths


def _groups(Z, labels):
    """Indices of the rows of each cluster."""
    labels = column_or_1d(np.asarray(labels))
    check_consistent_length(Z, labels)
    _, inverse = np.unique(labels, return_inverse=True)
    order = np.argsort(inverse, kind="stable")
    return np.split(order, np.bincount(inverse).cumsum()[:-1])


def _log_det(Z, precision):
    n, p = Z.shape
    # Both products have the same eigenvalues, but for zeros.
    gram = Z.T @ Z if p <= n else Z @ Z.T
    gram *= p / (n * precision)
    gram[np.diag_indices_from(gram)] += 1
    return np.linalg.slogdet(gram)[1]
