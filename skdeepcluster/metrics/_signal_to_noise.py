"""Distances of rows relative to what varies within them."""

import numpy as np
from sklearn.metrics.pairwise import check_pairwise_arrays, euclidean_distances


def snr_distances(X, Y=None, *, symmetric=False):
    r"""Signal-to-noise distances of rows of embeddings.

    .. math:: d_{ij} = \frac{\operatorname{var}(y_j - x_i)}{\operatorname{var}(x_i)}

    with variances over the features: what is added to a row, the noise, relative to the row itself,
    the signal [1]_. Constants that are added to all features of a row and a common factor of two
    rows change nothing. It is no metric, and differs between :math:`d_{ij}` and :math:`d_{ji}`.

    Parameters
    ----------
    X : array-like of shape (n_rows, n_features)
        Two features or more.

    Y : array-like of shape (n_others, n_features), default=None
        Other rows; None takes those of X.

    symmetric : bool, default=False
        Whether to return the means of both directions,
        :math:`\operatorname{var}(y_j - x_i)` times the mean of the inverse variances, as
        clusterers need them that take distances.

    Returns
    -------
    distances : ndarray of shape (n_rows, n_others)
        0 up to rounding between rows that differ by a constant alone. A row of X that is constant
        has no signal: it is infinitely far from all rows that vary.

    Raises
    ------
    ValueError
        If rows have one feature, which does not vary.

    See Also
    --------
    sklearn.metrics.pairwise.cosine_distances : Of centered rows, without their lengths.

    References
    ----------
    .. [1] T. Yuan, W. Deng, J. Tang, Y. Tang, B. Chen, "Signal-to-noise ratio: a robust distance
           metric for deep metric learning", CVPR, 2019. :arxiv:`1904.02616`

    Examples
    --------
    >>> from skdeepcluster.metrics import snr_distances
    >>> X = [[1.0, -1.0], [3.0, -3.0], [5.0, 3.0]]
    >>> snr_distances(X).round(3)
    array([[0.   , 4.   , 0.   ],
           [0.444, 0.   , 0.444],
           [0.   , 4.   , 0.   ]])
    """
    X, Y = check_pairwise_arrays(X, Y, accept_sparse=False)
    if X.shape[1] < 2:
        raise ValueError(f"X has {X.shape[1]} feature(s); two are required, as one does not vary.")
    itself, dtype = X is Y, X.dtype
    # In units in which squares neither overflow nor vanish.
    largest = max(np.abs(X).max(), np.abs(Y).max())
    X, Y = (_centered(rows, largest) for rows in (X, Y))
    noise = euclidean_distances(X, Y, squared=True)
    if itself:
        # Rounding differs in the two directions, which distances that are given may not.
        noise = (noise + noise.T) / 2
        np.fill_diagonal(noise, 0)
    signals = [np.square(rows).sum(axis=1) for rows in (X, Y)]
    distances = _ratio(noise, signals[0][:, np.newaxis])
    if symmetric:
        distances = (distances + _ratio(noise, signals[1])) / 2
    return distances.astype(dtype, copy=False)


def _centered(rows, largest):
    """Rows of mean 0, exactly 0 where they are constant."""
    rows = rows.astype(np.float64) / (largest or 1)
    rows = rows - rows[:, :1]
    return rows - rows.mean(axis=1, keepdims=True)


def _ratio(noise, signal):
    """0 where there is no noise, and infinite where there is no signal."""
    signal = np.broadcast_to(signal, noise.shape)
    found = np.where(noise > 0, np.inf, 0.0)
    np.divide(noise, signal, out=found, where=signal > 0)
    return found
