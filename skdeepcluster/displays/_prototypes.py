"""Prototypes of clusters."""

from copy import copy

import numpy as np
from scipy.sparse import issparse
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline
from sklearn.utils import check_array, check_consistent_length
from sklearn.utils.validation import check_is_fitted

from skdeepcluster.displays._common import estimator_labels, label_colors, legend_beside
from skdeepcluster.displays._display import Display, style
from skdeepcluster.displays._images import Images, draw_images
from skdeepcluster.validation import as_array, as_table, check_labels, last_step

KINDS = ("auto", "images", "lines", "bars")
# With "auto", more features than this are lines, as time series are.
MAX_BARS = 20


class PrototypeDisplay(Display):
    """What stands for each cluster, in the features: as images, lines or bars.

    That are decoded centers, centers, medoids, or the means of the clusters.

    Use :meth:`from_estimator` or :meth:`from_predictions` to create it. All parameters are stored
    as attributes.

    Parameters
    ----------
    prototypes : ndarray of shape (n_clusters, n_features)
        A point of the space of the features for each cluster.

    clusters : ndarray of shape (n_clusters,)
        Labels of the clusters.

    kind : {"images", "lines", "bars"}, default="bars"
        How they are drawn.

    feature_names : list of str, default=None
        Names of the features; x0, x1, ... by default.

    image_shape : tuple of int, default=None
        Shape (H, W), (C, H, W) or (H, W, C) of a prototype, for images.

    standardized : bool, default=False
        Whether values are in standard deviations from the mean of all samples.

    Attributes
    ----------
    image_ : matplotlib AxesImage or None
        All images, as one.

    lines_ : list of matplotlib Line2D
        The lines of the clusters.

    bars_ : list of matplotlib BarContainer
        The bars of each cluster.

    text_ : list of matplotlib Text
        The names of the clusters, for images.

    legend_ : matplotlib Legend or None
        The legend, for lines and bars.

    See Also
    --------
    ClusterImageDisplay : Images of the rows of clusters.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skdeepcluster import KMedoids
    >>> from skdeepcluster.displays import PrototypeDisplay
    >>> wine = load_wine(as_frame=True)
    >>> model = make_pipeline(StandardScaler(), KMedoids(3, random_state=0)).fit(wine.data)
    >>> display = PrototypeDisplay.from_estimator(model, wine.data, standardize=True)
    >>> display.prototypes.shape, display.kind, display.feature_names[0]
    ((3, 13), 'bars', 'alcohol')
    """

    prototypes: np.ndarray
    clusters: np.ndarray
    kind: str = "bars"
    feature_names: list | None = None
    image_shape: tuple | None = None
    standardized: bool = False

    @classmethod
    def from_estimator(
        cls,
        estimator,
        X=None,
        y=None,
        *,
        kind="auto",
        image_shape=None,
        feature_names=None,
        standardize=False,
        **kwargs,
    ):
        """Draw the prototypes of a fitted estimator.

        These are, of what it has, `decoded_centers_`, `cluster_centers_` that `inverse_transform`
        decodes, `cluster_centers_`, `medoids_` or `means_` as wide as its rows, or else the means
        of its clusters in X. In a pipeline, prototypes go back through the steps before the
        clusterer; where a step has no `inverse_transform`, they are the means in X.

        Parameters
        ----------
        estimator : estimator
            Fitted clusterer, or a pipeline or search that ends in one.

        X : array-like of shape (n_samples, n_features), default=None
            Samples, for means, for `standardize` and for the names of the features.

        image_shape : tuple of int, default=None
            Shape (H, W), (C, H, W) or (H, W, C) of images; None means that of X, where it holds
            images, or the `image_shape` of the estimator.
        """
        check_is_fitted(estimator)
        X = None if X is None else as_array(X)
        step, _ = last_step(estimator)
        if image_shape is None and X is not None and not issparse(X) and np.ndim(X) in (3, 4):
            image_shape = np.shape(X)[1:]
        if image_shape is None:
            image_shape = getattr(step, "image_shape", None)
        prototypes = _back(estimator, _of_step(step))
        clusters = None if prototypes is None else np.arange(len(prototypes))
        if prototypes is None:
            if X is None:
                raise ValueError(
                    f"{type(step).__name__} has no prototypes in the space of the features. Pass "
                    "X, whose means are drawn."
                )
            clusters, prototypes = _means(X, estimator_labels(estimator, X))
        if feature_names is None:
            names = getattr(X, "columns", getattr(estimator, "feature_names_in_", None))
            feature_names = None if names is None else list(map(str, names))
        return cls._of(prototypes, clusters, X, kind, image_shape, feature_names, standardize).plot(
            **kwargs
        )

    @classmethod
    def from_predictions(
        cls,
        X,
        labels,
        *,
        kind="auto",
        image_shape=None,
        feature_names=None,
        standardize=False,
        **kwargs,
    ):
        """Draw the means of given clusters.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), or images
            Samples.

        labels : array-like of shape (n_samples,)
            Clusters, -1 for noise, or classes as numbers or strings. Noise is not drawn.

        kind : {"auto", "images", "lines", "bars"}, default="auto"
            How to draw prototypes: as images; as lines over the features, for series; or as bars.
            "auto" draws images where a shape is known, bars of at most 20 features, else lines.

        image_shape : tuple of int, default=None
            Shape (H, W), (C, H, W) or (H, W, C) of images; None means that of X, where it holds
            images.

        feature_names : sequence of str, default=None
            Names of the features. None means those of a data frame, else x0, x1, ...

        standardize : bool, default=False
            Whether to draw standard deviations from the mean of all samples, so that features of
            different units compare. It needs X.
        """
        X = as_array(X)
        if image_shape is None and not issparse(X) and np.ndim(X) in (3, 4):
            image_shape = np.shape(X)[1:]
        if feature_names is None and hasattr(X, "columns"):
            feature_names = list(map(str, X.columns))
        clusters, means = _means(X, labels)
        return cls._of(means, clusters, X, kind, image_shape, feature_names, standardize).plot(
            **kwargs
        )

    @classmethod
    def _of(cls, prototypes, clusters, X, kind, image_shape, feature_names, standardize):
        if kind not in KINDS:
            raise ValueError(f"kind={kind!r} is none of {', '.join(map(repr, KINDS))}.")
        n_features = prototypes.shape[1]
        if kind == "auto":
            kind = "bars" if n_features <= MAX_BARS else "lines"
            kind = "images" if image_shape is not None else kind
        if kind == "images" and (image_shape is None or np.prod(image_shape) != n_features):
            raise ValueError(
                f"image_shape={image_shape!r} does not fit prototypes of {n_features} features."
            )
        if feature_names is not None and len(feature_names) != n_features:
            raise ValueError(
                f"There are {len(feature_names)} feature_names, but prototypes have {n_features} "
                "features."
            )
        if standardize:
            if X is None:
                raise ValueError("standardize=True needs X.")
            rows = _rows(X)
            rows = rows.toarray() if issparse(rows) else rows
            spread = rows.std(axis=0)
            prototypes = (prototypes - rows.mean(axis=0)) / np.where(spread > 0, spread, 1)
        return cls(
            prototypes=prototypes,
            clusters=clusters,
            kind=kind,
            feature_names=feature_names,
            image_shape=image_shape,
            standardized=standardize,
        )

    def plot(
        self,
        ax=None,
        *,
        cmap="gray_r",
        im_kw=None,
        line_kw=None,
        bar_kw=None,
        text_kw=None,
    ):
        """Draw the display.

        Parameters
        ----------
        cmap : str or matplotlib Colormap, default="gray_r"
            Colors of images of one channel.

        im_kw : dict, default=None
            Keywords for :meth:`matplotlib.axes.Axes.imshow`.

        line_kw : dict, default=None
            Keywords for :meth:`matplotlib.axes.Axes.plot`.

        bar_kw : dict, default=None
            Keywords for :meth:`matplotlib.axes.Axes.barh`.

        text_kw : dict, default=None
            Keywords for :meth:`matplotlib.axes.Axes.text` of the names.
        """
        new = ax is None
        ax = self._axes(ax)
        prototypes = np.asarray(self.prototypes)
        n_clusters, n_features = prototypes.shape
        names = [(k, str(k)) for k in self.clusters]
        self.image_, self.lines_, self.bars_, self.text_ = None, [], [], []
        self.legend_ = None
        if self.kind == "images":
            images = Images(prototypes.reshape(-1, *self.image_shape))
            table = np.array([[images[i]] for i in range(n_clusters)])
            self.image_, self.text_ = draw_images(
                ax, table, names, (images.low, images.high),
                new=new, cmap=cmap, im_kw=im_kw, text_kw=text_kw,
            )  # fmt: skip
            return self
        colors = label_colors(self.clusters)
        value = "standard deviations from the mean" if self.standardized else "value"
        features = self.feature_names or [f"x{j}" for j in range(n_features)]
        place = np.arange(n_features)
        if self.kind == "lines":
            for (_, name), row, color in zip(names, prototypes, colors, strict=True):
                kw = style(line_kw, color=color, label=name, linewidth=1.5)
                self.lines_ += ax.plot(place, row, **kw)
            ax.set(xlabel="feature", ylabel=value)
            if n_features <= MAX_BARS:
                ax.set_xticks(place, features, rotation=45, ha="right")
            ax.margins(x=0.01)
        else:
            width = 0.8 / n_clusters
            for k, ((_, name), row, color) in enumerate(
                zip(names, prototypes, colors, strict=True)
            ):
                kw = style(bar_kw, color=color, label=name, height=width)
                offset = (k - (n_clusters - 1) / 2) * width
                self.bars_.append(ax.barh(place + offset, row, **kw))
            ax.axvline(0, color="0.25", linewidth=0.8)
            ax.set_yticks(place, features)
            ax.set_ylim(n_features - 0.5, -0.5)
            ax.set_xlabel(value)
            if new:
                height = np.clip(0.7 + n_features * max(0.25, 0.07 * n_clusters), 2, 16)
                ax.figure.set_size_inches(6.4, float(height))
        self.legend_ = legend_beside(ax, title="cluster", ncols=-(-n_clusters // 20))
        return self


def _of_step(step):
    """The prototypes of a clusterer in the space of its rows, or None."""
    names = ("decoded_centers_", "cluster_centers_", "medoids_", "means_")
    found = next((name for name in names if getattr(step, name, None) is not None), None)
    if found is None:
        return None
    centers = getattr(step, found)
    if found == "cluster_centers_" and hasattr(step, "inverse_transform"):
        centers = step.inverse_transform(centers)
    if centers.ndim != 2 or getattr(step, "n_features_in_", None) != centers.shape[1]:
        return None
    if found == "cluster_centers_" and not hasattr(step, "inverse_transform"):
        # Where `transform` gives no distances to the centers, it is an embedding, which has them.
        if hasattr(step, "transform") and not _gives_distances(step, centers):
            return None
    return centers.toarray() if issparse(centers) else np.asarray(centers)


def _gives_distances(step, centers):
    """Whether the centers are at no distance from themselves by `transform`."""
    nameless = copy(step)
    vars(nameless).pop("feature_names_in_", None)
    D = nameless.transform(centers)
    return D.shape[0] == D.shape[1] and np.diag(D).max() <= 1e-3 * D.max()


def _back(estimator, prototypes):
    """Prototypes in the space of what the estimator takes, or None."""
    if isinstance(estimator, FrozenEstimator):
        return _back(estimator.estimator, prototypes)
    if hasattr(estimator, "best_estimator_"):
        return _back(estimator.best_estimator_, prototypes)
    if not isinstance(estimator, Pipeline):
        return prototypes
    prototypes = _back(estimator[-1], prototypes)
    if prototypes is None or len(estimator) == 1:
        return prototypes
    before = estimator[:-1]
    return before.inverse_transform(prototypes) if hasattr(before, "inverse_transform") else None


def _rows(X):
    kinds = [np.float64, np.float32]
    return check_array(as_table(X), accept_sparse="csr", dtype=kinds, input_name="X")


def _means(X, labels):
    """Clusters and their means."""
    rows, labels = _rows(X), check_labels(labels, "labels")
    check_consistent_length(rows, labels)
    clusters = np.unique(labels)
    clusters = clusters[clusters != -1]
    if not len(clusters):
        raise ValueError("All samples are noise: there is no cluster to draw.")
    return clusters, np.vstack([np.asarray(rows[labels == k].mean(axis=0)) for k in clusters])
