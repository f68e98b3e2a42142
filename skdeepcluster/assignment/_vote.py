"""Labels by the vote of nearest neighbors."""

import torch


def neighbor_vote(distances, labels, n_clusters, n_neighbors):
    """The cluster with the largest sum of inverse distances among nearest neighbors.

    Parameters
    ----------
    distances : Tensor of shape (n, n_labeled)
    labels : LongTensor of shape (n_labeled,)
    n_clusters : int
    n_neighbors : int
        Number of neighbors that vote, at most all. Where a distance is 0, only neighbors at
        distance 0 vote.

    Returns
    -------
    labels : LongTensor of shape (n,)
    """
    near, neighbors = distances.topk(min(n_neighbors, len(labels)), largest=False)
    weights = torch.where(near[:, :1] > 0, 1 / near, (near == 0).to(near.dtype))
    votes = weights.new_zeros(len(near), n_clusters)
    return votes.scatter_add_(1, labels[neighbors], weights).argmax(dim=1)
