"""TGC: clusters of nodes that meet at known times."""

from numbers import Integral, Real
from types import SimpleNamespace

import numpy as np
import torch
import torch.nn.functional as F
from scipy.sparse import triu
from sklearn.utils import check_array

from skdeepcluster._sklearn import Interval, StrOptions, effective_n_threads, fit_context
from skdeepcluster.algorithms.kmeans import kmeans
from skdeepcluster.algorithms.smoothing import unit_length
from skdeepcluster.algorithms.walks import netmf, skip_gram
from skdeepcluster.base import Clusterer, param
from skdeepcluster.deep import DeepEstimator, PartitionMixin
from skdeepcluster.graph._beside_rows import graph_of_rows
from skdeepcluster.graph._event_losses import Vectors, event_losses
from skdeepcluster.graph._events import Past, check_events, collapsed, histories, no_past
from skdeepcluster.training import ReadOut, Stage, events_of, map_rows, pairs_of

# Walks of the start.
WALKS = {
    "n_walks": 10, "length": 80, "p": 1.0, "q": 1.0, "window": 10, "n_negatives": 5,
    "learning_rate": 0.025,
}  # fmt: skip
NETMF = {"window": 10, "n_negatives": 1}
# Of the numbers of events, for negative nodes.
NOISE_POWER = 0.75
# What is known of each event beside its two nodes.
KNOWN = ("partners", "gaps", "filled")


class TGC(PartitionMixin, Clusterer, DeepEstimator):
    r"""Temporal graph clustering: nodes that meet at known times, by vectors of them.

    Each node :math:`i` has a vector :math:`z_i`. Node :math:`s`, who met the nodes :math:`h` at
    times :math:`t_h`, is the more likely to meet node :math:`x` at time :math:`t`, the nearer
    :math:`x` is to :math:`s` and to those whom it met of late, a Hawkes process of intensity

    .. math:: \lambda_{sx} = -\|z_s - z_x\|^2 - \sum_h a_h e^{-\delta_s (t - t_h)}
        \|z_h - z_x\|^2, \qquad a_h \propto e^{-\|z_s - z_h\|^2}.

    The objective is a mean over events in both directions, with negative nodes :math:`v` that are
    drawn by how often they meet others,

    .. math:: \frac1m \sum_{(s, x)} \left( -\log \sigma(\lambda_{sx}) - \sum_v \log
        \sigma(-\lambda_{sv}) + \alpha \sum_k p_{sk} \log \frac{p_{sk}}{q_{sk}} \right) + \beta
        \left( \|1 - \cos_{sx}\| + \sum_h \|1 - \cos_{sh}\| + \sum_v \|\cos_{sv}\| \right),

    where :math:`q_{sk}` is Student's t of :math:`z_s` around centers, :math:`p` the same for the
    vectors of the start, sharpened, and each norm is the root mean square over a batch. K-means
    clusters the vectors at the end.

    Use it when nodes are known by a stream of contacts, and more contacts will come: a step needs
    the nodes of its events alone, no matrix of all pairs, and `partial_fit` takes new events. For
    clusters alone try :class:`Leiden` and :class:`DeepWalk` on the graph of all events first: they
    are often as good.

    Parameters
    ----------
    init : {"walks", "netmf", "features", "random"} or array, default="walks"
        Vectors of the start, which are scaled to length one: those of :class:`DeepWalk`, by walks
        or by factors, on the graph whose weights are the numbers of events; the rows of `X`;
        random ones; or the vectors themselves, of shape (n_samples, n_components).

    n_components : int, default=64
        Length of the vectors, unless they are given or are the rows of `X`.

    history_length : int, default=3
        How many earlier partners of a node an event is explained by.

    n_negatives : int, default=5
        Negative nodes of each event.

    node_weight : float, default=1.0
        Weight :math:`\alpha` of the clusters of the start.

    batch_weight : float, default=1.0
        Weight :math:`\beta` of the cosines.

    n_neighbors : int, default=15
        Without events: each row has met so many nearest others, all at the same time.

    tol : float, default=1e-3
        Training ends when the objective changes by less than this share of it in an epoch.

    batch_size : int, default=1024
        Number of events in a step, each seen by one of its nodes.

    learning_rate : float, default=0.01
        Learning rate of the optimizer.

    Attributes
    ----------
    embedding_ : ndarray of shape (n_samples, n_components)
        Vectors of the nodes. Those of nodes without events stay those of the start; by walks these
        are zero.

    cluster_centers_ : ndarray of shape (n_clusters, n_components)
        Centers of the clusters in the embedding.

    decay_ : ndarray of shape (n_samples,)
        How fast a node forgets whom it met, :math:`\delta_s`: a rate per duration of the first
        events, from the first to the last.

    initial_labels_ : ndarray of shape (n_samples,)
        Clusters of the start: what training adds is the difference to `labels_`.

    module_ : torch.nn.Module
        Vectors, rates and centers.

    loss_ : float
        The objective at the end, with newly drawn negative nodes.

    See Also
    --------
    DeepWalk : Vectors of nodes without times.
    Leiden : Communities without vectors.

    Notes
    -----
    There is no `predict`: a node without events has no vector. A step updates all vectors, since
    the optimizer has moments of each: for millions of nodes take a larger `batch_size`.

    Differences from the authors' code: old events count less, where its sign makes them count more;
    the shares :math:`a_h` are those of partners that exist, and slots without one add nothing; the
    objective is a mean, so the learning rate does not depend on `batch_size` and the clusters of
    the start have a weight that shows, where theirs are a thousandth of the sum; Adam in place of
    plain gradient steps; and training ends by `tol` or `max_epochs`, where they keep the epoch that
    agrees best with known classes. The walks of the start go along edges by the number of events.

    References
    ----------
    .. [1] M. Liu et al., "Deep temporal graph clustering", ICLR, 2024. :arxiv:`2305.10738`
    .. [2] Y. Zuo et al., "Embedding temporal network via neighborhood formation", KDD, 2018.

    Examples
    --------
    >>> import numpy as np
    >>> from skdeepcluster import TGC
    >>> rng = np.random.default_rng(0)
    >>> source, partner = rng.integers(0, 40, 1000), rng.integers(0, 20, 1000)
    >>> target = partner + 20 * (source // 20)  # those from 0 to 19, and from 20 to 39
    >>> events = np.column_stack([source, target, np.arange(1000)])
    >>> model = TGC(2, random_state=0).fit(np.zeros((40, 1)), events=events)
    >>> np.unique(model.labels_[:20]).size, np.unique(model.labels_[20:]).size
    (1, 1)
    """

    init: str | np.ndarray = param(
        "walks", StrOptions({"walks", "netmf", "features", "random"}), "array-like"
    )
    n_components: int = param(64, Interval(Integral, 1, None, closed="left"))
    history_length: int = param(3, Interval(Integral, 0, None, closed="left"))
    n_negatives: int = param(5, Interval(Integral, 1, None, closed="left"))
    node_weight: float = param(1.0, Interval(Real, 0, None, closed="left"))
    batch_weight: float = param(1.0, Interval(Real, 0, None, closed="left"))
    n_neighbors: int = param(15, Interval(Integral, 1, None, closed="left"))
    tol: float = param(1e-3, Interval(Real, 0, None, closed="left"))
    batch_size: int = param(1024, Interval(Integral, 1, None, closed="left"))
    learning_rate: float = param(0.01, Interval(Real, 0, None, closed="neither"))

    def fit(self, X, y=None, *, events=None):
        """Train vectors of the nodes on their events, and cluster them.

        Parameters
        ----------
        X : array-like, data frame, list of images, sparse matrix or torch.utils.data.Dataset
            A row for each node, of shape (n_samples, n_features). Beside events it has no effect
            but for the number of nodes, unless ``init="features"``.
        events : array-like of shape (n_events, 3) or (n_events, 2), default=None
            Two nodes, by their rows in `X`, and the time when they met, in any order; without times
            an event's number is its time. Times may be in any unit. Events of a node with itself
            are left out. None: each row has met its nearest neighbors.
        """
        return super().fit(X, y, events=events)

    @fit_context(prefer_skip_nested_validation=False)
    def partial_fit(self, X, y=None, *, events=None):
        """Continue with new events of the same nodes, in one pass in the order of time.

        The first call is `fit`. Later calls know the last partners of each node; `loss_` and
        `history_` are those of the new events. Clusters may be numbered anew.

        Parameters
        ----------
        X : array-like, data frame, list of images, sparse matrix or torch.utils.data.Dataset
            As in `fit`, of as many rows.
        events : array-like of shape (n_events, 3) or (n_events, 2), default=None
            As in `fit`. Times go on in the unit of the first call.

        Returns
        -------
        self : object
            The fitted estimator.
        """
        if not self.__sklearn_is_fitted__():
            return self.fit(X, y, events=events)
        stages = [self._training(1, events_of, self._continue)]
        self._continue_fit(X, y, stages, None, events=events, past=self._past)
        return self

    # -- events ------------------------------------------------------------------------------

    def _side(self, samples, X, y, *, events=None, past=None, **side):
        known = super()._side(samples, X, y, **side)
        n = len(samples)
        if past is not None and n != len(past.counts):
            raise ValueError(
                f"X has {n} rows, but {type(self).__name__} was fitted to {len(past.counts)} "
                "nodes; new nodes need a new fit"
            )
        if events is None:
            edges = triu(graph_of_rows(samples, self.n_neighbors)).coords
            source, target, time = *edges, np.zeros(len(edges[0]))
        else:
            source, target, time = check_events(events, n)
        past = past or no_past(n, self.history_length, time)
        found, later = histories(source, target, time, past)
        arrays = {"events": found.pairs} | {name: getattr(found, name) for name in KNOWN}
        arrays |= {f"later {name}": np.asarray(array) for name, array in later._asdict().items()}
        noise = np.cumsum(later.counts**NOISE_POWER)
        arrays["noise"] = (noise / max(noise[-1], 1)).astype(np.float32)
        known.arrays |= {name: torch.as_tensor(array) for name, array in arrays.items()}
        return known

    def _plan(self, samples, side):
        """The vectors of the start where they are given, and the shape of all vectors."""
        n, start = len(samples), None
        if not isinstance(self.init, str):
            start = check_array(self.init, dtype=np.float32, input_name="init")
            if len(start) != n:
                raise ValueError(
                    f"init has shape {start.shape}; a row for each of the {n} nodes is required"
                )
        elif self.init == "features":
            start = map_rows(lambda x: x.flatten(1), samples).cpu().numpy()
        width = self.n_components if start is None else start.shape[1]
        return SimpleNamespace(start=start, shape=(n, width))

    def _build(self, shape, plan, generator):
        return Vectors(*plan.shape, self.n_clusters)

    # -- training ----------------------------------------------------------------------------

    def _stages(self):
        return [self._training(self.max_epochs, pairs_of, self._start)]

    def _training(self, epochs, batches, begin):
        return Stage(
            "train",
            self._loss,
            epochs,
            weights=self._weights(),
            batches=batches("events", *KNOWN),
            begin=begin,
            end_epoch=self._has_converged,
        )

    def _weights(self):
        return {"temporal": 1.0, "node": self.node_weight, "batch": self.batch_weight}

    def _start(self, fit):
        """Vectors by `init`, and centers of them."""
        given = fit.plan.start
        start = unit_length(self._first_vectors(fit) if given is None else given)
        start = np.ascontiguousarray(start, np.float32)
        centers, labels = kmeans(start, self.n_clusters, seed=fit.seed())
        module = fit.module
        with torch.no_grad():
            module.z.copy_(torch.as_tensor(start))
            module.start.copy_(module.z)
            module.centers.copy_(torch.as_tensor(centers))
        fit.state.start_labels = torch.as_tensor(labels, device=fit.device)
        fit.usable = True

    def _first_vectors(self, fit):
        rng = np.random.default_rng(fit.seed())
        n, width = fit.plan.shape
        if self.init == "random":
            return rng.normal(size=(n, width))
        graph = collapsed(fit.side.arrays["events"].cpu().numpy(), n)
        if self.init == "walks":
            return skip_gram(graph, width, rng=rng, n_threads=effective_n_threads(), **WALKS)
        found = netmf(graph, width, rng=rng, **NETMF)
        return np.pad(found, ((0, 0), (0, width - found.shape[1])))

    def _continue(self, fit):
        fit.state.start_labels = torch.as_tensor(self.initial_labels_, device=fit.device)
        fit.usable = True

    def _loss(self, fit, batch):
        return self._terms(fit, batch.index, fit.uniform(batch, self.n_negatives), batch.side)

    def _terms(self, fit, pairs, drawn, known):
        negatives = torch.searchsorted(fit.side.arrays["noise"], drawn, right=True)
        negatives = negatives.clamp_max(len(fit.samples) - 1)
        return event_losses(fit.module, pairs, negatives, known)

    def _has_converged(self, fit):
        """Whether the objective hardly changed from the epoch before."""
        terms = fit.history["train"]
        values = sum(w * np.array(terms.get(name, [])) for name, w in self._weights().items())
        return len(values) > 1 and abs(values[-1] - values[-2]) < self.tol * abs(values[-2])

    # -- result ------------------------------------------------------------------------------

    def _read_out(self, fit):
        loss = self._objective(fit)
        fit.require_finite(loss)
        Z = fit.module.z.detach().cpu().numpy()
        centers, labels = kmeans(Z, self.n_clusters, seed=fit.seed())
        return ReadOut(loss, labels, self._attributes(fit) | {"cluster_centers_": centers})

    @torch.no_grad()
    def _objective(self, fit):
        """The mean over all events."""
        total, n = 0.0, 0
        for items in events_of("events", *KNOWN)(fit):
            pairs = items.index.to(fit.device)
            known = SimpleNamespace(**{k: x.to(fit.device) for k, x in items.known.items()})
            drawn = torch.rand(len(pairs), self.n_negatives, generator=fit.generator)
            terms = self._terms(fit, pairs, drawn.to(fit.device), known)
            value = sum(weight * terms[name].item() for name, weight in self._weights().items())
            total, n = total + value * len(pairs), n + len(pairs)
        return total / max(n, 1)

    def _attributes(self, fit):
        module, arrays = fit.module, fit.side.arrays
        later = (arrays[f"later {name}"].cpu().numpy() for name in Past._fields)
        return {
            "embedding_": module.z.detach().cpu().numpy().copy(),
            "initial_labels_": fit.state.start_labels.int().cpu().numpy(),
            "decay_": F.softplus(module.forgetting.detach()).cpu().numpy(),
            "_past": Past(*later),
        }
