"""GLDC: soft assignments that agree between neighbors and are robust to noise, as in HCHC."""

from numbers import Integral, Real

import torch

from skdeepcluster._sklearn import Interval
from skdeepcluster.assignment import sharpening_loss, student_t
from skdeepcluster.base import param
from skdeepcluster.deep import (
    CenteredAutoencoder,
    SelfTrainingMixin,
    StudentTMixin,
    most_probable,
    smoothed,
)
from skdeepcluster.nn import kl_divergence, mean_over_rows
from skdeepcluster.training import Stage, map_rows

# Divisor, in the exponent beside the ranks, of distances as fractions of the batch's largest.
_DISTANCE_SCALE = 20.0


class GLDC(StudentTMixin, SelfTrainingMixin, CenteredAutoencoder):
    r"""Global-local deep clustering: the soft clusters of HCHC.

    Memberships by Student's t as in `DEC`, with its global target and three local terms: rows that
    are near each other in a batch belong to the same cluster, others do not; memberships are robust
    to noise; and the decoder still reconstructs the rows. Memberships stay soft and measure how
    near a row is to each cluster relative to the others. Pick it to look at clusters and at what
    lies between them, above all on a circle, as in `HCHC`.

    In epoch :math:`e` training minimizes

    .. math:: \min_{\theta, \vartheta, \mu} \; w_r \frac{\|X - \hat X\|^2}{n d}
        + w_k \, \mathrm{KL}(P \| Q) + w_p \max(\gamma^e, \phi) \, L_p
        + w_c \frac{\|Q(X + \sigma \Xi) - Q\|^2}{n K}, \quad \Xi \sim N(0, 1),

    with :math:`P`, :math:`Q` as in `DEC`, for standardized rows of :math:`d` features. The pairs
    are those of a batch of :math:`b` rows,

    .. math:: L_p = -\frac{1}{b^2} \sum_{ij} S_{ij} \log(q_i^\top q_j)
        + (1 - S_{ij}) \log(1 - q_i^\top q_j), \quad S_{ij} = e^{-\lambda \rho_{ij} / k}, \quad
        \rho_{ij} = (R_{ij} + R_{ji} + 1) \, e^{D_{ij} / 20},

    where :math:`R_{ij}` is the rank of :math:`j` among the neighbors of :math:`i` in the
    embedding, from 0 for itself, and :math:`D` the squared distance as a fraction of the batch's
    largest. :math:`S_{ij}` is 0 unless :math:`\rho_{ij}` is among the :math:`k` smallest of
    :math:`j`.

    Parameters
    ----------
    reconstruction_weight : float, default=0.07
        Weight :math:`w_r` of the reconstruction. The authors use 1 for pixels in [0, 1], which is
        0.07 for standardized pixels of handwritten digits.

    kl_weight : float, default=1e-3
        Weight :math:`w_k` of the sharpening. It makes memberships harder.

    pair_weight : float, default=5
        Weight :math:`w_p` of the pairs in the first epoch.

    pair_decay : float, default=0.8
        Factor :math:`\gamma` of this weight from one epoch to the next.

    pair_floor : float, default=0.16
        Fraction :math:`\phi` of `pair_weight` that it does not fall below.

    n_neighbors : int, default=None
        Number :math:`k` of rows of the batch, the row itself included, that should be in the
        cluster of a row. By default the number of rows divided by `n_clusters`, the size of equal
        clusters; with more of them, different clusters are drawn together. The authors use 10 for
        batches of 128 rows of 10 clusters.

    similarity_decay : float, default=0.5
        Rate :math:`\lambda` at which the target of a pair decays with its ranks, as fractions of
        `n_neighbors`. The authors use 1; the faster the decay, the softer the memberships.

    consistency_weight : float, default=10
        Weight :math:`w_c` of the changes of memberships under noise.

    noise_std : float, default=1
        Standard deviation :math:`\sigma` of the Gaussian noise, for standardized rows. The authors
        use 0.25 for pixels in [0, 1], which is 1 for standardized pixels of handwritten digits.

    See Also
    --------
    HCHC : The same clustering, laid out on a circle.
    IDEC : The sharpening and the reconstruction alone, which make memberships hard.

    Notes
    -----
    Targets of pairs are less than 1, and many pairs of rows of one cluster are not nearest
    neighbors: memberships stay below 1 and are not calibrated probabilities. `loss_` and `score`
    have the pairs of batches of rows in a fixed random order, at the smallest weight, and no noise.

    References
    ----------
    .. [1] Huang, Cheng, Li, Zhang: High-dimensional clustering onto Hamiltonian cycle. ICML 2023.
       :arxiv:`2304.14531`
    """

    reconstruction_weight: float = param(0.07, Interval(Real, 0, None, closed="left"))
    kl_weight: float = param(1e-3, Interval(Real, 0, None, closed="left"))
    pair_weight: float = param(5.0, Interval(Real, 0, None, closed="left"))
    pair_decay: float = param(0.8, Interval(Real, 0, 1, closed="both"))
    pair_floor: float = param(0.16, Interval(Real, 0, 1, closed="both"))
    n_neighbors: int | None = param(None, Interval(Integral, 1, None, closed="left"), None)
    similarity_decay: float = param(0.5, Interval(Real, 0, None, closed="left"))
    consistency_weight: float = param(10.0, Interval(Real, 0, None, closed="left"))
    noise_std: float = param(1.0, Interval(Real, 0, None, closed="left"))

    _paper = {
        "init": "k-means",
        "n_components": 5,
        "n_neighbors": 10,
        "similarity_decay": 1.0,
        "learning_rate": 2e-3,
        "batch_size": 128,
        "max_epochs": 200,
        "tol": 0.0,
    }

    def _stages(self):
        weights = {"reconstruction": self.reconstruction_weight}
        return [
            *self._pretrain_stages(),
            self._start_stage(self._warm_up, weights=weights),
            Stage(
                "refine",
                self._global_local,
                self.max_epochs,
                refresh=self._sharpen,
                every=self.update_interval,
                weights=weights
                | {
                    "kl": self.kl_weight,
                    "pair": self.pair_weight,
                    "consistency": self.consistency_weight,
                },
            ),
        ]

    def _warm_up(self, fit, batch):
        target = smoothed(fit.state.start_labels[batch.index], self.n_clusters)
        kl = kl_divergence(target, self._log_proba(fit.module, batch.x), batch.weights)
        return {"kl": kl} | self._reconstruct(fit, batch)

    def _global_local(self, fit, batch):
        z, restored = fit.module(self._corrupt(fit, batch, batch.x))
        log_q = student_t(z, fit.module.centers, self.alpha)
        q = log_q.exp()
        noise = self.noise_std * fit.normal(batch, *batch.x.shape[1:])
        noisy = self._log_proba(fit.module, batch.x + noise).exp()
        fade = max(self.pair_decay**fit.epoch, self.pair_floor)
        return {
            "reconstruction": self._batch_loss(batch, restored),
            "kl": kl_divergence(fit.state.target[batch.index], log_q, batch.weights),
            "pair": fade * self._pairs(fit, batch, z, q),
            "consistency": mean_over_rows((noisy - q).square(), batch.weights),
        }

    def _pairs(self, fit, batch, z, q):
        """The loss of the pairs of the whole batch, over all processes."""
        _, whole = fit.whole_batch_to_train(batch, torch.cat([z, q], dim=1))
        z, q = whole.tensor_split([z.shape[1]], dim=1)
        return self._pair_loss(z.detach(), q)

    def _pair_loss(self, z, q):
        n_neighbors = self.n_neighbors or max(1, round(len(z) / self.n_clusters))
        return pair_loss(pair_targets(z, n_neighbors, self.similarity_decay), q)

    def _evaluate(self, module, samples):
        def row(x):
            z, restored = module(x)
            error = self._reconstruction_loss(x, restored, rows=True)
            return torch.cat([student_t(z, module.centers, self.alpha), error[:, None], z], dim=1)

        found = map_rows(row, samples)
        log_q, error, z = found.tensor_split([self.n_clusters, self.n_clusters + 1], dim=1)
        order = torch.randperm(len(found), generator=torch.Generator().manual_seed(0))
        pair = sum(
            len(batch) * self._pair_loss(z[batch], log_q[batch].exp()).item()
            for batch in order.split(self.batch_size)
        )
        loss = (
            self.reconstruction_weight * mean_over_rows(error, samples.weights).item()
            + self.kl_weight * sharpening_loss(log_q, samples.weights)
            + self.pair_weight * self.pair_floor * pair / len(found)
        )
        return loss, most_probable(log_q)


def pair_targets(z, n_neighbors, similarity_decay):
    """Similarities of the rows of a batch by their ranks among each other's neighbors."""
    squared = torch.cdist(z, z, compute_mode="donot_use_mm_for_euclid_dist").square()
    nearest_first = squared.clone().fill_diagonal_(-1).argsort(dim=1, stable=True)
    rank = nearest_first.argsort(dim=1)
    squared = squared / squared.max().clamp_min(torch.finfo(squared.dtype).tiny)
    rank_distance = (rank + rank.T + 1) * (squared / _DISTANCE_SCALE).exp()
    similarity = (-similarity_decay / n_neighbors * rank_distance).exp()
    if n_neighbors < len(z):
        bound = rank_distance.kthvalue(n_neighbors + 1, dim=0).values
        similarity = torch.where(rank_distance < bound, similarity, 0)
    return similarity


def pair_loss(targets, q):
    """Cross entropy of the probabilities that two rows are in the same cluster."""
    with torch.autocast(q.device.type, enabled=False):
        together = (q @ q.T).clamp(0, 1)
    one, none = (together + 1e-9).log(), (1 - together + 1e-9).log()
    return -(targets * one + (1 - targets) * none).mean()
