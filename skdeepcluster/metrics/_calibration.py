"""Calibration of the probabilities of clusters."""

from numbers import Integral

import numpy as np
from sklearn.utils import check_array, check_consistent_length

from skdeepcluster._sklearn import Interval, StrOptions, validate_params
from skdeepcluster.metrics._matching import best_match
from skdeepcluster.validation import check_known_labels

_PARAMS = {
    "y_true": ["array-like"],
    "y_proba": ["array-like"],
    "n_bins": [Interval(Integral, 1, None, closed="left")],
    "strategy": [StrOptions({"uniform", "quantile"})],
    "mapping": [dict, None],
    "ignore_label": [Integral, str, None],
}


@validate_params(_PARAMS, prefer_skip_nested_validation=True)
def expected_calibration_error(
    y_true, y_proba, *, n_bins=10, strategy="uniform", mapping=None, ignore_label=-1
):
    r"""Mean gap between confidence and accuracy of probabilistic cluster assignments.

    The samples are binned by their confidence, the largest of their probabilities, into bins
    :math:`B_m`. With clusters matched to classes,

    .. math:: \mathrm{ECE} = \sum_m \frac{|B_m|}{n}
        \left| \operatorname{acc}(B_m) - \operatorname{conf}(B_m) \right| .

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        Classes, numbers or strings. Samples whose class is unknown, that is `ignore_label` or a
        missing value such as NaN or None, are left out.

    y_proba : array-like of shape (n_samples, n_clusters)
        Probability of each cluster, as returned by `predict_proba`. Rows may sum to less than 1;
        the remainder is the probability of noise.

    n_bins : int, default=10
        Number of bins.

    strategy : {"uniform", "quantile"}, default="uniform"
        Bins of equal width on [0, 1], closed on the right, or bins of equally many samples.

    mapping : dict, default=None
        The class of each column of `y_proba`, by its index; clusters that are missing from it or
        mapped to None always count as wrong. By default, :func:`best_match` on the same samples,
        which is optimistic for few samples: to evaluate held-out samples, pass the match of the
        training samples.

    ignore_label : int, str or None, default=-1
        The value of `y_true` that stands for an unknown class. With None only missing values do,
        and -1 is a class.

    Returns
    -------
    error : float
        Between 0 (perfectly calibrated) and 1.

    References
    ----------
    .. [1] C. Guo, G. Pleiss, Y. Sun, K. Q. Weinberger. "On calibration of modern neural networks",
       ICML 2017.

    Examples
    --------
    >>> from skdeepcluster.metrics import expected_calibration_error
    >>> y_proba = [[0.9, 0.1], [0.9, 0.1], [0.2, 0.8], [0.2, 0.8]]
    >>> round(expected_calibration_error(["b", "b", "a", "a"], y_proba), 3)
    0.15
    """
    correct, confidence, bins, _ = _binned(y_true, y_proba, n_bins, strategy, mapping, ignore_label)
    gaps = np.bincount(bins, weights=correct - confidence)
    return float(np.abs(gaps).sum() / len(correct))


@validate_params(_PARAMS, prefer_skip_nested_validation=True)
def reliability_curve(
    y_true, y_proba, *, n_bins=10, strategy="uniform", mapping=None, ignore_label=-1
):
    """Confidence and accuracy in bins of the confidence, for a reliability diagram.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        Classes, as in :func:`expected_calibration_error`.

    y_proba : array-like of shape (n_samples, n_clusters)
        Probability of each cluster, as returned by `predict_proba`.

    n_bins : int, default=10
        Number of bins.

    strategy : {"uniform", "quantile"}, default="uniform"
        Bins of equal width on [0, 1], closed on the right, or bins of equally many samples.

    mapping : dict, default=None
        The class of each column of `y_proba`; by default, :func:`best_match` on the same samples.

    ignore_label : int, str or None, default=-1
        The value of `y_true` that stands for an unknown class.

    Returns
    -------
    confidence, accuracy : ndarray of shape (n_filled,)
        Means of the samples of each bin that has some, by increasing confidence.

    counts : ndarray of shape (n_filled,)
        Numbers of these samples.

    See Also
    --------
    expected_calibration_error : The mean gap between both, weighted by the counts.

    Examples
    --------
    >>> from skdeepcluster.metrics import reliability_curve
    >>> y_proba = [[0.9, 0.1], [0.9, 0.1], [0.2, 0.8], [0.2, 0.8]]
    >>> confidence, accuracy, counts = reliability_curve(["b", "b", "a", "a"], y_proba)
    >>> confidence.round(2), accuracy, counts
    (array([0.8, 0.9]), array([1., 1.]), array([2, 2]))
    """
    correct, confidence, bins, _ = _binned(y_true, y_proba, n_bins, strategy, mapping, ignore_label)
    counts = np.bincount(bins)
    filled = counts > 0
    means = [np.bincount(bins, weights=x)[filled] / counts[filled] for x in (confidence, correct)]
    return *means, counts[filled]


@validate_params(_PARAMS, prefer_skip_nested_validation=True)
def cluster_calibration_errors(
    y_true, y_proba, *, n_bins=10, strategy="uniform", mapping=None, ignore_label=-1
):
    """Expected calibration error of the samples of each cluster.

    A clustering that is calibrated over all samples may be too certain in one cluster and too
    uncertain in another.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        Classes, as in :func:`expected_calibration_error`.

    y_proba : array-like of shape (n_samples, n_clusters)
        Probability of each cluster, as returned by `predict_proba`.

    n_bins : int, default=10
        Number of bins.

    strategy : {"uniform", "quantile"}, default="uniform"
        Bins of equal width on [0, 1], closed on the right, or bins of equally many samples.

    mapping : dict, default=None
        The class of each column of `y_proba`; by default, :func:`best_match` on the same samples.

    ignore_label : int, str or None, default=-1
        The value of `y_true` that stands for an unknown class.

    Returns
    -------
    errors : ndarray of shape (n_clusters,)
        The error of each cluster; NaN for one that no sample is most probable in.

    See Also
    --------
    expected_calibration_error : The error of all samples.

    Examples
    --------
    >>> from skdeepcluster.metrics import cluster_calibration_errors
    >>> y_proba = [[0.9, 0.1], [0.9, 0.1], [0.2, 0.8], [0.2, 0.8]]
    >>> cluster_calibration_errors(["b", "b", "a", "a"], y_proba).round(2)
    array([0.1, 0.2])
    """
    correct, confidence, bins, y_pred = _binned(
        y_true, y_proba, n_bins, strategy, mapping, ignore_label
    )
    errors = np.full(np.shape(y_proba)[1], np.nan)
    for cluster in np.unique(y_pred):
        chosen = y_pred == cluster
        gaps = np.bincount(bins[chosen], weights=(correct - confidence)[chosen])
        errors[cluster] = np.abs(gaps).sum() / chosen.sum()
    return errors


def _binned(y_true, y_proba, n_bins, strategy, mapping, ignore_label):
    """Whether each known sample is right, its confidence, its bin and its cluster."""
    y_true, known = check_known_labels(y_true, "y_true", ignore_label)
    y_proba = check_array(y_proba, dtype=np.float64, input_name="y_proba")
    check_consistent_length(known, y_proba)
    y_proba = y_proba[known]
    # Single-precision softmax rows miss their sum of 1 by about this much.
    if y_proba.min() < 0 or y_proba.sum(axis=1).max() > 1 + 1e-4:
        raise ValueError(
            "The rows of y_proba must be probabilities: not negative, with a sum of at most 1. Got "
            f"values in [{y_proba.min():g}, {y_proba.max():g}] and sums up to "
            f"{y_proba.sum(axis=1).max():g}. Pass scores through a softmax first."
        )
    y_pred = y_proba.argmax(axis=1)
    confidence = y_proba.max(axis=1)
    if mapping is None:
        mapping = best_match(y_true, y_pred, ignore_label=None)

    classes, true = np.unique(y_true, return_inverse=True)
    number = {label: i for i, label in enumerate(classes.tolist())}
    matched = np.array([number.get(mapping.get(k), -1) for k in range(y_proba.shape[1])])
    correct = matched[y_pred] == true

    edges = np.linspace(0, 1, n_bins + 1)
    if strategy == "quantile":
        edges = np.quantile(confidence, edges)
    bins = np.searchsorted(edges[1:-1], confidence)
    return correct, confidence, bins, y_pred
