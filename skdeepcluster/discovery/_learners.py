"""Learners, blocks of an embedding's units: the network, its splits, and the rows of each."""

import numpy as np
import torch
import torch.nn.functional as F
from scipy.optimize import linear_sum_assignment
from sklearn.metrics import normalized_mutual_info_score
from torch import nn

from skdeepcluster.algorithms.kmeans import kmeans
from skdeepcluster.algorithms.known_kmeans import drawn_centers, means_of

# Rows of each class, in the mean, from which on those that are held out decide on splits.
HELD_OUT_PER_CLASS = 3
# Rows on which clusters are found or compared during training.
SAMPLE_ROWS = 20_000


class BlockNetwork(nn.Module):
    """Features, and a dense layer whose units are divided into blocks, the learners.

    Parameters
    ----------
    trunk : torch.nn.Module
        From rows to features.
    head : torch.nn.Linear
    n_clusters : int
        Number of centers that `centers` has place for.
    """

    def __init__(self, trunk, head, n_clusters):
        super().__init__()
        self.trunk, self.head = trunk, head
        self.register_buffer("learner", torch.zeros(head.out_features, dtype=torch.int64))
        self.register_buffer("centers", torch.zeros(n_clusters, head.out_features))

    @property
    def n_learners(self):
        return int(self.learner.max()) + 1

    def directions(self, x):
        """Features of length one, in float32."""
        return F.normalize(self.trunk(x).float(), dim=1)

    def encode(self, x):
        """Embedding of length one, in which each block has the same length."""
        h, k = self.head(self.trunk(x)).float(), self.learner.max() + 1
        squares = torch.zeros_like(h).index_add(1, self.learner, h.square())
        return h / (k * squares).clamp_min(1e-24).sqrt()[:, self.learner]

    def encode_for(self, x, learner):
        """Embedding of length one, in which only the units of each row's learner are not 0.

        Rows with -1 keep all units.
        """
        own = (self.learner == learner[:, None]) * (self.learner.max() + 1).sqrt()
        return self.encode(x) * torch.where(learner[:, None] < 0, 1.0, own)

    def nearest(self, x):
        """Squared distance to the nearest center, and its number, of each row."""
        options = {"compute_mode": "donot_use_mm_for_euclid_dist"}
        nearest = torch.cdist(self.encode(x), self.centers, **options).min(dim=1)
        return torch.stack([nearest.values.square(), nearest.indices], dim=1)


def importance(products):
    r"""First-order importance of units, between 0 and 1.

    Parameters
    ----------
    products : Tensor of shape (n_units,)
        Sums over rows of a unit's output times the gradient of the loss in it.

    Returns
    -------
    scores : Tensor of shape (n_units,)
        0 for all where products are equal in size, and where there are none.
    """
    sizes = products.abs()
    if not len(sizes) or sizes.max() == sizes.min():
        return torch.zeros_like(sizes)
    return (sizes - sizes.min()) / (sizes.max() - sizes.min())


def units_to_split(products, learner, threshold, min_neurons):
    """Units of the last learner that a new one takes: those of which little depends.

    Parameters
    ----------
    products : Tensor of shape (n_units,)
        As for `importance`.
    learner : LongTensor of shape (n_units,)
        Learner of each unit.
    threshold : float
        Units of a larger importance stay.
    min_neurons : int
        Least number of units that stay. A learner with at most twice as many is not split.

    Returns
    -------
    units : LongTensor
        Empty if the learner is not to be split.
    """
    own = torch.nonzero(learner == learner.max())[:, 0]
    given = own[importance(products[own]) <= threshold]
    n_kept = len(own) - len(given)
    split = len(own) > 2 * min_neurons and n_kept >= min_neurons and len(given) > 0
    return given if split else given[:0]


def held_out(fit, fraction):
    """Rows that show the progress, and the learner of each row, -1 for those that train none.

    Of each class a fraction is held out, but two rows stay. Where these are few, all labeled rows
    show the progress and train.
    """
    label, n_classes = fit.side.rows["label"].cpu(), fit.plan.n_classes
    order = torch.randperm(len(label), generator=fit.generator)
    order = order[label[order] >= 0]
    group = torch.where(label >= 0, 0, -1)
    rows = [order[label[order] == c] for c in range(n_classes)]
    kept = [r[: max(0, min(round(fraction * len(r)), len(r) - 2))] for r in rows]
    judged = torch.cat(kept)
    if len(judged) < HELD_OUT_PER_CLASS * n_classes:
        return order[:SAMPLE_ROWS], group
    group[judged] = -1
    return judged, group


def progress(fit):
    """Normalized mutual information of classes and clusters of the embedding, of rows held out."""
    rows = fit.state.judged
    Z = fit.over_rows(fit.module.encode, rows).cpu().numpy()
    labels = kmeans(Z, fit.plan.n_classes, n_init=5)[1]
    return normalized_mutual_info_score(fit.side.rows["label"].cpu()[rows].numpy(), labels)


def divided_rows(fit):
    """The learner of each row by k-means of the features; each learner keeps most of its rows."""
    module, before = fit.module, fit.state.group
    rows, k = torch.nonzero(before >= 0)[:, 0], module.n_learners
    if len(rows) < k:
        return before
    sample = rows[torch.randperm(len(rows), generator=fit.generator)[:SAMPLE_ROWS]]
    Z = fit.over_rows(module.directions, sample).cpu().numpy()
    centers = torch.as_tensor(kmeans(Z, k, n_init=5, seed=fit.seed())[0], device=fit.device)
    found = fit.over_all_rows(lambda x: torch.cdist(module.directions(x), centers).argmin(dim=1))
    found = found.cpu()
    overlap = torch.bincount(found[rows] * k + before[rows], minlength=k * k).reshape(k, k)
    _, learner = linear_sum_assignment(overlap.numpy(), maximize=True)
    return torch.where(before >= 0, torch.as_tensor(learner)[found], -1)


def centers_from_classes(fit, Z):
    """Centers of k-means that begins at the means of the classes.

    Further ones begin at rows without a label, if there are any. Fewer ones begin anywhere.
    """
    k, n_classes, seed = fit.plan.n_clusters, fit.plan.n_classes, fit.seed()
    if k < n_classes:
        return kmeans(Z, k, seed=seed)[0]
    label = fit.side.rows["label"].cpu().numpy()
    means = means_of(Z.astype(np.float64), label, n_classes)
    weights = (label < 0).astype(float) if (label < 0).any() else None
    rng = np.random.RandomState(seed)
    start = drawn_centers(Z, means, k - n_classes, rng, weights=weights)
    return kmeans(Z, k, start=start.astype(Z.dtype), seed=seed)[0]
