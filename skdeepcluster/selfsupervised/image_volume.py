"""ImageVolumeClustering: slices and the volumes that they make up, clustered together."""

from numbers import Integral, Real
from types import SimpleNamespace

import numpy as np
import torch
import torch.nn.functional as F

from skdeepcluster import training as tr
from skdeepcluster._sklearn import Interval
from skdeepcluster.base import param
from skdeepcluster.nn import BagEncoder
from skdeepcluster.selfsupervised._bags import (
    BagsMixin,
    bags_of,
    mean_over,
    over_bags,
    prototypes_of,
)
from skdeepcluster.selfsupervised._base import (
    MAX_ANCHORS,
    SelfSupervised,
    log_memberships,
    place_anchors,
    random_prototypes,
)
from skdeepcluster.selfsupervised.swav import (
    balanced_codes,
    begin_queue,
    swapped,
    with_queue,
)
from skdeepcluster.validation import check_n_samples


class ImageVolumeClustering(BagsMixin, SelfSupervised):
    r"""Joint clustering of images and of the volumes that they are slices of.

    Rows are parts of bags: slices of volumes, sentences of documents, windows of recordings. An
    encoder embeds the parts, attention between the parts of a bag embeds the bag, and both levels
    are trained with prototypes of their own, as in `SwAV`. `groups` says which bag each row belongs
    to; bags may have any sizes, and without `groups` each row is a bag. Pick it where what a bag is
    shows in the combination of its parts rather than in each of them.

    With embeddings :math:`y_{is}` of part :math:`s` of bag :math:`i`, and
    :math:`z_i \propto \sum_s f(y_{i1}, \dots, y_{iS})_s` by attention :math:`f`, all of length one,
    training minimizes over two views of each part

    .. math:: w_p \, \ell\bigl(y^{(a)}, y^{(b)}; C^p\bigr) + w_b \, \ell\bigl(z^{(a)}, z^{(b)};
        C^b\bigr) + w_m \frac{1}{|M|} \sum_{(i, s) \in M} \bigl\lVert g(f(\tilde y_{i}))_s -
        y_{is} \bigr\rVert^2,

    where :math:`\ell(\cdot, \cdot; C)` is the loss of `SwAV` with prototypes :math:`C`, and
    :math:`\tilde y_i` are parts of which those in :math:`M` are replaced by a learned token. No
    gradient passes the :math:`y_{is}` of the last term.

    Parameters
    ----------
    n_part_clusters : int, default=None
        Number of clusters of parts; by default `n_clusters`, which is that of the bags.

    n_part_prototypes : int, default=None
        Number of prototypes of parts; by default ten per cluster of parts, but at most a fifth of
        the rows.

    ordered : bool, default=False
        Whether the order of the rows of a bag counts, as that of slices does: their positions are
        then added to them.

    n_attention_layers : int, default=1
        Number of layers of attention. Without any, the embedding of a bag is the mean of its parts,
        and none are hidden.

    n_attention_heads : int, default=4
        Number of heads of each layer.

    mask_ratio : float, default=0.1
        Fraction of the parts of a bag that are hidden, at least one; none in bags of one part.

    part_weight : float, default=1
        Weight :math:`w_p` of the loss of parts.

    bag_weight : float, default=1
        Weight :math:`w_b` of the loss of bags.

    mask_weight : float, default=1
        Weight :math:`w_m` of restoring hidden parts.

    temperature : float, default=None
        Of the predictions; by default 0.1 for flat rows, and 0.2 for images.

    reg : float, default=0.05
        Entropy weight of the codes: the smaller, the harder they are.

    inner_iter : int, default=3
        Number of Sinkhorn iterations for the codes of a batch.

    freeze_epochs : int, default=1
        Number of first epochs in which the prototypes are fixed.

    n_prototypes : int, default=None
        Number of prototypes of bags, the pseudo-classes of training; by default ten per cluster,
        but at most a fifth of the bags.

    batch_size : int, default=64
        Number of bags in a step; with several processes, of all of them together.

    Attributes
    ----------
    labels_ : ndarray of shape (n_samples,)
        Cluster of the bag that each row belongs to.

    bag_labels_ : ndarray of shape (n_bags,)
        Cluster of each bag, in the order of ``np.unique(groups)``.

    part_labels_ : ndarray of shape (n_samples,)
        Cluster of each row itself.

    prototypes_ : ndarray of shape (n_prototypes_, n_components)
        The prototypes of bags, of length one.

    loss_ : float
        Cross entropy between the clusters of bags and those of their views, a mean over the
        training rows. Its negative is the `score`; the losses that training minimized are in
        `history_`.

    See Also
    --------
    SwAV : The same for rows alone.

    Notes
    -----
    Differences from the paper: the losses are trained together, with weights, where the authors'
    code trains slices, masks and volumes one after the other; both levels have the loss of SwAV
    (the paper has that of DeepClusterV2, too); attention is the usual one, between parts, and
    not deformable; hidden parts alone are restored, since the visible ones could be copied; each
    part has a view of its own; bags, which are few, have codes with a queue. Without bags of
    several rows there is one level and no attention: training is that of SwAV.

    References
    ----------
    .. [1] Nguyen, Nguyen, Mai, Cao, Nguyen, Ho, Swoboda, Albarqouni, Xie, Sonntag: Joint
       self-supervised image-volume representation learning with intra-inter contrastive
       clustering. AAAI 2023. :arxiv:`2212.01893`

    Examples
    --------
    >>> import numpy as np
    >>> from skdeepcluster import ImageVolumeClustering
    >>> rng = np.random.default_rng(0)
    >>> groups = np.repeat(np.arange(60), 5)
    >>> X = rng.normal(size=(300, 8)) + 5 * (groups % 3)[:, None]
    >>> model = ImageVolumeClustering(3, hidden_layer_sizes=(32,), max_epochs=5, random_state=0)
    >>> labels = model.fit_predict(X, groups=groups)
    >>> labels.shape, model.bag_labels_.shape
    ((300,), (60,))
    """

    n_part_clusters: int | None = param(None, Interval(Integral, 1, None, closed="left"), None)
    n_part_prototypes: int | None = param(None, Interval(Integral, 1, None, closed="left"), None)
    ordered: bool = param(False, "boolean")
    n_attention_layers: int = param(1, Interval(Integral, 0, None, closed="left"))
    n_attention_heads: int = param(4, Interval(Integral, 1, None, closed="left"))
    mask_ratio: float = param(0.1, Interval(Real, 0, 1, closed="neither"))
    part_weight: float = param(1.0, Interval(Real, 0, None, closed="left"))
    bag_weight: float = param(1.0, Interval(Real, 0, None, closed="left"))
    mask_weight: float = param(1.0, Interval(Real, 0, None, closed="left"))
    temperature: float | None = param(None, Interval(Real, 0, None, closed="neither"), None)
    reg: float = param(0.05, Interval(Real, 0, None, closed="neither"))
    inner_iter: int = param(3, Interval(Integral, 1, None, closed="left"))
    freeze_epochs: int = param(1, Interval(Integral, 0, None, closed="left"))
    batch_size: int = 64

    # -- rows and their bags -----------------------------------------------------------------

    def fit(self, X, y=None, *, groups=None):
        """Train the network on rows and the bags that they make up.

        Parameters
        ----------
        groups : array-like of shape (n_samples,), default=None
            The bag of each row: numbers or strings. The rows of a bag need not follow each other.
            By default each row is a bag.
        """
        return super().fit(X, y, groups=groups)

    def _side(self, samples, X, y, *, groups=None, **side):
        found = super()._side(samples, X, y, **side)
        numbers = bags_of(groups, len(samples))
        if numbers.max() + 1 < len(samples):
            found.rows["bag"] = torch.as_tensor(numbers)
        return found

    def _plan(self, samples, side):
        n, bags = len(samples), side.rows.get("bag")
        n_bags = n if bags is None else int(bags.max()) + 1
        if n_bags < self.n_clusters:
            raise ValueError(
                f"groups has {n_bags} bags, which cannot form n_clusters={self.n_clusters} clusters"
            )
        n_part_clusters = self.n_part_clusters or self.n_clusters
        check_n_samples(n, n_part_clusters)
        n_prototypes = self._n_prototypes_of(n_bags)
        most = max(n_part_clusters, n // 5)
        n_parts = min(self.n_part_prototypes or min(10 * n_part_clusters, most), n)
        return SimpleNamespace(
            in_bags=n_bags < n,
            n_prototypes=n_prototypes,
            n_anchors=max(self.n_clusters, n_prototypes, min(MAX_ANCHORS, n_bags // 10)),
            n_part_clusters=n_part_clusters,
            n_part_prototypes=n_parts,
            n_part_anchors=max(n_part_clusters, n_parts, min(MAX_ANCHORS, n // 10)),
            continues=False,
        )

    # -- network -----------------------------------------------------------------------------

    def _add_heads(self, module, width, plan, generator):
        module.prototypes = random_prototypes(plan.n_prototypes, width, generator)
        n_layers = 0
        if plan.in_bags:
            n_layers = self.n_attention_layers
            module.part_prototypes = random_prototypes(plan.n_part_prototypes, width, generator)
        module.bags = BagEncoder(width, n_layers, self.n_attention_heads, self.ordered, generator)
        module.register_buffer("part_anchors", torch.zeros(plan.n_part_anchors, width))
        module.register_buffer("part_clusters", torch.full((plan.n_part_anchors,), -1))

    # -- training ----------------------------------------------------------------------------

    def _training(self):
        return super()._training() | {
            "batches": self._batches,
            "weights": {
                "part": self.part_weight,
                "bag": self.bag_weight,
                "mask": self.mask_weight,
            },
            "begin": self._begin,
            "after_backward": self._freeze_prototypes,
            "after_step": self._normalize_prototypes,
        }

    def _begin(self, fit):
        n_items = len(fit.samples)
        if "bag" in fit.side.rows:
            n_items = int(fit.side.rows["bag"].max()) + 1
        begin_queue(fit, 2, n_items)

    def _batches(self, fit):
        """Bags, each batch as wide as its largest, without those of an incomplete last batch."""
        if "bag" not in fit.side.rows:
            return self._whole_batches(fit)
        items = tr.sets_of("bag")(fit)
        whole = [item for item in items if len(item) == len(items[0])]
        widths = [int(item.known["inside"].sum(dim=1).max()) for item in whole]
        return [
            tr.Items(item.index[:, :width], {"inside": item.known["inside"][:, :width]})
            for item, width in zip(whole, widths, strict=True)
        ]

    def _loss_of_batch(self, fit, batch):
        module, views = fit.module, self._encoded_views(fit, batch)
        if batch.index.ndim == 1:
            return {"bag": self._loss_of_bags(fit, batch, views)}
        parts = [view.unflatten(0, batch.index.shape) for view in views]
        inside = batch.side.inside
        terms = {
            "part": self._loss_of_parts(fit, batch, parts, inside),
            "bag": self._loss_of_bags(fit, batch, [module.bags(y, inside) for y in parts]),
        }
        if len(module.bags.layers):
            hidden = self._hide(fit, batch, inside)
            errors = module.bags.restoration_errors(parts[0], inside, hidden)
            terms["mask"] = mean_over(fit, batch, hidden)(errors[hidden])
        return terms

    def _loss_of_bags(self, fit, batch, z):
        with torch.autocast(batch.x.device.type, enabled=False):
            scores = [view @ fit.module.prototypes.T for view in z]
        codes = [
            self._code(fit, batch, view, z[view].detach(), scores[view].detach())
            for view in range(2)
        ]
        return swapped(codes, self._log_predictions(batch, scores))

    def _code(self, fit, batch, view, z, scores):
        """Codes of this process's bags, from the assignment of the whole batch and a queue."""
        whole, own = with_queue(fit, batch, view, 2, z, scores)
        return balanced_codes(whole, self.reg, self.inner_iter, hard=False)[own]

    def _loss_of_parts(self, fit, batch, parts, inside):
        with torch.autocast(batch.x.device.type, enabled=False):
            scores = [view @ fit.module.part_prototypes.T for view in parts]
        codes = [self._part_codes(fit, batch, view.detach(), inside) for view in scores]
        log_p = self._log_predictions(batch, [view[inside] for view in scores])
        return swapped(codes, log_p, mean_over(fit, batch, inside))

    def _part_codes(self, fit, batch, scores, inside):
        """Codes of this process's parts, from the assignment of those of the whole batch."""
        _, whole = fit.whole_batch(batch, scores)
        _, present = fit.whole_batch(batch, inside.float())
        codes = torch.zeros_like(whole)
        there = present > 0
        codes[there] = balanced_codes(whole[there], self.reg, self.inner_iter, hard=False)
        return fit.processes.share(codes)[inside]

    def _log_predictions(self, batch, scores):
        is_image = batch.x.ndim - batch.index.ndim == 3
        temperature = self.temperature or (0.2 if is_image else 0.1)
        return [F.log_softmax(score / temperature, dim=1) for score in scores]

    def _hide(self, fit, batch, inside):
        """Which parts are hidden: as many of each bag, at random."""
        sizes = inside.sum(dim=1)
        n_hidden = (self.mask_ratio * sizes).long().clamp_min(1).masked_fill(sizes < 2, 0)
        keys = fit.uniform(batch, inside.shape[1]).masked_fill(~inside, 2.0)
        return keys.argsort(dim=1).argsort(dim=1) < n_hidden[:, None]

    def _freeze_prototypes(self, fit, batch):
        if fit.epoch < self.freeze_epochs:
            for prototypes in prototypes_of(fit.module):
                prototypes.grad = None

    @torch.no_grad()
    def _normalize_prototypes(self, fit, batch):
        for prototypes in prototypes_of(fit.module):
            prototypes.copy_(F.normalize(prototypes, dim=1))

    # -- labels ------------------------------------------------------------------------------

    def _read_out(self, fit):
        module, samples = fit.module, fit.samples
        bags = fit.side.rows.get("bag")
        bags = np.arange(len(samples)) if bags is None else bags.cpu().numpy()
        first = torch.as_tensor(np.unique(bags, return_index=True)[1], device=fit.device)
        Y = tr.map_rows(module.encode, samples)
        Z = over_bags(module, Y, bags, lambda z: z)
        fit.require_finite(Z.sum(dtype=torch.float64).item())

        def seen(fit, seed):
            return over_bags(module, self._seen(fit, seed), bags, lambda z: z)[first]

        plan = fit.plan
        of_bags = Z[first].cpu().numpy(), self.n_clusters, plan.n_anchors, seen
        of_parts = Y.cpu().numpy(), plan.n_part_clusters, plan.n_part_anchors, self._seen
        place_anchors(module.anchors, module.anchor_clusters, *self._cut(fit, *of_bags))
        place_anchors(module.part_anchors, module.part_clusters, *self._cut(fit, *of_parts))
        loss, labels = self._evaluate(module, samples, bags)
        part_labels = tr.map_rows(lambda x: self._part_label(module, x), samples)
        found = {
            "bag_labels_": labels[first.cpu().numpy()],
            "part_labels_": part_labels.cpu().numpy(),
            "prototypes_": module.prototypes.detach().cpu().numpy(),
        }
        return tr.ReadOut(loss, labels, self._describe(fit, Z, labels) | found)

    def _evaluate(self, module, samples, bags=None):
        bags = np.arange(len(samples)) if bags is None else bags
        found = self._over_views(
            samples, lambda x, view: torch.cat([module.encode(x), module.encode(view)], dim=1)
        )
        Y, seen = found.chunk(2, dim=1)
        labels = over_bags(module, Y, bags, lambda z: self._of_bag(module, z).argmax(dim=1))
        log_p = over_bags(module, seen, bags, lambda z: self._of_bag(module, z))
        loss = -log_p.gather(1, labels[:, None]).mean(dtype=torch.float64).item()
        return loss, labels.int().cpu().numpy()

    def _of_bag(self, module, z):
        return log_memberships(z, module.anchors, module.anchor_clusters, self.n_clusters)

    def _part_label(self, module, x):
        n_clusters = self.n_part_clusters or self.n_clusters
        y = module.encode(x)
        log_p = log_memberships(y, module.part_anchors, module.part_clusters, n_clusters)
        return log_p.argmax(dim=1).int()

    def _encode(self, module, x):
        """Embedding of rows that are bags."""
        return module.bags(module.encode(x)[:, None])

    def _log_proba(self, module, x):
        return self._of_bag(module, self._encode(module, x))
