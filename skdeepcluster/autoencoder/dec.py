"""Deep embedded clustering."""

from skdeepcluster.assignment import sharpening_loss
from skdeepcluster.autoencoder._semi_supervised import SemiSupervisedMixin
from skdeepcluster.deep import (
    CenteredAutoencoder,
    SelfTrainingMixin,
    StudentTMixin,
    most_probable,
    smoothed,
)
from skdeepcluster.nn import kl_divergence
from skdeepcluster.training import Stage, map_rows


class DEC(SemiSupervisedMixin, StudentTMixin, SelfTrainingMixin, CenteredAutoencoder):
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
    features. For rows :math:`L` of known class and the rows :math:`R` of pairs, of which row
    :math:`i` is paired with :math:`P_i`, there is added

    .. math:: - \frac{\lambda}{|L|} \sum_{i \in L} \log q_{i y_i}
        - \frac{\gamma}{|R|} \sum_{i \in R} \frac{1}{|P_i|} \sum_{j \in P_i} w_{ij} \log s_{ij}

    with :math:`s_{ij} = q_i^\top q_j` for must-links and 1 minus that for cannot-links, weights
    :math:`w_{ij}` of pairs that are 1 in the mean, `label_weight` :math:`\lambda` and `pair_weight`
    :math:`\gamma` [2]_. The clusters of the start are then numbered as the classes, which labeled
    rows keep; for ``init="k-means"`` violated pairs have a price too.

    See Also
    --------
    IDEC : Keeps the decoder in training, so that the embedding keeps its local structure.
    AutoencoderClusterer : The embedding alone, clustered by any scikit-learn clusterer.

    Notes
    -----
    `loss_` and `score` are the divergence alone. It also falls when an embedding merely shrinks:
    `score` compares fits of one model, not models of different sizes.

    Differences from [2]_: rows and pairs are trained in the same steps instead of in epochs that
    alternate, with one random partner for each row.

    References
    ----------
    .. [1] Xie, Girshick, Farhadi: Unsupervised deep embedding for clustering analysis. ICML 2016.
    .. [2] Zhang, Basu, Davidson: A framework for deep constrained clustering - algorithms and
       advances. ECML PKDD 2019.
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
        training = {
            "weights": self._weights(),
            "parameters": self._trained,
            "batches": self._rows_with_partners,
        }
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

    def _trained(self, module):
        return [*module.encoder.parameters(), module.centers]

    def _warm_up(self, fit, batch):
        rows = batch.rows()
        target = smoothed(fit.state.start_labels[rows.index], self.n_clusters)
        return self._terms(fit, rows, target) | self._known_terms(fit, batch)

    def _self_training(self, fit, batch):
        rows = batch.rows()
        target = fit.state.target[rows.index]
        return self._terms(fit, rows, target) | self._known_terms(fit, batch)

    def _terms(self, fit, batch, target):
        log_q = self._log_proba(fit.module, batch.x)
        return {"kl": kl_divergence(target, log_q, batch.weights)}

    def _evaluate(self, module, samples):
        log_q = map_rows(lambda x: self._log_proba(module, x), samples)
        return sharpening_loss(log_q, samples.weights), most_probable(log_q)
