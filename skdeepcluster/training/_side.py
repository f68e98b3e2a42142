"""Side information on the rows of a fit."""

from dataclasses import dataclass, field
from types import SimpleNamespace

import numpy as np
import torch
from scipy.sparse import csr_array


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
    """

    rows: dict = field(default_factory=dict)
    arrays: dict = field(default_factory=dict)

    def to(self, device):
        """The same on a device."""
        return Side(
            {name: tensor.to(device) for name, tensor in self.rows.items()},
            {name: tensor.to(device) for name, tensor in self.arrays.items()},
        )

    def take(self, index, **known):
        """Side information on some rows, and on the items that consist of them."""
        return SimpleNamespace(
            **{name: tensor[index] for name, tensor in self.rows.items()}, **known
        )

    def digest(self):
        """Pairs of a name and the bytes of its tensor."""
        for kind, tensors in (("rows", self.rows), ("arrays", self.arrays)):
            for name, tensor in sorted(tensors.items()):
                for suffix, values in _dense_arrays(tensor):
                    yield f"{kind} {name}{suffix} {values.dtype} {values.shape}", values.tobytes()


def _dense_arrays(tensor):
    tensor = tensor.detach().cpu()
    if tensor.is_sparse:
        yield " indices", tensor.indices().numpy()
        tensor = tensor.values()
    yield "", np.ascontiguousarray(tensor.numpy())


def graph_tensor(graph, dtype=torch.float32):
    """A sparse tensor of a graph's weighted edges, by row and column.

    Parameters
    ----------
    graph : sparse matrix of shape (n_samples, n_samples)
    dtype : torch.dtype, default=torch.float32

    Returns
    -------
    graph : sparse COO Tensor of shape (n_samples, n_samples)
    """
    # A copy: the user's own graph stays as it is.
    graph = csr_array(graph, copy=True)
    graph.sum_duplicates()
    graph = graph.tocoo()
    index = torch.as_tensor(np.stack(graph.coords), dtype=torch.int64)
    values = torch.as_tensor(graph.data, dtype=dtype)
    return torch.sparse_coo_tensor(
        index, values, graph.shape, is_coalesced=True, check_invariants=True
    )
