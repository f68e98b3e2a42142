import numpy as np
from sklearn.metrics import silhouette_samples
from sklearn.utils import check_consistent_length, check_random_state

from skdeepcluster._sklearn import safe_indexing, validate_style_kwargs
from skdeepcluster.displays._common import estimator_labels, label_colors, new_axes
from skdeepcluster.metrics._matching import _check_labels
from skdeepcluster.metrics._scorers import _flat, _last_step


class SilhouetteDisplay:
    r"""Silhouettes of the samples, sorted within each cluster.

    A silhouette compares the mean distance :math:`a` of a sample to its own cluster with that to
    the nearest other cluster, :math:`b`:

    .. math:: s = \frac{b - a}{\max(a, b)} \in [-1, 1]

    Wide shapes of like length are good clusters. Samples left of 0 are nearer to another cluster.

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
    ax_ : matplotlib Axes
        Axes with the plot.

    figure_ : matplotlib Figure
        Figure that contains the axes.

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

    def __init__(self, *, values, labels):
        self.values = values
        self.labels = labels

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
        ax=None,
        mean_line=True,
        shape_kw=None,
        line_kw=None,
    ):
        """Draw the silhouettes of a fitted estimator.

        Parameters
        ----------
        estimator : estimator
            Fitted clusterer, or a pipeline or search that ends in one. The labels come from its
            `predict`, or from `labels_` where it has none.

        X : array-like of shape (n_samples, n_features) or (n_samples, n_samples)
            Samples; those of `fit` if the estimator cannot predict. In a pipeline they pass through
            the steps before the clusterer. With ``metric="precomputed"``, distances among them.

        y : None
            Ignored.

        metric, sample_size, random_state : object
            Passed to :meth:`from_predictions`.

        ax : matplotlib Axes, default=None
            Axes to draw on; a new figure by default.

        mean_line : bool, default=True
            Whether a line shows the mean silhouette.

        shape_kw, line_kw : dict, default=None
            Passed to :meth:`plot`.

        Returns
        -------
        display : SilhouetteDisplay
            The display, drawn.
        """
        labels = estimator_labels(estimator, X)
        return cls.from_predictions(
            _flat(_last_step(estimator, X)[1]),
            labels,
            metric=metric,
            sample_size=sample_size,
            random_state=random_state,
            ax=ax,
            mean_line=mean_line,
            shape_kw=shape_kw,
            line_kw=line_kw,
        )

    @classmethod
    def from_predictions(
        cls,
        X,
        labels,
        *,
        metric="euclidean",
        sample_size=5000,
        random_state=0,
        ax=None,
        mean_line=True,
        shape_kw=None,
        line_kw=None,
    ):
        """Draw the silhouettes of given labels.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, n_samples)
            Samples, or distances among them with ``metric="precomputed"``.

        labels : array-like of shape (n_samples,)
            Clusters. Samples labelled -1 are noise, which is no cluster, and left out.

        metric : str or callable, default="euclidean"
            Any distance of :func:`sklearn.metrics.pairwise_distances`, or "precomputed".

        sample_size : int, default=5000
            How many samples are drawn at random where there are more: time grows with the square of
            their number. None takes all.

        random_state : int, RandomState instance or None, default=0
            Draws the samples.

        ax : matplotlib Axes, default=None
            Axes to draw on; a new figure by default.

        mean_line : bool, default=True
            Whether a line shows the mean silhouette.

        shape_kw, line_kw : dict, default=None
            Passed to :meth:`plot`.

        Returns
        -------
        display : SilhouetteDisplay
            The display, drawn.
        """
        labels = _check_labels(labels, "labels")
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
        return cls(values=values, labels=labels).plot(
            ax, mean_line=mean_line, shape_kw=shape_kw, line_kw=line_kw
        )

    def plot(self, ax=None, *, mean_line=True, shape_kw=None, line_kw=None):
        """Draw the display.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw on; a new figure by default.

        mean_line : bool, default=True
            Whether a line shows the mean silhouette.

        shape_kw : dict, default=None
            Keywords for :meth:`matplotlib.axes.Axes.fill_betweenx`.

        line_kw : dict, default=None
            Keywords for :meth:`matplotlib.axes.Axes.axvline`.

        Returns
        -------
        self : SilhouetteDisplay
            The display itself.
        """
        ax = new_axes(self, ax)
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
            kw = {"facecolor": color, "edgecolor": color, "linewidth": 0.5, "alpha": 0.8}
            shape = ax.fill_betweenx(
                edges, 0, np.repeat(ordered, 2), **validate_style_kwargs(kw, shape_kw or {})
            )
            self.shapes_.append(shape)
            middles.append(top + len(ordered) / 2)
            top += len(ordered) + gap

        self.line_ = None
        if mean_line:
            mean = values.mean()
            kw = {"color": "0.25", "linestyle": "--", "linewidth": 1, "label": f"mean {mean:.2f}"}
            self.line_ = ax.axvline(mean, **validate_style_kwargs(kw, line_kw or {}))
            # Above the shapes, where nothing is drawn.
            ax.legend(
                handles=[self.line_], loc="lower right", bbox_to_anchor=(1, 1), frameon=False,
                borderaxespad=0, fontsize="small",
            )  # fmt: skip
        few = len(clusters) <= 30
        ax.set_yticks(middles if few else [], [str(c) for c in clusters] if few else [])
        self.text_ = ax.get_yticklabels()
        ax.set(xlabel="Silhouette", ylabel="Cluster", ylim=(top - gap / 2, -gap / 2))
        # Clusters that are apart have no sample near -1: the room is for those that there are.
        ax.set_xlim(min(-0.1, values.min() - 0.05), max(0.2, min(1, values.max() + 0.05)))
        ax.axvline(0, color="0.25", linewidth=0.8)
        self.ax_, self.figure_ = ax, ax.figure
        return self
