"""Rows as a report shows them: as images, as texts, or as values of columns."""

import base64
import io

import numpy as np
from scipy.sparse import issparse

from skdeepcluster._sklearn import num_samples, safe_indexing
from skdeepcluster.displays._images import is_items, item_at
from skdeepcluster.overview._effects import effects_of_numbers, effects_of_table, effects_of_texts
from skdeepcluster.validation import as_array, is_missing

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


def image_uri(images, item):
    """A PNG image as the address of itself, in the gray levels of all `images`."""
    scale = 255 / max(images.high - images.low, np.finfo(np.float32).tiny)
    pixels = np.nan_to_num((np.asarray(item, dtype=np.float64) - images.low) * scale)
    image = check_pillow().fromarray(np.clip(pixels + 0.5, 0, 255).astype(np.uint8))
    image.thumbnail((MAX_PIXELS, MAX_PIXELS))
    file = io.BytesIO()
    image.save(file, "PNG")
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode("ascii")


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
    return [item_at(X, row) for row in rows] if is_items(X) else safe_indexing(X, rows)
