"""SIGMA: predict the balanced cluster codes of whole rows from rows with hidden columns."""

from collections.abc import Callable, Sequence
from numbers import Integral, Real

import torch
import torch.nn.functional as F

from skdeepcluster._sklearn import Interval, StrOptions
from skdeepcluster.base import param
from skdeepcluster.deep import layer_widths
from skdeepcluster.nn import Encoder, dense_encoder
from skdeepcluster.selfsupervised._base import OnlineBase, random_prototypes
from skdeepcluster.selfsupervised.swav import balanced_codes
from skdeepcluster.views import MaskedViews


class SIGMA(OnlineBase):
    r"""Sinkhorn-guided masked modeling.

    A network sees rows of which half the columns are hidden, or images of which half the patches
    are. Instead of what is hidden, it predicts to which prototype a second network assigns the
    whole row; the second one, and the prototypes with it, learn the assignments of the first.
    Each batch is assigned to the prototypes in equal proportions, without which both networks
    would agree on a constant. Pick it where columns can be predicted from each other and no views
    are known under which clusters stay the same.

    With embeddings :math:`\varphi_i` of row :math:`i` by the target network and :math:`\psi_i` of
    the masked row, and prototypes :math:`c_k`, all of length one, training minimizes over batches

    .. math:: \min_{\varphi, \psi, C} \; -\frac{1}{b} \sum_{ik} \Bigl(
        q_{ik}^{(\psi)} \log \mathrm{softmax}_k(c_k^\top \varphi_i / \tau)
        + q_{ik}^{(\varphi)} \log \mathrm{softmax}_k(\bar c_k^\top \psi_i / \tau) \Bigr),

    where no gradient passes :math:`\bar c_k`, and the codes :math:`q^{(v)}` of a network :math:`v`
    are, after `inner_iter` Sinkhorn iterations, the approximate solution of

    .. math:: \max_{q \ge 0} \sum_{ik} q_{ik} c_k^\top v_i + \varepsilon H(q), \quad
        \sum_k q_{ik} = 1, \quad \sum_i q_{ik} = b / K ,

    or their largest entries.

    Parameters
    ----------
    mask_ratio : float, default=0.5
        Fraction of the columns or patches that are hidden; at least one is not.

    target_hidden_layer_sizes : sequence of int, default=(128,)
        Widths of the hidden layers of the target network, which is dense.

    temperature : float, default=0.1
        :math:`\tau` of the predictions.

    reg : float, default=0.05
        Entropy weight :math:`\varepsilon` of the codes: the smaller, the harder they are.

    inner_iter : int, default=10
        Number of Sinkhorn iterations for the codes of a batch.

    hard_codes : bool, default=True
        Whether a code is the one prototype that it weighs most, instead of shares of all.

    views : "auto" or callable, default="auto"
        What the masked network sees of standardized rows: "auto" takes
        `skdeepcluster.views.MaskedViews` with `mask_ratio`. A callable takes a tensor of shape
        (n, C, H, W) or (n, n_features) and returns one of the same shape; it may draw from torch's
        global generator.

    Attributes
    ----------
    prototypes_ : ndarray of shape (n_prototypes_, n_components)
        The prototypes, of length one.

    loss_ : float
        Cross entropy between the clusters of rows and those of the same rows masked, a mean over
        the training rows. Its negative is the `score`, which cannot be compared with that of
        methods with other views; the losses that training minimized are in `history_`.

    See Also
    --------
    SwAV : Codes of views instead of masks, by one network.
    ClAM : Masked entries that are restored.

    Notes
    -----
    Differences from the paper, which has videos: a row is assigned as a whole, where the paper
    assigns each hidden token; hidden columns are set to their mean instead of being left out, so
    any network can encode a row; the target network is dense and learned, where the published
    models take one that was trained on images. Codes are hard as in the authors' code; those of
    the paper are soft.

    References
    ----------
    .. [1] Salehi, Dorkenwald, Thoker, Gavves, Snoek, Asano: SIGMA: Sinkhorn-guided masked video
       modeling. ECCV 2024. :arxiv:`2407.15447`
    """

    mask_ratio: float = param(0.5, Interval(Real, 0, 1, closed="neither"))
    target_hidden_layer_sizes: Sequence[int] = param((128,), "array-like")
    temperature: float = param(0.1, Interval(Real, 0, None, closed="neither"))
    reg: float = param(0.05, Interval(Real, 0, None, closed="neither"))
    inner_iter: int = param(10, Interval(Integral, 1, None, closed="left"))
    hard_codes: bool = param(True, "boolean")
    views: str | Callable[[torch.Tensor], torch.Tensor] = param(
        "auto", StrOptions({"auto"}), callable
    )

    _drops_rest = True

    def _view_maker(self, shape):
        return MaskedViews(self.mask_ratio) if isinstance(self.views, str) else self.views

    def _build(self, shape, plan, generator):
        module = super()._build(shape, plan, generator)
        width = module.anchors.shape[1]
        hidden = layer_widths(self.target_hidden_layer_sizes, "target_hidden_layer_sizes")
        module.target = Encoder(dense_encoder(shape, hidden, width, generator), self._constraint)
        return module

    def _add_heads(self, module, width, plan, generator):
        module.prototypes = random_prototypes(plan.n_prototypes, width, generator)

    def _training(self):
        return super()._training() | {"after_step": self._normalize_prototypes}

    def _loss_of_batch(self, fit, batch):
        (masked,) = self._views(fit, batch, 1)
        psi, phi = fit.module.encode(masked), fit.module.target.encode(batch.x)
        C = fit.module.prototypes
        with torch.autocast(batch.x.device.type, enabled=False):
            of_masked, of_whole = psi @ C.detach().T, phi @ C.T
        return {
            "masked": self._cross_entropy(of_masked, self._code(fit, batch, of_whole)),
            "target": self._cross_entropy(of_whole, self._code(fit, batch, of_masked)),
        }

    def _code(self, fit, batch, scores):
        """Codes of this process's rows, from the assignment of the whole batch."""
        _, whole = fit.whole_batch(batch, scores.detach())
        codes = balanced_codes(whole, self.reg, self.inner_iter, self.hard_codes)
        return fit.processes.share(codes)

    def _cross_entropy(self, scores, codes):
        return F.cross_entropy(scores / self.temperature, codes)

    @torch.no_grad()
    def _normalize_prototypes(self, fit, batch):
        fit.module.prototypes.copy_(F.normalize(fit.module.prototypes, dim=1))

    def _attributes(self, fit):
        return {"prototypes_": fit.module.prototypes.detach().cpu().numpy()}
