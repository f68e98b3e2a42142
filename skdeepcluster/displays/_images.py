"""Rows that are images, rows that stand for their cluster, and images side by side."""

import numpy as np
from scipy.sparse import issparse
from sklearn.metrics.pairwise import euclidean_distances

from skdeepcluster._sklearn import num_samples
from skdeepcluster.displays._common import label_colors
from skdeepcluster.displays._display import style
from skdeepcluster.validation import as_array
from skdeepcluster.validation._inputs import as_item, flat_rows


class Images:
    """Images by row, in gray or color, channels first, last or none.

    Parameters
    ----------
    images : array-like of shape (n, H, W), (n, C, H, W) or (n, H, W, C), sequence or Dataset
        Of a Dataset's tuples the first entry.
    """

    def __init__(self, images):
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
        item = item_at(self.images, i)
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

    def mean(self, rows):
        """The mean of some images, None where they differ in shape."""
        total = np.array(self[rows[0]], dtype=np.float64)
        for row in rows[1:]:
            item = self[row]
            if item.shape != total.shape:
                return None
            total += item
        return total / len(rows)


def item_at(items, i):
    """An item as an array; of a tuple, as (image, label), the first entry."""
    item = items[int(i)]
    return as_item(item[0] if isinstance(item, tuple) else item)


def as_images(X, images, estimator):
    """`Images` of the rows, or None.

    Parameters
    ----------
    X : rows
    images : tuple of int, images or None
        A shape, images, or None: those that X are, or that the estimator takes its rows for.
    estimator : estimator
        The last step.
    """
    shape = images if _is_shape(images) else None
    if images is None:
        if (items := is_items(X)) and item_at(X, 0).ndim > 1:
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


def typical_rows(step, Z, rows, labels, clusters, n_prototypes):
    """Of each cluster its medoid, where there is one, and the rows nearest to its mean."""
    medoids = np.asarray(getattr(step, "medoid_indices_", []), dtype=np.intp)
    if not (len(medoids) and np.array_equal(labels, getattr(step, "labels_", None))):
        medoids = np.empty(0, dtype=np.intp)
    found = []
    for cluster in clusters:
        own = np.flatnonzero(labels[rows] == cluster)
        first = medoids[labels[medoids] == cluster]
        if len(own):
            points = Z[own].toarray() if hasattr(Z, "toarray") else Z[own].astype(np.float64)
            order = np.argsort(np.square(points - points.mean(axis=0)).sum(axis=1), kind="stable")
            nearest = rows[own[order]]
            first = np.concatenate([first, nearest[~np.isin(nearest, first)]])
        found.append(first[:n_prototypes])
    return found


def leads(Z, labels, clusters, probabilities):
    """How far ahead of the next cluster a row's own is: small for rows between clusters.

    The largest probability minus the second; without probabilities, the distances to the mean of
    the nearest other cluster and to that of its own, as in a silhouette.
    """
    if probabilities is not None and np.shape(probabilities)[1:] > (1,):
        top = np.partition(np.asarray(probabilities, dtype=np.float64), -2, axis=1)[:, -2:]
        return top[:, 1] - top[:, 0]
    if len(clusters) < 2:
        return np.zeros(len(labels))
    means = np.vstack([np.asarray(Z[labels == k].mean(axis=0)).ravel() for k in clusters])
    distances = euclidean_distances(Z, means)
    own = labels[:, np.newaxis] == clusters
    inside = np.where(own, distances, np.inf).min(axis=1)
    outside = np.where(own, np.inf, distances).min(axis=1)
    widest = np.maximum(inside, outside)
    return np.divide(outside - inside, widest, out=np.zeros_like(inside), where=widest > 0)


def montage(images, gap):
    """One image of a table of images, NaN between them.

    Parameters
    ----------
    images : ndarray of shape (n_rows, n_columns, H, W) or (n_rows, n_columns, H, W, 3)
    gap : int
        Pixels between neighbors.

    Returns
    -------
    canvas : ndarray of shape (height, width) or (height, width, 3)
    """
    n_rows, n_columns, height, width, *channels = images.shape
    size = (n_rows * (height + gap) - gap, n_columns * (width + gap) - gap, *channels)
    canvas = np.full(size, np.nan)
    for i in range(n_rows):
        for j in range(n_columns):
            top, left = i * (height + gap), j * (width + gap)
            canvas[top : top + height, left : left + width] = images[i, j]
    return canvas


def draw_images(ax, images, names, limits, *, new, cmap, im_kw, text_kw):
    """Draw a table of images: a row for each cluster, or single images row by row.

    Parameters
    ----------
    ax : matplotlib Axes
    images : ndarray of shape (n_clusters, n_images, H, W) or (n_clusters, n_images, H, W, 3)
        NaN where there is none.
    names : list of (label, str)
        Label and name of each cluster.
    limits : tuple of two float
        The values that are drawn as the ends of the color map.
    new : bool
        Whether the figure is new, and takes the shape of the table.
    cmap : str or matplotlib Colormap
    im_kw, text_kw : dict or None

    Returns
    -------
    image : matplotlib AxesImage
    text : list of matplotlib Text
    """
    images = np.asarray(images, dtype=np.float64)
    n_clusters, n_images, height, width, *channels = images.shape
    single = n_images == 1
    gap = max(1, round(min(height, width) / 12))
    if single:
        n_columns = int(np.ceil(np.sqrt(2 * n_clusters)))
        n_rows = -(-n_clusters // n_columns)
        table = np.full((n_rows * n_columns, *images.shape[2:]), np.nan)
        table[:n_clusters] = images[:, 0]
        images = table.reshape(n_rows, n_columns, *images.shape[2:])
        # Names are above the images.
        gap = max(gap, round(0.3 * height))
    canvas = montage(images, gap)
    low, high = limits
    if channels:
        scaled = np.clip((canvas - low) / max(high - low, np.finfo(np.float32).tiny), 0, 1)
        there = ~np.isnan(scaled[..., :1])
        canvas = np.concatenate([np.nan_to_num(scaled), there], axis=2)
        kw = {}
    else:
        kw = {"cmap": cmap, "vmin": low, "vmax": high}
    image = ax.imshow(canvas, **style(im_kw, interpolation="nearest", **kw))
    ax.set_axis_off()
    if new:
        ax.figure.set_size_inches(*_size_of(canvas, images.shape))
    colors = label_colors(np.array([label for label, _ in names]))
    text = []
    for k, ((_, name), color) in enumerate(zip(names, colors, strict=True)):
        kw = {"color": color, "fontsize": "small", "fontweight": "bold", "ha": "right"}
        kw["va"] = "center"
        place = (-0.5 - gap, k * (height + gap) + (height - 1) / 2)
        if single:
            kw |= {"ha": "center", "va": "bottom"}
            column, row = k % n_columns, k // n_columns
            place = (column * (width + gap) + (width - 1) / 2, row * (height + gap) - 0.5)
        text.append(ax.text(*place, name, **style(text_kw, **kw)))
    return image, text


def _size_of(canvas, shape):
    """Inches of a figure for a table of images, each half an inch to an inch high."""
    height, width = canvas.shape[:2]
    inch = np.clip(6 / max(shape[:2]), 0.3, 0.9) / max(shape[2:4])
    return float(np.clip(width * inch + 1, 3, 12)), float(np.clip(height * inch + 0.3, 1.5, 16))
