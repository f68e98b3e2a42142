"""Dendrograms."""

import numpy as np
from scipy.cluster.hierarchy import dendrogram

from skdeepcluster.displays._common import fitted_with, label_color, tree_frame
from skdeepcluster.displays._display import Display, style
from skdeepcluster.trees import check_linkage, node_sizes


class DendrogramDisplay(Display):
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

    linkage: np.ndarray
    labels: np.ndarray | None = None

    @classmethod
    def from_estimator(cls, estimator, X=None, y=None, *, min_size=None, **kwargs):
        """Draw the dendrogram of a fitted estimator.

        Parameters
        ----------
        estimator : estimator
            Fitted clusterer, or a pipeline or search that ends in one, with a
            `single_linkage_tree_` or with `children_` and `distances_`.

        min_size : int, default=None
            Minimum size of the clusters whose merges are drawn, see :meth:`plot`; by default the
            `min_cluster_size` of the estimator, or 1.
        """
        estimator = fitted_with(estimator, "single_linkage_tree_", "children_")
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
            tree = getattr(estimator, "condensed_tree_", estimator)
            min_size = getattr(tree, "min_cluster_size", 1)
        labels = getattr(estimator, "labels_", None)
        return cls.from_linkage(linkage, labels=labels, min_size=min_size, **kwargs)

    @staticmethod
    def _from_children(children, distances):
        children = np.asarray(children)
        sizes = node_sizes(children)
        # SciPy draws heights that are not monotone as inversions.
        return np.column_stack([children, distances, sizes[len(children) + 1 :]]).astype(np.float64)

    @classmethod
    def from_linkage(cls, linkage, *, labels=None, **kwargs):
        """Draw a linkage matrix.

        Parameters
        ----------
        linkage : array-like of shape (n_samples - 1, 4)
            Merges in the format of :func:`scipy.cluster.hierarchy.linkage`.

        labels : array-like of shape (n_samples,), default=None
            Clusters of the samples, -1 for noise.
        """
        linkage = check_linkage(linkage)
        if labels is not None:
            labels = np.asarray(labels)
            if labels.shape != (len(linkage) + 1,):
                raise ValueError(
                    f"linkage joins {len(linkage) + 1} samples, but labels have shape "
                    f"{labels.shape}."
                )
        return cls(linkage=linkage, labels=labels).plot(**kwargs)

    def _pruned(self, min_size):
        """Merges of two clusters of at least a size: linkage, sizes of leaves, labels of nodes."""
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
        # SciPy counts leaves, not samples.
        count = [1] * len(leaves)
        for row in pruned:
            count.append(count[int(row[0])] + count[int(row[1])])
            row[3] = count[-1]
        return pruned, leaves, leaf_labels + merge_labels

    def plot(self, ax=None, *, min_size=1, max_leaves=30, cut=None, line_kw=None):
        """Draw the display.

        Parameters
        ----------
        min_size : int, default=1
            Only merges of two clusters of at least this size are drawn, unless there is none.
            Single linkage mostly adds samples one by one, which hides its clusters.

        max_leaves : int or None, default=30
            Maximum number of leaves: only the last merges are drawn. None draws all merges. A leaf
            of several samples is labeled with their number in parentheses.

        cut : float, default=None
            Height of a horizontal line.

        line_kw : dict, default=None
            Keywords for :class:`matplotlib.collections.LineCollection`.
        """
        ax = self._axes(ax)
        from matplotlib.collections import LineCollection
        from matplotlib.colors import to_rgba

        linkage, leaves, labels = self._pruned(min_size)
        if len(linkage) == 0:
            linkage, leaves, labels = self._pruned(1)
        finite = np.isfinite(linkage[:, 2])
        # Merges at infinite distance are drawn above all others.
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
        colors = [to_rgba(color) for color in drawn["color_list"]]
        self.lines_ = ax.add_collection(
            LineCollection(segments, **style(line_kw, colors=colors, linewidths=1.2))
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
        tree_frame(ax)
        return self
