"""Embeddings in the plane."""

import numpy as np
from scipy.constants import golden
from scipy.sparse import issparse
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.utils import check_array, check_consistent_length

from skdeepcluster.displays._common import (
    NOISE_COLOR,
    estimator_labels,
    label_colors,
    legend_beside,
)
from skdeepcluster.displays._display import Display, style
from skdeepcluster.validation import check_labels, embed, last_step


def plane(Z, centers, reducer):
    """Coordinates of rows and centers in the plane, and what the two axes are."""
    if Z.shape[1] == 1:
        # On a line points would hide each other; the second coordinate only spreads them out.
        spread = np.arange(len(Z)) / golden % 1
        points = np.column_stack([Z[:, 0], spread])
        if centers is not None:
            centers = np.column_stack([centers[:, 0], np.full(len(centers), 0.5)])
        return points, centers, ("Embedding", None)
    # A single row has no principal components.
    if reducer is None and (Z.shape[1] == 2 or Z.shape[0] == 1):
        Z = Z.toarray() if issparse(Z) else Z
        centers = None if centers is None else centers[:, :2]
        return Z[:, :2], centers, ("Embedding 1", "Embedding 2")
    reducer = PCA(2, random_state=0) if reducer is None else clone(reducer)
    points = np.asarray(reducer.fit_transform(Z))
    # t-SNE and others cannot embed further points.
    if centers is not None:
        centers = np.asarray(reducer.transform(centers)) if hasattr(reducer, "transform") else None
    if isinstance(reducer, PCA):
        return (
            points,
            centers,
            tuple(
                f"Principal component {i} ({share:.0%} of variance)"
                for i, share in enumerate(reducer.explained_variance_ratio_[:2], start=1)
            ),
        )
    name = type(reducer).__name__
    return points, centers, (f"{name} 1", f"{name} 2")


def _confidence(probabilities):
    """The largest probability of each row, 0 where there are no clusters."""
    probabilities = np.asarray(probabilities)
    return probabilities.max(axis=1, initial=0) if probabilities.ndim == 2 else probabilities


class EmbeddingDisplay(Display):
    """Scatter plot of the embedding of a clustering, colored by cluster.

    Use :meth:`from_estimator` or :meth:`from_predictions` to create it. All parameters are stored
    as attributes.

    Parameters
    ----------
    coordinates : ndarray of shape (n_samples, 2)
        Positions of the samples.

    labels : ndarray of shape (n_samples,)
        Cluster of each sample, -1 for noise.

    centers : ndarray of shape (n_clusters, 2), default=None
        Positions of the cluster centers. Row `j` belongs to label `j`.

    probabilities : ndarray of shape (n_samples,), default=None
        Confidence of each label between 0 and 1; samples of low confidence are drawn paler.

    axis_names : tuple of two (str or None), default=("", "")
        Labels of the axes. An axis without meaning has None and no ticks.

    Attributes
    ----------
    scatter_ : matplotlib PathCollection
        The samples in clusters, in random order so that no cluster hides another.

    noise_ : matplotlib PathCollection or None
        The samples labeled -1.

    centers_ : matplotlib PathCollection or None
        The cluster centers.

    text_ : list of matplotlib Text
        The names of the clusters.

    legend_ : matplotlib Legend or None
        The legend.

    See Also
    --------
    ClusterSizeDisplay : Numbers of samples of the clusters.

    Examples
    --------
    >>> from sklearn.cluster import KMeans
    >>> from sklearn.datasets import load_iris
    >>> from skdeepcluster.displays import EmbeddingDisplay
    >>> X, _ = load_iris(return_X_y=True)
    >>> kmeans = KMeans(n_clusters=3, random_state=0).fit(X)
    >>> display = EmbeddingDisplay.from_estimator(kmeans, X)
    >>> display.coordinates.shape
    (150, 2)
    """

    coordinates: np.ndarray
    labels: np.ndarray
    centers: np.ndarray | None = None
    probabilities: np.ndarray | None = None
    axis_names: tuple = ("", "")

    @classmethod
    def from_estimator(cls, estimator, X, y=None, *, reducer=None, show_confidence=False, **kwargs):
        """Draw samples in the space in which a fitted estimator forms its clusters.

        That is `estimator.transform(X)`, or the rows of `X` themselves if the estimator has no
        `transform` or, like k-means, one that returns distances to its centers. In a pipeline, `X`
        passes through the steps before the clusterer.

        Parameters
        ----------
        estimator : estimator
            Fitted clusterer, or a pipeline or search that ends in one. The labels come from its
            `predict`, or from `labels_` if it has none. Its `cluster_centers_` are drawn as well if
            they lie in the same space.

        X : array-like of shape (n_samples, n_features)
            Samples; those of `fit` if the estimator cannot predict.

        show_confidence : bool, default=False
            Whether to draw samples paler the lower their largest value of `predict_proba`.
        """
        labels = estimator_labels(estimator, X)
        Z = check_array(embed(estimator, X), accept_sparse="csr", dtype=[np.float64, np.float32])
        centers = getattr(last_step(estimator)[0], "cluster_centers_", None)
        if centers is not None:
            centers = np.asarray(centers) if np.shape(centers)[1:] == Z.shape[1:] else None
        probabilities = None
        if show_confidence:
            probabilities = _confidence(estimator.predict_proba(X))
        coordinates, centers, axis_names = plane(Z, centers, reducer)
        return cls(
            coordinates=coordinates,
            labels=labels,
            centers=centers,
            probabilities=probabilities,
            axis_names=axis_names,
        ).plot(**kwargs)

    @classmethod
    def from_predictions(cls, X, labels, *, reducer=None, probabilities=None, **kwargs):
        """Draw the rows of an array, colored by given labels.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_columns)
            Embedding or features.

        labels : array-like of shape (n_samples,)
            Clusters, -1 for noise, or classes as numbers or strings.

        reducer : transformer, default=None
            Reduces the embedding to two columns; a clone of it is fitted. By default, the first two
            principal components of more than two columns. A single column is spread out along an
            axis without meaning.

        probabilities : array-like of shape (n_samples,) or (n_samples, n_clusters), default=None
            Confidence of each label, or probabilities of which the largest is taken; samples of low
            confidence are drawn paler.
        """
        X = check_array(X, accept_sparse="csr", dtype=[np.float64, np.float32], input_name="X")
        labels = check_labels(labels, "labels")
        if probabilities is not None:
            probabilities = _confidence(probabilities)
        check_consistent_length(X, labels, probabilities)
        coordinates, _, axis_names = plane(X, None, reducer)
        return cls(
            coordinates=coordinates,
            labels=labels,
            probabilities=probabilities,
            axis_names=axis_names,
        ).plot(**kwargs)

    def plot(
        self,
        ax=None,
        *,
        annotate=True,
        legend=False,
        scatter_kw=None,
        noise_kw=None,
        text_kw=None,
    ):
        """Draw the display.

        Parameters
        ----------
        annotate : bool, default=True
            Whether to write the name of each cluster at its center, or at the median of its samples
            if there are no centers.

        legend : bool, default=False
            Whether to list the clusters in a legend. Noise, if there is any, always has a legend.

        scatter_kw : dict, default=None
            Keywords for :meth:`matplotlib.axes.Axes.scatter` of the samples in clusters.

        noise_kw : dict, default=None
            Keywords for :meth:`matplotlib.axes.Axes.scatter` of the noise.

        text_kw : dict, default=None
            Keywords for :meth:`matplotlib.axes.Axes.text` of the names.
        """
        ax = self._axes(ax)
        from matplotlib.lines import Line2D
        from matplotlib.patheffects import withStroke

        coordinates, labels = np.asarray(self.coordinates), np.asarray(self.labels)
        noise = labels == -1
        n_samples = len(labels)
        clusters, member = np.unique(labels, return_inverse=True)
        colors = label_colors(clusters)
        common = {
            "s": float(np.clip(2e4 / n_samples, 2, 25)),
            "linewidth": 0,
            "rasterized": n_samples > 20_000,
        }
        opacity = np.full(n_samples, np.clip(4e3 / n_samples, 0.25, 0.8))
        if self.probabilities is not None:
            opacity *= 0.1 + 0.9 * np.clip(self.probabilities, 0, 1)

        self.noise_ = None
        if noise.any():
            cross = {"color": NOISE_COLOR, "marker": "x", "linewidth": 0.7, "zorder": 1}
            kw = style(noise_kw, **common | cross | {"alpha": float(opacity.max())})
            self.noise_ = ax.scatter(*coordinates[noise].T, **kw)

        order = np.random.RandomState(0).permutation(np.flatnonzero(~noise))
        kw = common | {"color": [colors[k] for k in member[order]]}
        if len(order):
            kw["alpha"] = opacity[order]
        self.scatter_ = ax.scatter(*coordinates[order].T, **style(scatter_kw, **kw))

        real = clusters != -1
        ids, colors = clusters[real], [c for c, keep in zip(colors, real, strict=True) if keep]
        if self.centers is not None:
            badges, anchors = np.arange(len(self.centers)), np.asarray(self.centers)
            badge_colors = label_colors(badges)
        else:
            badges, badge_colors = ids, colors
            anchors = [np.median(coordinates[labels == k], axis=0) for k in ids]

        self.centers_ = None
        if self.centers is not None:
            self.centers_ = ax.scatter(
                *anchors.T,
                s=60,
                c="white",
                edgecolors=badge_colors,
                linewidths=1.5,
                zorder=3,
            )
        self.text_ = []
        if annotate:
            kw = {
                "ha": "center",
                "va": "center",
                "fontsize": "small" if len(badges) <= 20 else "x-small",
                "fontweight": "bold",
                "zorder": 4,
                "clip_on": True,
                "path_effects": [withStroke(linewidth=2.5, foreground="white")],
            }
            for xy, name, color in zip(anchors, badges, badge_colors, strict=True):
                if self.centers is not None:
                    kw["bbox"] = {"boxstyle": "circle", "fc": "white", "ec": color, "lw": 1.5}
                kw = style(text_kw, **kw)
                self.text_.append(ax.text(*xy, str(name), **kw))

        entries = dict(zip(map(str, ids), colors, strict=True)) if legend else {}
        handles = [
            Line2D([], [], color=color, marker="o", linestyle="", markersize=5, label=name)
            for name, color in entries.items()
        ]
        if noise.any():
            handles.append(
                Line2D([], [], color=NOISE_COLOR, marker="x", linestyle="", label="noise")
            )
        self.legend_ = None
        if handles:
            self.legend_ = legend_beside(
                ax, handles=handles, ncols=-(-len(handles) // 20), frameon=legend
            )
        for axis, name in zip((ax.xaxis, ax.yaxis), self.axis_names, strict=True):
            axis.set_label_text(name or "")
            if name is None:
                axis.set_ticks([])
        return self
