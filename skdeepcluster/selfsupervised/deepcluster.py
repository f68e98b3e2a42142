"""DeepCluster: the network learns pseudo-labels by k-means on its features; and its successor."""

from numbers import Integral, Real

import numpy as np
import torch
import torch.nn.functional as F
from sklearn.metrics import normalized_mutual_info_score

from skdeepcluster._sklearn import Interval, StrOptions, effective_n_threads
from skdeepcluster.algorithms.kmeans import kmeans, spherical_kmeans
from skdeepcluster.algorithms.power_iteration import power_iteration_labels
from skdeepcluster.base import param
from skdeepcluster.deep import ProjectionMixin
from skdeepcluster.nn import linear
from skdeepcluster.selfsupervised._base import SelfSupervised

# Steps that a new head needs, roughly, to learn its labels.
STEPS_OF_HEAD = 60


class DeepCluster(SelfSupervised):
    r"""Alternate clustering of features and learning of the clusters.

    In each round k-means or power iteration clusters the whitened features, and the network learns
    to predict these pseudo-labels from views of the rows, with a new linear head and rows drawn
    evenly over the pseudo-labels. Groups may have any size. `DeepClusterV2` keeps its head from
    round to round and is nearly always better; this one is for comparison.

    With features :math:`f_\theta` and a linear head :math:`g_W`, training alternates between

    .. math:: \min_{C, y} \; \sum_i \|\tilde f_\theta(x_i) - C_{y_i}\|^2, \qquad
        \min_{\theta, W} \; \mathbb{E}_{i \sim \text{uniform over } y}
        \operatorname{CE}\bigl(g_W(\operatorname{ReLU} f_\theta(t(x_i))), y_i\bigr),

    where :math:`\tilde f` are whitened principal components of length one and :math:`t` is a random
    view.

    Parameters
    ----------
    n_whitened : int, default=256
        Maximum number of principal components that are kept.

    clustering : {"k-means", "pic"}, default="k-means"
        How the features are clustered in each round. "pic" is power iteration clustering as in the
        paper: rows that lead to one local maximum of a vector, which power iteration spreads over a
        graph of 5 nearest neighbors, are a group. Their number, which `n_prototypes` then does not
        set, follows from the rows: about a tenth of them.

    update_interval : int, default=None
        Epochs per round; by default one, or as many as give 60 steps, which a new head needs.

    Attributes
    ----------
    pseudo_labels_ : ndarray of shape (n_samples,)
        Groups of the last round.

    n_prototypes_ : int
        Number of groups of the last round.

    See Also
    --------
    DeepClusterV2 : Prototypes as the head.
    DeeperCluster : Groups in two levels, predicted together with rotations.

    Notes
    -----
    Differences from the paper: layers are normalized over units or channels instead of over the
    batch, without dropout, and the optimizer is Adam.

    `history_` has the normalized mutual information of the groups with those of the round before.
    The authors' script is meant to draw uniformly over groups but indexes a list that it has
    reordered; here the draws are uniform. Groups that k-means leaves empty move to the rows
    farthest from their centers. Of a graph, rows that are groups of their own and have only such
    neighbors join the nearest one.

    On scikit-learn's digits training with k-means does not help: the clusters of the network
    without any training are better (accuracy 0.85 against 0.80, one seed,
    :ref:`user_guide_reproduction`). With "pic" the mean of five seeds is 0.885 (0.868 to 0.930).

    References
    ----------
    .. [1] Caron, Bojanowski, Joulin, Douze: Deep clustering for unsupervised learning of visual
       features. ECCV 2018. :arxiv:`1807.05520`
    .. [2] Lin, Cohen: Power iteration clustering. ICML 2010.
    """

    n_whitened: int = param(256, Interval(Integral, 1, None, closed="left"))
    clustering: str = param("k-means", StrOptions({"k-means", "pic"}))
    update_interval: int | None = param(None, Interval(Integral, 1, None, closed="left"), None)

    _least_every = 1

    def _plan(self, samples, side):
        plan = super()._plan(samples, side)
        # Groups of a graph have two rows at least.
        most = max(1, len(samples) // 2)
        plan.n_outputs = most if self.clustering == "pic" else plan.n_prototypes
        return plan

    def _add_heads(self, module, width, plan, generator):
        module.head = linear(width, plan.n_outputs, generator)

    def _training(self):
        return super()._training() | {
            "begin": self._new_round,
            "end_epoch": self._end_epoch,
            "batches": self._balanced_rows,
            # Each new head starts at the full rate.
            "schedule": None,
        }

    def _end_epoch(self, fit):
        steps = -(-len(fit.samples) // self.batch_size)
        every = self.update_interval or max(self._least_every, -(-STEPS_OF_HEAD // steps))
        # A last round cut short would train the network with a head that is not trained yet.
        done, left = fit.epoch + 1, self.max_epochs - fit.epoch - 1
        if done % every == 0 and left >= every:
            self._new_round(fit)
        similarity = fit.history["train"].setdefault("similarity", [])
        similarity.append(fit.state.similarity)

    def _new_round(self, fit):
        features = fit.over_all_rows(lambda x: fit.module.encoder(x).float())
        labels = self._group(fit, whitened(features.cpu().numpy(), self.n_whitened))
        before = getattr(fit.state, "labels", None)
        fit.state.similarity = 0.0
        if before is not None:
            before = self._flat(fit, before).cpu().numpy()
            after = self._flat(fit, labels).numpy()
            fit.state.similarity = float(normalized_mutual_info_score(before, after))
        fit.state.labels = labels.to(fit.device)
        n_found = int(labels.max()) + 1
        fit.state.n_groups = n_found if self.clustering == "pic" else fit.plan.n_prototypes
        self._renew_heads(fit)

    def _group(self, fit, features):
        """Pseudo-labels of the rows, from whitened features."""
        if self.clustering == "pic":
            n_threads = effective_n_threads()
            labels = power_iteration_labels(features, seed=fit.seed(), n_threads=n_threads)
            return torch.as_tensor(labels)
        labels = kmeans(
            features, fit.plan.n_prototypes, n_init=1, max_iter=20, seed=fit.seed(), refill=True
        )[1]
        return torch.as_tensor(labels, dtype=torch.int64)

    def _flat(self, fit, labels):
        """Pseudo-labels as one number for each row."""
        return labels

    def _renew_heads(self, fit):
        fit.reset_parameters(fit.module.head)

    def _balanced_rows(self, fit):
        return balanced_rows(self._flat(fit, fit.state.labels).cpu(), fit.generator)

    def _loss_of_batch(self, fit, batch):
        (x,) = self._views(fit, batch, 1)
        features, head = fit.module.encoder(x).relu(), fit.module.head
        logits = head(features)
        if self.clustering == "pic":
            logits = logits[:, : fit.state.n_groups]
        return {"label": F.cross_entropy(logits, fit.state.labels[batch.index])}

    def _attributes(self, fit):
        labels = self._flat(fit, fit.state.labels).cpu().numpy()
        return {"pseudo_labels_": labels, "n_prototypes_": fit.state.n_groups}


class DeepClusterV2(ProjectionMixin, SelfSupervised):
    r"""Spherical k-means whose centers are the head of the network.

    Each epoch begins with k-means over the embeddings of the epoch before. Its centers become the
    prototypes, in several sets, and the prototype of a row is predicted from all of its views.
    Groups may have any size. Pick it where a bank of embeddings fits in memory and groups of equal
    size are not wanted; `SwAV` keeps no bank.

    With embeddings :math:`z` and centers :math:`c_{hk}` of length one, and the labels
    :math:`a_h(i)` by k-means, training minimizes

    .. math:: \min_\theta \; -\frac{1}{H V n} \sum_{h v i}
        \log \mathrm{softmax}_k(c_{hk}^\top z_{iv} / \tau) \big|_{k = a_h(i)} .

    Parameters
    ----------
    temperature : float, default=0.1
        :math:`\tau`.

    n_heads : int, default=3
        Number :math:`H` of sets of prototypes, each by k-means from its own initial centers.

    n_views : int, default=2
        Number :math:`V` of views. The first two fill a bank each, which the sets of prototypes use
        alternately.

    inner_iter : int, default=10
        Iterations of k-means in each epoch.

    Attributes
    ----------
    prototypes_ : ndarray of shape (n_heads, n_prototypes_, n_components)
        The prototypes, of length one; with a projection head they have `n_projected` columns.

    pseudo_labels_ : ndarray of shape (n_heads, n_samples)
        Groups of the last epoch.

    See Also
    --------
    DeepCluster : The first version.
    SwAV : The same with groups of equal size, batch by batch.

    Notes
    -----
    Differences from the paper: a projection head stands only where `n_projected` asks for it,
    layers are normalized over units or channels instead of over the batch, and the optimizer is
    Adam.

    References
    ----------
    .. [1] Caron, Misra, Mairal, Goyal, Bojanowski, Joulin: Unsupervised learning of visual features
       by contrasting cluster assignments. NeurIPS 2020. :arxiv:`2006.09882`
    """

    temperature: float = param(0.1, Interval(Real, 0, None, closed="neither"))
    n_heads: int = param(3, Interval(Integral, 1, None, closed="left"))
    n_views: int = param(2, Interval(Integral, 1, None, closed="left"))
    inner_iter: int = param(10, Interval(Integral, 1, None, closed="left"))

    def _add_heads(self, module, width, plan, generator):
        width = self._projected_width(width)
        prototypes = torch.zeros(self.n_heads, plan.n_prototypes, width)
        module.register_buffer("prototypes", prototypes)

    def _training(self):
        return super()._training() | {"begin": self._fill_banks, "end_epoch": self._end_epoch}

    def _fill_banks(self, fit):
        z = fit.over_all_rows(lambda x: self._projected(fit.module, x))
        fit.state.banks = z.repeat(min(2, self.n_views), 1, 1)
        self._place_prototypes(fit)

    def _end_epoch(self, fit):
        if fit.epoch + 1 < self.max_epochs:
            self._place_prototypes(fit)

    def _place_prototypes(self, fit):
        labels = []
        for head in range(self.n_heads):
            Z = fit.state.banks[head % len(fit.state.banks)].cpu().numpy()
            centers, label = spherical_kmeans(
                Z, fit.plan.n_prototypes, max_iter=self.inner_iter, seed=fit.seed()
            )
            fit.module.prototypes[head] = torch.as_tensor(centers)
            labels.append(label)
        fit.state.labels = torch.as_tensor(np.stack(labels), device=fit.device).long()

    def _loss_of_batch(self, fit, batch):
        z = torch.stack(self._projected_views(fit, batch, self.n_views))
        index, banked = fit.whole_batch(batch, z[:2].detach().transpose(0, 1))
        fit.state.banks[:, index] = banked.transpose(0, 1)
        with torch.autocast(z.device.type, enabled=False):
            logits = torch.einsum("vip,hkp->vhik", z, fit.module.prototypes) / self.temperature
        labels = fit.state.labels[:, batch.index].expand(len(z), -1, -1)
        return {"label": F.cross_entropy(logits.flatten(0, 2), labels.flatten())}

    def _attributes(self, fit):
        return {
            "prototypes_": fit.module.prototypes.cpu().numpy(),
            "pseudo_labels_": fit.state.labels.cpu().numpy(),
        }


def whitened(features, n_components):
    """Rows of length one, of principal components of variance one; constant ones stay 0."""
    features = features - features.mean(axis=0)
    n, d = features.shape
    variances, axes = np.linalg.eigh(features.T.astype(np.float64) @ features / n)
    n_components = min(n_components, d, max(1, n - 1))
    variances, axes = variances[::-1][:n_components], axes[:, ::-1][:, :n_components]
    variances = np.maximum(variances, max(1e-5 * variances[0], 1e-30))
    white = features @ (axes / np.sqrt(variances)).astype(features.dtype)
    return white / np.maximum(np.linalg.norm(white, axis=1, keepdims=True), 1e-10)


def balanced_rows(labels, generator):
    """As many draws as rows, evenly over labels; all rows of a label come before any repeats."""
    n = len(labels)
    groups = [(labels == label).nonzero()[:, 0] for label in labels.unique()]
    drawn = []
    for position, group in enumerate(groups):
        share = n * (position + 1) // len(groups) - n * position // len(groups)
        order = torch.randperm(len(group), generator=generator)
        if share > len(group):
            more = torch.randint(len(group), (share - len(group),), generator=generator)
            order = torch.cat([order, more])
        drawn.append(group[order[:share]])
    drawn = torch.cat(drawn)
    return drawn[torch.randperm(n, generator=generator)]
