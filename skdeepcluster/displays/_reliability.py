"""Reliability diagrams: accuracy over confidence."""

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skdeepcluster.displays._common import label_color
from skdeepcluster.displays._display import Display, style
from skdeepcluster.metrics import expected_calibration_error, reliability_curve

# Areas of the markers of all samples together and of the smallest bin.
AREA, LEAST_AREA = 600, 8


class ReliabilityDisplay(Display):
    """Accuracy of clusters over the confidence in them.

    Samples are binned by their largest probability. Bins below the diagonal are too certain, those
    above it too uncertain. The area of a marker shows the share of the samples in its bin; the mean
    distance to the diagonal, weighted by it, is the
    :func:`~skdeepcluster.metrics.expected_calibration_error`.

    Use :meth:`from_estimator` or :meth:`from_predictions` to create it. All parameters are stored
    as attributes.

    Parameters
    ----------
    confidence, accuracy : ndarray of shape (n_bins,)
        Means of the samples of each bin that has some.

    counts : ndarray of shape (n_bins,)
        Numbers of these samples.

    error : float
        Expected calibration error.

    estimator_name : str, default=None
        Name in the legend.

    Attributes
    ----------
    line_ : matplotlib Line2D
        The line through the bins.

    markers_ : matplotlib PathCollection
        The bins.

    diagonal_ : matplotlib Line2D or None
        Where accuracy equals confidence; None if the axes had one already.

    See Also
    --------
    skdeepcluster.metrics.reliability_curve : The numbers that are drawn.
    sklearn.calibration.CalibrationDisplay : The same for binary classifiers.

    Examples
    --------
    >>> from skdeepcluster.displays import ReliabilityDisplay
    >>> y_proba = [[0.9, 0.1], [0.9, 0.1], [0.2, 0.8], [0.2, 0.8]]
    >>> display = ReliabilityDisplay.from_predictions(["b", "b", "a", "a"], y_proba)
    >>> display.confidence.round(2), display.accuracy, round(display.error, 2)
    (array([0.8, 0.9]), array([1., 1.]), 0.15)
    """

    confidence: np.ndarray
    accuracy: np.ndarray
    counts: np.ndarray
    error: float
    estimator_name: str | None = None

    @classmethod
    def from_estimator(
        cls, estimator, X, y, *, n_bins=10, strategy="uniform", mapping=None, ignore_label=-1,
        **kwargs,
    ):  # fmt: skip
        """Draw the probabilities of a fitted estimator.

        Parameters
        ----------
        estimator : estimator
            Fitted clusterer with `predict_proba`.

        X : array-like of shape (n_samples, n_features)
            Samples.

        y : array-like of shape (n_samples,)
            Classes, numbers or strings. Samples whose class is unknown, that is `ignore_label` or a
            missing value such as NaN or None, are left out.
        """
        check_is_fitted(estimator)
        if not hasattr(estimator, "predict_proba"):
            raise TypeError(
                f"{type(estimator).__name__} has no predict_proba. Pass probabilities to "
                "from_predictions."
            )
        return cls.from_predictions(
            y,
            estimator.predict_proba(X),
            n_bins=n_bins,
            strategy=strategy,
            mapping=mapping,
            ignore_label=ignore_label,
            name=type(estimator).__name__,
            **kwargs,
        )

    @classmethod
    def from_predictions(
        cls, y_true, y_proba, *, n_bins=10, strategy="uniform", mapping=None, ignore_label=-1,
        name=None, **kwargs,
    ):  # fmt: skip
        """Draw given probabilities.

        Parameters
        ----------
        y_true : array-like of shape (n_samples,)
            Classes, numbers or strings. Samples whose class is unknown, that is `ignore_label` or a
            missing value such as NaN or None, are left out.

        y_proba : array-like of shape (n_samples, n_clusters)
            Probability of each cluster.

        n_bins : int, default=10
            Number of bins.

        strategy : {"uniform", "quantile"}, default="uniform"
            Bins of equal width on [0, 1], or bins of equally many samples.

        mapping : dict, default=None
            The class of each column of `y_proba`; by default,
            :func:`~skdeepcluster.metrics.best_match` on the same samples.

        ignore_label : int, str or None, default=-1
            The value of `y_true` that stands for an unknown class.

        name : str, default=None
            Name in the legend; the error alone by default.
        """
        options = {
            "n_bins": n_bins, "strategy": strategy, "mapping": mapping,
            "ignore_label": ignore_label,
        }  # fmt: skip
        confidence, accuracy, counts = reliability_curve(y_true, y_proba, **options)
        return cls(
            confidence=confidence,
            accuracy=accuracy,
            counts=counts,
            error=expected_calibration_error(y_true, y_proba, **options),
            estimator_name=name,
        ).plot(**kwargs)

    def plot(self, ax=None, *, line_kw=None):
        """Draw the display.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw on, such as those of another display of this kind; a new figure by default.

        line_kw : dict, default=None
            Keywords for :meth:`matplotlib.axes.Axes.plot`.
        """
        ax = self._axes(ax)
        drawn = [line for line in ax.lines if line.get_gid() != "diagonal"]
        self.diagonal_ = None
        if len(drawn) == len(ax.lines):
            (self.diagonal_,) = ax.plot([0, 1], [0, 1], color="0.6", linestyle=":", gid="diagonal")
        error = f"error {self.error:.3f}"
        label = error if self.estimator_name is None else f"{self.estimator_name}, {error}"
        kw = style(line_kw, color=label_color(len(drawn)), linewidth=1, label=label)
        (self.line_,) = ax.plot(self.confidence, self.accuracy, **kw)
        areas = np.maximum(AREA * self.counts / self.counts.sum(), LEAST_AREA)
        self.markers_ = ax.scatter(
            self.confidence, self.accuracy, areas, color=self.line_.get_color(), alpha=0.7
        )
        ax.set(xlabel="Confidence", ylabel="Accuracy", xlim=(0, 1.02), ylim=(0, 1.02))
        ax.legend(loc="upper left", fontsize="small")
        return self
