"""Labels of clusters and classes."""

import numpy as np
from sklearn.utils import check_array


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
