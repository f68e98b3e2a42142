"""Soft clusters on a circle."""

import numpy as np
from sklearn.utils import check_array
from sklearn.utils.validation import check_is_fitted, check_non_negative

from skdeepcluster.algorithms.circle import circle_layout, points_at, points_inside
from skdeepcluster.displays._common import label_color
from skdeepcluster.displays._display import Display, style


class CircleMapDisplay(Display):
    """Soft clusters around a circle, samples inside between them.

    The clusters are arranged along a shortest Hamiltonian cycle, with shorter arcs between clusters
    that are more similar; see :class:`~skdeepcluster.HamiltonianCycleMap`. The position of a sample
    is the mean of the positions of the clusters, weighted by its memberships: clear members lie at
    the rim, samples between two adjacent clusters on the chord, outliers inside.

    Use :meth:`from_estimator` or :meth:`from_predictions` to create it. All parameters are stored
    as attributes.

    Parameters
    ----------
    coordinates : ndarray of shape (n_samples, 2)
        The samples.

    labels : ndarray of shape (n_samples,)
        Cluster with the largest membership of each sample, -1 for a sample without any.

    angles : ndarray of shape (n_clusters,)
        Position of each cluster on the circle.

    cluster_names : list of n_clusters str, default=None
        Names of the clusters; their numbers by default.

    Attributes
    ----------
    points_ : matplotlib PathCollection
        The samples.

    anchors_ : matplotlib PathCollection
        The clusters.

    circle_ : matplotlib Circle
        The circle.

    text_ : list of matplotlib Text
        The names of the clusters.

    See Also
    --------
    EmbeddingDisplay : Scatter plot of any embedding.

    Examples
    --------
    >>> import numpy as np
    >>> from skdeepcluster.displays import CircleMapDisplay
    >>> display = CircleMapDisplay.from_predictions(np.eye(4)[[0, 1, 2, 3, 0]])
    >>> display.labels
    array([0, 1, 2, 3, 0])
    """

    coordinates: np.ndarray
    labels: np.ndarray
    angles: np.ndarray
    cluster_names: list | None = None

    @classmethod
    def from_estimator(cls, estimator, X, y=None, **kwargs):
        """Draw the memberships that a fitted estimator predicts.

        Parameters
        ----------
        estimator : estimator
            Fitted, with `predict_proba`. If it has a circle, as :class:`~skdeepcluster.HCHC` does,
            samples are drawn in that one.

        X : array-like of shape (n_samples, n_features)
            Samples.
        """
        check_is_fitted(estimator)
        if not hasattr(estimator, "predict_proba"):
            raise TypeError(
                f"{type(estimator).__name__} has no predict_proba. Pass memberships of samples in "
                "clusters to from_predictions."
            )
        angles = getattr(estimator, "angles_", None)
        return cls.from_predictions(estimator.predict_proba(X), angles=angles, **kwargs)

    @classmethod
    def from_predictions(cls, proba, *, angles=None, cluster_names=None, **kwargs):
        """Draw given memberships.

        Parameters
        ----------
        proba : array-like of shape (n_samples, n_clusters)
            Memberships of samples in clusters. Samples whose memberships sum to less than 1 are
            drawn nearer to the middle.

        angles : array-like of shape (n_clusters,), default=None
            Position of each cluster on the circle, as `angles_` of a
            :class:`~skdeepcluster.HamiltonianCycleMap` that was fitted to other samples. By
            default, the clusters are laid out by `proba`.

        cluster_names : array-like of n_clusters str, default=None
            Names of the clusters.
        """
        proba = check_array(proba, dtype=np.float64, input_name="proba")
        check_non_negative(proba, "CircleMapDisplay (proba)")
        for name, values in (("cluster_names", cluster_names), ("angles", angles)):
            if values is not None and len(values) != proba.shape[1]:
                raise ValueError(
                    f"proba has {proba.shape[1]} columns, but {name} has {len(values)}."
                )
        angles = circle_layout(proba).angles if angles is None else np.asarray(angles)
        labels = np.where(proba.any(axis=1), proba.argmax(axis=1), -1)
        return cls(
            coordinates=points_inside(proba, points_at(angles)),
            labels=labels,
            angles=angles,
            cluster_names=None if cluster_names is None else list(cluster_names),
        ).plot(**kwargs)

    def plot(self, ax=None, *, point_kw=None, anchor_kw=None, text_kw=None):
        """Draw the display.

        Parameters
        ----------
        point_kw : dict, default=None
            Keywords for :meth:`matplotlib.axes.Axes.scatter` of the samples.

        anchor_kw : dict, default=None
            Keywords for :meth:`matplotlib.axes.Axes.scatter` of the clusters.

        text_kw : dict, default=None
            Keywords for :meth:`matplotlib.axes.Axes.text`.
        """
        ax = self._axes(ax)
        from matplotlib.patches import Circle

        angles = np.asarray(self.angles)
        names = self.cluster_names
        names = [str(k) for k in range(len(angles))] if names is None else list(map(str, names))
        self.circle_ = ax.add_patch(Circle((0, 0), 1, fill=False, edgecolor="0.8", zorder=0))
        n = len(self.labels)
        self.points_ = ax.scatter(
            *np.asarray(self.coordinates).T,
            **style(
                point_kw,
                c=[label_color(int(label)) for label in self.labels],
                s=8,
                alpha=min(0.6, 600 / max(n, 1) + 0.1),
                linewidths=0,
                rasterized=n > 20_000,
            ),
        )
        colors = [label_color(k) for k in range(len(angles))]
        self.anchors_ = ax.scatter(
            *points_at(angles).T, **style(anchor_kw, c=colors, s=70, edgecolors="white", zorder=3)
        )
        kw = style(text_kw, ha="center", va="center")
        self.text_ = [
            ax.text(*point, name, **kw)
            for point, name in zip(1.13 * points_at(angles), names, strict=True)
        ]
        ax.set(xlim=(-1.25, 1.25), ylim=(-1.25, 1.25), aspect="equal")
        ax.set_axis_off()
        return self
