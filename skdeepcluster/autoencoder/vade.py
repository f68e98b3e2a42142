"""Variational deep embedding: an autoencoder whose prior is a Gaussian mixture."""

from numbers import Integral, Real

import numpy as np
import torch
import torch.nn.functional as F
from sklearn.mixture import GaussianMixture
from sklearn.utils import check_random_state, check_scalar
from sklearn.utils.validation import check_is_fitted
from torch import nn

from skdeepcluster._sklearn import Interval, StrOptions
from skdeepcluster.base import param
from skdeepcluster.deep import (
    CenteredAutoencoder,
    ProbabilityMixin,
    check_unit_interval,
    most_probable,
)
from skdeepcluster.nn import mean_over_rows
from skdeepcluster.training import Stage, map_rows

# As fractions of variances in the embedding: the initial variance of a row's code, small enough for
# its draws to stay in its cluster, and the smallest initial variance of a component.
_FIRST_SHARE, _LEAST_SHARE = 0.1, 1e-3
# The learning rate falls by a tenth every so many epochs, as in the authors' code.
_DECAY, _DECAY_EPOCHS = 0.9, 10


class VaDE(ProbabilityMixin, CenteredAutoencoder):
    r"""Variational deep embedding: a Gaussian mixture of codes that generates the rows.

    A cluster is drawn, a code from its Gaussian, and a row from the code. Encoder, decoder and
    mixture are fitted together by one bound on the likelihood. Pick it for what a generative model
    offers: posteriors of clusters that differ in size and shape; new rows of a chosen cluster
    (`sample`); and how likely a row is (`score_samples`).

    With the posterior :math:`q(z | x) = N(m, \mathrm{diag}(s^2))` that the encoder gives, training
    minimizes the negative evidence lower bound, in one draw of :math:`z` for each row and step,

    .. math:: \min \frac1n \sum_i -w \log p(x_i | z_i) + \frac12 \sum_c \gamma_{ic} \sum_j \left(
        \log \sigma_{cj}^2 + \frac{s_{ij}^2 + (m_{ij} - \mu_{cj})^2}{\sigma_{cj}^2} \right)
        - \frac12 \sum_j (1 + \log s_{ij}^2) + \sum_c \gamma_{ic} \log \frac{\gamma_{ic}}{\pi_c},
        \quad \gamma_{ic} \propto \pi_c \, N(z_i; \mu_c, \mathrm{diag}(\sigma_c^2)).

    Parameters
    ----------
    likelihood : {"gaussian", "bernoulli"}, default="gaussian"
        Likelihood of a row given its code. "gaussian" has unit variance for standardized rows,
        "bernoulli" is for entries in [0, 1], which are not standardized.

    reconstruction_weight : float, default=1
        Weight :math:`w` of the likelihood. For "gaussian" it is one over the variance. The
        likelihood sums over features: where these are few, the divergence outweighs it, and
        training may end below its start; try a larger weight there. Where they are many, it
        outweighs the mixture, and training ends below its start as well: on scikit-learn's digits
        accuracy goes from 0.953 to 0.944, on 10,000 rows of MNIST from 0.817 to 0.781 (ten seeds),
        and on USPS from 0.958 to 0.938 (two seeds). A smaller weight is no remedy: with 0.1
        two fits to digits end at 0.955 and 0.940 (0.951 and 0.946 with 1), and reconstructions lose
        54 % of the variance in place of 16 %.

    init : {"neighbors", "spectral", "linkage", "mixture", "k-means"} or array, default="neighbors"
        How the mixture is initialized; an array holds centers, of shape (n_clusters, n_components).
        "mixture", as in the paper, is the best of 10 Gaussian mixtures of the embedding. The others
        give labels, whose means, variances and proportions initialize the components: those of
        k-means, of the nearest given centers, of "neighbors", which clusters the rows themselves,
        of "spectral", which cuts neighborhood graphs over landmarks of the embedding, or of
        "linkage", which merges neighbors in it. With the last three, the labels also replace the
        posterior for `init_epochs` warm-up epochs.

    Attributes
    ----------
    cluster_centers_ : ndarray of shape (n_clusters, n_components)
        Means of the components.

    covariances_ : ndarray of shape (n_clusters, n_components)
        Variances of the components.

    weights_ : ndarray of shape (n_clusters,)
        Weights of the components.

    See Also
    --------
    AutoencoderClusterer : With ``clusterer=GaussianMixture()``, a mixture of codes that are learned
        without it.

    References
    ----------
    .. [1] Jiang, Zheng, Tan, Tang, Zhou: Variational deep embedding: an unsupervised and generative
       approach to clustering. IJCAI 2017.

    Examples
    --------
    >>> from sklearn.datasets import make_blobs
    >>> from skdeepcluster import VaDE
    >>> X, y = make_blobs(300, n_features=8, centers=3, random_state=0)
    >>> vade = VaDE(n_clusters=3, hidden_layer_sizes=(32,), random_state=0).fit(X)
    >>> new, labels = vade.sample(5, cluster=1)
    >>> new.shape, set(vade.predict(new).tolist())
    ((5, 8), {1})
    """

    init: str | np.ndarray = param(
        "neighbors",
        StrOptions({"neighbors", "spectral", "linkage", "mixture", "k-means"}),
        "array-like",
    )
    likelihood: str = param("gaussian", StrOptions({"gaussian", "bernoulli"}))
    reconstruction_weight: float = param(1.0, Interval(Real, 0, None, closed="neither"))

    _paper = {
        "init": "mixture",
        "encoder": (500, 500, 2000),
        "n_components": 10,
        "learning_rate": 2e-3,
        "pretrain_learning_rate": 1e-3,
        "batch_size": 100,
        "max_epochs": 300,
    }

    @property
    def _loss(self):
        return "mse" if self.likelihood == "gaussian" else "bce"

    @property
    def _scales_rows(self):
        return self.likelihood == "gaussian"

    def _plan(self, samples, side):
        if self.likelihood == "bernoulli":
            check_unit_interval(samples, "likelihood='bernoulli'", "'gaussian'")
        return super()._plan(samples, side)

    # -- the model ---------------------------------------------------------------------------

    def _build(self, shape, plan, generator):
        module = super()._build(shape, plan, generator)
        n_clusters, n_components = module.centers.shape
        *_, last = _layers(module.encoder)
        n_hidden = last.in_features if isinstance(last, nn.Linear) else n_components
        module.log_variance = nn.utils.skip_init(nn.Linear, n_hidden, n_components)
        nn.init.zeros_(module.log_variance.weight)
        nn.init.zeros_(module.log_variance.bias)
        module.log_variances = nn.Parameter(torch.zeros(n_clusters, n_components))
        module.logits = nn.Parameter(torch.zeros(n_clusters))
        return module

    def _posterior(self, module, x):
        """Mean and log-variance of each row's code."""
        *hidden, last = _layers(module.encoder)
        for layer in hidden:
            x = layer(x)
        return last(x).float(), module.log_variance(x).float()

    def _log_joint(self, module, z):
        """log p(z, c) of codes, without the constant of the Gaussians."""
        squared = (z[:, None] - module.centers).square() / module.log_variances.exp()
        log_density = -0.5 * (module.log_variances + squared).sum(dim=2)
        return F.log_softmax(module.logits, dim=0) + log_density

    def _divergence(self, module, mean, log_variance, log_gamma):
        """KL(q(z, c | x) || p(z, c)) of each row."""
        gamma = log_gamma.exp()
        expected = log_variance.exp()[:, None] + (mean[:, None] - module.centers).square()
        expected = (module.log_variances + expected / module.log_variances.exp()).sum(dim=2)
        log_prior = F.log_softmax(module.logits, dim=0)
        terms = gamma * (0.5 * expected + log_gamma - log_prior)
        return terms.sum(dim=1) - 0.5 * (1 + log_variance).sum(dim=1)

    def _negative_log_likelihood(self, x, restored, **options):
        """Without the constant of the Gaussian."""
        n_features = x[0].numel()
        factor = n_features / 2 if self.likelihood == "gaussian" else n_features
        return factor * self._reconstruction_loss(x, restored, **options)

    # -- training ----------------------------------------------------------------------------

    def _stages(self):
        weights = {"reconstruction": self.reconstruction_weight}
        return [
            *self._pretrain_stages(),
            self._start_stage(self._warm_up, weights=weights),
            Stage(
                "refine",
                self._bound,
                self.max_epochs,
                weights,
                schedule=lambda share: _DECAY ** (share * self.max_epochs / _DECAY_EPOCHS),
            ),
        ]

    @torch.no_grad()
    def _start(self, fit):
        """Mixture and first posterior by one M-step from the responsibilities of the start."""
        Z = fit.over_all_rows(fit.module.encode)
        if self._init_is("mixture"):
            mixture = GaussianMixture(
                self.n_clusters, covariance_type="diag", n_init=10, random_state=fit.seed()
            )
            gamma = mixture.fit(Z.cpu().numpy()).predict_proba(Z.cpu().numpy())
            gamma = torch.as_tensor(gamma, device=fit.device)
        else:
            labels = torch.as_tensor(self._first_clusters(fit, Z.cpu().numpy())[1])
            gamma = F.one_hot(labels.to(fit.device, torch.int64), self.n_clusters)
        Z, gamma = Z.double(), gamma.double()
        fit.state.start_labels = gamma.argmax(dim=1)
        least = 1.0
        if fit.samples.weights is not None:
            gamma, least = fit.samples.weights[:, None] * gamma, 1e-12
        counts = gamma.sum(dim=0)
        shares = gamma / counts.clamp_min(least)
        centers = shares.T @ Z
        variances = shares.T @ Z.square() - centers.square()
        floor = _LEAST_SHARE * Z.var(dim=0, correction=0).mean().clamp_min(1e-12)
        variances = variances.clamp_min(floor)
        module = fit.module
        module.centers.copy_(centers)
        module.log_variances.copy_(variances.log())
        module.logits.copy_((counts + 1).log())
        module.log_variance.bias.fill_((_FIRST_SHARE * (counts / len(Z)) @ variances).mean().log())
        fit.usable = True

    def _warm_up(self, fit, batch):
        return self._bound(fit, batch, fit.state.start_labels[batch.index])

    def _bound(self, fit, batch, labels=None):
        mean, log_variance = self._posterior(fit.module, self._corrupt(fit, batch, batch.x))
        z = mean + (0.5 * log_variance).exp() * fit.normal(batch, mean.shape[1])
        if labels is None:
            log_gamma = F.log_softmax(self._log_joint(fit.module, z), dim=1)
        else:
            log_gamma = F.one_hot(labels, self.n_clusters).clamp_min(1e-12).log()
        restored, weights = fit.module.decode(z), batch.weights
        divergence = self._divergence(fit.module, mean, log_variance, log_gamma)
        return {
            "reconstruction": self._negative_log_likelihood(batch.x, restored, weights=weights),
            "divergence": mean_over_rows(divergence, weights),
        }

    # -- after fit ---------------------------------------------------------------------------

    def _evaluate_rows(self, module, x):
        """The bound and log-probabilities of the clusters, at the mean of each row's code."""
        mean, log_variance = self._posterior(module, x)
        log_gamma = F.log_softmax(self._log_joint(module, mean), dim=1)
        loss = self._negative_log_likelihood(x, module.decode(mean), rows=True)
        loss = self.reconstruction_weight * loss
        loss = loss + self._divergence(module, mean, log_variance, log_gamma)
        return torch.cat([loss[:, None], log_gamma], dim=1)

    def _evaluate(self, module, samples):
        found = map_rows(lambda x: self._evaluate_rows(module, x), samples)
        loss = mean_over_rows(found[:, 0], samples.weights, torch.float64).item()
        return loss, most_probable(found[:, 1:])

    def _attributes(self, fit):
        covariances = fit.module.log_variances.detach().exp().cpu().numpy()
        weights = F.softmax(fit.module.logits.detach().double(), dim=0).cpu().numpy()
        return super()._attributes(fit) | {"covariances_": covariances, "weights_": weights}

    def _log_proba(self, module, x):
        return F.log_softmax(self._log_joint(module, module.encode(x)), dim=1)

    def score_samples(self, X):
        """The evidence lower bound of each row; low values mark unlikely rows.

        Returns
        -------
        bound : ndarray of shape (n_samples,)
            With the code at its mean and without the constant of the likelihood.
        """
        return self._stream(X, lambda x: -self._evaluate_rows(self.module_, x)[:, 0])

    def sample(self, n_samples=1, cluster=None):
        """Draw new rows.

        Parameters
        ----------
        n_samples : int, default=1
            Number of rows.
        cluster : int, default=None
            Component of all rows; by default drawn for each row by `weights_`.

        Returns
        -------
        X : ndarray of shape (n_samples, n_features)
            Means of the rows given the drawn codes, images flattened.
        labels : ndarray of shape (n_samples,)
            The component of each row.
        """
        check_is_fitted(self)
        check_scalar(n_samples, "n_samples", Integral, min_val=1)
        random_state = check_random_state(self.random_state)
        if cluster is None:
            shares = self.weights_ / self.weights_.sum(dtype=np.float64)
            labels = random_state.choice(self.n_clusters, n_samples, p=shares)
        else:
            check_scalar(cluster, "cluster", Integral, min_val=0, max_val=self.n_clusters - 1)
            labels = np.full(n_samples, cluster)
        noise = random_state.standard_normal((n_samples, self.n_components_))
        Z = self.cluster_centers_[labels] + np.sqrt(self.covariances_[labels]) * noise
        return self.inverse_transform(Z.astype(self.cluster_centers_.dtype)), labels


def _layers(encoder):
    """An encoder's layers, the last one separate: the layer of the variances stands beside it."""
    if isinstance(encoder, nn.Sequential) and isinstance(encoder[-1], nn.Linear):
        return list(encoder)
    return [encoder, nn.Identity()]
