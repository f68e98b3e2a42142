"""What data may look like before it is checked."""

import mmap
import sys
from numbers import Integral

import numpy as np
import scipy.sparse as sp


def flat_rows(X):
    """Two-dimensional X, and the shape of an item where it had more dimensions."""
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(X, torch.Tensor):
        X = X.detach().cpu()
        X = (X.float() if X.dtype == torch.bfloat16 else X).numpy()
    if sp.issparse(X) or getattr(X, "ndim", 2) <= 2:
        return X, None
    X = np.asanyarray(X)
    if X.ndim > 4:
        raise ValueError(
            f"X has shape {X.shape}; expected rows (n, n_features) or images (n, C, H, W) or "
            "(n, H, W)."
        )
    return X.reshape(len(X), -1), X.shape[1:]


def as_image_shape(shape):
    """(C, H, W) from (C, H, W) or (H, W)."""
    if shape is None:
        return None
    if len(shape) not in (2, 3) or not all(
        isinstance(side, Integral) and side > 0 for side in shape
    ):
        raise ValueError(f"image_shape={shape!r} is not (C, H, W) or (H, W)")
    shape = tuple(map(int, shape))
    return (1, *shape) if len(shape) == 2 else shape


def output_dtype(X):
    """float32 for float32 data, float64 otherwise."""
    return np.float32 if str(getattr(X, "dtype", "")).endswith("float32") else np.float64


def file_mapping(X):
    """The memory-mapped file that an array, or the array that it is a view of, lies in, if any."""
    while X is not None:
        if isinstance(X, mmap.mmap):
            return X
        X = getattr(X, "base", None)
    return None


def is_on_disk(X):
    """Whether an array is memory-mapped."""
    return file_mapping(X) is not None
