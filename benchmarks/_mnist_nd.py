"""MNIST-Nd: images of digits in 2 to 64 dimensions, by a variational autoencoder with a mixture.

Written from P. Turishcheva et al., "MNIST-Nd: a set of naturalistic datasets to benchmark
clustering across dimensions", 2024, arXiv 2410.16124.
"""

import math
from numbers import Integral

import torch
import torch.nn.functional as F
from torch import nn

from skdeepcluster._sklearn import Interval
from skdeepcluster.base import param
from skdeepcluster.deep import DeepEstimator, EmbeddingMixin
from skdeepcluster.training import Stage, map_rows

WIDTH, N_COMPONENTS = 512, 10
# The temperature falls by half in 50 epochs, and no further.
COOLING, COOLEST = math.log(2) / 50, 0.5


class MNISTNd(EmbeddingMixin, DeepEstimator):
    r"""Images in a given number of dimensions, with a mixture of Gaussians as prior.

    .. math:: \mathbb{E} \left[ -\log p(x | z) + w \log \frac{q(z | x, y)}{p(z | y)} \right]
        + \sum_y q(y | x) \log q(y | x) + \log K, \qquad w = 8 / d,

    with :math:`y` drawn by Gumbel's softmax. The rows of a data set are the means of
    :math:`q(z | x, y)` at the expected :math:`y`, so that they are not random.

    Parameters
    ----------
    n_dims : int, default=2
        Number of dimensions :math:`d`.
    """

    n_dims: int = param(2, Interval(Integral, 1, None, closed="left"))
    batch_size: int = 64
    max_epochs: int = 100

    _scales_rows = False

    def _build(self, shape, plan, generator):
        n_pixels = math.prod(shape)

        def linear(n_in, n_out):
            layer = nn.utils.skip_init(nn.Linear, n_in, n_out)
            nn.init.xavier_normal_(layer.weight, generator=generator)
            nn.init.zeros_(layer.bias)
            return layer

        def layers(n_in, n_out):
            hidden = linear(n_in, WIDTH), nn.ReLU(), linear(WIDTH, WIDTH), nn.ReLU()
            return nn.Sequential(*hidden, linear(WIDTH, n_out))

        return nn.ModuleDict(
            {
                "component": layers(n_pixels, N_COMPONENTS),
                "code": layers(n_pixels + N_COMPONENTS, 2 * self.n_dims),
                "prior": linear(N_COMPONENTS, 2 * self.n_dims),
                "decoder": layers(self.n_dims, n_pixels),
            }
        )

    def _stages(self):
        return [Stage("train", self._loss, self.max_epochs)]

    def _loss(self, fit, batch):
        uniform = fit.uniform(batch, N_COMPONENTS).clamp_min(1e-20)
        cooled = max(COOLEST, math.exp(-COOLING * fit.epoch))
        gumbel = -torch.log(-torch.log(uniform).clamp_max(-1e-7))
        noise = fit.normal(batch, self.n_dims)
        return self._terms(fit.module, batch.x.flatten(1), gumbel, noise, cooled).mean()

    def _terms(self, module, x, gumbel, noise, temperature):
        logits = module["component"](x)
        y = F.softmax((logits + gumbel) / temperature, dim=1)
        mean, variance = gaussian(module["code"](torch.cat([x, y], dim=1)))
        z = mean + variance.sqrt() * noise
        pixels = F.binary_cross_entropy_with_logits(module["decoder"](z), x, reduction="none")
        code = log_density(z, mean, variance) - log_density(z, *gaussian(module["prior"](y)))
        log_q = F.log_softmax(logits, dim=1)
        component = (log_q.exp() * log_q).sum(dim=1) + math.log(N_COMPONENTS)
        return pixels.sum(dim=1) + 8 / self.n_dims * code + component

    def _encode(self, module, x):
        x = x.flatten(1)
        y = F.softmax(module["component"](x), dim=1)
        return gaussian(module["code"](torch.cat([x, y], dim=1)))[0]

    def _evaluate(self, module, samples):
        # Without noise: what a fit is compared by has to be the same for the same rows.
        values = map_rows(lambda x: self._terms(module, x.flatten(1), 0, 0, 1), samples)
        return values.mean().item(), None

    def _attributes(self, fit):
        return {"n_components_": self.n_dims}


def gaussian(output):
    """Means and variances, side by side in an output of a layer."""
    mean, raw = output.chunk(2, dim=1)
    return mean, F.softplus(raw) + 1e-8


def log_density(z, mean, variance):
    square = (z - mean).square() / variance
    return -0.5 * (square + variance.log() + math.log(2 * math.pi)).sum(dim=1)
