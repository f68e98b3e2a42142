"""Deep embedded clustering."""

from numbers import Integral, Real

from skdeepcluster._sklearn import Interval
from skdeepcluster.assignment import sharpening_loss, student_t
from skdeepcluster.base import param
from skdeepcluster.deep import (
    CenteredAutoencoder,
    ProbabilityMixin,
    most_probable,
    sharpen_target,
    smoothed,
)
from skdeepcluster.nn import kl_divergence
from skdeepcluster.training import Stage, map_rows


class DEC(ProbabilityMixin, CenteredAutoencoder):
    r"""Deep embedded clustering.

    An autoencoder learns an embedding, in which centers are placed; then encoder and centers are
    trained together to make confident assignments more confident. Pick it when the number of
    clusters is known, rows are many (thousands or more) and features are dense and alike, such as
    pixels, tf-idf or the output of another network. Where k-means on the raw features is nearly
    perfect already it has nothing to add.

    Training minimizes, with the target :math:`P` held fixed between two updates,

    .. math:: \min_{\theta, \mu} \mathrm{KL}(P \| Q) = \frac{1}{n} \sum_i \sum_j p_{ij} \log
        \frac{p_{ij}}{q_{ij}}, \quad q_{ij} \propto \left(1 + \|z_i - \mu_j\|^2 / \alpha\right)
        ^{-(\alpha + 1) / 2}, \quad p_{ij} \propto q_{ij}^2 / \textstyle\sum_i q_{ij},

    where :math:`z_i = f_\theta(x_i)`. Rows are first centered and scaled by one number for all
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
        Centers in the embedding.

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

    alpha: float = param(1.0, Interval(Real, 0, None, closed="neither"))
    update_interval: int | None = param(None, Interval(Integral, 1, None, closed="left"), None)
    tol: float = param(1e-3, Interval(Real, 0, None, closed="left"))

    def _stages(self):
        training = {"weights": self._weights(), "parameters": self._trained}
        return [
            *self._pretrain_stages(),
            self._start_stage(self._warm_up, **training),
            Stage(
                "refine",
                self._self_training,
                self.max_epochs,
                refresh=self._sharpen,
                every=self.update_interval,
                **training,
            ),
        ]

    def _weights(self):
        return {}

    def _trained(self, module):
        return [*module.encoder.parameters(), module.centers]

    def _sharpen(self, fit):
        return sharpen_target(fit, self._log_proba, self.tol)

    def _warm_up(self, fit, batch):
        labels = fit.state.start_labels[batch.index]
        return self._terms(fit, batch, smoothed(labels, self.n_clusters))

    def _self_training(self, fit, batch):
        return self._terms(fit, batch, fit.state.target[batch.index])

    def _terms(self, fit, batch, target):
        return {"kl": kl_divergence(target, self._log_proba(fit.module, batch.x))}

    def _log_proba(self, module, x):
        return student_t(module.encode(x), module.centers, self.alpha)

    def _evaluate(self, module, samples):
        log_q = map_rows(lambda x: self._log_proba(module, x), samples)
        return sharpening_loss(log_q), most_probable(log_q)
