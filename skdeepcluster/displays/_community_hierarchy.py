"""Communities at several resolutions, and how nodes go from one to the next."""

import numpy as np

from skdeepcluster.displays._common import fitted_with, label_color
from skdeepcluster.displays._display import Display, style
from skdeepcluster.validation import check_labels

# Of the width between two layers, the share of a bar; and space between communities.
BAR, GAP = 0.18, 0.25
# Points of a band's edge.
STEPS = 24


class CommunityHierarchyDisplay(Display):
    """Layers of clusters, few to many, with bands for the nodes that they share.

    Each layer is a column of bars, one for each cluster, as high as it has nodes. Clusters that
    divide from one layer to the next have bands that part, and those that do not nest have bands
    that cross. Colors are those of the layer with the fewest clusters.

    Parameters
    ----------
    layers : ndarray of shape (n_layers, n_nodes)
        Clusters, with the fewest first.

    names : list of str
        What to write below the layers.

    Attributes
    ----------
    bars_ : list of matplotlib BarContainer
        The clusters of each layer, from top to bottom.

    bands_ : list of matplotlib PolyCollection
        Nodes of two clusters, for each pair of layers that follow each other.

    See Also
    --------
    GraphDisplay : The graph itself.
    DendrogramDisplay : The tree of a clustering by merges.

    Examples
    --------
    >>> from skdeepcluster.displays import CommunityHierarchyDisplay
    >>> display = CommunityHierarchyDisplay.from_layers([[0, 1, 2, 2], [0, 0, 1, 1]])
    >>> display.names
    ['2 clusters', '3 clusters']
    """

    layers: np.ndarray
    names: list

    @classmethod
    def from_estimator(cls, estimator, X=None, y=None, **kwargs):
        """Draw the layers of a fitted estimator.

        Parameters
        ----------
        estimator : estimator
            Fitted clusterer with `layers_`, such as :class:`~skdeepcluster.Leiden` with several
            resolutions, or a pipeline or search that ends in one.
        """
        return cls.from_layers(fitted_with(estimator, "layers_", missing="layer").layers_, **kwargs)

    @classmethod
    def from_layers(cls, layers, *, names=None, **kwargs):
        """Draw given layers.

        Parameters
        ----------
        layers : array-like of shape (n_layers, n_nodes)
            Clusters, -1 for noise, in any order of the layers.

        names : list of str, default=None
            What to write below the layers; their numbers of clusters by default.
        """
        layers = [check_labels(layer, "layers") for layer in layers]
        if not layers or len({len(layer) for layer in layers}) > 1:
            raise ValueError("layers must be one or more labelings of the same nodes.")
        n_clusters = [len(np.unique(layer[layer != -1])) for layer in layers]
        if names is None:
            names = [f"{k} cluster" + "s" * (k != 1) for k in n_clusters]
        elif len(names) != len(layers):
            raise ValueError(f"names has {len(names)} entries for {len(layers)} layers.")
        order = np.argsort(n_clusters, kind="stable")
        return cls(
            layers=np.stack([layers[i] for i in order]), names=[names[i] for i in order]
        ).plot(**kwargs)

    def plot(self, ax=None, *, bar_kw=None, band_kw=None):
        """Draw the display.

        Parameters
        ----------
        bar_kw : dict, default=None
            Keywords for :meth:`matplotlib.axes.Axes.bar`.

        band_kw : dict, default=None
            Keywords for :class:`matplotlib.collections.PolyCollection`.
        """
        ax = self._axes(ax)
        from matplotlib.collections import PolyCollection

        layers = np.asarray(self.layers)
        n = layers.shape[1]
        first = np.unique(layers[0])
        self.bars_, self.bands_ = [], []
        below = np.zeros(n)
        spans = []
        for x, labels in enumerate(layers):
            # In the order of where their nodes are in the layer before.
            clusters, of_node = np.unique(labels, return_inverse=True)
            sizes = np.bincount(of_node)
            order = np.argsort(np.bincount(of_node, below) / sizes, kind="stable")
            gap = GAP * n / max(len(clusters) - 1, 1) if len(clusters) > 1 else 0.0
            ends = np.cumsum(sizes[order] + gap) - gap
            start = np.empty(len(clusters))
            start[order] = ends - sizes[order] + (n * (1 + GAP) - ends[-1]) / 2
            shares = np.zeros((len(clusters), len(first)))
            np.add.at(shares, (of_node, np.searchsorted(first, layers[0])), 1)
            colors = [label_color(int(first[row.argmax()])) for row in shares]
            self.bars_.append(
                ax.bar(
                    np.full(len(order), float(x)), sizes[order], BAR, start[order],
                    **style(bar_kw, color=[colors[i] for i in order]),
                )
            )  # fmt: skip
            spans.append((of_node, start, colors))
            below = start[of_node] + sizes[of_node] / 2
        for x, (left, right) in enumerate(zip(spans, spans[1:], strict=False)):
            bands, colors = _bands(x, left, right)
            band = PolyCollection(bands, **style(band_kw, facecolors=colors, alpha=0.35))
            ax.add_collection(band)
            self.bands_.append(band)
        ax.set_xticks(np.arange(len(layers)), self.names)
        ax.set(yticks=[], xlim=(-BAR, len(layers) - 1 + BAR), ylim=(n * (1 + GAP), 0))
        ax.spines[["top", "right", "left", "bottom"]].set_visible(False)
        ax.tick_params(length=0)
        return self


def _bands(x, left, right):
    """Outlines of the bands between two layers, and their colors."""
    (of_left, start_left, colors), (of_right, start_right, _) = left, right
    n_right = len(start_right)
    pairs, counts = np.unique(of_left * n_right + of_right, return_counts=True)
    sources, targets = np.divmod(pairs, n_right)
    t = np.linspace(0, 1, STEPS)
    ease = t * t * (3 - 2 * t)
    across = x + BAR / 2 + t * (1 - BAR)
    begins, ends = np.empty(len(pairs)), np.empty(len(pairs))
    # At each side in the order of the other side.
    for begin, own, other, starts in (
        (begins, sources, start_right[targets], start_left),
        (ends, targets, start_left[sources], start_right),
    ):
        used = starts.copy()
        for i in np.lexsort((other, own)):
            begin[i] = used[own[i]]
            used[own[i]] += counts[i]
    bands = []
    for begin, end, count in zip(begins, ends, counts, strict=True):
        upper = begin + (end - begin) * ease
        there = np.column_stack([across, upper])
        back = np.column_stack([across, upper + count])[::-1]
        bands.append(np.concatenate([there, back]))
    return bands, [colors[i] for i in sources]
