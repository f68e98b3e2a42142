"""TEMI: heads on frozen features that give near neighbors the same cluster."""

from collections.abc import Callable, Sequence
from numbers import Real

import torch
from torch import nn

from skdeepcluster._sklearn import Interval, StrOptions
from skdeepcluster.base import param
from skdeepcluster.nn import ColumnScale, follow, follower
from skdeepcluster.semantic._base import SemanticClusterer, log_agreement
from skdeepcluster.semantic._encoder import HeadedEncoderMixin
from skdeepcluster.semantic._neighbors import NeighborsMixin
from skdeepcluster.training import Stage, column_scales, ramp

# The teacher remembers about this share of all steps; bounds of its momentum.
MEMORY, LEAST_MOMENTUM, MOST_MOMENTUM = 1 / 15, 0.9, 0.996
PRIOR_MOMENTUM = 0.9


class TEMI(NeighborsMixin, HeadedEncoderMixin, SemanticClusterer):
    r"""Teacher-student heads with a weighted pointwise mutual information.

    Several heads on the features of a pre-trained network learn to assign each row and one of its
    nearest neighbors to the same cluster. Targets come from a moving average of the heads, the
    teacher. Rare clusters count more, which keeps clusters balanced; pairs that the teachers of all
    heads believe to be of two classes count less. Pick it for one good embedding with pure
    neighborhoods and clusters of similar size, also for hundreds of clusters. Take
    :class:`~skdeepcluster.TURTLE` for several embeddings. Give it more epochs with fewer than some
    thousand rows.

    For a row :math:`x` and a neighbor :math:`x'`, with probabilities :math:`q_s` of a student and
    :math:`q_t` of its teacher, and the running mean :math:`\pi` of :math:`q_t`, each head minimizes
    the mean over pairs of :math:`-w(x, x') (\mathrm{pmi}(x, x') + \mathrm{pmi}(x', x)) / 2`, where

    .. math:: \mathrm{pmi}(x, x') = \log \sum_c
        \frac{\left( q_s(c \mid x) \, q_t(c \mid x') \right)^\beta}{\pi_c}, \quad
        w(x, x') = \frac{1}{H} \sum_{h=1}^H \sum_c q_t^h(c \mid x) \, q_t^h(c \mid x') .

    Parameters
    ----------
    n_neighbors : int, default=50
        Number of neighbors of each row, without itself; of few rows no more than
        ``n_samples / (3 n_clusters)``, and at least one.

    metric : {"euclidean", "cosine"}, default="cosine"
        Distance between rows, or between features of a given encoder. "cosine" compares directions
        from the mean of all rows.

    beta : float, default=0.6
        :math:`\beta`, above 0.5 and at most 1: 1 tolerates clusters of unequal size and empty ones.

    temperature : float, default=0.1
        Divisor of the logits, which are cosines with a trained factor.

    ema_decay : float, default=None
        Momentum of the teacher. By default it remembers a fifteenth of all steps, from 10 to 250.

    pair_weighting : bool, default=True
        Whether pairs have the weights :math:`w`; without them heads are independent.

    head_layer_sizes : sequence of int, default=(128, 64)
        Widths of the hidden layers of each head.

    scale : {"standard", None}, default="standard"
        "standard" divides each feature by its standard deviation; None leaves it as it is, but for
        a common factor.

    encoder : str, sequence of int, torch.nn.Module or callable, default="identity"
        Network from rows to the features that the heads read; by default rows are features. A
        module is copied, and is trained only with ``train_encoder=True``.

    train_encoder : bool, default=False
        Whether the encoder is trained with the heads.

    n_heads : int, default=4
        Number of heads. That with the lowest objective is kept.

    warmup_fraction : float, default=0.2
        Share of the epochs in which the learning rate rises from 0 to `learning_rate`.

    weight_decay : float, default=1e-4
        Weight decay of matrices, by AdamW where `optimizer` is "adam" or "adamw".

    Attributes
    ----------
    cluster_prior_ : ndarray of shape (n_clusters,)
        :math:`\pi` of the head that is kept, over all rows.

    loss_ : float
        Minus the mean pointwise mutual information, by the teacher, of training rows and their five
        nearest neighbors, without weights. Its negative is the `score`.

    See Also
    --------
    TURTLE : Labels that linear classifiers learn best, in several spaces.

    Notes
    -----
    Differences from the paper: momentum and number of neighbors follow the number of rows; epochs
    are compared by the loss of all rows, and heads by the same without weights of pairs;
    neighbors are compared as directions from the mean of all rows, which are purer; learning rates
    are used as given, not scaled by the batch. As there, the last layer is fixed in the first
    epoch.

    References
    ----------
    .. [1] Adaloglou, Michels, Kalisch, Kollmann: Exploring the limits of deep image clustering
       using pretrained models. BMVC 2023. :arxiv:`2303.17896`

    Examples
    --------
    >>> from sklearn.datasets import make_blobs
    >>> from skdeepcluster import TEMI
    >>> X, y = make_blobs(300, n_features=8, centers=3, random_state=0)
    >>> model = TEMI(n_clusters=3, batch_size=64, random_state=0).fit(X)
    >>> model.labels_.shape, model.predict(X[:10]).shape
    ((300,), (10,))
    """

    n_neighbors: int = 50
    metric: str = "cosine"
    beta: float = param(0.6, Interval(Real, 0.5, 1, closed="right"))
    temperature: float = param(0.1, Interval(Real, 0, None, closed="neither"))
    ema_decay: float | None = param(None, Interval(Real, 0, 1, closed="left"), None)
    pair_weighting: bool = param(True, "boolean")
    head_layer_sizes: Sequence[int] = param((128, 64), "array-like")
    scale: str | None = param("standard", StrOptions({"standard"}), None)
    encoder: str | Sequence[int] | nn.Module | Callable[[torch.Tensor], torch.Tensor] = "identity"
    train_encoder: bool = False
    n_heads: int = 4
    warmup_fraction: float = param(0.2, Interval(Real, 0, 1, closed="left"))
    weight_decay: float = param(1e-4, Interval(Real, 0, None, closed="left"))

    # Groups of parameters have their own.
    _weight_decay = None

    @property
    def _head_layers(self):
        return tuple(self.head_layer_sizes)

    @property
    def _temperature(self):
        return self.temperature

    _head_options = {"activation": "gelu", "scale": 1.0, "gains": True, "std": 0.02}

    # -- networks ----------------------------------------------------------------------------

    def _plan(self, samples, side):
        plan = super()._plan(samples, side)
        plan.scales = column_scales(samples) if self.scale == "standard" else None
        return plan

    def _build(self, shape, plan, generator):
        student = super()._build(shape, plan, generator)
        if plan.scales is not None:
            scale = ColumnScale(plan.scales.reshape(shape))
            student.encoder = nn.Sequential(scale, student.encoder)
            if self._has_reference():
                student.reference = follower(student.encoder)
        return TeacherStudent(student)

    def _predictor(self, module):
        return module.teacher

    # -- training ----------------------------------------------------------------------------

    def _stages(self):
        return [
            Stage(
                "train",
                self._loss,
                self.max_epochs,
                parameters=self._groups,
                begin=self._start,
                schedule=ramp(0.0, 1.0, until=self.warmup_fraction),
                after_backward=self._fix_last_layer,
                after_step=self._follow,
                criterion=self._choose,
                **self._pairs(),
            )
        ]

    def _groups(self, module):
        matrices = {"params": list(module.student.heads.weights), "weight_decay": self.weight_decay}
        decayed = {id(p) for p in matrices["params"]}
        others = [p for p in module.student.parameters() if id(p) not in decayed]
        return [matrices, {"params": others, "weight_decay": 0.0}]

    def _start(self, fit):
        super()._start(fit)
        uniform = torch.full((self.n_heads, self.n_clusters), 1 / self.n_clusters)
        fit.state.prior = uniform.to(fit.device)
        n_batches = -(-len(fit.samples) // self.batch_size)
        memory = MEMORY * n_batches * self.max_epochs
        momentum = 1 - 1 / max(memory, 1)
        fit.state.ema_decay = min(max(momentum, LEAST_MOMENTUM), MOST_MOMENTUM)
        if self.ema_decay is not None:
            fit.state.ema_decay = self.ema_decay

    def _loss(self, fit, batch):
        n, x = len(batch), batch.x.flatten(0, 1)
        shape = (self.n_heads, n, 2, self.n_clusters)
        log_s = self._all_log_proba(fit.module.student, x).view(shape)
        with torch.no_grad():
            log_t = self._all_log_proba(fit.module.teacher, x).view(shape)
            q = log_t.exp()
            _, whole = fit.whole_batch(batch, q.transpose(0, 1))
            fit.state.prior.lerp_(whole.mean(dim=(0, 2)), 1 - PRIOR_MOMENTUM)
            weight = 1.0
            if self.pair_weighting:
                weight = (q[:, :, 0] * q[:, :, 1]).sum(dim=2).mean(dim=0)
        log_prior = fit.state.prior.log()[:, None]
        one = pointwise_information(log_s[:, :, 0], log_t[:, :, 1], log_prior, self.beta)
        other = pointwise_information(log_s[:, :, 1], log_t[:, :, 0], log_prior, self.beta)
        return {"information": -(weight * (one + other) / 2).mean()}

    def _fix_last_layer(self, fit, batch):
        if fit.epoch == 0:
            for p in fit.module.student.heads.last():
                p.grad = None

    def _follow(self, fit, batch):
        follow(fit.module.teacher, fit.module.student, fit.state.ema_decay)

    # -- results -----------------------------------------------------------------------------

    def _objectives(self, log_p, others):
        log_prior = log_p.exp().mean(dim=0).clamp_min(torch.finfo(log_p.dtype).tiny).log()
        plain = weighted = 0.0
        for other in others:
            found = pointwise_information(log_p, other, log_prior, self.beta)
            plain = plain - found.mean() / len(others)
            weighted = weighted - (log_agreement(log_p, other).exp() * found).mean() / len(others)
        return plain, weighted

    @staticmethod
    def _of_epoch(losses, best):
        # Pairs without weights favor undecided heads, and with them epochs before heads decided.
        return losses.mean()

    def _attributes(self, fit):
        prior = fit.state.prior[int(fit.module.teacher.best_head)]
        return super()._attributes(fit) | {"cluster_prior_": prior.cpu().numpy()}


class TeacherStudent(nn.Module):
    """A network, and its moving average, which predicts.

    Parameters
    ----------
    student : torch.nn.Module
    """

    def __init__(self, student):
        super().__init__()
        self.student, self.teacher = student, follower(student)


def pointwise_information(log_p, log_q, log_prior, beta):
    r"""Log of sum_c (p_c q_c)^beta / prior_c of each pair.

    Parameters
    ----------
    log_p, log_q : Tensor of shape (..., n_clusters)
    log_prior : Tensor
        Of a shape that broadcasts to theirs.
    beta : float

    Returns
    -------
    information : Tensor of shape (...)
        log n_clusters where both are the same cluster of average size; (2 - 2 beta) log n_clusters
        where both are uniform.
    """
    return torch.logsumexp(beta * (log_p + log_q) - log_prior, dim=-1)
