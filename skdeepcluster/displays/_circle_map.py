import numpy as np
from sklearn.utils import check_array
from sklearn.utils.validation import check_is_fitted, check_non_negative

from skdeepcluster._sklearn import validate_style_kwargs
from skdeepcluster.algorithms.circle import circle_layout, points_at, points_inside
from skdeepcluster.displays._common import label_color, new_axes


class CircleMapDisplay:
    """Soft clusters around a circle, samples inside between them.

    Clusters follow each other along a shortest Hamiltonian cycle, with arcs that are shorter the
    more alike two clusters are; see :class:`~skdeepcluster.HamiltonianCycleMap`. Samples are drawn
    to the clusters that they belong to: clear members to the rim, those between two neighbors onto
    the chord, outliers inside.

    Use :meth:`from_estimator` or :meth:`from_predictions` to create it. All parameters are stored
    as attributes.

    Parameters
    ----------
    coordinates : ndarray of shape (n_samples, 2)
        The samples.

    labels : ndarray of shape (n_samples,)
        The cluster of largest membership of each, -1 for a sample without any.

    angles : ndarray of shape (n_clusters,)
        Where each cluster is on the circle.

    cluster_names : list of n_clusters str, default=None
        Names of the clusters; their numbers by default.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes with the plot.

    figure_ : matplotlib Figure
        Figure that contains the axes.

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

    def __init__(self, *, coordinates, labels, angles, cluster_names=None):
        self.coordinates = coordinates
        self.labels = labels
        self.angles = angles
        self.cluster_names = cluster_names

    @classmethod
    def from_estimator(
        cls, estimator, X, y=None, *, ax=None, point_kw=None, anchor_kw=None, text_kw=None
    ):
        """Draw the memberships that a fitted estimator predicts.

        Parameters
        ----------
        estimator : estimator
            Fitted, with `predict_proba`. If it has a circle, as :class:`~skdeepcluster.HCHC` does,
            samples are drawn in that one.

        X : array-like of shape (n_samples, n_features)
            Samples.

        y : None
            Ignored.

        ax : matplotlib Axes, default=None
            Axes to draw on; a new figure by default.

        point_kw, anchor_kw, text_kw : dict, default=None
            Passed to :meth:`plot`.

        Returns
        -------
        display : CircleMapDisplay
            The display, drawn.
        """
        check_is_fitted(estimator)
        if not hasattr(estimator, "predict_proba"):
            raise TypeError(
                f"{type(estimator).__name__} has no predict_proba. Pass memberships of samples in "
                "clusters to from_predictions."
            )
        return cls.from_predictions(
            estimator.predict_proba(X),
            angles=getattr(estimator, "angles_", None),
            ax=ax,
            point_kw=point_kw,
            anchor_kw=anchor_kw,
            text_kw=text_kw,
        )

    @classmethod
    def from_predictions(
        cls,
        proba,
        *,
        angles=None,
        cluster_names=None,
        ax=None,
        point_kw=None,
        anchor_kw=None,
        text_kw=None,
    ):
        """Draw given memberships.

        Parameters
        ----------
        proba : array-like of shape (n_samples, n_clusters)
            Memberships of samples in clusters. What a row lacks to 1 draws the sample inside.

        angles : array-like of shape (n_clusters,), default=None
            Where each cluster is on the circle, as `angles_` of
            :class:`~skdeepcluster.HamiltonianCycleMap` that was fitted on other samples. By default
            the clusters are laid out by `proba`.

        cluster_names : array-like of n_clusters str, default=None
            Names of the clusters.

        ax : matplotlib Axes, default=None
            Axes to draw on; a new figure by default.

        point_kw, anchor_kw, text_kw : dict, default=None
            Passed to :meth:`plot`.

        Returns
        -------
        display : CircleMapDisplay
            The display, drawn.
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
        ).plot(ax, point_kw=point_kw, anchor_kw=anchor_kw, text_kw=text_kw)

    def plot(self, ax=None, *, point_kw=None, anchor_kw=None, text_kw=None):
        """Draw the display.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw on; a new figure by default.

        point_kw : dict, default=None
            Keywords for :meth:`matplotlib.axes.Axes.scatter` of the samples.

        anchor_kw : dict, default=None
            Keywords for :meth:`matplotlib.axes.Axes.scatter` of the clusters.

        text_kw : dict, default=None
            Keywords for :meth:`matplotlib.axes.Axes.text`.

        Returns
        -------
        self : CircleMapDisplay
            The display itself.
        """
        ax = new_axes(self, ax)
        from matplotlib.patches import Circle

        angles = np.asarray(self.angles)
        names = self.cluster_names
        names = [str(k) for k in range(len(angles))] if names is None else list(map(str, names))
        self.circle_ = ax.add_patch(Circle((0, 0), 1, fill=False, edgecolor="0.8", zorder=0))
        n = len(self.labels)
        kw = {
            "c": [label_color(int(label)) for label in self.labels],
            "s": 8,
            "alpha": min(0.6, 600 / max(n, 1) + 0.1),
            "linewidths": 0,
            "rasterized": n > 20_000,
        }
        kw = validate_style_kwargs(kw, point_kw or {})
        self.points_ = ax.scatter(*np.asarray(self.coordinates).T, **kw)
        kw = {
            "c": [label_color(k) for k in range(len(angles))],
            "s": 70,
            "edgecolors": "white",
            "zorder": 3,
        }
        kw = validate_style_kwargs(kw, anchor_kw or {})
        self.anchors_ = ax.scatter(*points_at(angles).T, **kw)
        kw = validate_style_kwargs({"ha": "center", "va": "center"}, text_kw or {})
        self.text_ = [
            ax.text(*point, name, **kw)
            for point, name in zip(1.13 * points_at(angles), names, strict=True)
        ]
        ax.set(xlim=(-1.25, 1.25), ylim=(-1.25, 1.25), aspect="equal")
        ax.set_axis_off()
        self.ax_, self.figure_ = ax, ax.figure
        return self
