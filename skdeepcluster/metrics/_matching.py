"""Clusters against classes: one-to-one matching, accuracy, purity."""

from itertools import zip_longest

import numpy as np
from scipy.optimize import linear_sum_assignment
from sklearn.utils import check_consistent_length

from skdeepcluster.validation import check_known_labels, check_labels


def _contingency(y_true, y_pred, ignore_label):
    """Classes, clusters, counts of shape (n_classes, n_clusters), and those of the noise.

    Samples without a known class are left out. The counts of noise have one column if ``y_pred``
    contains -1, and none otherwise.
    """
    y_true, known = check_known_labels(y_true, "y_true", ignore_label)
    y_pred = check_labels(y_pred, "y_pred")
    check_consistent_length(known, y_pred)
    y_pred = y_pred[known]
    classes, row = np.unique(y_true, return_inverse=True)
    clusters, column = np.unique(y_pred, return_inverse=True)
    shape = len(classes), len(clusters)
    counts = np.bincount(row * shape[1] + column, minlength=shape[0] * shape[1]).reshape(shape)
    noise = clusters == -1
    return classes, clusters[~noise], counts[:, ~noise], counts[:, noise]


def matched_contingency(y_true, y_pred, ignore_label=-1):
    """The contingency table with matched pairs on its diagonal and unmatched ones last."""
    classes, clusters, counts, noise = _contingency(y_true, y_pred, ignore_label)
    rows, columns = linear_sum_assignment(counts, maximize=True)
    rows = np.r_[rows, np.setdiff1d(np.arange(len(classes)), rows)]
    columns = np.r_[columns, np.setdiff1d(np.arange(len(clusters)), columns)]
    return classes[rows], clusters[columns], counts[np.ix_(rows, columns)], noise[rows]


def best_match(y_true, y_pred, *, ignore_label=-1):
    r"""Match clusters to classes one to one, so that most samples agree.

    With :math:`N_{ck}` the number of samples of class :math:`c` in cluster :math:`k`, the matching
    :math:`\pi` solves the linear assignment problem

    .. math:: \max_{\pi \text{ injective}} \sum_k N_{\pi(k), k} .

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        Classes, numbers or strings. Samples whose class is unknown, that is `ignore_label` or a
        missing value such as NaN or None, are left out.

    y_pred : array-like of shape (n_samples,)
        Clusters. Samples labeled -1 are noise, which is not a cluster, and are ignored.

    ignore_label : int, str or None, default=-1
        The value of `y_true` that stands for an unknown class. With None only missing values do,
        and -1 is a class.

    Returns
    -------
    mapping : dict
        The class of every cluster, in the order of the classes. No class appears twice. If there
        are more clusters than classes, the unmatched clusters come last, with the value None. A
        cluster may be matched to a class that it shares no sample with.

    See Also
    --------
    clustering_accuracy : Share of samples on which the matched clusters and classes agree.

    Examples
    --------
    >>> from skdeepcluster.metrics import best_match
    >>> best_match(["cat", "cat", "dog", "dog", "dog"], [1, 1, 0, 0, 7])
    {1: 'cat', 0: 'dog', 7: None}
    """
    classes, clusters, _, _ = matched_contingency(y_true, y_pred, ignore_label)
    return dict(zip_longest(clusters.tolist(), classes[: len(clusters)].tolist()))


def clustering_accuracy(y_true, y_pred, *, ignore_label=-1):
    r"""Share of samples whose cluster is matched to their class.

    .. math:: \mathrm{ACC} = \frac1n \max_{\pi \text{ injective}} \sum_k N_{\pi(k), k}

    where :math:`N_{ck}` counts the samples of class :math:`c` in cluster :math:`k` and :math:`\pi`
    maps clusters to classes. The numbers of classes and clusters may differ: samples in unmatched
    clusters, or of unmatched classes, count as wrong.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        Classes, numbers or strings. Samples whose class is unknown, that is `ignore_label` or a
        missing value such as NaN or None, are left out.

    y_pred : array-like of shape (n_samples,)
        Clusters. Samples labeled -1 are noise and count as wrong, so that declaring hard samples
        noise does not raise the score.

    ignore_label : int, str or None, default=-1
        The value of `y_true` that stands for an unknown class. With None only missing values do,
        and -1 is a class.

    Returns
    -------
    accuracy : float
        Between 0 and 1; without noise, at least 1 / max(n_classes, n_clusters). It is not adjusted
        for chance.

    See Also
    --------
    best_match : The matching itself.
    purity : The same with many-to-one matching of clusters to classes.
    sklearn.metrics.adjusted_rand_score : Agreement adjusted for chance.

    Examples
    --------
    >>> from skdeepcluster.metrics import clustering_accuracy
    >>> clustering_accuracy([0, 0, 1, 1], [1, 1, 0, 0])
    1.0
    >>> clustering_accuracy(["a", "a", "b", "b"], [0, 1, 2, -1])
    0.5

    The class of the last sample is unknown:

    >>> clustering_accuracy([0, 0, 1, 1, -1], [1, 1, 0, 0, 2])
    1.0
    """
    _, _, counts, noise = matched_contingency(y_true, y_pred, ignore_label)
    return float(np.trace(counts) / (counts.sum() + noise.sum()))


def purity(y_true, y_pred, *, ignore_label=-1):
    r"""Share of samples that belong to the most frequent class of their cluster.

    .. math:: \mathrm{purity} = \frac1n \sum_k \max_c N_{ck}

    where :math:`N_{ck}` counts the samples of class :math:`c` in cluster :math:`k`.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        Classes, numbers or strings. Samples whose class is unknown, that is `ignore_label` or a
        missing value such as NaN or None, are left out.

    y_pred : array-like of shape (n_samples,)
        Clusters. Samples labeled -1 are noise and count as impure.

    ignore_label : int, str or None, default=-1
        The value of `y_true` that stands for an unknown class. With None only missing values do,
        and -1 is a class.

    Returns
    -------
    purity : float
        Between 0 and 1, never below :func:`clustering_accuracy`. It grows as clusters are split and
        is 1 if every sample is its own cluster: compare it only for equal numbers of clusters.

    Examples
    --------
    >>> from skdeepcluster.metrics import purity
    >>> purity([0, 0, 1, 1], [0, 1, 2, 2])
    1.0
    """
    _, _, counts, noise = _contingency(y_true, y_pred, ignore_label)
    return float(counts.max(axis=0, initial=0).sum() / (counts.sum() + noise.sum()))
