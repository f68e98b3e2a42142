"""Silhouettes of clusters."""

import numpy as np
from sklearn.metrics import silhouette_samples
from sklearn.utils import check_consistent_length, check_random_state

from skdeepcluster._sklearn import safe_indexing
from skdeepcluster.displays._common import estimator_labels, label_colors
from skdeepcluster.displays._display import Display, style
from skdeepcluster.validation import as_table, check_labels, last_step


class SilhouetteDisplay(Display):
    r"""Silhouettes of the samples, sorted within each cluster.

    A silhouette compares the mean distance :math:`a` of a sample to its own cluster with that to
    the nearest other cluster, :math:`b`:

    .. math:: s = \frac{b - a}{\max(a, b)} \in [-1, 1]

    Good clusters have long silhouettes of similar length. Samples with a negative silhouette are
    nearer to another cluster than to their own.

    Use :meth:`from_estimator` or :meth:`from_predictions` to create it. All parameters are stored
    as attributes.

    Parameters
    ----------
    values : ndarray of shape (n_samples,)
        Silhouettes.

    labels : ndarray of shape (n_samples,)
        Clusters.

    Attributes
    ----------
    shapes_ : list of matplotlib PolyCollection
        The silhouettes of the clusters, from top to bottom.

    line_ : matplotlib Line2D or None
        The mean silhouette.

    text_ : list of matplotlib Text
        The names of the clusters.

    See Also
    --------
    ClusterSizeDisplay : Numbers of samples of the clusters.
    sklearn.metrics.silhouette_score : The mean silhouette.

    References
    ----------
    .. [1] P. J. Rousseeuw (1987). Silhouettes: a graphical aid to the interpretation and validation
           of cluster analysis. *Journal of Computational and Applied Mathematics* 20, 53-65.

    Examples
    --------
    >>> from skdeepcluster.displays import SilhouetteDisplay
    >>> display = SilhouetteDisplay.from_predictions([[0], [1], [5], [7]], [0, 0, 1, 1])
    >>> display.values.round(2)
    array([0.83, 0.8 , 0.56, 0.69])
    """

    values: np.ndarray
    labels: np.ndarray

    @classmethod
    def from_estimator(
        cls,
        estimator,
        X,
        y=None,
        *,
        metric="euclidean",
        sample_size=5000,
        random_state=0,
        **kwargs,
    ):
        """Draw the silhouettes of a fitted estimator.

        Parameters
        ----------
        estimator : estimator
            Fitted clusterer, or a pipeline or search that ends in one. The labels come from its
            `predict`, or from `labels_` if it has none.

        X : array-like of shape (n_samples, n_features) or (n_samples, n_samples)
            Samples; those of `fit` if the estimator cannot predict. In a pipeline they pass through
            the steps before the clusterer. With ``metric="precomputed"``, distances among them.
        """
        return cls.from_predictions(
            as_table(last_step(estimator, X)[1]),
            estimator_labels(estimator, X),
            metric=metric,
            sample_size=sample_size,
            random_state=random_state,
            **kwargs,
        )

    @classmethod
    def from_predictions(
        cls, X, labels, *, metric="euclidean", sample_size=5000, random_state=0, **kwargs
    ):
        """Draw the silhouettes of given labels.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, n_samples)
            Samples, or distances among them with ``metric="precomputed"``.

        labels : array-like of shape (n_samples,)
            Clusters. Samples labeled -1 are noise, which is not a cluster, and are ignored.

        metric : str or callable, default="euclidean"
            Any distance of :func:`sklearn.metrics.pairwise_distances`, or "precomputed".

        sample_size : int, default=5000
            Maximum number of samples, drawn at random: time grows with the square of their number.
            None takes all.

        random_state : int, RandomState instance or None, default=0
            Determines the samples drawn.
        """
        labels = check_labels(labels, "labels")
        check_consistent_length(X, labels)
        rows = np.flatnonzero(labels != -1)
        if sample_size is not None and sample_size < len(rows):
            rng = check_random_state(random_state)
            rows = np.sort(rng.choice(rows, sample_size, replace=False))
        labels = labels[rows]
        n_clusters = len(np.unique(labels))
        if not 2 <= n_clusters < len(rows):
            raise ValueError(
                "Silhouettes need 2 to n_samples - 1 clusters; without noise there are "
                f"{n_clusters} in {len(rows)} samples."
            )
        X = safe_indexing(X, rows)
        if metric == "precomputed":
            X = safe_indexing(X, rows, axis=1)
        values = silhouette_samples(X, labels, metric=metric)
        return cls(values=values, labels=labels).plot(**kwargs)

    def plot(self, ax=None, *, mean_line=True, shape_kw=None, line_kw=None):
        """Draw the display.

        Parameters
        ----------
        mean_line : bool, default=True
            Whether to draw a line at the mean silhouette.

        shape_kw : dict, default=None
            Keywords for :meth:`matplotlib.axes.Axes.fill_betweenx`.

        line_kw : dict, default=None
            Keywords for :meth:`matplotlib.axes.Axes.axvline`.
        """
        ax = self._axes(ax)
        values, labels = np.asarray(self.values), np.asarray(self.labels)
        clusters = np.unique(labels)
        # As wide as two of a hundred samples, whatever their number.
        gap = 0.02 * len(values) / max(1, len(clusters) / 10)
        top, middles = 0.0, []
        self.shapes_ = []
        for cluster, color in zip(clusters, label_colors(clusters), strict=True):
            ordered = np.sort(values[labels == cluster])[::-1]
            # Each sample is a bar of height 1.
            edges = top + np.repeat(np.arange(len(ordered) + 1), 2)[1:-1]
            kw = style(shape_kw, facecolor=color, edgecolor=color, linewidth=0.5, alpha=0.8)
            self.shapes_.append(ax.fill_betweenx(edges, 0, np.repeat(ordered, 2), **kw))
            middles.append(top + len(ordered) / 2)
            top += len(ordered) + gap

        self.line_ = None
        if mean_line:
            mean = values.mean()
            label = f"mean {mean:.2f}"
            self.line_ = ax.axvline(
                mean, **style(line_kw, color="0.25", linestyle="--", linewidth=1, label=label)
            )
            # Above the shapes, where nothing is drawn.
            ax.legend(
                handles=[self.line_], loc="lower right", bbox_to_anchor=(1, 1), frameon=False,
                borderaxespad=0, fontsize="small",
            )  # fmt: skip
        few = len(clusters) <= 30
        ax.set_yticks(middles if few else [], [str(c) for c in clusters] if few else [])
        self.text_ = ax.get_yticklabels()
        ax.set(xlabel="Silhouette", ylabel="Cluster", ylim=(top - gap / 2, -gap / 2))
        # Well-separated clusters have no sample near -1: the axis shows the range that occurs.
        ax.set_xlim(min(-0.1, values.min() - 0.05), max(0.2, min(1, values.max() + 0.05)))
        ax.axvline(0, color="0.25", linewidth=0.8)
        return self
