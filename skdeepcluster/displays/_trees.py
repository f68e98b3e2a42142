import numpy as np
from scipy.cluster.hierarchy import dendrogram, is_valid_linkage
from sklearn.utils.validation import check_is_fitted

from skdeepcluster._kernels._trees import Dendrogram, select
from skdeepcluster._sklearn import validate_style_kwargs
from skdeepcluster.displays._common import NOISE_COLOR, label_color, new_axes
from skdeepcluster.metrics._scorers import _last_step

# Steps with which the outline of a cluster narrows; more cannot be seen.
N_STEPS = 200


def _fitted_tree(estimator, *attributes):
    """The last step of a fitted estimator, which has one of the attributes."""
    estimator, _ = _last_step(estimator)
    check_is_fitted(estimator)
    if not any(hasattr(estimator, attribute) for attribute in attributes):
        raise TypeError(
            f"{type(estimator).__name__} has no {' or '.join(attributes)} after fit, so there is "
            "no tree to draw."
        )
    return estimator


def _check_linkage(linkage):
    linkage = np.asarray(linkage, dtype=np.float64)
    is_valid_linkage(linkage, throw=True, name="linkage")
    return linkage


class DendrogramDisplay:
    """Dendrogram of a hierarchy of merges.

    Use :meth:`from_estimator` or :meth:`from_linkage` to create it. All parameters are stored as
    attributes.

    Parameters
    ----------
    linkage : ndarray of shape (n_samples - 1, 4)
        Merges in the format of :func:`scipy.cluster.hierarchy.linkage`.

    labels : ndarray of shape (n_samples,), default=None
        Clusters of the samples, -1 for noise; merges within one cluster get its color.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes with the plot.

    figure_ : matplotlib Figure
        Figure that contains the axes.

    lines_ : matplotlib LineCollection
        The merges.

    cut_line_ : matplotlib Line2D or None
        The cut.

    See Also
    --------
    CondensedTreeDisplay : The hierarchy of clusters of at least some size.

    Examples
    --------
    >>> from scipy.cluster.hierarchy import linkage
    >>> from skdeepcluster.displays import DendrogramDisplay
    >>> display = DendrogramDisplay.from_linkage(linkage([[0.0], [1.0], [3.0]]))
    >>> display.linkage[:, 2]
    array([1., 2.])
    """

    def __init__(self, *, linkage, labels=None):
        self.linkage = linkage
        self.labels = labels

    @classmethod
    def from_estimator(
        cls,
        estimator,
        X=None,
        y=None,
        *,
        ax=None,
        min_size=None,
        max_leaves=30,
        cut=None,
        line_kw=None,
    ):
        """Draw the dendrogram of a fitted estimator.

        Parameters
        ----------
        estimator : estimator
            Fitted clusterer, or a pipeline or search that ends in one, with a
            `single_linkage_tree_` or with `children_` and `distances_`.

        X : None
            Ignored: the tree is that of the fit.

        y : None
            Ignored.

        ax : matplotlib Axes, default=None
            Axes to draw on; a new figure by default.

        min_size : int, default=None
            Passed to :meth:`plot`; by default the estimator's `min_cluster_size` where it has one.

        max_leaves, cut, line_kw : object
            Passed to :meth:`plot`.

        Returns
        -------
        display : DendrogramDisplay
            The display, drawn.
        """
        estimator = _fitted_tree(estimator, "single_linkage_tree_", "children_")
        if hasattr(estimator, "single_linkage_tree_"):
            linkage = np.asarray(estimator.single_linkage_tree_)
        elif hasattr(estimator, "distances_"):
            linkage = cls._from_children(estimator.children_, estimator.distances_)
        else:
            raise TypeError(
                f"{type(estimator).__name__} has no distances_ of its merges; fit it with "
                "compute_distances=True."
            )
        if min_size is None:
            min_size = getattr(estimator, "min_cluster_size", 1)
        return cls.from_linkage(
            linkage,
            labels=getattr(estimator, "labels_", None),
            ax=ax,
            min_size=min_size,
            max_leaves=max_leaves,
            cut=cut,
            line_kw=line_kw,
        )

    @staticmethod
    def _from_children(children, distances):
        children = np.asarray(children)
        n = len(children) + 1
        sizes = np.ones(2 * n - 1)
        for i, (left, right) in enumerate(children, n):
            sizes[i] = sizes[left] + sizes[right]
        # Where heights are not monotone SciPy draws inversions, as it should.
        return np.column_stack([children, distances, sizes[n:]]).astype(np.float64)

    @classmethod
    def from_linkage(
        cls, linkage, *, labels=None, ax=None, min_size=1, max_leaves=30, cut=None, line_kw=None
    ):
        """Draw a linkage matrix.

        Parameters
        ----------
        linkage : array-like of shape (n_samples - 1, 4)
            Merges in the format of :func:`scipy.cluster.hierarchy.linkage`.

        labels : array-like of shape (n_samples,), default=None
            Clusters of the samples, -1 for noise.

        ax : matplotlib Axes, default=None
            Axes to draw on; a new figure by default.

        min_size, max_leaves, cut, line_kw : object
            Passed to :meth:`plot`.

        Returns
        -------
        display : DendrogramDisplay
            The display, drawn.
        """
        linkage = _check_linkage(linkage)
        if labels is not None:
            labels = np.asarray(labels)
            if labels.shape != (len(linkage) + 1,):
                raise ValueError(
                    f"linkage joins {len(linkage) + 1} samples, but labels have shape "
                    f"{labels.shape}."
                )
        return cls(linkage=linkage, labels=labels).plot(
            ax, min_size=min_size, max_leaves=max_leaves, cut=cut, line_kw=line_kw
        )

    def _pruned(self, min_size):
        """The merges of parts that both have a size: linkage, sizes of leaves, labels of nodes."""
        n = len(self.linkage) + 1
        label = [-1] * n if self.labels is None else np.asarray(self.labels).tolist()
        size = [1] * n
        # Of each node: its number in the pruned tree, leaves from -1 downwards; None: too small.
        number = list(range(-1, -n - 1, -1)) if min_size == 1 else [None] * n
        leaves = [1] * n if min_size == 1 else []
        leaf_labels = list(label) if min_size == 1 else []
        merges, merge_labels = [], []
        for left, right, height, _ in self.linkage.tolist():
            left, right = int(left), int(right)
            if size[left] < size[right]:
                left, right = right, left
            total = size[left] + size[right]
            kept, kind = number[left], label[left]
            if number[right] is not None:
                kind = kind if kind == label[right] else -1
                merges.append([kept, number[right], height, total])
                merge_labels.append(kind)
                kept = len(merges) - 1
            elif kept is None:
                if -1 in (kind, label[right]):
                    kind = max(kind, label[right])
                elif kind != label[right]:
                    kind = -1
                if total >= min_size:
                    leaves.append(total)
                    leaf_labels.append(kind)
                    kept = -len(leaves)
            elif kept < 0:
                leaves[-kept - 1] = total
            size.append(total)
            label.append(kind)
            number.append(kept)
        pruned = np.array(merges, dtype=float).reshape(-1, 4)
        ends = pruned[:, :2]
        ends[:] = np.where(ends < 0, -ends - 1, ends + len(leaves))
        # SciPy wants the numbers of leaves, not of samples.
        count = [1] * len(leaves)
        for row in pruned:
            count.append(count[int(row[0])] + count[int(row[1])])
            row[3] = count[-1]
        return pruned, leaves, leaf_labels + merge_labels

    def plot(self, ax=None, *, min_size=1, max_leaves=30, cut=None, line_kw=None):
        """Draw the display.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw on; a new figure by default.

        min_size : int, default=1
            Only merges of two parts of at least so many samples are drawn, unless there is none.
            Single linkage mostly adds samples one by one, which hides its clusters.

        max_leaves : int or None, default=30
            Only the last merges are drawn, above so many leaves; `None` draws all. A leaf that
            stands for several samples is named by their number in parentheses.

        cut : float, default=None
            Height of a horizontal line.

        line_kw : dict, default=None
            Keywords for :class:`matplotlib.collections.LineCollection`.

        Returns
        -------
        self : DendrogramDisplay
            The display itself.
        """
        ax = new_axes(self, ax)
        from matplotlib.collections import LineCollection
        from matplotlib.colors import to_rgba

        linkage, leaves, labels = self._pruned(min_size)
        if len(linkage) == 0:
            linkage, leaves, labels = self._pruned(1)
        finite = np.isfinite(linkage[:, 2])
        # Parts at infinite distance are drawn above all others.
        highest = linkage[finite, 2].max(initial=0)
        linkage[~finite, 2] = 1.2 * highest if highest > 0 else 1
        n = len(leaves)
        truncated = max_leaves is not None and n > max_leaves
        below = np.concatenate([leaves, np.zeros(n - 1, int)])
        for i, (left, right) in enumerate(linkage[:, :2].astype(int), n):
            below[i] = below[left] + below[right]
        drawn = dendrogram(
            linkage,
            truncate_mode="lastp" if truncated else None,
            p=max_leaves if truncated else n,
            link_color_func=lambda node: (
                "0.35" if labels[node] == -1 else label_color(int(labels[node]))
            ),
            leaf_label_func=lambda node: f"({below[node]})" if below[node] > 1 else str(node),
            no_plot=True,
        )
        segments = [
            np.column_stack(link) for link in zip(drawn["icoord"], drawn["dcoord"], strict=True)
        ]
        kw = {"colors": [to_rgba(color) for color in drawn["color_list"]], "linewidths": 1.2}
        self.lines_ = ax.add_collection(
            LineCollection(segments, **validate_style_kwargs(kw, line_kw or {}))
        )
        self.cut_line_ = None
        if cut is not None:
            self.cut_line_ = ax.axhline(cut, color="0.25", linestyle="--", linewidth=1)
        names = drawn["ivl"]
        ax.set_xlim(0, 10 * len(names))
        ax.set_ylim(0, 1.05 * linkage[:, 2].max() or 1)
        few = len(names) <= 60
        ax.set_xticks(
            5 + 10 * np.arange(len(names)) if few else [],
            names if few else [],
            rotation=90,
            fontsize="small",
        )
        grouped = truncated or max(leaves) > 1
        for text, node in zip(ax.get_xticklabels(), drawn["leaves"], strict=False):
            text.set_color("0.35" if labels[node] == -1 else label_color(int(labels[node])))
        ax.set(xlabel="Sample (or number of samples)" if grouped else "Sample", ylabel="Distance")
        for side in ("top", "right", "bottom"):
            ax.spines[side].set_visible(False)
        self.ax_, self.figure_ = ax, ax.figure
        return self


class CondensedTreeDisplay:
    r"""Icicle plot of a condensed tree of clusters.

    Every cluster hangs from the one that it was split from, from the inverse distance
    :math:`\lambda` of its birth down to that of its end. It is as wide as it has samples, and
    narrows where they fall out. The clusters of the flat clustering and what is below them are
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
        The last cluster of each sample, and where the sample falls out of it.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes with the plot.

    figure_ : matplotlib Figure
        Figure that contains the axes.

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

    def __init__(self, *, parent, birth, death, size, label, selected, point_cluster, point_lambda):
        self.parent = parent
        self.birth = birth
        self.death = death
        self.size = size
        self.label = label
        self.selected = selected
        self.point_cluster = point_cluster
        self.point_lambda = point_lambda

    @classmethod
    def from_estimator(
        cls, estimator, X=None, y=None, *, ax=None, max_lambda=None, polygon_kw=None, text_kw=None
    ):
        """Draw the condensed tree of a fitted estimator.

        Parameters
        ----------
        estimator : estimator
            Fitted clusterer with a `condensed_tree_`, or a pipeline or search that ends in one.

        X : None
            Ignored: the tree is that of the fit.

        y : None
            Ignored.

        ax : matplotlib Axes, default=None
            Axes to draw on; a new figure by default.

        max_lambda, polygon_kw, text_kw : object
            Passed to :meth:`plot`.

        Returns
        -------
        display : CondensedTreeDisplay
            The display, drawn.
        """
        tree = _fitted_tree(estimator, "condensed_tree_").condensed_tree_
        return cls(
            parent=tree.parent,
            birth=tree.birth,
            death=tree.death,
            size=tree.size,
            label=tree.flat_label,
            selected=tree.selected,
            point_cluster=tree.point_cluster,
            point_lambda=tree.point_lambda,
        ).plot(ax, max_lambda=max_lambda, polygon_kw=polygon_kw, text_kw=text_kw)

    @classmethod
    def from_linkage(
        cls,
        linkage,
        *,
        min_cluster_size=5,
        ax=None,
        max_lambda=None,
        polygon_kw=None,
        text_kw=None,
    ):
        """Condense a linkage matrix and draw it.

        Parameters
        ----------
        linkage : array-like of shape (n_samples - 1, 4)
            Merges in the format of :func:`scipy.cluster.hierarchy.linkage`.

        min_cluster_size : int, default=5
            Smallest number of samples that make a cluster. Of the clusters those of greatest total
            stability are selected.

        ax : matplotlib Axes, default=None
            Axes to draw on; a new figure by default.

        max_lambda, polygon_kw, text_kw : object
            Passed to :meth:`plot`.

        Returns
        -------
        display : CondensedTreeDisplay
            The display, drawn.
        """
        if min_cluster_size < 2:
            raise ValueError(f"min_cluster_size must be at least 2, got {min_cluster_size}.")
        layout = Dendrogram(np.ascontiguousarray(_check_linkage(linkage)))
        clusters, member, leave = layout.condense(min_cluster_size)
        selected, label = select(
            *list(clusters.values())[:2],
            clusters["size"],
            clusters["stability"],
            False,
            0.0,
            np.inf,
            False,
        )
        point_cluster, point_lambda = np.empty_like(member), np.empty_like(leave)
        point_cluster[layout.order], point_lambda[layout.order] = member, leave
        return cls(
            parent=clusters["parent"],
            birth=clusters["birth"],
            death=clusters["death"],
            size=clusters["size"],
            label=label,
            selected=selected,
            point_cluster=point_cluster,
            point_lambda=point_lambda,
        ).plot(ax, max_lambda=max_lambda, polygon_kw=polygon_kw, text_kw=text_kw)

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
        """One polygon per cluster, whose width is what is left of it at each lambda."""
        ranked = np.lexsort((self.point_lambda, self.point_cluster))
        starts = np.searchsorted(
            np.asarray(self.point_cluster)[ranked], np.arange(len(self.parent) + 1)
        )
        for cluster in range(len(self.parent)):
            lams = np.asarray(self.point_lambda)[ranked[starts[cluster] : starts[cluster + 1]]]
            lams = lams[lams < self.death[cluster]]
            steps = np.unique(np.linspace(0, len(lams), min(len(lams), N_STEPS) + 1).astype(int))
            # After the step k so many samples are gone, the last at lams[k - 1].
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
        ax : matplotlib Axes, default=None
            Axes to draw on; a new figure by default.

        max_lambda : float, default=None
            Lower end of the axis, which otherwise shows the whole tree: a few samples very close
            to each other may end it far below the rest.

        polygon_kw : dict, default=None
            Keywords for :class:`matplotlib.collections.PolyCollection`.

        text_kw : dict, default=None
            Keywords for :meth:`matplotlib.axes.Axes.text`.

        Returns
        -------
        self : CondensedTreeDisplay
            The display itself.
        """
        ax = new_axes(self, ax)
        from matplotlib.collections import PolyCollection
        from matplotlib.patheffects import withStroke

        center = self._centers()
        outlines = list(self._outlines(center))
        kw = {
            "facecolors": [NOISE_COLOR if k == -1 else label_color(int(k)) for k in self.label],
            "edgecolors": "white",
            "linewidths": 0.4,
        }
        self.polygons_ = ax.add_collection(
            PolyCollection(outlines, **validate_style_kwargs(kw, polygon_kw or {}))
        )
        kw = {
            "ha": "center",
            "va": "bottom",
            "fontsize": "small",
            "clip_on": True,
            "path_effects": [withStroke(linewidth=2.5, foreground="white")],
        }
        kw = validate_style_kwargs(kw, text_kw or {})
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
        for side in ("top", "right", "bottom"):
            ax.spines[side].set_visible(False)
        self.ax_, self.figure_ = ax, ax.figure
        return self
