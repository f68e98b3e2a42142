"""Partial labels: the class of some rows, -1 for the others."""

import sys
import warnings

import numpy as np

from skdeepcluster.validation import as_array, caller_level

_REMEDY = (
    "Unknown labels of y are -1, such as y = pandas.Series(y).fillna(-1).astype(int); "
    "classes are integers from 0 on."
)


class IgnoredLabelsWarning(UserWarning):
    """A clusterer was given y without any -1, and ignored it.

    Clusterers ignore full labels: users pass them through pipelines and searches for scoring only,
    and a clusterer that learned from them would leak them. Partial labels have a -1 for each row
    whose class is unknown.
    """


def is_missing(value):
    pandas = sys.modules.get("pandas")
    return value is None or (pandas is not None and value is pandas.NA) or bool(value != value)


def check_partial_labels(y, n_samples, n_clusters=None, *, name="n_clusters", full=False):
    """Partial labels of rows as numbers of clusters, or None where there are none.

    Parameters
    ----------
    y : array-like of shape (n_samples,) or None
        Classes, -1 where the class is unknown. Without any -1 it is ignored.
    n_samples : int
    n_clusters : int, optional
        The number of clusters: at least that of the known classes.
    name : str, default="n_clusters"
        The parameter that `n_clusters` comes from.
    full : bool, default=False
        Whether labels of all rows are used and not ignored, for methods that learn a known
        partition: any whole numbers.

    Returns
    -------
    labels : array of shape (n_samples,), intp, or None
        The position of each known class among the sorted ones, or -1.
    classes : array of shape (n_classes,)
        The known classes, sorted.

    Raises
    ------
    ValueError
        If y has missing values, a wrong length, values below -1 or fractions, or if there are more
        known classes than clusters.

    Warns
    -----
    IgnoredLabelsWarning
        If y has no -1.
    """
    nothing = np.empty(0, dtype=np.intp)
    if y is None:
        return None, nothing
    y = as_array(y)
    values = np.asarray(y, dtype=object if isinstance(y, (list, tuple)) else None)
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.ndim != 1 or len(values) != n_samples:
        raise ValueError(
            f"y has shape {values.shape}; one label for each of the {n_samples} rows of X is "
            "required, -1 where it is unknown."
        )
    missing = (
        np.array([is_missing(value) for value in values], dtype=bool)
        if values.dtype.kind == "O"
        else values != values
    )
    if missing.any():
        raise ValueError(
            f"y has missing values (NaN or None), the first at row {int(np.argmax(missing))}. "
            + _REMEDY
        )
    unknown = np.array([_is_unknown(value) for value in values.tolist()], dtype=bool)
    if full and not unknown.any():
        whole = _whole_numbers(values.tolist(), -np.inf)
        classes, position = np.unique(whole, return_inverse=True)
        return position.astype(np.intp), classes
    if not unknown.any():
        warnings.warn(
            "y has no -1 and is ignored: clusterers do not learn from full labels. Partial labels "
            "have -1 where the class is unknown.",
            IgnoredLabelsWarning,
            stacklevel=caller_level(),
        )
        return None, nothing
    whole = _whole_numbers(values[~unknown].tolist(), 0)
    classes, position = np.unique(whole, return_inverse=True)
    if n_clusters is not None and len(classes) > n_clusters:
        raise ValueError(
            f"y has {len(classes)} known classes, more than {name}={n_clusters}. Use at least "
            f"{name}={len(classes)}, or merge classes."
        )
    labels = np.full(n_samples, -1, dtype=np.intp)
    labels[~unknown] = position
    return labels, classes


def _whole_numbers(labels, least):
    """Labels as integers, of which none is below `least`."""
    whole = np.array(labels, dtype=np.float64) if _are_numbers(labels) else None
    wrong = whole is None or ~np.isfinite(whole) | (whole != np.floor(whole)) | (whole < least)
    if np.any(wrong):
        raise ValueError(f"y has the label {labels[int(np.argmax(wrong))]!r}. " + _REMEDY)
    return whole.astype(np.intp)


def _is_unknown(value):
    return not isinstance(value, (bool, str)) and value == -1


def _are_numbers(values):
    return all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in values)
