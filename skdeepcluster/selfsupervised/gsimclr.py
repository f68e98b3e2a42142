"""G-SimCLR: contrastive learning in batches that have one row of each pseudo-label."""

from numbers import Integral, Real

import torch

from skdeepcluster._sklearn import Interval, StrOptions
from skdeepcluster.algorithms.kmeans import kmeans
from skdeepcluster.base import param
from skdeepcluster.nn import (
    RECONSTRUCTION_LOSSES,
    Autoencoder,
    conv_autoencoder,
    mlp_autoencoder,
)
from skdeepcluster.selfsupervised.simclr import SimCLR
from skdeepcluster.training import Stage


class GSimCLR(SimCLR):
    r"""Contrastive learning of views, guided by pseudo-labels.

    Two rows of one class in a batch are false negatives for `SimCLR`. Here an autoencoder and
    k-means cluster the rows first, into as many groups as a batch has rows, and no batch has two
    rows of one group. Pseudo-labels do not enter the loss. Pick it for small batches and few
    classes; with many classes random batches are as good.

    First a denoising autoencoder :math:`(g, h)` minimizes
    :math:`\|h(g(x + \sigma \xi)) - x\|^2`; k-means on :math:`g(x)` gives pseudo-labels
    :math:`c_i`. Then the loss of `SimCLR` is minimized over batches :math:`I` for which

    .. math:: c_i \ne c_j \quad \text{for all } i \ne j \in I .

    Parameters
    ----------
    batch_size : int, default=64
        Maximum number of rows in a step, and the number of pseudo-labels, which is at most an
        eighth of the rows.

    n_prototypes : int, default=None
        Number of pseudo-labels; by default as many as a batch has rows.

    guide_epochs : int, default=30
        Epochs of the autoencoder that the pseudo-labels come from.

    noise_std : float, default=0.1
        Standard deviation :math:`\sigma` of the Gaussian noise in its input.

    coverage : {"uniform", "once"}, default="uniform"
        Whether each batch has a random row of every pseudo-label, or each row is used once per
        epoch, in batches that get smaller as pseudo-labels run out of rows.

    Attributes
    ----------
    pseudo_labels_ : ndarray of shape (n_samples,)
        Pseudo-labels that guided the batches.

    See Also
    --------
    SimCLR : The same in random batches.

    Notes
    -----
    The authors' script has one fixed order of the rows, in which batches contain several rows of a
    group once the smallest groups are exhausted. Here no batch does, and each epoch draws new ones.

    References
    ----------
    .. [1] Chakraborty, Gosthipaty, Paul: G-SimCLR: self-supervised contrastive learning with guided
       projection via pseudo labelling. ICDM workshops 2020. :arxiv:`2009.12007`
    """

    batch_size: int = 64
    guide_epochs: int = param(30, Interval(Integral, 0, None, closed="left"))
    noise_std: float = param(0.1, Interval(Real, 0, None, closed="left"))
    coverage: str = param("uniform", StrOptions({"uniform", "once"}))

    def _plan(self, samples, side):
        plan = super()._plan(samples, side)
        n = len(samples)
        plan.n_prototypes = min(self.n_prototypes or max(2, min(self.batch_size, n // 8)), n)
        return plan

    def _build(self, shape, plan, generator):
        module = super()._build(shape, plan, generator)
        if len(shape) == 3:
            guide = conv_autoencoder(shape, (32, 64), 32, generator)
        else:
            guide = mlp_autoencoder(shape, (128,), 32, generator)
        module.guide = Autoencoder(*guide)
        return module

    def _stages(self):
        guide = Stage(
            "guide",
            self._restore,
            self.guide_epochs,
            parameters=lambda module: module.guide.parameters(),
        )
        return [guide, *super()._stages()]

    def _training(self):
        return super()._training() | {
            "begin": self._make_pseudo_labels,
            "batches": self._one_of_each,
            "parameters": self._trained,
        }

    def _trained(self, module):
        head = [] if self.n_projected is None else module.projection.parameters()
        return [*module.encoder.parameters(), *head]

    def _restore(self, fit, batch):
        noise = self.noise_std * fit.normal(batch, *batch.x.shape[1:])
        restored = fit.module.guide(batch.x + noise)[1]
        return {"reconstruction": RECONSTRUCTION_LOSSES["mse"](batch.x, restored)}

    def _make_pseudo_labels(self, fit):
        codes = fit.over_all_rows(fit.module.guide.encode).cpu().numpy()
        _, labels = kmeans(codes, fit.plan.n_prototypes, n_init=1, seed=fit.seed())
        fit.state.pseudo_labels = torch.as_tensor(labels, dtype=torch.int64)

    def _one_of_each(self, fit):
        labels = fit.state.pseudo_labels.cpu()
        return one_of_each(labels, self.batch_size, fit.generator, once=self.coverage == "once")

    def _attributes(self, fit):
        return {"pseudo_labels_": fit.state.pseudo_labels.cpu().numpy()}


def one_of_each(labels, batch_size, generator, *, once=False):
    """Batches of rows no two of which have the same label.

    Parameters
    ----------
    labels : LongTensor of shape (n,)
    batch_size : int
        Maximum number of rows.
    generator : torch.Generator
    once : bool, default=False
        Whether each row is used at most once. Batches smaller than half the first one are then
        left out. Otherwise there are as many batches as full ones fit into the number of rows, each
        with a random row of every label, or of as many labels as fit in.

    Returns
    -------
    batches : list of LongTensor
    """
    order = torch.randperm(len(labels), generator=generator)
    groups = [order[labels[order] == label] for label in labels.unique()]
    size = min(batch_size, len(groups))
    batches = []
    if once:
        while True:
            rest = [i for i, group in enumerate(groups) if len(group)]
            if len(rest) < max(1, size / 2):
                return batches
            # The largest groups first: otherwise their rows would be left over.
            chance = torch.rand(len(rest), generator=generator).tolist()
            rest.sort(key=dict(zip(rest, chance, strict=True)).get)
            rest.sort(key=lambda i: len(groups[i]), reverse=True)
            chosen = rest[:size]
            batches.append(torch.stack([groups[i][0] for i in chosen]))
            for i in chosen:
                groups[i] = groups[i][1:]
    for _ in range(max(1, len(labels) // size)):
        chosen = torch.randperm(len(groups), generator=generator)[:size].tolist()
        places = torch.rand(size, generator=generator).tolist()
        batches.append(
            torch.stack(
                [
                    groups[i][int(place * len(groups[i]))]
                    for i, place in zip(chosen, places, strict=True)
                ]
            )
        )
    return batches
