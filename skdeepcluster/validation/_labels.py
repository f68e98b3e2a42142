"""Labels of clusters and classes."""

import sys
import warnings

import numpy as np
from sklearn.utils import check_array

from skdeepcluster.validation._callers import caller_level
from skdeepcluster.validation._rows import as_array


def check_labels(y, name):
    """Checked labels of samples, one-dimensional and discrete; `name` is used in errors."""
    y = check_array(y, ensure_2d=False, dtype=None, input_name=name)
    if y.ndim != 1:
        raise ValueError(f"{name} must be one-dimensional, got shape {y.shape}.")
    if y.dtype.kind == "f" and np.any(y != np.round(y)):
        raise ValueError(
            f"{name} must hold discrete labels, got fractional values of dtype {y.dtype}. "
            "Probabilities become labels by argmax(axis=1)."
        )
    if y.dtype.kind == "O" and len({isinstance(v, str) if v is not None else v for v in y}) > 1:
        raise TypeError(
            f"{name} mixes strings, numbers or None; use one kind of label, such as strings."
        )
    return y


def check_groups(groups, n_samples):
    """The number of the group of each row, int64, in the order of ``np.unique(groups)``."""
    groups = check_labels(groups, "groups")
    if len(groups) != n_samples:
        raise ValueError(f"groups has {len(groups)} entries for {n_samples} rows")
    return np.unique(groups, return_inverse=True)[1].astype(np.int64)


def is_missing(value):
    """Whether a value stands for none: None, NaN, or what other libraries have for it."""
    pandas = sys.modules.get("pandas")
    return value is None or (pandas is not None and value is pandas.NA) or bool(value != value)


def check_known_labels(y, name, ignore_label):
    """Checked labels of the samples that have one, and which samples these are.

    Unknown are NaN, None, what other libraries have for them, and `ignore_label` if it is not None.
    Raised is a ValueError where no label is known.
    """
    y = as_array(y)
    # NumPy would turn missing values beside strings into strings.
    values = np.asarray(y, dtype=object if isinstance(y, (list, tuple)) else None)
    if values.ndim != 1 or not len(values):
        return check_labels(y, name), np.ones(len(values), dtype=bool)
    if values.dtype.kind == "O":
        known = np.array([not is_missing(value) for value in values])
    else:
        known = values == values
    if ignore_label is not None:
        known[known] = values[known] != ignore_label
    if not known.any():
        raise ValueError(
            f"{name} has no known label: all are missing or ignore_label={ignore_label!r}."
        )
    kept = values[known].tolist() if isinstance(y, (list, tuple)) else values[known]
    labels = check_labels(kept, name)
    # Binary classes are often written -1 and 1.
    if ignore_label == -1 and not known.all() and set(np.unique(labels).tolist()) == {1}:
        warnings.warn(
            f"All known labels of {name} are 1, and samples labeled -1 are left out. If -1 is a "
            "class, pass ignore_label=None.",
            UserWarning,
            stacklevel=caller_level(),
        )
    return labels, known
