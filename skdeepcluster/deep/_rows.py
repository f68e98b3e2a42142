"""Checked input of deep estimators: rows that are read in any order, and the shape of a row."""

import numpy as np
import scipy.sparse as sp
from sklearn.utils import check_array
from sklearn.utils.validation import validate_data

from skdeepcluster.training import is_dataset, source
from skdeepcluster.validation import numbers_within_floats
from skdeepcluster.validation._inputs import (
    as_image_shape,
    check_channels_first,
    check_columns,
    flat_rows,
    is_on_disk,
)


def read_rows(estimator, X, *, reset):
    """Row access to checked input.

    Parameters
    ----------
    estimator : DeepEstimator
        With `image_shape`, if it takes images; fitted, if not `reset`.
    X : array-like, data frame, list of images, sparse matrix or torch.utils.data.Dataset
    reset : bool
        True in `fit`.

    Returns
    -------
    rows : row access as `training.source` gives it
    shape : tuple of int
        (n_features,), or (C, H, W) of an image.
    """
    rows, item = _source(estimator, X, reset)
    item = as_image_shape(item)
    if reset:
        return rows, _shape(estimator, rows, item)
    shape = estimator._row_shape
    if item is not None and len(shape) == 3 and item != shape:
        last = (*shape[1:], shape[0]) == item
        raise ValueError(
            f"X has images of shape {item}, but {type(estimator).__name__} is expecting images "
            f"of shape {shape} as input."
            + last
            * " Their channels are last: pass X.transpose(0, 3, 1, 2)."
        )
    return rows, shape


def _source(estimator, X, reset):
    """Row access, and the shape of an item if it has more than one dimension."""
    if is_dataset(X):
        rows = source(X)
        if reset:
            estimator.n_features_in_ = rows.shape[1]
        elif rows.shape[1] != estimator.n_features_in_:
            raise ValueError(
                f"X has {rows.shape[1]} features, but {type(estimator).__name__} is expecting "
                f"{estimator.n_features_in_} features as input."
            )
        return rows, rows.item_shape if len(rows.item_shape) > 1 else None
    X, item = flat_rows(X)
    check_columns(X)
    on_disk = not sp.issparse(X) and is_on_disk(X)
    with numbers_within_floats():
        X = validate_data(
            estimator,
            X,
            reset=reset,
            accept_sparse="csr",
            dtype="numeric",
            # Rows on disk are checked where they are first read.
            ensure_all_finite=not on_disk and ("allow-nan" if estimator._takes_missing else True),
        )
        if X.dtype.kind == "O":  # decimals of a polars frame
            X = check_array(X, dtype=np.float64)
    if X.dtype.kind not in "biuf":
        raise ValueError(f"X has dtype {X.dtype}, which is not numeric; give numbers")
    return source(X), item


def _shape(estimator, rows, item):
    """The shape of a row, from the items of X and from `image_shape`."""
    parameter = getattr(estimator, "image_shape", None)
    given = as_image_shape(parameter)
    if None not in (item, given) and item != given:
        raise ValueError(
            f"image_shape={parameter!r}, but X has images of shape {item}; leave image_shape=None "
            "or give X that shape."
        )
    image_shape = item or given
    if image_shape is None:
        return (rows.shape[1],)
    if np.prod(image_shape) != rows.shape[1]:
        raise ValueError(
            f"image_shape={parameter!r} has {np.prod(image_shape)} pixels, but rows of X have "
            f"{rows.shape[1]} features; give the shape (C, H, W) or (H, W) of an image."
        )
    # Images that come together with image_shape are meant so.
    if None in (item, given):
        images = "X" if item else f"X.reshape{(-1, *image_shape)}"
        check_channels_first(
            image_shape,
            f"pass {images}.transpose(0, 3, 1, 2)",
            f" If they do have {image_shape[0]} channels, pass X of shape (n, C, H, W) together "
            f"with image_shape={image_shape}.",
        )
    return image_shape
