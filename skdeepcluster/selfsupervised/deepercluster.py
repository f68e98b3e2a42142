"""DeeperCluster: pseudo-labels in two levels, the first one combined with rotations."""

from numbers import Integral

import numpy as np
import torch
import torch.nn.functional as F

from skdeepcluster._sklearn import Interval, StrOptions
from skdeepcluster.algorithms.kmeans import kmeans
from skdeepcluster.base import param
from skdeepcluster.nn import linear
from skdeepcluster.selfsupervised.deepcluster import DeepCluster


class DeeperCluster(DeepCluster):
    r"""DeepCluster in two levels, with rotations.

    Features are clustered into coarse groups, and each of these into fine groups. The network
    predicts the coarse group together with the rotation of an image, and then the fine group by a
    classifier for that coarse group and rotation only, so that no classifier has many classes.
    Pick it for tens of thousands of fine groups, or for groups in two levels.

    For row :math:`i` in coarse group :math:`c` and fine group :math:`q` of it, rotated by
    :math:`r` of :math:`R` rotations, with :math:`s = c R + r` and features :math:`f`, training
    alternates between the grouping and

    .. math:: \min_{\theta, V, W} \; \mathbb{E}_{i, r} \bigl[ \operatorname{CE}(V f(t_r(x_i)), s)
        + \operatorname{CE}(W_s f(t_r(x_i)), q) \bigr] .

    Parameters
    ----------
    n_super : int, default=4
        Number of coarse groups, at most one per 20 rows. With 1 and without rotations this is
        `DeepCluster`.

    rotations : {"auto", True, False}, default="auto"
        Whether images are rotated by 0, 90, 180 and 270 degrees, and the network predicts the
        rotation; "auto" for square images.

    clustering : {"k-means"}, default="k-means"
        Both levels are clustered by k-means.

    update_interval : int, default=None
        Epochs per round; by default three, or as many as give 60 steps, which new heads need.

    Attributes
    ----------
    super_labels_ : ndarray of shape (n_samples,)
        Coarse groups of the last round.

    sub_labels_ : ndarray of shape (n_samples,)
        Fine groups of the last round: coarse group times fine groups in each, plus the number
        within.

    See Also
    --------
    DeepCluster : One level.

    Notes
    -----
    On scikit-learn's digits training does not help: the clusters of its network without any
    training are as good (accuracy 0.852 against 0.845, one seed, :ref:`user_guide_reproduction`).

    References
    ----------
    .. [1] Caron, Bojanowski, Mairal, Joulin: Unsupervised pre-training of image features on
       non-curated data. ICCV 2019. :arxiv:`1905.01278`
    """

    clustering: str = param("k-means", StrOptions({"k-means"}))
    n_super: int = param(4, Interval(Integral, 1, None, closed="left"))
    rotations: bool | str = param("auto", StrOptions({"auto"}), "boolean")

    _least_every = 3

    def _plan(self, samples, side):
        plan = super()._plan(samples, side)
        shape = samples.shape
        square = len(shape) == 3 and shape[1] == shape[2]
        if self.rotations is True and not square:
            raise ValueError(
                f"rotations=True needs square images, got rows of shape {shape}; give images of "
                "shape (n, C, H, W), or image_shape=(C, H, W) for flat rows"
            )
        plan.n_turns = 4 if square and self.rotations else 1
        plan.n_super = max(1, min(self.n_super, len(samples) // 20, plan.n_prototypes))
        plan.n_sub = -(-plan.n_prototypes // plan.n_super)
        return plan

    def _add_heads(self, module, width, plan, generator):
        n_classes = plan.n_super * plan.n_turns
        module.super_head = linear(width, n_classes, generator)
        module.sub_heads = linear(width, n_classes * plan.n_sub, generator)

    def _renew_heads(self, fit):
        fit.reset_parameters(fit.module.super_head)
        fit.reset_parameters(fit.module.sub_heads)

    def _group(self, fit, features):
        options = {"n_init": 1, "max_iter": 10, "refill": True}
        coarse = kmeans(features, fit.plan.n_super, seed=fit.seed(), **options)[1]
        fine = np.zeros_like(coarse)
        for group in range(fit.plan.n_super):
            rows = coarse == group
            if rows.any():
                members = np.ascontiguousarray(features[rows])
                n_sub = min(fit.plan.n_sub, len(members))
                fine[rows] = kmeans(members, n_sub, seed=fit.seed(), **options)[1]
        return torch.as_tensor(np.stack([coarse, fine], axis=1), dtype=torch.int64)

    def _flat(self, fit, labels):
        return labels[:, 0] * fit.plan.n_sub + labels[:, 1]

    def _loss_of_batch(self, fit, batch):
        (x,) = self._views(fit, batch, 1)
        coarse, fine = fit.state.labels[batch.index].T
        turn = torch.zeros_like(coarse)
        if fit.plan.n_turns > 1:
            turn = (4 * fit.uniform(batch)).long()
            turned = torch.stack([torch.rot90(x, k, dims=(2, 3)) for k in range(4)])
            x = turned[turn, torch.arange(len(x), device=x.device)]
        features = fit.module.encoder(x).relu()
        class_ = coarse * fit.plan.n_turns + turn
        logits = fit.module.sub_heads(features).float().unflatten(1, (-1, fit.plan.n_sub))
        logits = logits[torch.arange(len(x), device=x.device), class_]
        return {
            "super": F.cross_entropy(fit.module.super_head(features).float(), class_),
            "sub": F.cross_entropy(logits, fine),
        }

    def _attributes(self, fit):
        labels = fit.state.labels.cpu()
        return super()._attributes(fit) | {
            "super_labels_": labels[:, 0].numpy(),
            "sub_labels_": self._flat(fit, labels).numpy(),
        }
