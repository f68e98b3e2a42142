"""HCHC: the soft clusters of GLDC along a shortest Hamiltonian cycle through them."""

import numpy as np

from skdeepcluster.algorithms.circle import circle_layout, points_inside
from skdeepcluster.autoencoder.gldc import GLDC
from skdeepcluster.training import map_rows


class HCHC(GLDC):
    r"""High-dimensional clustering onto a Hamiltonian cycle.

    Soft clusters are learned by `GLDC` and laid out on a circle, such that clusters with common
    rows are neighbors: the picture of :class:`~skdeepcluster.displays.CircleMapDisplay`. Pick it
    to see 3 to about 15 clusters and what lies between them; `GLDC` is the same without the circle,
    and `HamiltonianCycleMap` the circle alone, for any model with `predict_proba`.

    After the training of `GLDC`, with its memberships :math:`q`,

    .. math:: d_{jk} = \frac{1 - \operatorname{corr}(q_{\cdot j}, q_{\cdot k})}{2}, \qquad
        \min_\pi \sum_{i=1}^K d(\pi_i, \pi_{i + 1}), \quad \pi_{K + 1} = \pi_1,

    gives the order :math:`\pi` of the clusters around the unit circle, with arcs in proportion to
    the distances. A row is at :math:`\sum_j q_{ij} a_j`, the mean of the clusters' positions
    :math:`a_j`: clear members are near the rim, rows between two neighbors near the chord,
    outliers inside.

    Attributes
    ----------
    embedding_ : ndarray of shape (n_samples, 2)
        Positions of the training rows in the circle. `transform` gives the embedding that the
        network has learned, of `n_components_` columns, and `to_circle` the positions of any rows.

    order_ : ndarray of shape (n_clusters,)
        The clusters around the circle, from cluster 0 on, then to the lower one of its neighbors.

    angles_ : ndarray of shape (n_clusters,)
        Angle of each cluster.

    anchors_ : ndarray of shape (n_clusters, 2)
        Position of each cluster on the circle.

    cluster_distances_ : ndarray of shape (n_clusters, n_clusters)
        Distances of the clusters, from 0 to 1.

    cycle_length_ : float
        The sum of the distances along the cycle.

    exact_ : bool
        Whether the cycle is certainly a shortest one: up to 12 clusters.

    See Also
    --------
    GLDC : The clusters without the circle.
    HamiltonianCycleMap : The circle for memberships from anywhere.
    skdeepcluster.displays.CircleMapDisplay : The picture.

    References
    ----------
    .. [1] Huang, Cheng, Li, Zhang: High-dimensional clustering onto Hamiltonian cycle. ICML 2023.
       :arxiv:`2304.14531`

    Examples
    --------
    >>> from sklearn.datasets import make_blobs
    >>> from skdeepcluster import HCHC
    >>> X, y = make_blobs(300, n_features=8, centers=3, random_state=0)
    >>> hchc = HCHC(n_clusters=3, hidden_layer_sizes=(32,), random_state=0).fit(X)
    >>> hchc.embedding_.shape
    (300, 2)
    """

    def _read_out(self, fit):
        read_out = super()._read_out(fit)
        q = map_rows(lambda x: self._log_proba(fit.module, x).exp(), fit.samples)
        q = q.cpu().numpy().astype(np.float64)
        circle = circle_layout(q)._asdict()
        circle["cycle_length"] = circle.pop("length")
        circle["cluster_distances"] = circle.pop("distances")
        found = {f"{name}_": value for name, value in circle.items()}
        found["embedding_"] = points_inside(q, circle["anchors"])
        return read_out._replace(attributes=read_out.attributes | found)

    def to_circle(self, X):
        """Positions of rows in the circle, between the clusters by their memberships.

        Returns
        -------
        points : ndarray of shape (n_samples, 2)
            Points of the unit disk; for the training rows these are `embedding_`.
        """
        proba = self.predict_proba(X)
        return points_inside(proba, self.anchors_.astype(proba.dtype))
