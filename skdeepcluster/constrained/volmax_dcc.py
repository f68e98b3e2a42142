"""VolMaxDCC: a network that learns clusters from pairs, and how often answers are wrong."""

from collections.abc import Sequence
from numbers import Integral, Real

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from skdeepcluster._sklearn import Interval, StrOptions
from skdeepcluster.algorithms.kmeans import kmeans
from skdeepcluster.base import param
from skdeepcluster.deep import (
    DeepClusterer,
    KnownMixin,
    NormalizedEncoderMixin,
    ProbabilityMixin,
)
from skdeepcluster.nn import code_width, linear
from skdeepcluster.training import Items, ReadOut, Stage, map_rows, ramp, shuffled

# Least probability of an answer.
LEAST = 1e-6
# Added to the eigenvalues of the volume, so that it is finite where a cluster is empty.
JITTER = 1e-6
# The link matrix before training, without its sigmoid: on the diagonal, and elsewhere.
SAME, OTHER = 1.0, -1.0


class VolMaxDCC(KnownMixin, ProbabilityMixin, NormalizedEncoderMixin, DeepClusterer):
    r"""Deep constrained clustering from pairs, some of them wrong.

    A classifier is trained so that the clusters of two rows explain the answer whether they are
    the same. A matrix :math:`B` of the probabilities that rows of two clusters are called the same
    is learned with it, so that wrong answers need not be explained by wrong clusters. Since then
    uncertain clusters could explain the answers too, the clusters that are the most certain and
    varied are taken: those of the largest volume. Pick it for hundreds to thousands of pairs, some
    of which are wrong, and clusters that distances do not show. For few pairs take
    :class:`~skdeepcluster.ConstrainedKMeans`; with right pairs only, ``link_matrix="identity"`` and
    ``volume_weight=0`` are as good.

    With the memberships :math:`f_i = \mathrm{softmax}(g(x_i))` and answers :math:`y_{ij}`, 1 for
    must-links and 0 for cannot-links, training minimizes over :math:`g` and
    :math:`B = \sigma(U)`

    .. math:: -\frac{1}{|P|} \sum_{(i, j) \in P} \Big( y_{ij} \log f_i^\top B f_j
        + (1 - y_{ij}) \log (1 - f_i^\top B f_j) \Big)
        - \lambda \log \det \Big( \frac{1}{n} \sum_i f_i f_i^\top \Big)
        - \frac{\mu}{|L|} \sum_{i \in L} \log f_{i y_i},

    where :math:`L` are the rows of known class.

    Parameters
    ----------
    volume_weight : float, default=0.01
        Weight :math:`\lambda` of the volume at the end of training; it rises from 0. More makes
        clusters more equal in size.

    link_matrix : {"learned", "identity"}, default="learned"
        Whether :math:`B` is learned, or the identity: then all answers are taken to be right.

    label_weight : float, default=1.0
        Weight :math:`\mu` of the known labels.

    n_references : int, default=2
        For each pair of a step, the number of random rows of which the volume is computed.

    n_components : int, default=512
        Width of the last hidden layer.

    hidden_layer_sizes : sequence of int, default=None
        Widths of the hidden layers of "mlp" before the last one, by default (512,), narrower in
        proportion for less than 50 features, or channels of the convolutions of "conv", by default
        (32, 64, 128).

    max_epochs : int, default=40
        Number of training epochs.

    batch_size : int, default=128
        Number of pairs in a step. An epoch has each pair at least once, and as many pairs as there
        are rows.

    Attributes
    ----------
    link_matrix_ : ndarray of shape (n_clusters, n_clusters)
        Probability :math:`B` that rows of two clusters are called the same.

    pair_log_loss_ : float
        The first term of the objective, NaN without pairs.

    volume_ : float
        The logarithm of the determinant.

    n_components_ : int
        Width of the last hidden layer, which `transform` returns.

    loss_ : float
        The objective over all training pairs, rows and labels. `score` is the weighted volume of
        rows, of which no pairs are known.

    Notes
    -----
    Differences from the paper: :math:`B` is symmetric, as pairs are unordered; the weight of the
    volume rises, since a volume of full weight makes clusters certain before the pairs have shaped
    them; the volume is divided by the number of rows, which leaves its gradients as they are, and a
    small multiple of the identity is added; hidden layers are normalized; epochs and weights are
    not chosen by labeled rows; labels are a term of their own. Without pairs and labels there is
    nothing to learn from: the labels of k-means are taken as known.

    References
    ----------
    .. [1] T. Nguyen, S. Ibrahim, X. Fu (2023). Deep clustering with incomplete noisy pairwise
           annotations: a geometric regularization approach. *ICML*.

    Examples
    --------
    >>> from sklearn.datasets import make_blobs
    >>> from skdeepcluster import VolMaxDCC
    >>> from skdeepcluster.constraints import PairwiseConstraints
    >>> X, y = make_blobs(300, n_features=8, centers=3, random_state=0)
    >>> known = PairwiseConstraints.from_labels(y, 600, flip=0.1, random_state=0)
    >>> model = VolMaxDCC(3, hidden_layer_sizes=(32,), random_state=0).fit(X, constraints=known)
    >>> bool(known.satisfaction(model.labels_)["all"] > 0.85)
    True
    """

    max_epochs: int = 40
    batch_size: int = 128
    n_components: int = param(512, Interval(Integral, 1, None, closed="left"))
    hidden_layer_sizes: Sequence[int] | None = None
    volume_weight: float = param(1e-2, Interval(Real, 0, None, closed="left"))
    link_matrix: str = param("learned", StrOptions({"learned", "identity"}))
    label_weight: float = param(1.0, Interval(Real, 0, None, closed="left"))
    n_references: int = param(2, Interval(Integral, 1, None, closed="left"))

    _hidden = {"mlp": (512,), "conv": (32, 64, 128)}

    # -- network -----------------------------------------------------------------------------

    def _build(self, shape, plan, generator):
        module = self._encoder_alone(shape, generator)
        width = code_width(module, shape)
        module.head = nn.Sequential(nn.ReLU(), linear(width, self.n_clusters, generator))
        start = OTHER + (SAME - OTHER) * torch.eye(self.n_clusters)
        learned = self.link_matrix == "learned"
        module.link = nn.Parameter(start if learned else torch.eye(self.n_clusters), learned)
        return module

    def _log_proba(self, module, x):
        return F.log_softmax(module.head(module.encode(x)).float(), dim=1)

    def _link_matrix(self, module):
        if not module.link.requires_grad:
            return module.link
        return ((module.link + module.link.T) / 2).sigmoid()

    # -- training ----------------------------------------------------------------------------

    def _stages(self):
        return [
            Stage(
                "train",
                self._terms,
                self.max_epochs,
                # At first all memberships are uncertain: pairs say which clusters these become.
                weights={
                    "volume": ramp(0.0, self.volume_weight),
                    "label": self.label_weight,
                },
                begin=self._start,
                batches=self._items,
            )
        ]

    def _start(self, fit):
        fit.usable = True
        if "label" in fit.side.rows:
            fit.state.label = fit.side.rows["label"]
        elif "pairs" not in fit.side.arrays:
            rows = fit.over_all_rows(lambda x: x.flatten(1)).cpu().numpy()
            labels = kmeans(rows, self.n_clusters, seed=fit.seed(), **fit.sums_over_rows())[1]
            fit.state.label = torch.as_tensor(labels, dtype=torch.int64, device=fit.device)

    def _items(self, fit):
        """Pairs, each with random rows, and with a row of known class if there are any."""
        n = len(fit.samples)
        columns, known = [torch.randint(n, (n, self.n_references), generator=fit.generator)], {}
        if "pairs" in fit.side.arrays:
            pairs, same, weight = (
                fit.side.arrays[name].cpu() for name in ("pairs", "same", "weight")
            )
            repeats = -(-n // len(pairs))
            size = (repeats * len(pairs), self.n_references)
            columns = [torch.randint(n, size, generator=fit.generator), pairs.repeat(repeats, 1)]
            known = {"same": same.repeat(repeats), "weight": weight.repeat(repeats)}
        if hasattr(fit.state, "label"):
            labeled = torch.nonzero(fit.state.label.cpu() >= 0)
            drawn = torch.randint(len(labeled), (len(columns[0]),), generator=fit.generator)
            columns.insert(1, labeled[drawn])
        return shuffled(Items(torch.cat(columns, dim=1), known), fit.batch_size, fit.generator)

    def _terms(self, fit, batch):
        log_f = self._log_proba(fit.module, batch.x.flatten(0, 1)).unflatten(0, batch.index.shape)
        reference = log_f[:, : self.n_references].exp()
        _, reference = fit.whole_batch_to_train(batch, reference)
        terms = {"volume": -log_volume(reference.flatten(0, 1))}
        if "pairs" in fit.side.arrays:
            f, g = log_f[:, -2:].exp().unbind(dim=1)
            loss = pair_losses(f, g, self._link_matrix(fit.module), batch.side.same)
            terms["pairs"] = (batch.side.weight * loss).mean()
        if hasattr(fit.state, "label"):
            label = fit.state.label[batch.index[:, self.n_references]]
            terms["label"] = F.nll_loss(log_f[:, self.n_references], label)
        return terms

    # -- results -----------------------------------------------------------------------------

    def _evaluate(self, module, samples):
        log_f = map_rows(lambda x: self._log_proba(module, x), samples)
        volume = log_volume(log_f.exp()).item()
        return -self.volume_weight * volume, log_f.argmax(dim=1).int().cpu().numpy()

    def _read_out(self, fit):
        found = super()._read_out(fit)
        log_f = map_rows(lambda x: self._log_proba(fit.module, x), fit.samples)
        link = self._link_matrix(fit.module).detach()
        loss, of_pairs = found.loss, np.nan
        if "pairs" in fit.side.arrays:
            pairs, same, weight = (fit.side.arrays[name] for name in ("pairs", "same", "weight"))
            f, g = log_f.exp()[pairs].unbind(dim=1)
            of_pairs = (weight * pair_losses(f, g, link, same)).mean().item()
            loss += of_pairs
        if hasattr(fit.state, "label"):
            known = fit.state.label >= 0
            loss += self.label_weight * F.nll_loss(log_f[known], fit.state.label[known]).item()
        attributes = {
            "link_matrix_": link.cpu().numpy(),
            "pair_log_loss_": of_pairs,
            "volume_": log_volume(log_f.exp()).item(),
        }
        return ReadOut(loss, found.labels, found.attributes | attributes)

    def _attributes(self, fit):
        width = fit.module.head[1].weight.shape[1]
        return super()._attributes(fit) | {"n_components_": width}


def pair_losses(f, g, link, same):
    """Negative log-likelihood of the answer for each pair.

    Parameters
    ----------
    f, g : Tensor of shape (n_pairs, n_clusters)
        Memberships of the two rows.
    link : Tensor of shape (n_clusters, n_clusters)
        Probability that rows of two clusters are called the same.
    same : Tensor of shape (n_pairs,)
        1 for must-links, 0 for cannot-links.
    """
    p = ((f @ link) * g).sum(dim=1).clamp(LEAST, 1 - LEAST)
    return -(same * p.log() + (1 - same) * (1 - p).log())


def log_volume(f):
    r"""Logarithm of the determinant of the mean of :math:`f_i f_i^\top`."""
    gram = f.T @ f / len(f)
    return torch.linalg.slogdet(gram + JITTER * torch.eye(len(gram), device=f.device)).logabsdet
