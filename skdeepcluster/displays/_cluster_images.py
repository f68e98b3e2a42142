"""Images of the rows of clusters."""

import numpy as np
from sklearn.utils import check_array, check_consistent_length

from skdeepcluster.displays._common import estimator_labels
from skdeepcluster.displays._display import Display
from skdeepcluster.displays._images import as_images, draw_images, leads, typical_rows
from skdeepcluster.validation import as_array, as_table, check_labels, embed, last_step

KINDS = ("exemplars", "means", "uncertain")


class ClusterImageDisplay(Display):
    """Images of clusters: their exemplars, their means, or their least certain rows.

    Exemplars show what a cluster is, and uncertain rows where it ends. A mean that is sharp belongs
    to a cluster whose images are alike; one that is blurred, to a mixed cluster.

    Use :meth:`from_estimator` or :meth:`from_predictions` to create it. All parameters are stored
    as attributes.

    Parameters
    ----------
    images : ndarray of shape (n_clusters, n_images, H, W) or (n_clusters, n_images, H, W, 3)
        The images, NaN where a cluster has fewer.

    clusters : ndarray of shape (n_clusters,)
        Labels of the clusters.

    sizes : ndarray of shape (n_clusters,)
        Number of samples of each.

    rows : ndarray of shape (n_clusters, n_images), default=None
        Indices of the samples that are drawn, -1 where a cluster has fewer; None for means.

    limits : tuple of two float, default=(0, 1)
        Values of pixels that are drawn as the two ends of the color map.

    Attributes
    ----------
    image_ : matplotlib AxesImage
        All images, as one.

    text_ : list of matplotlib Text
        The names of the clusters.

    See Also
    --------
    PrototypeDisplay : What stands for the clusters: centers, medoids, decoded centers.
    EmbeddingDisplay : Scatter plot of the clusters.

    Notes
    -----
    Exemplars are the medoid of a cluster, where the estimator has one, and then the samples nearest
    to the mean of the cluster in the embedding. Uncertain samples have the smallest lead of the
    largest probability over the second. Without probabilities they have the smallest
    :math:`(b - a) / \\max(a, b)`, where :math:`a` is the distance to the mean of their own cluster
    and :math:`b` that to the nearest other mean.

    Examples
    --------
    >>> from sklearn.cluster import KMeans
    >>> from sklearn.datasets import load_digits
    >>> from skdeepcluster.displays import ClusterImageDisplay
    >>> X, _ = load_digits(return_X_y=True)
    >>> kmeans = KMeans(n_clusters=10, random_state=0).fit(X)
    >>> display = ClusterImageDisplay.from_estimator(kmeans, X, images=(8, 8), n_images=5)
    >>> display.images.shape
    (10, 5, 8, 8)
    """

    images: np.ndarray
    clusters: np.ndarray
    sizes: np.ndarray
    rows: np.ndarray | None = None
    limits: tuple = (0, 1)

    @classmethod
    def from_estimator(
        cls, estimator, X, y=None, *, images=None, kind="exemplars", n_images=8, **kwargs
    ):
        """Draw images of the clusters of a fitted estimator.

        Distances are those of the embedding, as in :class:`EmbeddingDisplay`, and probabilities
        those of `predict_proba`, if there is one.

        Parameters
        ----------
        estimator : estimator
            Fitted clusterer, or a pipeline or search that ends in one. The labels come from its
            `predict`, or from `labels_` if it has none.

        X : array-like of shape (n_samples, n_features), images or Dataset
            Samples; those of `fit` if the estimator cannot predict.

        images : array-like, sequence, Dataset or tuple of int, default=None
            An image of each sample, of shape (H, W), (C, H, W) or (H, W, C); or their shape, where
            the rows of X are images. None means X itself where it holds images, or rows of the
            `image_shape` of the estimator.
        """
        X = as_array(X)
        labels = estimator_labels(estimator, X)
        step, _ = last_step(estimator)
        probabilities = None
        if kind == "uncertain" and hasattr(estimator, "predict_proba"):
            probabilities = np.asarray(estimator.predict_proba(X))
        found = as_images(X, images, step)
        Z = None if kind == "means" else embed(estimator, X)
        return cls._of(step, found, Z, labels, probabilities, kind, n_images).plot(**kwargs)

    @classmethod
    def from_predictions(
        cls, X, labels, *, images=None, probabilities=None, kind="exemplars", n_images=8, **kwargs
    ):
        """Draw images of given clusters.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_columns), or images
            Embedding, features or images; distances to the means of clusters are those of its rows.

        labels : array-like of shape (n_samples,)
            Clusters, -1 for noise, or classes as numbers or strings. Noise is not drawn.

        images : array-like, sequence, Dataset or tuple of int, default=None
            An image of each sample, of shape (H, W), (C, H, W) or (H, W, C); or their shape, where
            the rows of X are images. None means X itself where it holds images.

        probabilities : array-like of shape (n_samples, n_clusters), default=None
            Probabilities of the clusters, by which ``kind="uncertain"`` chooses.

        kind : {"exemplars", "means", "uncertain"}, default="exemplars"
            Which images: those nearest to the mean of their cluster, the mean of all images of a
            cluster, or those least certain of their cluster.

        n_images : int, default=8
            Number of images of a cluster; means are single.
        """
        X = as_array(X)
        found = as_images(X, images, None)
        return cls._of(None, found, as_table(X), labels, probabilities, kind, n_images).plot(
            **kwargs
        )

    @classmethod
    def _of(cls, step, images, Z, labels, probabilities, kind, n_images):
        if kind not in KINDS:
            raise ValueError(f"kind={kind!r} is none of {', '.join(map(repr, KINDS))}.")
        if n_images < 1:
            raise ValueError(f"n_images={n_images!r} must be at least 1.")
        if images is None:
            raise ValueError(
                "X holds no images: pass images, one for each row, or their shape, such as "
                "images=(28, 28)."
            )
        labels = check_labels(labels, "labels")
        check_consistent_length(images, labels, probabilities)
        clusters, sizes = np.unique(labels, return_counts=True)
        sizes, clusters = sizes[clusters != -1], clusters[clusters != -1]
        if not len(clusters):
            raise ValueError("All samples are noise: there is no cluster to draw.")
        common = {"clusters": clusters, "sizes": sizes, "limits": (images.low, images.high)}
        if kind == "means":
            means = [images.mean(np.flatnonzero(labels == k)) for k in clusters]
            return cls(images=_stacked([[mean] for mean in means], 1), **common)
        Z = check_array(Z, accept_sparse="csr", dtype=[np.float64, np.float32])
        if kind == "exemplars":
            chosen = typical_rows(step, Z, np.arange(len(labels)), labels, clusters, n_images)
        else:
            order = np.argsort(leads(Z, labels, clusters, probabilities), kind="stable")
            chosen = [order[labels[order] == k][:n_images] for k in clusters]
        rows = np.full((len(clusters), n_images), -1)
        for found, own in zip(rows, chosen, strict=True):
            found[: len(own)] = own
        drawn = _stacked([[images[row] for row in own] for own in chosen], n_images)
        return cls(images=drawn, rows=rows, **common)

    def plot(self, ax=None, *, cmap="gray_r", show_sizes=True, im_kw=None, text_kw=None):
        """Draw the display.

        A new figure takes the shape of the images. Means, and single images of clusters, stand side
        by side; otherwise each cluster is a row.

        Parameters
        ----------
        cmap : str or matplotlib Colormap, default="gray_r"
            Colors of images of one channel.

        show_sizes : bool, default=True
            Whether the names of the clusters include their sizes.

        im_kw : dict, default=None
            Keywords for :meth:`matplotlib.axes.Axes.imshow`.

        text_kw : dict, default=None
            Keywords for :meth:`matplotlib.axes.Axes.text` of the names.
        """
        new = ax is None
        ax = self._axes(ax)
        names = [
            (k, f"{k} ({size})" if show_sizes else str(k))
            for k, size in zip(self.clusters, self.sizes, strict=True)
        ]
        self.image_, self.text_ = draw_images(
            ax, self.images, names, self.limits, new=new, cmap=cmap, im_kw=im_kw, text_kw=text_kw
        )
        return self


def _stacked(images, n_images):
    """One array of the images of each cluster, NaN where there are fewer than `n_images`."""
    shapes = {None if image is None else image.shape for own in images for image in own}
    if len(shapes) > 1 or None in shapes:
        raise ValueError("Images have different shapes; bring them to one shape.")
    found = np.full((len(images), n_images, *shapes.pop()), np.nan)
    for table, own in zip(found, images, strict=True):
        for place, image in zip(table, own, strict=False):
            place[...] = image
    return found
