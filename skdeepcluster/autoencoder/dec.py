"""Deep embedded clustering."""

from skdeepcluster.assignment import sharpening_loss
from skdeepcluster.deep import (
    CenteredAutoencoder,
    SelfTrainingMixin,
    StudentTMixin,
    most_probable,
    smoothed,
)
from skdeepcluster.nn import kl_divergence
from skdeepcluster.training import Stage, map_rows


class DEC(StudentTMixin, SelfTrainingMixin, CenteredAutoencoder):
    r"""Deep embedded clustering.

    An autoencoder learns an embedding, in which centers are placed; then encoder and centers are
    trained together to make confident assignments more confident. Pick it when the number of
    clusters is known, rows are many (thousands or more) and features are dense and of one kind,
    such as pixels, tf-idf or the output of another network. Where k-means on the raw features is
    nearly perfect already it adds nothing.

    Training minimizes, with the target :math:`P` held fixed between two updates,

    .. math:: \min_{\theta, \mu} \mathrm{KL}(P \| Q) = \frac{1}{n} \sum_i \sum_j p_{ij} \log
        \frac{p_{ij}}{q_{ij}}, \quad q_{ij} \propto \left(1 + \|z_i - \mu_j\|^2 / \alpha\right)
        ^{-(\alpha + 1) / 2}, \quad p_{ij} \propto q_{ij}^2 / \textstyle\sum_i q_{ij},

    where :math:`z_i = f_\theta(x_i)`. Rows are first centered and scaled by one number for all
    features.

    See Also
    --------
    IDEC : Keeps the decoder in training, so that the embedding keeps its local structure.
    AutoencoderClusterer : The embedding alone, clustered by any scikit-learn clusterer.

    Notes
    -----
    The objective also falls when an embedding merely shrinks: `score` compares fits of one model,
    not models of different sizes.

    References
    ----------
    .. [1] Xie, Girshick, Farhadi: Unsupervised deep embedding for clustering analysis. ICML 2016.
    """

    _paper = {
        "init": "k-means",
        "encoder": (500, 500, 2000),
        "n_components": 10,
        "optimizer": "sgd",
        "learning_rate": 0.01,
        "pretrain_learning_rate": 0.1,
        "layerwise_epochs": 180,
        "pretrain_epochs": 360,
        "max_epochs": 100,
    }

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

    def _warm_up(self, fit, batch):
        labels = fit.state.start_labels[batch.index]
        return self._terms(fit, batch, smoothed(labels, self.n_clusters))

    def _self_training(self, fit, batch):
        return self._terms(fit, batch, fit.state.target[batch.index])

    def _terms(self, fit, batch, target):
        log_q = self._log_proba(fit.module, batch.x)
        return {"kl": kl_divergence(target, log_q, batch.weights)}

    def _evaluate(self, module, samples):
        log_q = map_rows(lambda x: self._log_proba(module, x), samples)
        return sharpening_loss(log_q, samples.weights), most_probable(log_q)
