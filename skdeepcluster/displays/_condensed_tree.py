"""Condensed trees."""

import numpy as np

from skdeepcluster.displays._common import (
    NOISE_COLOR,
    fitted_with,
    label_color,
    tree_frame,
)
from skdeepcluster.displays._display import Display, style
from skdeepcluster.trees import check_linkage, condensed_tree

# Steps with which the outline of a cluster narrows; more cannot be seen.
N_STEPS = 200


class CondensedTreeDisplay(Display):
    r"""Icicle plot of a condensed tree of clusters.

    Every cluster is drawn below the one that it was split from, from the inverse distance
    :math:`\lambda` of its birth down to that of its death. Its width is its number of samples, and
    decreases where samples leave it. The clusters of the flat clustering and their descendants are
    colored. The colored area of a cluster is its stability.

    Use :meth:`from_estimator` or :meth:`from_linkage` to create it. All parameters are stored as
    attributes.

    Parameters
    ----------
    parent : ndarray of shape (n_nodes,)
        Cluster that each cluster was split from, -1 for the root, which comes first; children come
        after their parents.

    birth, death : ndarray of shape (n_nodes,)
        Where each cluster begins and ends.

    size : ndarray of shape (n_nodes,)
        Samples of each cluster at its birth.

    label : ndarray of shape (n_nodes,)
        The flat cluster that each cluster is part of, or -1.

    selected : ndarray of shape (n_nodes,)
        Whether each cluster itself is one of the flat clustering.

    point_cluster, point_lambda : ndarray of shape (n_samples,)
        The last cluster of each sample, and where the sample leaves it.

    Attributes
    ----------
    polygons_ : matplotlib PolyCollection
        The clusters.

    text_ : list of matplotlib Text
        The numbers of the flat clusters.

    See Also
    --------
    DendrogramDisplay : All merges.

    Examples
    --------
    >>> from scipy.cluster.hierarchy import linkage
    >>> from sklearn.datasets import make_blobs
    >>> from skdeepcluster.displays import CondensedTreeDisplay
    >>> X, _ = make_blobs(60, centers=3, random_state=0, cluster_std=0.3)
    >>> display = CondensedTreeDisplay.from_linkage(linkage(X), min_cluster_size=10)
    >>> display.size[display.selected]
    array([20, 20, 20])
    """

    parent: np.ndarray
    birth: np.ndarray
    death: np.ndarray
    size: np.ndarray
    label: np.ndarray
    selected: np.ndarray
    point_cluster: np.ndarray
    point_lambda: np.ndarray

    @classmethod
    def from_estimator(cls, estimator, X=None, y=None, **kwargs):
        """Draw the condensed tree of a fitted estimator.

        Parameters
        ----------
        estimator : estimator
            Fitted clusterer with a `condensed_tree_`, or a pipeline or search that ends in one.
        """
        tree = fitted_with(estimator, "condensed_tree_").condensed_tree_
        return cls._of_tree(tree).plot(**kwargs)

    @classmethod
    def from_linkage(cls, linkage, *, min_cluster_size=5, **kwargs):
        """Condense a linkage matrix and draw it.

        Parameters
        ----------
        linkage : array-like of shape (n_samples - 1, 4)
            Merges in the format of :func:`scipy.cluster.hierarchy.linkage`.

        min_cluster_size : int, default=5
            Minimum number of samples of a cluster. The clusters of the largest total stability are
            selected.
        """
        if min_cluster_size < 2:
            raise ValueError(f"min_cluster_size must be at least 2, got {min_cluster_size}.")
        linkage = check_linkage(linkage)
        return cls._of_tree(condensed_tree(linkage, min_cluster_size)).plot(**kwargs)

    @classmethod
    def _of_tree(cls, tree):
        return cls(
            parent=tree.parent,
            birth=tree.birth,
            death=tree.death,
            size=tree.size,
            label=tree.flat_label,
            selected=tree.selected,
            point_cluster=tree.point_cluster,
            point_lambda=tree.point_lambda,
        )

    def _centers(self):
        """Horizontal center of each cluster: siblings side by side, no two on one another."""
        n = len(self.parent)
        children = [[] for _ in range(n)]
        for child in range(1, n):
            children[self.parent[child]].append(child)
        gap = 0.015 * self.size[0]
        need = np.array(self.size, dtype=float)
        for cluster in range(n - 1, -1, -1):
            if below := children[cluster]:
                need[cluster] = max(need[cluster], need[below].sum() + gap * (len(below) - 1))
        center = np.zeros(n)
        for cluster in range(n):
            if below := children[cluster]:
                left = center[cluster] - (need[below].sum() + gap * (len(below) - 1)) / 2
                for child in below:
                    center[child] = left + need[child] / 2
                    left += need[child] + gap
        return center

    def _outlines(self, center):
        """One polygon per cluster, whose width is its number of samples at each lambda."""
        ranked = np.lexsort((self.point_lambda, self.point_cluster))
        starts = np.searchsorted(
            np.asarray(self.point_cluster)[ranked], np.arange(len(self.parent) + 1)
        )
        for cluster in range(len(self.parent)):
            lams = np.asarray(self.point_lambda)[ranked[starts[cluster] : starts[cluster + 1]]]
            lams = lams[lams < self.death[cluster]]
            steps = np.unique(np.linspace(0, len(lams), min(len(lams), N_STEPS) + 1).astype(int))
            # After step k, steps[k] samples have left, the last one at lams[steps[k] - 1].
            lam = np.concatenate(
                [[self.birth[cluster]], lams[steps[1:] - 1], self.death[[cluster]]]
            )
            half = (self.size[cluster] - np.append(steps, steps[-1])) / 2
            x, y = np.repeat(half[:-1], 2), np.repeat(lam, 2)[1:-1]
            yield np.column_stack(
                [
                    np.concatenate([center[cluster] - x, center[cluster] + x[::-1]]),
                    np.concatenate([y, y[::-1]]),
                ]
            )

    def plot(self, ax=None, *, max_lambda=None, polygon_kw=None, text_kw=None):
        r"""Draw the display.

        Parameters
        ----------
        max_lambda : float, default=None
            Lower end of the axis, by default that of the whole tree, which a few samples very close
            to each other may extend far below the rest.

        polygon_kw : dict, default=None
            Keywords for :class:`matplotlib.collections.PolyCollection`.

        text_kw : dict, default=None
            Keywords for :meth:`matplotlib.axes.Axes.text`.
        """
        ax = self._axes(ax)
        from matplotlib.collections import PolyCollection
        from matplotlib.patheffects import withStroke

        center = self._centers()
        outlines = list(self._outlines(center))
        colors = [NOISE_COLOR if k == -1 else label_color(int(k)) for k in self.label]
        kw = style(polygon_kw, facecolors=colors, edgecolors="white", linewidths=0.4)
        self.polygons_ = ax.add_collection(PolyCollection(outlines, **kw))
        kw = style(
            text_kw,
            ha="center",
            va="bottom",
            fontsize="small",
            clip_on=True,
            path_effects=[withStroke(linewidth=2.5, foreground="white")],
        )
        self.text_ = [
            ax.text(center[cluster], self.birth[cluster], str(self.label[cluster]), **kw)
            for cluster in np.flatnonzero(self.selected)
        ]
        left = min(outline[:, 0].min() for outline in outlines)
        right = max(outline[:, 0].max() for outline in outlines)
        margin = 0.02 * (right - left) or 0.5
        ax.set_xlim(left - margin, right + margin)
        ax.set_ylim(np.max(self.death) * 1.02 if max_lambda is None else max_lambda, 0)
        ax.set_xticks([])
        ax.set_ylabel(r"$\lambda$ = 1 / distance")
        ax.set_xlabel(f"Width: number of samples, {self.size[0]} at the root")
        tree_frame(ax)
        return self
