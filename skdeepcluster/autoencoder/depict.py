"""DEPICT: a softmax over the code of a noisy autoencoder, trained towards balanced targets."""

from collections.abc import Sequence
from numbers import Real

import numpy as np
import torch
import torch.nn.functional as F
from sklearn.utils import check_array
from torch import nn

from skdeepcluster._sklearn import Interval, StrOptions
from skdeepcluster.assignment import sharpen
from skdeepcluster.base import param
from skdeepcluster.deep import CenteredAutoencoder, ProbabilityMixin, most_probable, sharpen_target
from skdeepcluster.nn import kl_divergence, mean_over_rows
from skdeepcluster.training import Stage, map_rows

# Powers of the probabilities in the targets.
_POWERS = {"sqrt": 1, "square": 2}


class DEPICT(ProbabilityMixin, CenteredAutoencoder):
    r"""Softmax over the code of a noisy autoencoder, trained towards balanced targets.

    A multinomial logistic regression on the code gives probabilities of the clusters. Its
    predictions for clean inputs, balanced so that the sizes of the clusters follow a prior, are the
    targets for inputs corrupted by dropout in every layer. At the same time the decoder
    reconstructs the clean output of each layer. Pick it for images, and wherever the sizes of the
    clusters are known or about equal; where they are unequal and unknown, the prior is wrong.

    With :math:`p` of the clean and :math:`\tilde p` of the noisy pathway, the targets for given
    :math:`p` are the balanced ones nearest to them,

    .. math:: \min_q \mathrm{KL}(Q \| P) + \mathrm{KL}(f \| u), \quad f_k = \frac1n \sum_i q_{ik}:
        \qquad q_{ik} \propto p_{ik} \sqrt{u_k} \Big/ \sqrt{\textstyle\sum_{i'} p_{i'k}},

    up to the normalization of rows, and training minimizes, with :math:`Q` held fixed for an epoch,

    .. math:: \min_\theta \frac1n \sum_i \sum_k q_{ik} \log \frac{q_{ik}}{\tilde p_{ik}}
        + \frac1n \sum_i \Big( \frac{\|x_i - \hat x_i\|^2}{d} + \lambda \sum_l
        \frac{\|h_i^l - \hat h_i^l\|^2}{d_l} \Big)

    with the clean outputs :math:`h^l` of the encoder's hidden layers and their reconstructions from
    the noisy code.

    Parameters
    ----------
    noise : float, default=0.1
        Fraction of the entries that the noisy pathway sets to zero in the input of each of the
        encoder's layers but the last.

    target : {"square", "sqrt"}, default="square"
        "sqrt" is the target above, of the paper. "square" has :math:`q_{ik} \propto p_{ik}^2 u_k /
        \sum_{i'} p_{i'k}`, as in the authors' code and in `DEC`: it drives probabilities to 0 and
        1, and no longer minimizes the equation. Its clusters are the better ones.

    prior : array-like of shape (n_clusters,), default=None
        Proportions :math:`u` of the clusters, by default equal ones. The largest is that of the
        largest initial cluster, and so on; with given centers, they are in the order of these.

    hidden_weight : float, default=0.1
        Weight :math:`\lambda` of the hidden layers in the reconstruction: 0.1 in the authors' code,
        1 in the paper.

    init_epochs : int, default=50
        Maximum number of warm-up epochs, in which the initial labels are the target. The warm-up
        ends when 99.5 % of the rows have their label.

    tol : float, default=1e-3
        Training ends when less than this fraction of the labels changed in an epoch.

    Attributes
    ----------
    cluster_centers_ : ndarray of shape (n_clusters, n_components)
        Weights of the softmax, initialized by the normalized means of the initial clusters.

    intercept_ : ndarray of shape (n_clusters,)
        Intercepts of the softmax.

    See Also
    --------
    DEC : Student's t around centers instead of a softmax, without noise and decoder.

    Notes
    -----
    Differences from the paper: the targets of an epoch follow from the probabilities of all rows
    before it, where the authors' code takes those of each batch right after its step; the width of
    the code is `n_components`, 10 by default, where theirs is the number of clusters; the layers of
    "conv" have 32, 64 and 128 channels and end in ReLU, where theirs have 50 and 50 and end in
    leaky ReLU; warm-up has `init_epochs` epochs, where theirs ends when held-out rows no longer
    follow the initial labels better. The clean outputs of hidden layers are held fixed in the
    reconstruction. On USPS the paper starts from agglomerative clusters; ``init="linkage"`` comes
    closest to it, and the default does not.

    References
    ----------
    .. [1] Ghasedi Dizaji, Herandi, Deng, Cai, Huang: Deep clustering via joint convolutional
       autoencoder embedding and relative entropy minimization. ICCV 2017.
    """

    noise: float = 0.1
    target: str = param("square", StrOptions(set(_POWERS)))
    prior: Sequence[float] | np.ndarray | None = param(None, "array-like", None)
    hidden_weight: float = param(0.1, Interval(Real, 0, None, closed="left"))
    tol: float = param(1e-3, Interval(Real, 0, None, closed="left"))

    _constraint = "tanh"
    _paper = {
        "init": "linkage",
        "target": "sqrt",
        "hidden_weight": 1.0,
        "learning_rate": 1e-4,
        "batch_size": 100,
        "pretrain_epochs": 1000,
        "max_epochs": 1000,
    }

    # -- the two pathways --------------------------------------------------------------------

    def _build(self, shape, plan, generator):
        module = super()._build(shape, plan, generator)
        module.intercept = nn.Parameter(torch.zeros(self.n_clusters, dtype=torch.float32))
        return module

    def _pathway(self, module, x, corrupt=None):
        """Codes, and what the encoder's hidden layers give, of clean or of corrupted inputs."""
        layers = _layers(module.encoder)
        weighted = [layer for layer in layers if isinstance(layer, nn.Linear | nn.Conv2d)]
        hidden = []
        for layer in layers:
            if corrupt is not None and layer in (weighted[:-1] or layers[:1]):
                x = corrupt(x)
            x = layer(x)
            if isinstance(layer, nn.ReLU):
                hidden.append(x)
        return torch.tanh(x.float()), hidden

    def _restore(self, module, x, z, hidden, **options):
        """Reconstruction errors of rows, and of the hidden layers."""
        restored = []
        for layer in _layers(module.decoder):
            z = layer(z)
            if isinstance(layer, nn.ReLU):
                restored.insert(0, z)
        pairs = zip(hidden, restored, strict=False)
        # Shapes differ only in networks of the user's.
        below = [
            self._reconstruction_loss(h.float(), r.float(), **options)
            for h, r in pairs
            if h.shape == r.shape
        ]
        error = self._reconstruction_loss(x, z.float(), **options)
        return error, sum(below, start=torch.zeros_like(error))

    def _log_softmax(self, module, z):
        with torch.autocast(z.device.type, enabled=False):
            return F.log_softmax(z @ module.centers.T + module.intercept, dim=1)

    def _log_proba(self, module, x):
        return self._log_softmax(module, module.encode(x))

    def _noisy(self, fit, batch):
        """Codes of the noisy pathway, and the terms of the reconstruction from them."""

        def corrupt(h):
            return self._corrupt(fit, batch, h) / (1 - self.noise)

        with torch.no_grad():
            hidden = self._pathway(fit.module, batch.x)[1]
        z, _ = self._pathway(fit.module, batch.x, corrupt)
        error, below = self._restore(fit.module, batch.x, z, hidden, weights=batch.weights)
        return z, {"reconstruction": error, "hidden": below}

    # -- training ----------------------------------------------------------------------------

    def _stages(self):
        training = {"weights": {"hidden": self.hidden_weight}}
        return [
            *self._pretrain_stages(**training),
            self._start_stage(self._warm_up, **training),
            Stage(
                "refine",
                self._self_training,
                self.max_epochs,
                refresh=self._balance,
                **training,
            ),
        ]

    def _reconstruct(self, fit, batch):
        return self._noisy(fit, batch)[1]

    # The labels of any `init` are warm-up targets, also those of k-means.
    @property
    def _warmup_epochs(self):
        return self.init_epochs

    def _warm_up(self, fit, batch):
        labels = fit.state.start_labels[batch.index]
        return self._terms(fit, batch, F.one_hot(labels, self.n_clusters).float())

    def _self_training(self, fit, batch):
        return self._terms(fit, batch, fit.state.target[batch.index])

    def _terms(self, fit, batch, target):
        z, terms = self._noisy(fit, batch)
        log_p = self._log_softmax(fit.module, z)
        return {"kl": kl_divergence(target, log_p, batch.weights)} | terms

    def _first_clusters(self, fit, Z):
        centers, labels = super()._first_clusters(fit, Z)
        sizes = np.bincount(labels, self._weights_of(fit), minlength=self.n_clusters)
        if self.prior is not None and isinstance(self.init, str):
            number = np.empty(self.n_clusters, dtype=labels.dtype)
            number[np.argsort(-sizes, kind="stable")] = np.argsort(-self._shares(), kind="stable")
            labels, centers = number[labels], centers[np.argsort(number)]
        return centers, labels

    def _start(self, fit):
        super()._start(fit)
        with torch.no_grad():
            fit.module.centers.copy_(F.normalize(fit.module.centers, dim=1))

    def _balance(self, fit):
        """Targets from the clean probabilities of all rows."""
        return sharpen_target(fit, self._log_proba, self.tol, **self._balancing(fit.device))

    def _balancing(self, device, dtype=torch.float32):
        """Options of `sharpen`."""
        log_prior = torch.as_tensor(np.log(self._shares()), dtype=dtype, device=device)
        return {"power": _POWERS[self.target], "log_prior": log_prior}

    def _shares(self):
        if self.prior is None:
            return np.full(self.n_clusters, 1 / self.n_clusters)
        prior = check_array(self.prior, ensure_2d=False, dtype=np.float64, input_name="prior")
        if prior.shape != (self.n_clusters,) or not (prior > 0).all():
            raise ValueError(
                f"prior={self.prior!r} must be {self.n_clusters} positive numbers, one per cluster"
            )
        return prior / prior.sum()

    def _plan(self, samples, side):
        self._shares()  # refuses an invalid prior
        return super()._plan(samples, side)

    def _evaluate(self, module, samples):
        def log_p_and_error(x):
            z, hidden = self._pathway(module, x)
            error, below = self._restore(module, x, z, hidden, rows=True)
            error = error + self.hidden_weight * below
            return torch.cat([self._log_softmax(module, z), error[:, None]], dim=1)

        found = map_rows(log_p_and_error, samples)
        log_p, error = found[:, :-1], found[:, -1]
        weights = samples.weights
        target = sharpen(log_p.clone(), weights=weights, **self._balancing(log_p.device))
        counted = target if weights is None else weights[:, None] * target
        shares = counted.mean(dim=0, dtype=torch.float64).cpu().numpy()
        balance = (shares * np.log(np.maximum(shares, 1e-300) / self._shares())).sum()
        loss = kl_divergence(target, log_p, weights).item() + balance
        loss += mean_over_rows(error, weights).item()
        return float(loss), most_probable(log_p)

    def _attributes(self, fit):
        intercept = fit.module.intercept.detach().cpu().numpy()
        return super()._attributes(fit) | {"intercept_": intercept}


def _layers(network):
    return list(network) if isinstance(network, nn.Sequential) else [network]
