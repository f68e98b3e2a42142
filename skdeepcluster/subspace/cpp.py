"""CPP: features of pre-trained networks, refined until clusters span orthogonal subspaces."""

from numbers import Integral

import numpy as np
from sklearn.utils import check_array

from skdeepcluster._sklearn import Interval
from skdeepcluster.base import param
from skdeepcluster.nn import coding_rate
from skdeepcluster.subspace._base import SubspaceClusterer
from skdeepcluster.subspace._names import names_by_vote
from skdeepcluster.training import Stage


class CPP(SubspaceClusterer):
    r"""Clustering by the principle of rate reduction.

    Features of a pre-trained network go through a small network that increases the coding rate of
    all rows, which then fill many directions, over that of the soft cluster of each row, which then
    fills few. Clusters become nearly orthogonal subspaces, within which rows still differ.
    Memberships belong to pairs of rows, so training needs no number of clusters: it is read out
    afterwards, and may be found by coding lengths. Pick it for features of pre-trained networks,
    many clusters, or an unknown number of them. Not for a few hundred rows, or where a batch has
    hardly any rows of a cluster.

    For a batch of :math:`m` rows with embeddings :math:`Z` of width :math:`p` and outputs
    :math:`C` of the other head, both of length one, training minimizes

    .. math:: -R(Z) + R_c(Z, \Pi) + \frac{\mu}{2} \|\Pi\|_F^2, \quad
        R(Z) = \frac{1}{2} \log\det \Big( I + \frac{p}{m \epsilon^2} Z^\top Z \Big),

    .. math:: R_c(Z, \Pi) = \frac{1}{2m} \sum_j \log\det \Big(
        I + \frac{p}{\epsilon^2} Z^\top \mathrm{diag}(\Pi_{\cdot j}) Z \Big),

    where the memberships :math:`\Pi` are the doubly stochastic matrix nearest to
    :math:`|C C^\top|` with entropy :math:`\eta` (`reg`). First, `warmup_steps` minimize
    :math:`-R(Z)` alone.

    Clusters are those of spectral clustering by the memberships of landmarks. A row of the training
    set, or a new one, goes where it adds least to the code of a cluster, with
    :math:`A_c = I + \frac{p}{n_c \epsilon^2} Z_c^\top Z_c`:

    .. math:: \ell_c(z) = \frac{n_c + p}{2} \log \Big( 1 + \frac{p}{n_c \epsilon^2}
        z^\top A_c^{-1} z \Big) + \frac{1}{2} \log\det A_c - \log \frac{n_c}{n} .

    `predict_proba` is the softmax of :math:`-\ell_c`.

    Parameters
    ----------
    warmup_steps : int, default=50
        Steps in which only the coding rate of all rows grows. With too few all rows become alike,
        with too many all become orthogonal.

    See Also
    --------
    TEMI : Heads that give near neighbors the same cluster.
    skdeepcluster.metrics.coding_length : The length of the code of rows by clusters.
    skdeepcluster.displays.NClustersDisplay : Draws the coding lengths of ``n_clusters=None``.

    Notes
    -----
    The coding length has its minimum at the right number where clusters are subspaces with little
    noise. Elsewhere it is flat or has its minimum elsewhere, which is warned of: look at the curve.

    Differences from the paper: hidden layers are normalized over units instead of over the batch;
    the optimizer is Adam; memberships are normalized in double precision, in three rounds that end
    with rows; clusters are found on landmarks instead of on one batch, and other rows follow by
    coding lengths, as in [2]_.

    References
    ----------
    .. [1] Chu, Tong, Ding, Dai, Haeffele, Vidal, Ma: Image clustering via the principle of rate
       reduction in the age of pretrained models. ICLR 2024. :arxiv:`2306.05272`
    .. [2] Wright, Tao, Lin, Shum, Ma: Classification via minimum incremental coding length. NIPS
       2007.
    """

    warmup_steps: int = param(50, Interval(Integral, 0, None, closed="left"))

    _first = "warmup_steps"

    def _first_stages(self):
        if not self.warmup_steps:
            return []
        return [
            Stage(
                "warm-up",
                self._spread,
                1,
                parameters=lambda module: self._groups(module)[:1],
                batches=lambda fit: self._whole_batches(fit, self.warmup_steps),
            )
        ]

    def _spread(self, fit, batch):
        z, _ = self._whole_heads(fit, batch, [batch.x])
        return {"rate": -coding_rate(z[:, 0], self.distortion)}

    def cluster_names(self, X, text_features, texts, *, n_votes=5, temperature=0.01):
        """Names of the clusters, by the texts that are nearest to their rows.

        Each row votes for its nearest texts, with the softmax over all texts of cosines divided by
        the temperature; a cluster gets the text with most votes.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows, such as the training rows: features of images by a network that texts share, such
            as CLIP. Their clusters are those of `predict`.

        text_features : array-like of shape (n_texts, n_features)
            Features of the texts by that network.

        texts : sequence of str
            The texts.

        n_votes : int, default=5
            Number of texts that each row votes for.

        temperature : float, default=0.01
            Divisor of the cosines.

        Returns
        -------
        names : list of str or None
            Of each cluster; None if no row is in it.

        shares : ndarray of shape (n_clusters_,)
            Of the votes of its rows that each name got: near 1 it is sure, NaN without rows.
        """
        labels = self.predict(X)
        features = check_array(text_features, dtype=np.float64, input_name="text_features")
        rows = check_array(X, dtype=np.float64, input_name="X")
        return names_by_vote(
            rows, labels, features, list(texts), self.n_clusters_, n_votes, temperature
        )
