"""What is known of rows in self-training: terms of the loss, and the start."""

from numbers import Real

import numpy as np
import torch
import torch.nn.functional as F
from scipy.optimize import linear_sum_assignment

from skdeepcluster._sklearn import Interval, effective_n_threads
from skdeepcluster.algorithms.constrained_kmeans import Soft
from skdeepcluster.algorithms.known_kmeans import means_of
from skdeepcluster.algorithms.label_spreading import spread_where_better
from skdeepcluster.base import param, parameters
from skdeepcluster.deep import KnownMixin, row_pairs
from skdeepcluster.training import Items, shuffled

# Least probability of an answer.
LEAST = 1e-6
# Of the k-means that pairs and labels begin with: the price of a violated pair, in variances of
# the embedding, its runs and the bounds of each.
PRICE, RUNS, PASSES, TOL = 1.0, 10, 300, 1e-4


@parameters
class SemiSupervisedMixin(KnownMixin):
    """Self-training that learns from partial labels and pairs too.

    Parameters
    ----------
    label_weight : float, default=1.0
        Weight of known labels, of `y`.

    pair_weight : float, default=1.0
        Weight of must-links and cannot-links, of `constraints`.
    """

    label_weight: float = param(1.0, Interval(Real, 0, None, closed="left"))
    pair_weight: float = param(1.0, Interval(Real, 0, None, closed="left"))

    def fit(self, X, y=None, sample_weight=None, *, constraints=None, sample_ids=None):
        """Train the network on rows and what is known of them.

        Parameters
        ----------
        X : array-like, data frame, list of images, sparse matrix or torch.utils.data.Dataset
            Rows of shape (n_samples, n_features) or images of shape (n_samples, C, H, W) or
            (n_samples, H, W). Memory-mapped arrays are read batch by batch.
        y : array-like of shape (n_samples,), default=None
            Partial labels, -1 where unknown: the i-th known class is cluster i. Without any -1 they
            are ignored.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows in what is a mean over rows: the scale of the rows, the losses and
            `loss_`, targets, and the centers of the start. Only their ratios matter. Integers give
            the objective of rows that are repeated so many times; batches have as many rows as
            without. The graphs of ``init="neighbors"``, "spectral" and "linkage", the mixture of
            "mixture", known labels, pairs and `score` have no weights.
        constraints : PairwiseConstraints, default=None
            Must-links and cannot-links, which may contradict each other.
        sample_ids : array-like of shape (n_samples,), default=None
            The id of each row, by which pairs find their rows where some are left out.

        Returns
        -------
        self : object
            The fitted estimator.
        """
        known = {"constraints": constraints, "sample_ids": sample_ids}
        return super().fit(X, y, sample_weight=sample_weight, **known)

    # -- training ----------------------------------------------------------------------------

    def _weights(self):
        return {"label": self.label_weight, "pairs": self.pair_weight}

    def _rows_with_partners(self, fit):
        """Rows in random order; with pairs, each with a row that it is paired with."""
        n = len(fit.samples)
        if "pairs" not in fit.side.arrays:
            return torch.randperm(n, generator=fit.generator)
        indptr, partners, numbers = map(torch.as_tensor, row_pairs(fit).graph())
        degree = indptr.diff()
        drawn = (torch.rand(n, generator=fit.generator) * degree).long()
        at = (indptr[:-1] + drawn).clamp(max=len(partners) - 1)
        paired = degree > 0
        rows = torch.arange(n)
        same, weight = (fit.side.arrays[name].cpu()[numbers[at]] for name in ("same", "weight"))
        share = paired.float().mean()
        known = {"same": same, "weight": torch.where(paired, weight / share, 0)}
        index = torch.stack([rows, torch.where(paired, partners[at], rows)], dim=1)
        return shuffled(Items(index, known), fit.batch_size, fit.generator)

    def _known_terms(self, fit, batch):
        """Losses of what is known of a batch; no terms where nothing is."""
        terms = {}
        labeled = "label" in fit.side.rows
        if not labeled and batch.index.ndim == 1:
            return terms
        paired = batch.index.ndim > 1
        log_q = self._log_proba(fit.module, batch.x.flatten(0, 1) if paired else batch.x)
        if paired:
            log_q, other = log_q.unflatten(0, (-1, 2)).unbind(dim=1)
            log_same = torch.logsumexp(log_q + other, dim=1)
            apart = (1 - log_same.exp()).clamp_min(LEAST).log()
            likelihood = torch.where(batch.side.same > 0, log_same, apart)
            terms["pairs"] = -(batch.side.weight * likelihood).mean()
        if labeled:
            rows = batch.index.reshape(len(batch), -1)[:, 0]
            label = fit.side.rows["label"][rows].clamp_min(0)
            loss = F.nll_loss(log_q, label, reduction="none")
            terms["label"] = (fit.side.rows["label_weight"][rows] * loss).mean()
        return terms

    # -- start -------------------------------------------------------------------------------

    def _first_clusters(self, fit, Z):
        labels = fit.side.rows.get("label")
        if (labels is None and "pairs" not in fit.side.arrays) or not isinstance(self.init, str):
            return super()._first_clusters(fit, Z)
        fixed = np.full(len(Z), -1, dtype=np.int32)
        if labels is not None:
            fixed = labels.cpu().numpy().astype(np.int32)
        rows = Z.astype(np.float64)
        if self.init == "k-means":
            return self._constrained_clusters(fit, rows, fixed)
        _, found = super()._first_clusters(fit, Z)
        known = fixed >= 0
        found = renamed(found, fixed, self.n_clusters)
        if known.any():
            graph_rows = np.ascontiguousarray(self._rows_of_graph(fit, Z))
            options = {"seed": fit.seed(), "n_threads": effective_n_threads()}
            found = spread_where_better(graph_rows, found, fixed, self.n_clusters, **options)
        found[known] = fixed[known]
        centers = means_of(rows, found, self.n_clusters, empty=rows.mean(axis=0))
        return centers.astype(Z.dtype), found

    def _constrained_clusters(self, fit, rows, fixed):
        """K-means with labels that are kept and pairs that have a price."""
        descent = Soft(rows, self.n_clusters, fixed, row_pairs(fit), PRICE)
        rng = np.random.RandomState(fit.seed())
        starts = [descent.start(start, rng) for start in range(descent.n_starts(RUNS))]
        runs = (descent.run(start, PASSES, TOL) for start in starts)
        best = min(runs, key=lambda found: found.objective)
        return best.centers.astype(np.float32), best.labels


def renamed(labels, fixed, n_clusters):
    """Labels with the numbers of the known classes that clusters share most rows with.

    Parameters
    ----------
    labels : array of shape (n,)
    fixed : array of shape (n,)
        Known clusters, -1 for none.
    n_clusters : int

    Returns
    -------
    labels : array of shape (n,), intp
    """
    known = fixed >= 0
    if not known.any():
        return np.asarray(labels, dtype=np.intp)
    number = np.empty(n_clusters, dtype=np.intp)
    counts = np.zeros((n_clusters, n_clusters))
    np.add.at(counts, (np.asarray(labels)[known], fixed[known]), 1)
    found, classes = linear_sum_assignment(-counts)
    number[found] = classes
    return number[labels]
