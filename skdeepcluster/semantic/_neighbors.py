"""Nearest neighbors of rows, which should be in the same cluster."""

import warnings
from dataclasses import replace
from numbers import Integral

import numpy as np
import torch
import torch.nn.functional as F

from skdeepcluster._sklearn import Interval, StrOptions, effective_n_threads
from skdeepcluster.algorithms.neighbor_search import NeighborSearch
from skdeepcluster.algorithms.read_outs import neighbor_clusters
from skdeepcluster.base import param, parameters
from skdeepcluster.nn import follower
from skdeepcluster.training import Side, Stage, map_rows, rows_with_neighbors
from skdeepcluster.validation import as_array, caller_level, scaled_to_range

# Neighbors by which heads and epochs are compared.
COMPARED = 5


@parameters
class NeighborsMixin:
    """Pairs of rows and their nearest neighbors.

    Parameters
    ----------
    n_neighbors : int, default=20
        Number of neighbors of each row, without itself; of few rows no more than
        ``n_samples / (3 n_clusters)``, and at least one.

    metric : {"euclidean", "cosine"}, default="euclidean"
        Distance between rows, or between features of a given encoder. "cosine" compares directions
        from the mean of all rows.

    Attributes
    ----------
    neighbors_ : ndarray of shape (n_samples, n_neighbors)
        Indices of the neighbors of each training row, nearest first.
    """

    n_neighbors: int = param(20, Interval(Integral, 1, None, closed="left"))
    metric: str = param("euclidean", StrOptions({"euclidean", "cosine"}))

    def fit(self, X, y=None, *, neighbors=None):
        """Train the heads on rows and their neighbors.

        Parameters
        ----------
        X : array-like, data frame, list of images, sparse matrix or torch.utils.data.Dataset
            Rows of shape (n_samples, n_features) or images of shape (n_samples, C, H, W) or
            (n_samples, H, W).
        y : array-like of shape (n_samples,), default=None
            Passed to callbacks.
        neighbors : array-like of shape (n_samples, n_neighbors), default=None
            Indices of the neighbors of each row, nearest first. By default they are searched.

        Returns
        -------
        self : object
            The fitted estimator.
        """
        return super().fit(X, y, neighbors=neighbors)

    def _side(self, samples, X, y, neighbors=None):
        if neighbors is None:
            return Side()
        return Side(rows={"neighbors": _checked(neighbors, len(samples))})

    def _has_reference(self):
        """Whether neighbors are those of an encoder's features, which training will change."""
        return not isinstance(self.encoder, (str, list, tuple)) and self.train_encoder

    def _build(self, shape, plan, generator):
        module = super()._build(shape, plan, generator)
        if self._has_reference():
            module.reference = follower(module.encoder)
        return module

    def _reference(self, net, x):
        """Features that neighbors are searched by."""
        if self._has_reference():
            return net.reference(x).float()
        return x.flatten(1) if isinstance(self.encoder, (str, list, tuple)) else net.encode(x)

    def _start(self, fit):
        super()._start(fit)
        net = self._predictor(fit.module)
        if self._has_reference():
            net.reference.load_state_dict(net.encoder.state_dict())
        if "neighbors" not in fit.side.rows:
            n_neighbors = min(self.n_neighbors, max(1, len(fit.samples) // (3 * self.n_clusters)))
            rows = fit.over_all_rows(lambda x: self._reference(net, x))
            fit.state.neighbors = nearest(rows, n_neighbors, self.metric)
            self._cluster(fit, rows)

    def _cluster(self, fit, rows):
        """Find what heads begin with, if anything, in the rows that neighbors were searched in."""

    def _pairs(self):
        """Options of a stage whose items are a row and one of its neighbors."""
        return {"batches": rows_with_neighbors("neighbors")}

    @staticmethod
    def _found(fit):
        return fit.side.rows.get("neighbors", getattr(fit.state, "neighbors", None))

    def _others(self, net, samples, Z, fit=None):
        if fit is None:
            rows = map_rows(lambda x: self._reference(net, x), samples)
            found = nearest(rows, COMPARED, self.metric)
        else:
            found = self._found(fit)[:, :COMPARED]
        return list(found.T)

    def _attributes(self, fit):
        return super()._attributes(fit) | {"neighbors_": self._found(fit).cpu().numpy()}


@parameters
class NeighborStartMixin(NeighborsMixin):
    """Heads that begin with clusters of the graph of neighbors, in a warm-up.

    Parameters
    ----------
    init : {"neighbors", "random"}, default="neighbors"
        What heads begin with: the labels of :class:`~skdeepcluster.NeighborClusterer`, of the rows
        that neighbors are searched in, or random weights, as in the paper. With ``neighbors=``
        weights are random.

    init_epochs : int, default=50
        Maximum number of warm-up epochs, in which the labels of ``init="neighbors"`` are the
        target. The warm-up ends when 99.5 % of the rows have their label.

    Attributes
    ----------
    initial_labels_ : ndarray of shape (n_samples,)
        Labels of ``init="neighbors"``, before warm-up and training: what these add is the
        difference to `labels_`.
    """

    init: str = param("neighbors", StrOptions({"neighbors", "random"}))
    init_epochs: int = param(50, Interval(Integral, 0, None, closed="left"))

    def _after_warmup(self, train):
        """The stages of a training that begins with `_start`: a warm-up before it, if any."""
        if self.init == "random":
            return [train]
        warmup = Stage(
            "initialize",
            self._imitate,
            self.init_epochs,
            parameters=train.parameters,
            begin=train.begin,
            # Before the first epoch, too: given neighbors have no labels.
            refresh=lambda fit: not hasattr(fit.state, "start_labels") or self._has_learned(fit),
        )
        # A training that has a criterion must not end above what it begins with.
        return [warmup, replace(train, begin=None, compares_start=train.criterion is not None)]

    def _cluster(self, fit, rows):
        if self.init == "random":
            return
        rows, n_threads = _comparable(rows, self.metric), effective_n_threads()
        labels = neighbor_clusters(rows, self.n_clusters, seed=fit.seed(), n_threads=n_threads)
        fit.state.start_labels = torch.as_tensor(labels, dtype=torch.int64, device=fit.device)

    def _imitate(self, fit, batch):
        log_p = self._all_log_proba(fit.module, batch.x)
        target = fit.state.start_labels[batch.index].expand(len(log_p), -1)
        return {"label": F.nll_loss(log_p.transpose(1, 2), target) * len(log_p)}

    def _attributes(self, fit):
        found = super()._attributes(fit)
        if hasattr(fit.state, "start_labels"):
            found["initial_labels_"] = fit.state.start_labels.int().cpu().numpy()
        return found


def nearest(rows, n_neighbors, metric):
    """Indices of the nearest other rows, nearest first.

    Parameters
    ----------
    rows : Tensor of shape (n, n_features)
    n_neighbors : int
        No more than there are other rows; a single row is its own neighbor.
    metric : {"euclidean", "cosine"}

    Returns
    -------
    neighbors : LongTensor of shape (n, n_neighbors)
    """
    if len(rows) == 1:
        return torch.zeros(1, 1, dtype=torch.int64, device=rows.device)
    X, _ = scaled_to_range(_comparable(rows, metric))
    n_threads = effective_n_threads()
    search = NeighborSearch(X, 0, n_threads)
    _, indices = search.neighbors(min(n_neighbors, len(X) - 1), n_threads)
    return torch.as_tensor(indices, dtype=torch.int64, device=rows.device)


def _comparable(rows, metric):
    """Rows as an array whose Euclidean distances are in the order of the metric's."""
    if metric == "cosine":
        rows = F.normalize(rows - rows.mean(dim=0), dim=1)
    return np.ascontiguousarray(rows.cpu().numpy())


def _checked(neighbors, n_samples):
    found = np.asarray(as_array(neighbors))
    if found.dtype.kind not in "iu" or found.ndim != 2 or len(found) != n_samples or not found.size:
        raise ValueError(
            f"neighbors has shape {found.shape} and dtype {found.dtype}; integers of shape "
            f"({n_samples}, n_neighbors) are required"
        )
    if found.min() < 0 or found.max() >= n_samples:
        raise ValueError(
            f"neighbors has indices from {found.min()} to {found.max()}; those of rows of X are "
            f"from 0 to {n_samples - 1}"
        )
    found = torch.as_tensor(found.astype(np.int64))
    if (found == torch.arange(n_samples)[:, None]).all() and n_samples > 1:
        warnings.warn(
            "each row is its own only neighbor, which says nothing", stacklevel=caller_level()
        )
    return found
