"""Sizes of clusters."""

from numbers import Integral

import numpy as np

from skdeepcluster.displays._common import estimator_labels, label_colors
from skdeepcluster.displays._display import Display, style
from skdeepcluster.validation import check_labels, last_step


class ClusterSizeDisplay(Display):
    """Bar chart of the sizes of clusters.

    Use :meth:`from_estimator` or :meth:`from_predictions` to create it. All parameters are stored
    as attributes.

    Parameters
    ----------
    clusters : ndarray of shape (n_clusters,)
        Labels of the clusters, -1 for noise.

    sizes : ndarray of shape (n_clusters,)
        Number of samples of each.

    Attributes
    ----------
    bars_ : matplotlib BarContainer
        The bars, from left to right.

    line_ : matplotlib Line2D or None
        The mean size of the clusters.

    text_ : list of matplotlib Text
        The sizes above the bars.

    See Also
    --------
    EmbeddingDisplay : Scatter plot of the clusters.

    Examples
    --------
    >>> from skdeepcluster.displays import ClusterSizeDisplay
    >>> display = ClusterSizeDisplay.from_predictions([0, 0, 2, -1], n_clusters=3)
    >>> display.clusters, display.sizes
    (array([-1,  0,  1,  2]), array([1, 2, 0, 1]))
    """

    clusters: np.ndarray
    sizes: np.ndarray

    @classmethod
    def from_estimator(cls, estimator, X=None, y=None, **kwargs):
        """Draw the cluster sizes of a fitted estimator.

        Parameters
        ----------
        estimator : estimator
            Fitted clusterer, or a pipeline or search that ends in one. If its `n_clusters` is a
            number, clusters without samples are shown as empty.

        X : array-like of shape (n_samples, n_features), default=None
            Samples to predict; by default, the sizes are those of `labels_`.
        """
        n_clusters = getattr(last_step(estimator)[0], "n_clusters", None)
        return cls.from_predictions(
            estimator_labels(estimator, X),
            n_clusters=n_clusters if isinstance(n_clusters, Integral) else None,
            **kwargs,
        )

    @classmethod
    def from_predictions(cls, labels, *, n_clusters=None, **kwargs):
        """Draw the cluster sizes of given labels.

        Parameters
        ----------
        labels : array-like of shape (n_samples,)
            Clusters, -1 for noise.

        n_clusters : int, default=None
            The clusters are 0 to `n_clusters - 1`, including empty ones. By default, those that
            occur.
        """
        clusters, sizes = np.unique(check_labels(labels, "labels"), return_counts=True)
        if n_clusters is not None:
            present, counts = clusters, sizes
            clusters = np.union1d(present, np.arange(n_clusters))
            sizes = np.zeros_like(counts, shape=len(clusters))
            sizes[np.searchsorted(clusters, present)] = counts
        return cls(clusters=clusters, sizes=sizes).plot(**kwargs)

    def plot(self, ax=None, *, sort=False, expected_line=True, bar_kw=None, line_kw=None):
        """Draw the display.

        Parameters
        ----------
        sort : bool, default=False
            Whether to sort the clusters by size, largest first. Noise always comes last.

        expected_line : bool, default=True
            Whether to draw a line at the mean size of the clusters, without noise.

        bar_kw : dict, default=None
            Keywords for :meth:`matplotlib.axes.Axes.bar`.

        line_kw : dict, default=None
            Keywords for :meth:`matplotlib.axes.Axes.axhline`.
        """
        ax = self._axes(ax)
        from matplotlib.patheffects import withStroke
        from matplotlib.ticker import MaxNLocator

        clusters, sizes = np.asarray(self.clusters), np.asarray(self.sizes)
        noise = clusters == -1
        order = np.lexsort((np.arange(len(sizes)), -sizes * sort, noise))
        colors = label_colors(clusters)
        positions = np.arange(len(order))
        self.bars_ = ax.bar(
            positions, sizes[order], **style(bar_kw, color=[colors[i] for i in order])
        )
        few = len(order) <= 20
        self.text_ = []
        if few:
            # The outline keeps a number legible where the line crosses it.
            outline = [withStroke(linewidth=2.5, foreground="white")]
            self.text_ = ax.bar_label(
                self.bars_, fontsize="small", padding=2, zorder=4, path_effects=outline
            )

        self.line_ = None
        if expected_line and not noise.all():
            expected = sizes[~noise].mean()
            label = f"equal sizes ({expected:.4g})"
            self.line_ = ax.axhline(
                expected, **style(line_kw, color="0.25", linestyle="--", linewidth=1, label=label)
            )
            # The margin keeps the legend above the bars.
            ax.margins(y=0.18)
            ax.legend(handles=[self.line_], loc="upper right", frameon=False, fontsize="small")
        names = [
            "noise" if n else str(k) for k, n in zip(clusters[order], noise[order], strict=True)
        ]
        if few:
            ax.set_xticks(positions, names)
        elif sort:
            ax.set_xticks([])
        else:
            ax.xaxis.set_major_locator(MaxNLocator(integer=True))
        ax.yaxis.set_major_locator(MaxNLocator(integer=True))
        ax.set(xlabel="Cluster", ylabel="Number of samples")
        return self
