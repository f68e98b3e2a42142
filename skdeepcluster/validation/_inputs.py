"""Forms that input may have before it is checked."""

import mmap
import sys
from numbers import Integral

import numpy as np
import scipy.sparse as sp

from skdeepcluster.validation import as_array


def as_item(item):
    """A row or an image as an array; a PIL image with its channels first."""
    pil = sys.modules.get("PIL.Image")
    if pil is None or not isinstance(item, pil.Image):
        return np.asarray(as_array(item))
    image = np.asarray(item.convert() if item.mode == "P" else item)
    return np.moveaxis(image, -1, 0) if image.ndim == 3 else image


def stacked(items, name):
    """One array of items, which must all have the same shape."""
    shapes = {item.shape for item in items}
    if len(shapes) > 1:
        raise ValueError(
            f"items of {name} have different shapes, such as {min(shapes)} and {max(shapes)}; "
            "bring them to one shape"
        )
    return np.stack(items)


def flat_rows(X):
    """Two-dimensional X, and the shape of an item if X had more dimensions."""
    X = as_array(X)
    if isinstance(X, (list, tuple)) and len(X):
        X = stacked([as_item(item) for item in X], "X")
    if sp.issparse(X) or getattr(X, "ndim", 2) <= 2:
        return X, None
    X = np.asanyarray(X)
    if X.ndim > 4:
        raise ValueError(
            f"X has shape {X.shape}; expected rows (n, n_features) or images (n, C, H, W) or "
            "(n, H, W)."
        )
    return X.reshape(len(X), -1), X.shape[1:]


def check_columns(X):
    """Raise for columns of a data frame that are not numeric, with their name."""
    if not all(hasattr(X, name) for name in ("columns", "dtypes", "shape")):
        return
    for name, dtype in zip(X.columns, X.dtypes, strict=True):
        if getattr(dtype, "kind", "O") in "biufc":
            continue
        column = np.asarray(X[name])
        reason = "dates and durations have no unit of their own"
        if column.dtype.kind not in "mM":
            try:
                column.astype(np.float64)
                continue
            except (OverflowError, TypeError, ValueError) as error:
                reason = str(error)
        raise ValueError(
            f"column {name!r} of X has dtype {dtype}, which is not numeric ({reason}); turn it "
            "into numbers or leave it out"
        )


def check_channels_first(shape, transposition, remedy=""):
    """Raise for images of a shape (C, H, W) that is more likely (H, W, C).

    Likely is 1, 3 or 4 channels on the last axis where neither of the other axes has so few; where
    one has, as in (4, 4, 3), the images are taken as they are documented.
    """
    if len(shape) == 3 and shape[2] in (1, 3, 4) and not {1, 3, 4} & set(shape[:2]):
        height, width, channels = shape
        raise ValueError(
            f"Images of shape {tuple(shape)} would be taken as (C, H, W), of {height} channels of "
            f"{width} x {channels} pixels. Images have their channels first: {transposition}."
            + remedy
        )


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


def output_dtype(dtype):
    """float32 for float32 rows, float64 otherwise."""
    return np.float32 if dtype == np.float32 else np.float64


def file_mapping(X):
    """The memory-mapped file of an array, or of the array that it is a view of, if any."""
    while X is not None:
        if isinstance(X, mmap.mmap):
            return X
        X = getattr(X, "base", None)
    return None


def is_on_disk(X):
    """Whether an array is memory-mapped."""
    return file_mapping(X) is not None
