"""TURTLE: the labeling that linear classifiers learn best, in one or several feature spaces."""

import warnings
from collections.abc import Sequence
from numbers import Integral, Real
from types import SimpleNamespace

import numpy as np
import torch
from sklearn.exceptions import ConvergenceWarning

from skdeepcluster._sklearn import Interval, StrOptions
from skdeepcluster.base import param
from skdeepcluster.nn import (
    LabelMaps,
    first_weights,
    learned_classifier,
    linear_cross_entropy,
    mean_of,
    separability,
)
from skdeepcluster.semantic._base import SemanticClusterer, entropy, with_choice
from skdeepcluster.semantic._spaces import joined_spaces, space_columns
from skdeepcluster.training import ReadOut, Stage, column_scales, map_rows
from skdeepcluster.validation import caller_level

# How far the inner steps may move a logit where their rate is automatic: one head after the other.
REACHES = (2.0, 4.0, 8.0)
# Below this reach the classifiers are hardly more than their random start.
LEAST_REACH = 1.0
# Rows of a pass of the classifiers over all rows.
BLOCK = 2**14


class TURTLE(SemanticClusterer):
    r"""Labels that linear classifiers learn best, in one or several feature spaces.

    Rows come as features of one or several pre-trained networks. In each step, a linear classifier
    in every space learns the present labels by a few steps of gradient descent, and the labels move
    to where these classifiers agree with them: labels with wide margins in all spaces remain. No
    distances or neighbors are used. Pick it for two or more good embeddings and a known number of
    clusters, with `prior` where their sizes differ. Not for raw features, in which clusters are
    curved; take :class:`~skdeepcluster.TEMI` for one mediocre embedding.

    With features :math:`z_i^s` of row :math:`i` in space :math:`s`, labels are
    :math:`\tau_i = \frac{1}{S} \sum_s p_i^s`, where
    :math:`p_i^s = \mathrm{softmax}(V_s z_i^s)`. Training minimizes over :math:`V`

    .. math:: \sum_s \Big( -\frac{1}{n} \sum_{ic} \tau_{ic} \log \mathrm{softmax}(W_s z_i^s)_c
        - \gamma H(\bar p^s) \Big),

    where :math:`W_s` comes from a random start by :math:`M` steps of Adam on the same cross entropy
    and is then held fixed, and :math:`H` is the entropy of the mean over rows.

    Several heads are trained at once, from different starts and with different rates of the inner
    steps. The head whose hard labels a ridge classifier predicts best in cross-validation is kept.

    Parameters
    ----------
    n_heads : int, default=3
        Number of heads, each with a start and one of the inner rates.

    spaces : list, default=None
        Features of each space: slices, arrays of indices or lists of names. None is one space.
        `fit` and `predict` also take a list of tables, one for each space.

    balance_weight : float, default=None
        Weight :math:`\gamma` of the balance of clusters. By default 10, which makes them nearly
        equal, and 1 with a `prior`.

    prior : float or array-like of shape (n_clusters,), default=None
        Shares of the clusters in any order, or an exponent :math:`\alpha` for shares
        :math:`\propto c^{-\alpha}` of clusters :math:`c = 1, 2, \dots`: the entropy is replaced by
        :math:`-\mathrm{KL}(\pi \,\|\, \bar p^s)` with both sorted.

    n_inner_steps : int, default=10
        Number :math:`M` of steps of the inner classifiers.

    inner_learning_rate : float or sequence of float, default=None
        Their rate, or rates for the heads in turn. By default such that the inner steps can move a
        logit by 2, 4 and 8.

    scale : {"standard", None}, default="standard"
        "standard" divides each feature by its standard deviation; None leaves it as it is, but for
        a common factor.

    cv : int, default=5
        Number of folds in which heads are compared.

    max_epochs : int, default=500
        Number of epochs, each of one step; the last one is kept.

    batch_size : int, default=2000
        Number of rows in a step, drawn anew each time.

    learning_rate : float, default=1e-2
        Learning rate of the labels.

    Attributes
    ----------
    n_components_ : int
        Number of clusters: `transform` returns the probabilities.

    coef_ : list of ndarray of shape (n_clusters, n_features_of_space)
        Weights of the labels in each space, for standardized features.

    intercept_ : list of ndarray of shape (n_clusters,)
        Their intercepts.

    generalization_score_ : float
        Accuracy of ridge classifiers on rows that they have not seen, of the head that is kept, a
        mean over the spaces.

    head_losses_ : ndarray of shape (n_heads,)
        Minus this score of each head.

    loss_ : float
        The objective with inner classifiers that start at zero. Its negative is the `score`.

    See Also
    --------
    TEMI : Heads that give near neighbors the same cluster.

    Notes
    -----
    Differences from the paper: columns are standardized and the inner rates follow from them, since
    inner steps that move logits by less than 1 leave classifiers at their random start; steps are
    on 2,000 rows instead of 10,000; rates are compared within one fit, for heads that share all
    products; heads are compared by ridge regression, in closed form, instead of logistic
    regression. A sorted prior is in the spirit of [2]_, without its sparse probabilities.

    References
    ----------
    .. [1] Gadetsky, Jiang, Brbic: Let go of your labels with unsupervised transfer. ICML 2024.
       :arxiv:`2406.07236`
    .. [2] Salazar Cavazos: PET-TURTLE: deep unsupervised support vector machines for imbalanced
       data clusters. IEEE Signal Processing Letters 33, 2026. :arxiv:`2601.03237`

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import make_blobs
    >>> from skdeepcluster import TURTLE
    >>> X, y = make_blobs(300, n_features=8, centers=3, random_state=0)
    >>> model = TURTLE(n_clusters=3, max_epochs=50, random_state=0).fit([X, X**2])
    >>> model.predict([X[:10], X[:10] ** 2]).shape, len(model.coef_)
    ((10,), 2)
    """

    n_heads: int = 3
    max_epochs: int = 500
    batch_size: int = 2000
    learning_rate: float = 1e-2
    spaces: Sequence | None = param(None, list, tuple, None)
    balance_weight: float | None = param(None, Interval(Real, 0, None, closed="left"), None)
    prior: float | np.ndarray | None = param(
        None, Interval(Real, 0, None, closed="left"), "array-like", None
    )
    n_inner_steps: int = param(10, Interval(Integral, 1, None, closed="left"))
    inner_learning_rate: float | Sequence[float] | None = param(
        None, Interval(Real, 0, None, closed="neither"), "array-like", None
    )
    scale: str | None = param("standard", StrOptions({"standard"}), None)
    cv: int = param(5, Interval(Integral, 2, None, closed="left"))

    def _as_rows(self, X):
        return joined_spaces(X)[0]

    @property
    def _balance_weight(self):
        if self.balance_weight is not None:
            return self.balance_weight
        return 10.0 if self.prior is None else 1.0

    # -- spaces ------------------------------------------------------------------------------

    def _side(self, samples, X, y, **side):
        side = super()._side(samples, X, y, **side)
        widths = joined_spaces(X)[1]
        if widths is not None:
            if self.spaces is not None:
                raise ValueError("X is a list of spaces already; leave spaces=None")
            side.arrays["widths"] = torch.tensor(widths)
        return side

    def _plan(self, samples, side):
        n_features = samples.n_features
        if "widths" in side.arrays:
            columns = torch.arange(n_features).split(side.arrays["widths"].tolist())
        elif self.spaces is not None:
            names = getattr(self, "feature_names_in_", None)
            columns = map(torch.as_tensor, space_columns(self.spaces, n_features, names))
        else:
            columns = [torch.arange(n_features)]
        factor = torch.ones(n_features)
        if self.scale == "standard":
            factor = column_scales(samples).cpu()
        plan = SimpleNamespace(columns=list(columns), factor=factor, prior=self._checked_prior())
        sizes = map_rows(lambda x: (x.flatten(1) * factor.to(x.device)).abs(), samples).mean(dim=0)
        plan.sizes = [sizes[chosen.to(sizes.device)].sum().item() for chosen in plan.columns]
        plan.rates = self._rates(plan.sizes)
        return plan

    def _rates(self, sizes):
        """Rates of the inner steps for each space, of shape (n_spaces, n_heads)."""
        given = self.inner_learning_rate
        if given is None:
            reach = torch.tensor(REACHES).repeat(self.n_heads)[: self.n_heads]
            scale = self.n_inner_steps * torch.tensor(sizes).clamp_min(1e-12)
            return reach / scale[:, None]
        given = np.atleast_1d(np.asarray(given, dtype=np.float64))
        if given.ndim != 1 or not (np.isfinite(given).all() and (given > 0).all()):
            raise ValueError(f"inner_learning_rate={self.inner_learning_rate!r} must be positive")
        rates = torch.as_tensor(np.resize(given, self.n_heads), dtype=torch.float32)
        return rates.expand(len(sizes), -1)

    def _checked_prior(self):
        """Shares of the clusters, the largest first, or None."""
        if self.prior is None:
            return None
        prior = np.asarray(self.prior, dtype=np.float64)
        if prior.ndim == 0:
            prior = np.arange(1, self.n_clusters + 1) ** -float(prior)
            prior = prior / prior.sum()
        if prior.shape != (self.n_clusters,):
            raise ValueError(
                f"prior has shape {prior.shape}; a share for each of the {self.n_clusters} "
                "clusters is required, or a number"
            )
        if not np.isfinite(prior).all() or prior.min() <= 0 or abs(prior.sum() - 1) > 1e-6:
            raise ValueError(f"prior={self.prior!r} must be positive shares that sum to 1")
        return torch.tensor(np.sort(prior)[::-1].copy(), dtype=torch.float32)

    # -- training ----------------------------------------------------------------------------

    def _build(self, shape, plan, generator):
        maps = LabelMaps(plan.columns, plan.factor, self.n_heads, self.n_clusters, generator)
        maps.register_buffer("rates", plan.rates)
        maps.register_buffer("prior", plan.prior)
        return with_choice(maps, self.n_heads)

    def _stages(self):
        return [
            Stage(
                "train",
                self._loss,
                self.max_epochs,
                weights={"imbalance": self._balance_weight},
                begin=self._start,
                batches=self._one_batch,
            )
        ]

    def _one_batch(self, fit):
        """Random rows for the one step of an epoch."""
        n = len(fit.samples)
        return [torch.randperm(n, generator=fit.generator)[: self.batch_size]]

    def _loss(self, fit, batch):
        maps = fit.module
        rows, own = fit.batch_rows(batch)
        spaces = maps.spaces(rows)
        log_p = maps.log_proba([z[own] for z in spaces])
        whole = [fit.whole_batch_to_train(batch, found.exp())[1] for found in log_p]
        tau = sum(whole) / len(whole)
        fixed = tau.detach()
        cross = 0.0
        for s, z in enumerate(spaces):
            start = first_weights(z.shape[1], self.n_heads, self.n_clusters, fit.generator)
            weights = learned_classifier(
                start.to(z.device), lambda z=z: [(z, fixed)], len(z), self.n_inner_steps,
                maps.rates[s][:, None],
            )  # fmt: skip
            cross = cross + linear_cross_entropy(weights, z, tau).mean()
        imbalance = sum(self._imbalance(maps, p.mean(dim=0)).mean() for p in whole)
        return {"cross_entropy": cross, "imbalance": imbalance}

    def _imbalance(self, maps, q):
        """Negative entropy of shares of shape (n_heads, n_clusters), or how they miss the prior."""
        if maps.prior is None:
            return -entropy(q)
        q = q.sort(dim=1, descending=True).values
        return (maps.prior * (maps.prior / q.clamp_min(1e-8)).log()).sum(dim=1)

    # -- results -----------------------------------------------------------------------------

    def _encode(self, module, x):
        return self._log_proba(module, x).exp()

    def _log_proba(self, module, x):
        return module.one(x, int(module.best_head))

    def _read_out(self, fit):
        maps = fit.module
        Z = fit.over_all_rows(lambda x: torch.cat(maps.spaces(x), dim=1))
        spaces = Z.split([len(chosen) for chosen in fit.plan.columns], dim=1)
        with torch.no_grad():
            labels = mean_of(maps.log_proba(list(spaces))).argmax(dim=2).T
        folds = torch.Generator().manual_seed(0)
        n_folds = min(self.cv, len(Z))
        scores = [separability(z, labels, self.n_clusters, n_folds, folds) for z in spaces]
        scores = torch.stack(scores).mean(dim=0)
        maps.head_losses.copy_(-scores)
        maps.best_head.fill_(int(scores.argmax()))
        loss, labels = self._evaluate(maps, fit.samples)
        fit.require_finite(loss)
        return ReadOut(loss, labels, self._attributes(fit))

    def _evaluate(self, module, samples):
        head, k = int(module.best_head), self.n_clusters
        ranges = [(b, min(b + BLOCK, len(samples))) for b in range(0, len(samples), BLOCK)]

        def blocks():
            for begin, end in ranges:
                x = samples.block(begin, end)
                log_p = module.log_proba(module.spaces(x))
                yield module.spaces(x), [p[:, head : head + 1].exp() for p in log_p]

        loss, n = 0.0, len(samples)
        with torch.no_grad():
            for s, rates in enumerate(module.rates):
                width = len(getattr(module, f"columns_{s}"))

                def of_space(s=s):
                    return ((z[s], sum(p) / len(p)) for z, p in blocks())

                weights = learned_classifier(
                    rates.new_zeros(width + 1, 1, k), of_space, n, self.n_inner_steps,
                    rates[head : head + 1, None],
                )  # fmt: skip
                cross = sum(linear_cross_entropy(weights, *block).sum() for block in of_space())
                q = sum(p[s].sum(dim=0) for _, p in blocks()) / n
                loss += (cross / n + self._balance_weight * self._imbalance(module, q)).item()
        labels = map_rows(lambda x: self._label(module, x).int(), samples)
        return loss, labels.cpu().numpy()

    def _attributes(self, fit):
        maps, head = fit.module, int(fit.module.best_head)
        n_spaces = len(fit.plan.columns)
        with torch.no_grad():
            weights = [maps.weights(s)[:, head].T.cpu().numpy() for s in range(n_spaces)]
            biases = [maps.biases[s][head].cpu().numpy() for s in range(n_spaces)]
        return super()._attributes(fit) | {
            "n_components_": self.n_clusters,
            "coef_": weights,
            "intercept_": biases,
            "generalization_score_": -float(maps.head_losses[head]),
            "_reach": min(
                float(rates.max()) * self.n_inner_steps * size
                for rates, size in zip(fit.plan.rates, fit.plan.sizes, strict=True)
            ),
        }

    def _warn(self, out_of_time):
        super()._warn(out_of_time)
        if self._reach < LEAST_REACH:
            warnings.warn(
                f"The inner steps can move logits by {self._reach:.2g} at most: classifiers stay "
                "near their random start, and labels learn little. Raise inner_learning_rate or "
                "n_inner_steps, or leave inner_learning_rate=None.",
                ConvergenceWarning,
                stacklevel=caller_level(),
            )
