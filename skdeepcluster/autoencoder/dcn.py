"""Deep clustering network: an autoencoder and k-means trained together."""

from numbers import Integral, Real

import numpy as np
import torch
import torch.nn.functional as F

from skdeepcluster._sklearn import Interval
from skdeepcluster.algorithms.kmeans import kmeans, replace_empty
from skdeepcluster.base import param
from skdeepcluster.deep import CenteredAutoencoder, StreamMixin, mean_and_labels
from skdeepcluster.nn import mean_over_rows
from skdeepcluster.training import ReadOut, Stage, map_rows


class DCN(StreamMixin, CenteredAutoencoder):
    r"""Deep clustering network: an autoencoder and k-means trained together.

    The embedding is drawn towards the centers of k-means while the decoder still has to restore the
    rows from it. Each step updates the network with labels and centers held fixed, assigns the
    batch again, and updates the centers in closed form; no gradient reaches them. Pick it where the
    simplicity of k-means is wanted: hard labels, round clusters, centers that can be decoded, and
    streams (`partial_fit`).
    `DEC` also gives probabilities and separates adjacent clusters better.

    Training minimizes, over network, centers :math:`\mu` and labels :math:`s`,

    .. math:: \min_{\theta, \vartheta, \mu, s} \frac1n \sum_i \frac1d \|x_i -
        g_\vartheta(z_i)\|^2 + \frac\lambda2 \, \|z_i - \mu_{s_i}\|^2, \quad z_i = f_\theta(x_i),

    for standardized rows :math:`x_i` of :math:`d` features. A center is the running mean of the
    rows assigned to it: each adds :math:`(z_i - \mu_{s_i}) / c` where :math:`c` is their number
    so far.

    Parameters
    ----------
    clustering_weight : float, default=1
        Weight :math:`\lambda` of the distance to the centers. The authors sum the reconstruction
        error over features instead of averaging it: their :math:`\lambda` is :math:`d` times this
        one for rows of unit variance. Their 2 for pixels in [0, 1] is a :math:`\lambda` of 0.04 for
        the standardized pixels of MNIST.

    count_init : int, default=100
        Number of rows that each center is taken to be the mean of at the start; the larger, the
        smaller are its first updates.

    update_interval : int, default=10
        Epochs between two runs of k-means over all rows, from the current centers. It catches up
        with an embedding that moves faster than running means, resets the counts and moves centers
        without rows.

    tol : float, default=1e-3
        Training ends when less than this fraction of the labels changed in an epoch.

    Attributes
    ----------
    counts_ : ndarray of shape (n_clusters,)
        Number of rows that each center is the running mean of.

    inertia_ : float
        Sum of the squared distances of the training rows to their centers, in the embedding, by
        weights of mean 1 if rows have weights.

    See Also
    --------
    IDEC : The reconstruction beside soft assignments and centers that follow a gradient.
    AutoencoderClusterer : k-means on an embedding that was trained without it.

    References
    ----------
    .. [1] Yang, Fu, Sidiropoulos, Hong: Towards k-means-friendly spaces: simultaneous deep learning
       and clustering. ICML 2017.

    Examples
    --------
    >>> from sklearn.datasets import make_blobs
    >>> from skdeepcluster import DCN
    >>> X, y = make_blobs(300, n_features=8, centers=3, random_state=0)
    >>> dcn = DCN(n_clusters=3, hidden_layer_sizes=(32,), random_state=0).fit(X)
    >>> dcn.inverse_transform(dcn.cluster_centers_).shape
    (3, 8)
    """

    clustering_weight: float = param(1.0, Interval(Real, 0, None, closed="left"))
    count_init: int = param(100, Interval(Integral, 0, None, closed="left"))
    update_interval: int = param(10, Interval(Integral, 1, None, closed="left"))
    tol: float = param(1e-3, Interval(Real, 0, None, closed="left"))

    _paper = {
        "init": "k-means",
        "encoder": (500, 500, 2000),
        "n_components": 10,
        "clustering_weight": 0.04,
        "learning_rate": 1e-4,
        "pretrain_epochs": 250,
        "max_epochs": 50,
        "update_interval": 50,
        "tol": 0.0,
    }

    def _stages(self):
        training = self._training()
        return [
            *self._pretrain_stages(),
            self._start_stage(self._joint, **training),
            Stage(
                "refine",
                self._joint,
                self.max_epochs,
                begin=self._lloyd,
                refresh=self._has_converged,
                after_step=self._move_centers,
                **training,
            ),
        ]

    def _training(self):
        return {
            "weights": {"clustering": self.clustering_weight},
            "parameters": self._autoencoder_parameters,
        }

    def _start(self, fit):
        super()._start(fit)
        self._assign(fit, fit.state.start_labels)

    def _assign(self, fit, labels):
        fit.state.assigned = torch.as_tensor(labels, dtype=torch.int64, device=fit.device)
        dtype = torch.int64 if fit.samples.weights is None else torch.float32
        counts = torch.full((self.n_clusters,), self.count_init, dtype=dtype, device=fit.device)
        fit.state.counts = counts

    def _joint(self, fit, batch):
        z, restored = fit.module(self._corrupt(fit, batch, batch.x))
        held = fit.module.centers.detach()[fit.state.assigned[batch.index]]
        return {
            "reconstruction": self._batch_loss(batch, restored),
            "clustering": mean_over_rows((z - held).square().sum(dim=1), batch.weights) / 2,
        }

    def _lloyd(self, fit):
        """k-means over all rows from the current centers; none is left without rows."""
        Z = fit.over_all_rows(fit.module.encode).cpu().numpy()
        centers = fit.module.centers.detach().cpu().numpy()
        options = fit.sums_over_rows() | {"weights": self._weights_of(fit)}
        centers, labels = kmeans(Z, self.n_clusters, start=centers, **options)
        if len(np.unique(labels)) < self.n_clusters:
            centers = replace_empty(Z, centers, labels)
            centers, labels = kmeans(Z, self.n_clusters, start=centers, **options)
        with torch.no_grad():
            fit.module.centers.copy_(torch.tensor(centers))
        self._assign(fit, labels)

    def _has_converged(self, fit):
        """Whether hardly any label changed in an epoch; runs k-means when it is due."""
        if fit.epoch and fit.epoch % self.update_interval == 0:
            self._lloyd(fit)
        return fit.label_change(fit.state.assigned.clone()) < self.tol

    @torch.no_grad()
    def _move_centers(self, fit, batch):
        """New labels of the batch, and centers as if its rows had been added one by one."""
        with fit.precision():
            z = fit.module.encode(batch.x)
        index, z = fit.whole_batch(batch, z)
        centers, counts = fit.module.centers, fit.state.counts
        labels = _squared_distances(z, centers).argmin(dim=1)
        fit.state.assigned[index] = labels
        one_hot = F.one_hot(labels, self.n_clusters).to(z.dtype)
        if fit.samples.weights is not None:
            one_hot *= fit.samples.weights[index, None]
        sizes = one_hot.sum(dim=0)
        counts += sizes.to(counts.dtype)
        shift = one_hot.T @ z - sizes[:, None] * centers
        centers += shift / counts.masked_fill(counts == 0, 1)[:, None]

    def _terms_and_labels(self, module, samples):
        """Of each row the objective, the label and the squared distance to its center."""

        def terms_and_label(x):
            z, restored = module(x)
            distance, label = _squared_distances(z, module.centers).min(dim=1)
            error = self._reconstruction_loss(x, restored, rows=True)
            objective = error + self.clustering_weight / 2 * distance
            return torch.stack([objective, label, distance], dim=1)

        return map_rows(terms_and_label, samples)

    def _evaluate(self, module, samples):
        return mean_and_labels(self._terms_and_labels(module, samples), samples.weights)

    def _read_out(self, fit):
        found = self._terms_and_labels(fit.module, fit.samples)
        weights = fit.samples.weights
        loss, labels = mean_and_labels(found, weights)
        fit.require_finite(loss)
        squares = found[:, 2] if weights is None else weights * found[:, 2]
        inertia = {"inertia_": squares.sum(dtype=torch.float64).item()}
        return ReadOut(loss, labels, self._attributes(fit) | inertia)

    def _attributes(self, fit):
        return super()._attributes(fit) | {"counts_": fit.state.counts.cpu().numpy()}

    def _further_stage(self):
        def begin(fit):
            labels = fit.over_all_rows(lambda x: self._label(fit.module, x))
            fit.state.assigned = labels
            fit.state.counts = torch.tensor(self.counts_, device=fit.device)
            fit.usable = True

        hooks = {"begin": begin, "after_step": self._move_centers}
        return Stage("refine", self._joint, 1, **hooks, **self._training())

    def _label(self, module, x):
        return _squared_distances(module.encode(x), module.centers).argmin(dim=1)


def _squared_distances(z, centers):
    return torch.cdist(z, centers, compute_mode="donot_use_mm_for_euclid_dist").square()
