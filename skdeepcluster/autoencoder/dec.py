"""Deep embedded clustering."""

from numbers import Integral, Real

import torch
from sklearn.utils._param_validation import Interval

from skdeepcluster.assignment import sharpen, sharpening_loss, student_t
from skdeepcluster.autoencoder._base import ProbabilisticBase
from skdeepcluster.nn import kl_divergence
from skdeepcluster.training import Stage, map_blocks

# Of the target that the initial labels give in the first epochs, this share is spread evenly.
_SMOOTHING = 0.1


class DEC(ProbabilisticBase):
    r"""Deep embedded clustering.

    An autoencoder learns an embedding, in which centres are placed; then encoder and centres are
    trained together to make confident assignments more confident. Pick it when the number of
    clusters is known, rows are many (thousands or more) and features are dense and alike, such as
    pixels, tf-idf or the output of another network. Where k-means on the raw features is nearly
    perfect already it has nothing to add.

    Training minimises, with the target :math:`P` held fixed between two updates,

    .. math:: \min_{\theta, \mu} \mathrm{KL}(P \| Q) = \frac{1}{n} \sum_i \sum_j p_{ij} \log
        \frac{p_{ij}}{q_{ij}}, \quad q_{ij} \propto \left(1 + \|z_i - \mu_j\|^2 / \alpha\right)
        ^{-(\alpha + 1) / 2}, \quad p_{ij} \propto q_{ij}^2 / \textstyle\sum_i q_{ij},

    where :math:`z_i = f_\theta(x_i)`. Rows are first centred and scaled by one number for all
    features.

    Parameters
    ----------
    alpha : float, default=1
        Degrees of freedom of Student's t.

    update_interval : int, default=None
        Steps between two updates of the target; by default one epoch.

    tol : float, default=1e-3
        Training ends when fewer than this share of the labels changed between two updates.

    Attributes
    ----------
    cluster_centers_ : ndarray of shape (n_clusters, n_components)
        Centres in the embedding.

    See Also
    --------
    IDEC : Keeps the decoder in training, so that the embedding keeps its local structure.
    AutoencoderClusterer : The embedding alone, clustered by any scikit-learn clusterer.

    Notes
    -----
    The objective falls when an embedding is merely squeezed together: `score` compares fits of one
    model, not models of different sizes.

    References
    ----------
    .. [1] Xie, Girshick, Farhadi: Unsupervised deep embedding for clustering analysis. ICML 2016.

    Examples
    --------
    >>> from sklearn.datasets import make_blobs
    >>> from skdeepcluster import DEC
    >>> X, y = make_blobs(300, n_features=8, centers=3, random_state=0)
    >>> dec = DEC(n_clusters=3, hidden_layer_sizes=(32,), random_state=0).fit(X)
    >>> dec.predict_proba(X).shape
    (300, 3)
    """

    alpha: float = 1.0
    update_interval: int | None = None
    tol: float = 1e-3

    _parameter_constraints = {
        **ProbabilisticBase._parameter_constraints,
        "alpha": [Interval(Real, 0, None, closed="neither")],
        "update_interval": [Interval(Integral, 1, None, closed="left"), None],
        "tol": [Interval(Real, 0, None, closed="left")],
    }

    def _stages(self):
        training = {"weights": self._weights(), "parameters": self._trained}
        return [
            *self._pretraining(self.pretrain_epochs, parameters=self._pretrained),
            Stage(
                "initialize",
                self._self_training,
                self._taught_epochs,
                begin=self._place_centers,
                **training,
            ),
            Stage(
                "refine",
                self._self_training,
                self.max_epochs,
                refresh=self._sharpen_target,
                every=self.update_interval,
                **training,
            ),
        ]

    def _weights(self):
        return {}

    def _trained(self, module):
        return [*module.encoder.parameters(), module.centers]

    def _place_centers(self, fit):
        """First centres; of those that teach, their rows' labels as the first target."""
        labels = super()._place_centers(fit)
        if self._teaches:
            fit.state.target = smoothed(labels, self.n_clusters)

    def _sharpen_target(self, fit):
        """P from Q over all rows; True when hardly any label moved."""
        fit.state.target = None
        log_q = fit.over_all_rows(lambda x: self._log_proba(fit.module, x))
        moved = fit.label_change(log_q.argmax(dim=1))
        fit.state.target = sharpen(log_q)
        return moved < self.tol

    def _self_training(self, fit, batch):
        log_q = self._log_proba(fit.module, batch.x)
        return {"kl": kl_divergence(fit.state.target[batch.index], log_q)}

    def _log_proba(self, module, x):
        return student_t(module.encode(x), module.centers, self.alpha)

    def _assess(self, module, samples):
        log_q = torch.cat(list(map_blocks(lambda x: self._log_proba(module, x), samples)))
        return sharpening_loss(log_q), most_probable(log_q)


def most_probable(log_q):
    """Labels of rows, as an array."""
    return log_q.argmax(dim=1).int().cpu().numpy()


def smoothed(labels, n_clusters):
    """One-hot targets with a share spread evenly."""
    target = torch.nn.functional.one_hot(labels, n_clusters).float()
    return target.mul_(1 - _SMOOTHING).add_(_SMOOTHING / n_clusters)
