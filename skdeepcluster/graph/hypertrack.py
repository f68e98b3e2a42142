"""HyperTrack: clusters of points in sets, learned from sets whose clusters are known."""

from numbers import Integral, Real

import numpy as np
import torch
from scipy.sparse import csr_array

from skdeepcluster._sklearn import Interval, StrOptions
from skdeepcluster.algorithms.groups import in_order
from skdeepcluster.base import Clusterer, param
from skdeepcluster.deep import DeepEstimator
from skdeepcluster.graph._cells import nearest
from skdeepcluster.graph._edge_network import EdgeNetwork, MemberNetwork, PointSetNetwork
from skdeepcluster.graph._members import (
    best_threshold,
    candidates,
    completed,
    dense_pieces,
    known_objects,
    pieces,
)
from skdeepcluster.graph._set_edges import graph_of, link_sets, scored_edges, scored_sets
from skdeepcluster.graph._set_losses import GAMMA, edge_terms, focal, intersection
from skdeepcluster.training import (
    ReadOut,
    Stage,
    available_threads,
    cosine_decay,
    map_rows,
    sets_of,
)
from skdeepcluster.validation import check_groups

# Of the network of members.
N_LAYERS, N_HEADS = 3, 4
# Edges less probable lead to no candidate; candidates at most by default.
LEAST, MOST = 0.1, 128


class HyperTrack(Clusterer, DeepEstimator):
    r"""HyperTrack: objects in sets of points, learned from sets whose objects are known.

    Points of a set are clustered as examples have shown: the rows of `X` are points, `groups` says
    which set each is of, and `y` which object. Three things are learned [1]_: which points may be
    linked at all, by pairs of Voronoi cells in which linked points were seen; which of these edges
    are within an object, by a network that passes messages along them; and which points complete an
    object, by attention among the candidates around three pivots.

    Pick it when many sets with known objects exist, such as tracks or showers of particles, and new
    sets are to be clustered whose objects no distance separates. It needs these examples: without
    them take :class:`HDBSCAN`.

    With :math:`p_{ij} = \sigma(s_{ij})` for edges and :math:`q_i` for candidates, the objective is

    .. math:: w_f F(p, y) + w_c \sum_o \frac{n_o}{\bar n \sum n} \frac{1}{|P_o|} \sum_{e \in P_o}
        -\log \frac{e^{a_e / \tau}}{e^{a_e / \tau} + \sum_{f \in N_o} e^{a_f / \tau}} + w_m F(q, y)
        - w_s \frac1{n_y} \sum_{q_i > 1/2} \pm q_i,

    where :math:`F` is the focal cross entropy, :math:`a = \tanh s`, :math:`\tau = 0.3`,
    :math:`P_o` are the edges within object :math:`o` and :math:`N_o` those that leave it,
    :math:`n_o` its points, :math:`\bar n` their mean number, :math:`n_y` the members of the object
    that is completed, and the sign is plus for members.

    Parameters
    ----------
    n_cells : int, default=None
        Number of Voronoi cells, by k-means on all points. None: a power of two, the largest with
        which 99% of the links of held-out sets are between cells that were seen linked, at most
        4096 and one for 20 points.

    links : {"tree", "hops", "all"}, default="tree"
        Which pairs of points of an object link their cells: those of its minimum spanning tree,
        also those two hops apart in it, or all. More links are more edges.

    min_pair_count : int, default=1
        How many links make two cells linked. More leave out those that noise has made.

    read_out : {"members", "components", "dbscan"}, default="members"
        How edges become objects: completed around pivots by the network of members, which is only
        trained for this; what hangs together by edges of `threshold`; or DBSCAN on distances
        :math:`1 - p`, with at least 3 points within 1 - `threshold`.

    threshold : float, default=None
        Probability of the edges that count, other than for ``"members"``. None: the best of several
        by the mean adjusted Rand index of the held-out sets.

    min_size : int, default=2
        Objects of fewer points are noise.

    n_pivots : int, default=3
        Points whose object is to be completed.

    n_candidates : int, default=None
        Points among which its members are. Those of larger objects are found in pieces. None: three
        times the points of the largest known object, no more than 128.

    n_seeds : int, default=8
        Objects of each set that a step completes.

    n_components : int, default=32
        Width of the embeddings of points and edges.

    n_layers : int, default=4
        Exchanges of messages: an edge knows the points as many edges away.

    focal_weight : float, default=0.2
        Weight :math:`w_f` of the cross entropy of edges.

    contrast_weight : float, default=1.0
        Weight :math:`w_c` of the contrast of edges.

    member_weight : float, default=0.2
        Weight :math:`w_m` of the cross entropy of members.

    set_weight : float, default=0.2
        Weight :math:`w_s` of the chosen members.

    validation_fraction : float, default=0.1
        Fraction of the sets on which cells and threshold are chosen, and nothing else is trained.
        Of fewer than 10 sets none is, and the training sets stand in.

    pretrain_epochs : int, default=10
        Epochs of the edges alone.

    max_epochs : int, default=20
        Epochs of edges and members together.

    batch_size : int, default=8
        Number of sets in a step.

    learning_rate : float, default=3e-3
        Learning rate of the optimizer; in the last stage it falls to zero.

    Attributes
    ----------
    labels_ : ndarray of shape (n_samples,)
        The predicted object of each training point, not the given one; -1 is noise. Numbers are
        unique over the sets, in the order of the first rows.

    n_clusters_ : int
        Number of predicted objects in all training sets.

    cell_centers_ : ndarray of shape (n_cells, n_features)
        Centers of the cells, of standardized points.

    cell_pairs_ : csr_array of shape (n_cells, n_cells)
        True where points of two cells may be linked.

    edge_recall_ : float
        Share of the links in held-out sets whose cells are linked. No network finds what is
        missing: far below 1 there are too few sets or too many cells. Without held-out sets it is
        that of the training sets.

    threshold_ : float
        Probability from which edges count.

    n_candidates_ : int
        Number of candidates.

    loss_ : float
        The terms of the edges at the end, over all sets.

    See Also
    --------
    HDBSCAN : Clusters of a single set, without examples.
    MulticutClustering : Objects from signed affinities that are known.

    Notes
    -----
    `y` may number the objects of each set from 0, or those of all sets together: only points of one
    set are compared. -1 is noise. Without `y` the objects are those that scikit-learn's HDBSCAN
    finds in each set: then this can hardly be better than HDBSCAN.

    Without `groups` the rows are one set, and `predict` gives new rows the object of the nearest
    training row. With `groups`, `predict` needs those of the new rows, and each of their sets is
    clustered for itself; the order of its points has no effect but on numbers.

    The time of a step is linear in the edges, of which a point has as many as there are points in
    the cells linked with its own.

    Differences from the paper and its code: edges have embeddings of their own, which layers
    update, and means of messages are gated; layers are normalized without batches; the first stage
    trains edges alone; candidates are found by the most probable paths from a seed, which is the
    point with the most probable edge, in place of a random seed and of all neighbors of its pivots;
    points are relative to the pivots; and the number of cells and the threshold are chosen on
    held-out sets.

    References
    ----------
    .. [1] M. Mieskolainen, "HyperTrack: Neural combinatorics for high energy physics", CHEP, 2023.
           :arxiv:`2309.14113`

    Examples
    --------
    >>> import numpy as np
    >>> from skdeepcluster import HyperTrack
    >>> rng = np.random.default_rng(0)
    >>> centers = rng.uniform(0, 50, size=(120, 1, 2))  # of 40 sets of 3 objects of 5 points
    >>> X = (centers + rng.normal(size=(120, 5, 2))).reshape(-1, 2)
    >>> y, groups = np.repeat(np.arange(120), 5), np.repeat(np.arange(40), 15)
    >>> model = HyperTrack(n_components=8, n_layers=1, read_out="components", random_state=0)
    >>> model = model.fit(X[:450], y[:450], groups=groups[:450])
    >>> model.predict(X[450:], groups=groups[450:]).shape
    (150,)
    """

    n_cells: int | None = param(None, Interval(Integral, 1, None, closed="left"), None)
    links: str = param("tree", StrOptions({"tree", "hops", "all"}))
    min_pair_count: int = param(1, Interval(Integral, 1, None, closed="left"))
    read_out: str = param("members", StrOptions({"members", "components", "dbscan"}))
    threshold: float | None = param(None, Interval(Real, 0, 1, closed="both"), None)
    min_size: int = param(2, Interval(Integral, 1, None, closed="left"))
    n_pivots: int = param(3, Interval(Integral, 1, None, closed="left"))
    n_candidates: int | None = param(None, Interval(Integral, 1, None, closed="left"), None)
    n_seeds: int = param(8, Interval(Integral, 1, None, closed="left"))
    n_components: int = param(32, Interval(Integral, 1, None, closed="left"))
    n_layers: int = param(4, Interval(Integral, 0, None, closed="left"))
    focal_weight: float = param(0.2, Interval(Real, 0, None, closed="left"))
    contrast_weight: float = param(1.0, Interval(Real, 0, None, closed="left"))
    member_weight: float = param(0.2, Interval(Real, 0, None, closed="left"))
    set_weight: float = param(0.2, Interval(Real, 0, None, closed="left"))
    validation_fraction: float = param(0.1, Interval(Real, 0, 1, closed="left"))
    pretrain_epochs: int = param(10, Interval(Integral, 0, None, closed="left"))
    max_epochs: int = 20
    batch_size: int = 8
    learning_rate: float = 3e-3

    def fit(self, X, y=None, *, groups=None):
        """Learn from sets whose objects are known.

        Parameters
        ----------
        X : array-like, data frame, list of images, sparse matrix or torch.utils.data.Dataset
            Points of all sets, of shape (n_samples, n_features), in any order.
        y : array-like of shape (n_samples,), default=None
            The object of each point in its set, -1 for noise. None: what HDBSCAN finds.
        groups : array-like of shape (n_samples,), default=None
            The set of each point. None: one set.
        """
        return super().fit(X, y, groups=groups)

    # -- input -------------------------------------------------------------------------------

    def _side(self, samples, X, y, *, groups=None, **side):
        known = super()._side(samples, X, y, **side)
        n = len(samples)
        sets = np.zeros(n, np.int64) if groups is None else check_groups(groups, n)
        points = None if y is not None else _flat(samples).cpu().numpy()
        known.rows["set"] = torch.as_tensor(sets)
        known.rows["object"] = torch.as_tensor(known_objects(y, sets, points))
        known.arrays["grouped"] = torch.as_tensor(groups is not None)
        return known

    def _build(self, shape, plan, generator):
        n_features = int(torch.Size(shape).numel())
        edges = EdgeNetwork(n_features, self.n_components, self.n_layers, generator)
        sizes = (n_features, self.n_components, N_LAYERS, N_HEADS)
        return PointSetNetwork(edges, MemberNetwork(*sizes, generator))

    # -- stages ------------------------------------------------------------------------------

    def _stages(self):
        weights = {
            "focal": self.focal_weight,
            "contrast": self.contrast_weight,
            "member": self.member_weight,
            "set": self.set_weight,
        }
        common = {"weights": weights, "batches": sets_of("training_set")}
        alone = {"parameters": lambda module: module.edges.parameters(), **common}
        edges = Stage("edges", self._edge_terms, self.pretrain_epochs, begin=self._link, **alone)
        train = {"epochs": self.max_epochs, "schedule": cosine_decay}
        if self.read_out == "members":
            return [edges, Stage("train", self._all_terms, **train, **common)]
        return [edges, Stage("train", self._edge_terms, **train, **alone)]

    def _link(self, fit):
        """Hold out sets, and find the cells and the edges between linked ones."""
        sets, objects = (fit.side.rows[name].cpu().numpy() for name in ("set", "object"))
        n_sets = int(sets.max()) + 1
        order = torch.randperm(n_sets, generator=fit.generator).numpy()
        held = np.isin(sets, order[: int(self.validation_fraction * n_sets)])
        options = {"n_cells": self.n_cells, "min_count": self.min_pair_count}
        link_sets(fit, sets, objects, held, self.links, **options)
        largest = np.bincount(objects[objects >= 0], minlength=1).max()
        state = fit.state
        state.n_candidates = self.n_candidates or max(self.n_pivots, min(3 * int(largest), MOST))
        state.threshold = 0.5 if self.threshold is None else float(self.threshold)
        fit.usable = True

    def _edge_terms(self, fit, batch):
        return edge_terms(*scored_sets(fit, batch)[2:])

    def _all_terms(self, fit, batch):
        x, z, first, second, logits, objects = scored_sets(fit, batch)
        terms = edge_terms(first, second, logits, objects)
        graph = graph_of(logits.detach(), first, second, len(x))
        sizes = batch.side.inside.sum(dim=1, keepdim=True)
        drawn = (fit.uniform(batch, self.n_seeds) * sizes).long().clamp_max(sizes - 1)
        seeds = (sizes.cumsum(0) - sizes + drawn).flatten().tolist()
        options = {"least": LEAST, "most": fit.state.n_candidates, "n_pivots": self.n_pivots}
        found = candidates(graph, seeds, objects.cpu().numpy(), **options)
        rows, inside, true = (torch.as_tensor(array, device=x.device) for array in found)
        found = self._member_logits(fit.module, z, x, rows, inside)
        terms["member"] = focal(found[inside], true[inside].float(), GAMMA)
        terms["set"] = intersection(found.sigmoid(), true, inside)
        return terms

    def _member_logits(self, module, z, x, rows, inside):
        return module.members(z[rows], x[rows] / module.edges.unit, self.n_pivots, inside)

    # -- results -----------------------------------------------------------------------------

    def _read_out(self, fit):
        state = fit.state
        x = fit.over_all_rows(lambda x: x.flatten(1))
        sets, objects = (fit.side.rows[name].cpu().numpy() for name in ("set", "object"))
        cells = state.centers.cpu().numpy(), state.keys.cpu().numpy()
        z, first, second, logits = scored_edges(fit.module.edges, x, sets, *cells)
        terms = edge_terms(first, second, logits, fit.side.rows["object"])
        loss = self.focal_weight * terms["focal"] + self.contrast_weight * terms["contrast"]
        fit.require_finite(loss.item())
        graph = graph_of(logits, first, second, len(x))
        if self.threshold is None and self.read_out != "members":
            used = state.training_set.cpu().numpy() < 0
            used = used if used.any() else ~used
            known = graph[used][:, used], sets[used], objects[used]
            state.threshold = best_threshold(*known, self._pieces)
        labels = self._objects(fit.module, x, z, graph, sets, state.threshold, state.n_candidates)
        found = self._attributes(fit) | {"n_clusters_": int(labels.max(initial=-1)) + 1}
        if not fit.side.arrays["grouped"]:
            found["_known"] = (x.cpu().numpy(), labels)
        return ReadOut(loss.item(), labels, found)

    def _pieces(self, graph, threshold):
        found = pieces if self.read_out == "components" else dense_pieces
        return found(graph, threshold, self.min_size)

    @torch.no_grad()
    def _objects(self, module, x, z, graph, sets, threshold, n_candidates):
        """Labels of the points of all sets."""
        if self.read_out != "members":
            return in_order(self._pieces(graph, threshold))

        def members(rows, inside):
            rows, inside = (torch.as_tensor(found, device=x.device) for found in (rows, inside))
            return (self._member_logits(module, z, x, rows, inside) > 0).cpu().numpy()

        options = {"least": LEAST, "most": n_candidates, "min_size": self.min_size}
        return in_order(completed(graph, sets, members, **options))

    def _attributes(self, fit):
        state = fit.state
        centers, keys = state.centers.cpu().numpy(), state.keys.cpu().numpy()
        pairs = np.ones(len(keys), dtype=bool), np.divmod(keys, len(centers))
        return {
            "cell_centers_": centers,
            "cell_pairs_": csr_array(pairs, shape=(len(centers), len(centers))),
            "edge_recall_": state.recall,
            "threshold_": state.threshold,
            "n_candidates_": state.n_candidates,
            "_cells": (centers, keys),
            "_known": None,
        }

    def predict(self, X, *, groups=None):
        """The object of each point.

        Parameters
        ----------
        groups : array-like of shape (n_samples,), default=None
            The set of each point, each of which is clustered for itself. Needed if `fit` had it;
            else, without it, new rows join the training rows, each the object of the nearest.

        Returns
        -------
        labels : ndarray of shape (n_samples,)
            -1 is noise. With `groups` objects are numbered anew, in the order of the first rows,
            and unique over the sets. For the training rows these are `labels_`.
        """
        samples = self._new_samples(X)
        with available_threads():
            x = _flat(samples)
            if groups is not None:
                return self._predict_sets(x, check_groups(groups, len(x)))
        if self._known is None:
            raise ValueError(
                "groups=None, but the model was fitted to sets of points; pass the set of each row"
            )
        rows, labels = self._known
        return labels[nearest(x.cpu().numpy(), rows)]

    def _predict_sets(self, x, sets):
        z, first, second, logits = scored_edges(self.module_.edges, x, sets, *self._cells)
        graph = graph_of(logits, first, second, len(x))
        return self._objects(self.module_, x, z, graph, sets, self.threshold_, self.n_candidates_)


def _flat(samples):
    """All points, a tensor of shape (n, n_features)."""
    return map_rows(lambda x: x.flatten(1), samples)
