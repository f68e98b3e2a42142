"""Partial labels and pairs of rows: which clusters of a condensed tree satisfy them."""

from dataclasses import dataclass

import numpy as np

from skdeepcluster.constraints import RowPairs
from skdeepcluster.density._membership import meeting


@dataclass
class Known:
    """What is known of the samples of a fit.

    Parameters
    ----------
    labels : array of shape (n_samples,) or None
        Classes from 0, -1 where unknown. Each two samples of one class are a must-link, and each
        two of different ones a cannot-link.
    pairs : RowPairs
    """

    labels: np.ndarray | None
    pairs: RowPairs

    def satisfied(self, parent, cluster):
        """How many ends of links are satisfied by the clusters of a tree.

        Parameters
        ----------
        parent : array of shape (n_nodes,)
            Parents first.
        cluster : array of shape (n_samples,)
            The last cluster of each sample.

        Returns
        -------
        inside : array of shape (n_nodes,)
            Satisfied links of the samples in a cluster, if it is a flat one; each link counts once
            for each of its ends.
        outside : array of shape (n_nodes,)
            Satisfied links of the samples that fall out of a cluster, if they are noise.
        """
        n = len(parent)
        inside, outside = np.zeros(n), np.zeros(n)
        if self.labels is not None:
            some = self.labels >= 0
            k = int(self.labels.max()) + 1
            at = cluster[some].astype(np.int64) * k + self.labels[some]
            own = np.bincount(at, minlength=n * k).reshape(n, k).astype(np.float64)
            counts = _below(parent, own)
            others = counts[0].sum() - counts[0]
            of_others = counts.sum(axis=1, keepdims=True) - counts
            inside += (counts * (counts - 1 + others - of_others)).sum(axis=1)
            outside += own @ others
        must, cannot = self.pairs.must, self.pairs.cannot
        together = np.zeros(n)
        np.add.at(together, meeting(parent, *cluster[must].T)[0], 2 * self.pairs.must_weight)
        np.add.at(together, meeting(parent, *cluster[cannot].T)[0], -2 * self.pairs.cannot_weight)
        ends = np.bincount(
            cluster[cannot].T.ravel(), np.tile(self.pairs.cannot_weight, 2), minlength=n
        )
        return inside + _below(parent, together + ends), outside + ends


def _below(parent, values):
    """Sums over the clusters at or below each."""
    sums = values.copy()
    for node in range(len(parent) - 1, 0, -1):
        sums[parent[node]] += sums[node]
    return sums
