"""Side information on the rows of a fit."""

from dataclasses import dataclass, field
from types import SimpleNamespace

import numpy as np
import torch

from skdeepcluster.validation import as_array, check_square


@dataclass
class Side:
    """Side information of a fit, as tensors.

    It belongs to the fit as its rows do: an interrupted fit resumes only with the same.

    Parameters
    ----------
    rows : dict of str to Tensor, default={}
        Information on each training row, first dimension n_samples: partial labels, groups,
        domains, features. Batches hold those of their rows as ``batch.side.<name>``.
    arrays : dict of str to Tensor, default={}
        Anything else: pairs of rows and their weights, events, a graph as a sparse tensor, from
        which stages form batches.
    names : dict of str to ndarray, default={}
        What numbers in the tensors stand for, of any type, such as classes that are strings.
    """

    rows: dict = field(default_factory=dict)
    arrays: dict = field(default_factory=dict)
    names: dict = field(default_factory=dict)

    def to(self, device):
        """The same on a device."""
        return Side(
            {name: tensor.to(device) for name, tensor in self.rows.items()},
            {name: tensor.to(device) for name, tensor in self.arrays.items()},
            self.names,
        )

    def take(self, index, **known):
        """Side information on some rows, and on the items that consist of them."""
        return SimpleNamespace(
            **{name: tensor[index] for name, tensor in self.rows.items()}, **known
        )

    def digest(self):
        """Pairs of a name and the bytes of its tensor, or of the text of names."""
        for kind, tensors in (("rows", self.rows), ("arrays", self.arrays)):
            for name, tensor in sorted(tensors.items()):
                for suffix, values in _dense_arrays(tensor):
                    yield f"{kind} {name}{suffix} {values.dtype} {values.shape}", values.tobytes()
        for name, values in sorted(self.names.items()):
            # The bytes of objects are their addresses.
            yield f"names {name} {values.dtype} {values.shape}", repr(values.tolist()).encode()


def _dense_arrays(tensor):
    tensor = tensor.detach().cpu()
    if tensor.is_sparse:
        yield " indices", tensor.indices().numpy()
        tensor = tensor.values()
    yield "", np.ascontiguousarray(tensor.numpy())


def pairs_tensor(pairs, n_samples, name="pairs"):
    """A tensor of pairs of rows, for `pairs_of` and `events_of`.

    Parameters
    ----------
    pairs : array-like of shape (n_pairs, 2) or None
        Indices of the two rows of each pair. None: no pairs.
    n_samples : int
        Number of rows.
    name : str, default="pairs"
        The argument of `fit` that an error is about.

    Returns
    -------
    pairs : LongTensor of shape (n_pairs, 2)
    """
    found = np.asarray(as_array([] if pairs is None else pairs))
    if not found.size:
        return torch.empty(0, 2, dtype=torch.int64)
    if found.dtype.kind not in "iu" or found.shape[1:] != (2,):
        raise ValueError(
            f"{name} has shape {found.shape} and dtype {found.dtype}; integers of shape "
            "(n_pairs, 2) are required"
        )
    if found.min() < 0 or found.max() >= n_samples:
        raise ValueError(
            f"{name} has indices from {found.min()} to {found.max()}; those of rows of X are from "
            f"0 to {n_samples - 1}"
        )
    return torch.as_tensor(found.astype(np.int64))


def graph_tensor(graph, n_samples, name="adjacency", dtype=torch.float32):
    """A sparse tensor of a graph's weighted edges, by row and column, for `edges_of`.

    Parameters
    ----------
    graph : array-like, sparse matrix or graph of shape (n_samples, n_samples)
        Weights of the edges, all finite.
    n_samples : int
        Number of rows.
    name : str, default="adjacency"
        The argument of `fit` that an error is about.
    dtype : torch.dtype, default=torch.float32

    Returns
    -------
    graph : sparse COO Tensor of shape (n_samples, n_samples)
    """
    graph = check_square(graph, n_samples, name)
    graph = graph.tocoo()
    index = torch.as_tensor(np.stack(graph.coords), dtype=torch.int64)
    values = torch.as_tensor(graph.data, dtype=dtype)
    return torch.sparse_coo_tensor(
        index, values, graph.shape, is_coalesced=True, check_invariants=True
    )
