"""A network with two heads, and the subspaces that clusters span in the embedding of one."""

import copy

import torch
import torch.nn.functional as F
from torch import nn


class SubspaceNet(nn.Module):
    """Features of length one for the rates, others for memberships, and subspaces of clusters.

    Parameters
    ----------
    trunk : torch.nn.Module
        Network below the heads.
    feature_head : torch.nn.Module
        Its output to the embedding.
    own_memberships : bool
        Whether memberships have a head of their own.
    n_clusters : int
        Number of clusters, at most.
    """

    def __init__(self, trunk, feature_head, own_memberships, n_clusters):
        super().__init__()
        self.trunk, self.feature_head = trunk, feature_head
        self.cluster_head = copy.deepcopy(feature_head) if own_memberships else None
        width = feature_head.out_features
        # Of each cluster: a root of the inverse of its coded covariance, half the log-determinant
        # of it, and its number of rows, 0 for one that is not there.
        self.register_buffer("roots", torch.zeros(width, n_clusters, width))
        self.register_buffer("half_log_dets", torch.zeros(n_clusters))
        self.register_buffer("sizes", torch.zeros(n_clusters))

    def heads(self, x):
        """The embedding, and what memberships are computed from, both of length one."""
        h = self.trunk(x)
        z = F.normalize(self.feature_head(h).float(), dim=1)
        if self.cluster_head is None:
            return z, z
        return z, F.normalize(self.cluster_head(h).float(), dim=1)

    def encode(self, x):
        """The embedding."""
        return F.normalize(self.feature_head(self.trunk(x)).float(), dim=1)

    def copy_head(self):
        """Let memberships begin as those of the embedding."""
        if self.cluster_head is not None:
            self.cluster_head.load_state_dict(self.feature_head.state_dict())

    @torch.no_grad()
    def set_subspaces(self, z, labels, distortion):
        """Take the clusters of rows of the embedding, numbered from 0; both on the CPU."""
        self.sizes.zero_()
        p = z.shape[1]
        for c in range(int(labels.max()) + 1):
            own = z[labels == c].double()
            if len(own) == 0:
                continue
            gram = own.T @ own * (p / (len(own) * distortion))
            gram.diagonal().add_(1)
            factor = torch.linalg.cholesky(gram)
            root = torch.linalg.solve_triangular(factor, torch.eye(p).to(gram), upper=False).T
            self.roots[:, c].copy_(root)
            self.half_log_dets[c].copy_(factor.diagonal().log().sum())
            self.sizes[c] = len(own)

    def added_lengths(self, z, distortion):
        """What each row adds to the code of each cluster, of shape (n, n_clusters)."""
        p = z.shape[1]
        sizes = self.sizes.clamp_min(1)
        squares = (z @ self.roots.flatten(1)).unflatten(1, self.roots.shape[1:]).square().sum(dim=2)
        grown = torch.log1p(p / (sizes * distortion) * squares)
        lengths = self.half_log_dets + (sizes + p) / 2 * grown - (sizes / self.sizes.sum()).log()
        return lengths.masked_fill(self.sizes == 0, torch.inf)
