"""Rows as a report shows them: as images, as texts, or as values of columns."""

import base64
import io

import numpy as np
from scipy.sparse import issparse

from skdeepcluster._sklearn import num_samples, safe_indexing
from skdeepcluster.overview._effects import effects_of_numbers, effects_of_table, effects_of_texts
from skdeepcluster.validation import as_array, is_missing
from skdeepcluster.validation._inputs import as_item, flat_rows

# Longer texts are cut, and larger images made smaller.
MAX_LETTERS = 300
MAX_PIXELS = 64


def check_pillow():
    """Pillow's module of images."""
    try:
        from PIL import Image
    except ImportError as error:
        raise ImportError(
            "Images in a report need Pillow: pip install pillow, or 'skdeepcluster[report]'"
        ) from error
    return Image


class Images:
    """Images by row, in gray or color, channels first, last or none.

    Parameters
    ----------
    images : array-like of shape (n, H, W), (n, C, H, W) or (n, H, W, C), sequence or Dataset
        Of a Dataset's tuples the first entry.
    """

    def __init__(self, images):
        check_pillow()
        self.images = as_array(images)
        if self[0].dtype == np.uint8:
            self.low, self.high = 0.0, 255.0
        else:
            # Of some: all would have to be read first.
            some = [self[i] for i in range(min(len(images), 200))]
            self.low = min(0.0, *(float(item.min()) for item in some), 0.0)
            self.high = max(float(item.max()) for item in some)

    def __len__(self):
        return len(self.images)

    def __getitem__(self, i):
        """One image, of shape (H, W) or (H, W, 3)."""
        item = _item(self.images, i)
        shape = item.shape
        if item.ndim == 3 and item.shape[0] in (1, 3, 4) and item.shape[2] not in (1, 3, 4):
            item = np.moveaxis(item, 0, -1)
        if item.ndim == 3 and item.shape[2] in (1, 3, 4):
            item = item[..., 0] if item.shape[2] == 1 else item[..., :3]
        if item.ndim != 2 and not (item.ndim == 3 and item.shape[2] == 3):
            raise ValueError(
                f"An image of shape {shape} is neither (H, W), (C, H, W) nor (H, W, C) with "
                "1, 3 or 4 channels."
            )
        return item

    def uri(self, item):
        """A PNG image as the address of itself."""
        scale = 255 / max(self.high - self.low, np.finfo(np.float32).tiny)
        pixels = np.nan_to_num((np.asarray(item, dtype=np.float64) - self.low) * scale)
        image = check_pillow().fromarray(np.clip(pixels + 0.5, 0, 255).astype(np.uint8))
        image.thumbnail((MAX_PIXELS, MAX_PIXELS))
        file = io.BytesIO()
        image.save(file, "PNG")
        return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode("ascii")

    def mean(self, rows):
        """The mean of some images, None where they differ in shape."""
        items = [self[i] for i in rows]
        if len({item.shape for item in items}) != 1:
            return None
        return np.mean(items, axis=0, dtype=np.float64)


def _item(items, i):
    """An item as an array; of a tuple, as (image, label), the first entry."""
    item = items[int(i)]
    return as_item(item[0] if isinstance(item, tuple) else item)


def as_images(X, images, estimator):
    """`Images` of the rows, or None.

    Parameters
    ----------
    X : rows
    images : as the parameter of `report`
        A shape, images, or None: those that X are, or that the estimator takes its rows for.
    estimator : estimator
        The last step.
    """
    shape = images if _is_shape(images) else None
    if images is None:
        if (items := is_items(X)) and _item(X, 0).ndim > 1:
            images = X
        elif not items and not issparse(X) and np.ndim(X) in (3, 4):
            images = X
        elif (shape := getattr(estimator, "image_shape", None)) is None:
            return None
    if shape is not None:
        if is_items(X):
            raise ValueError(f"images={tuple(shape)} is for rows of an array; give the images.")
        rows, _ = flat_rows(X)
        if issparse(rows) or np.ndim(rows) != 2 or np.shape(rows)[1] != np.prod(shape):
            raise ValueError(
                f"images={tuple(shape)} does not fit X of shape {np.shape(rows)}; give the images."
            )
        images = np.asarray(rows).reshape(-1, *shape)
    if len(images) != num_samples(X):
        raise ValueError(f"There are {len(images)} images, but X has {num_samples(X)} rows.")
    return Images(images)


def _is_shape(images):
    return isinstance(images, tuple) and len(images) in (2, 3) and all(
        isinstance(side, (int, np.integer)) for side in images
    )  # fmt: skip


def is_items(X):
    """Whether X is a Dataset or the like, whose items are read one by one."""
    return not (hasattr(X, "shape") or hasattr(X, "columns") or isinstance(X, (list, tuple)))


def is_text(X):
    """Whether X is a sequence of strings."""
    if issparse(X) or is_items(X) or len(X) == 0 or np.ndim(X) != 1:
        return False
    return all(isinstance(text, str) for text in list(X[:100]))


class Table:
    """Columns of X with their names, where it has some; else none."""

    def __init__(self, X, feature_names, *, features=True):
        self.names, self.columns, self.matrix = [], [], None
        if hasattr(X, "columns") and hasattr(X, "dtypes"):
            self.names = [str(name) for name in X.columns]
            self.columns = [np.asarray(X[name]) for name in X.columns]
        elif features and (issparse(X) or (not is_items(X) and np.ndim(X) == 2)):
            X = X if issparse(X) else np.asarray(as_array(X))
            if not issparse(X) and X.dtype.kind not in "biuf":
                self.columns = list(X.T)
            else:
                self.matrix = X.tocsr() if issparse(X) else X
            self.names = [f"x{j}" for j in range(X.shape[1])]
        if feature_names is not None:
            if len(feature_names) != len(self.names):
                raise ValueError(
                    f"There are {len(feature_names)} feature_names, but X has {len(self.names)} "
                    "columns."
                )
            self.names = [str(name) for name in feature_names]

    def effects(self, member, n_clusters):
        """Effect sizes of the columns, None where there are none."""
        if self.matrix is not None:
            return effects_of_numbers(self.matrix, member, n_clusters, self.names)
        if self.columns:
            return effects_of_table(self.columns, self.names, member, n_clusters)
        return None

    def values(self, row, columns):
        """Some values of a row, as strings."""
        if self.matrix is None:
            return [formatted(self.columns[j][row]) for j in columns]
        if issparse(self.matrix):
            values = self.matrix[row].toarray()[0]
        else:
            values = self.matrix[row]
        return [formatted(values[j]) for j in columns]


def formatted(value):
    """A value as a person writes it."""
    if is_missing(value):
        return "–"
    if isinstance(value, (bool, np.bool_, str)):
        return str(value)
    if isinstance(value, (int, np.integer)):
        return str(value)
    try:
        number = float(value)
    except (TypeError, ValueError):
        return str(value)
    if number.is_integer() and abs(number) < 1e9:
        return str(int(number))
    return f"{number:.0f}" if 1e3 <= abs(number) < 1e9 else f"{number:.3g}"


def effects_for(table, texts, images, member, n_clusters):
    """What distinguishes clusters: words of texts, or columns; of pixels nothing."""
    if texts is not None:
        return effects_of_texts(texts, member, n_clusters)
    if images is not None and table.matrix is not None:
        return None
    return table.effects(member, n_clusters)


def shortened(text):
    """The beginning of a long text."""
    return text if len(text) <= MAX_LETTERS else text[: MAX_LETTERS - 1] + "…"


def names_of_rows(X):
    """Names of rows: those of a data frame's index, else their numbers."""
    index = getattr(X, "index", None)
    n = num_samples(X)
    if hasattr(X, "columns") and index is not None and len(index) == n:
        return [str(name) for name in index]
    return [str(row) for row in range(n)]


def some_rows(X, rows):
    """Some of the rows of whatever X is."""
    return [_item(X, row) for row in rows] if is_items(X) else safe_indexing(X, rows)
