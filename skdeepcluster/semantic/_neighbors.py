"""Nearest neighbors of rows, which should be in the same cluster."""

import warnings
from numbers import Integral

import numpy as np
import torch
import torch.nn.functional as F

from skdeepcluster._sklearn import Interval, StrOptions, effective_n_threads
from skdeepcluster.algorithms.neighbor_search import NeighborSearch
from skdeepcluster.base import param, parameters
from skdeepcluster.nn import follower
from skdeepcluster.training import Side, map_rows, rows_with_neighbors
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
    if metric == "cosine":
        rows = F.normalize(rows - rows.mean(dim=0), dim=1)
    X = np.ascontiguousarray(scaled_to_range(rows.cpu().numpy())[0])
    n_threads = effective_n_threads()
    search = NeighborSearch(X, 0, n_threads)
    _, indices = search.neighbors(min(n_neighbors, len(X) - 1), n_threads)
    return torch.as_tensor(indices, dtype=torch.int64, device=rows.device)


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
