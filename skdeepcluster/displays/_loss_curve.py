import numpy as np
from sklearn.utils.validation import check_is_fitted

from skdeepcluster._sklearn import validate_style_kwargs
from skdeepcluster.displays._common import label_color, legend_beside, new_axes
from skdeepcluster.metrics._scorers import _last_step


class LossCurveDisplay:
    """Loss terms of a fit over its epochs, one line per stage and term.

    The stages follow each other on the axis of the epochs, with a dotted line where one ends. Use
    :meth:`from_estimator` or :meth:`from_history` to create it. All parameters are stored as
    attributes.

    Parameters
    ----------
    history : dict
        For each stage, by its name, a dict that maps the name of each loss term to its values, one
        per epoch.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes with the plot.

    figure_ : matplotlib Figure
        Figure that contains the axes.

    lines_ : dict of (str, str) to matplotlib Line2D
        The line of each stage and term. Terms without a value have none.

    boundaries_ : list of matplotlib Line2D
        The ends of the stages.

    legend_ : matplotlib Legend
        The legend.

    Examples
    --------
    >>> from skdeepcluster.displays import LossCurveDisplay
    >>> history = {
    ...     "pretrain": {"reconstruction": [0.9, 0.4, 0.3]},
    ...     "refine": {"reconstruction": [0.3, 0.4], "kl": [0.2, 0.1]},
    ... }
    >>> display = LossCurveDisplay.from_history(history, log=True)
    >>> list(display.lines_)
    [('pretrain', 'reconstruction'), ('refine', 'reconstruction'), ('refine', 'kl')]
    """

    def __init__(self, *, history):
        self.history = history

    @classmethod
    def from_estimator(cls, estimator, X=None, y=None, *, log=False, ax=None, line_kw=None):
        """Draw the losses that a fitted deep clusterer recorded.

        Parameters
        ----------
        estimator : estimator
            Fitted estimator with a `history_`, or a pipeline or search that ends in one.

        X, y : None
            Ignored: the losses are those of the fit.

        log : bool, default=False
            Whether the losses are drawn on a logarithmic axis.

        ax : matplotlib Axes, default=None
            Axes to draw on; a new figure by default.

        line_kw : dict, default=None
            Keywords for :meth:`matplotlib.axes.Axes.plot`.

        Returns
        -------
        display : LossCurveDisplay
            The display, drawn.
        """
        check_is_fitted(estimator)
        estimator, _ = _last_step(estimator)
        if not hasattr(estimator, "history_"):
            raise TypeError(
                f"{type(estimator).__name__} has no history_: only estimators trained in epochs "
                "record their losses. Pass other records to from_history."
            )
        return cls.from_history(estimator.history_, log=log, ax=ax, line_kw=line_kw)

    @classmethod
    def from_history(cls, history, *, log=False, ax=None, line_kw=None):
        """Draw recorded losses.

        Parameters
        ----------
        history : dict
            For each stage, by its name, a dict that maps the name of each loss term to its values,
            one per epoch.

        log : bool, default=False
            Whether the losses are drawn on a logarithmic axis.

        ax : matplotlib Axes, default=None
            Axes to draw on; a new figure by default.

        line_kw : dict, default=None
            Keywords for :meth:`matplotlib.axes.Axes.plot`.

        Returns
        -------
        display : LossCurveDisplay
            The display, drawn.
        """
        return cls(history=history).plot(ax, log=log, line_kw=line_kw)

    def plot(self, ax=None, *, log=False, line_kw=None):
        """Draw the display.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw on; a new figure by default.

        log : bool, default=False
            Whether the losses are drawn on a logarithmic axis. If some are not positive, the axis
            is linear between the smallest positive loss and its negative.

        line_kw : dict, default=None
            Keywords for :meth:`matplotlib.axes.Axes.plot`.

        Returns
        -------
        self : LossCurveDisplay
            The display itself.
        """
        curves = {
            (stage, term): np.asarray(values, dtype=float)
            for stage, terms in self.history.items()
            for term, values in terms.items()
            if len(values)
        }
        if not curves:
            raise ValueError("history holds no loss value: the fit must last one epoch at least.")
        ax = new_axes(self, ax)
        from matplotlib.ticker import MaxNLocator

        lengths = {}
        for (stage, _), values in curves.items():
            lengths[stage] = max(lengths.get(stage, 0), len(values))
        ends = np.cumsum(list(lengths.values()))
        starts = dict(zip(lengths, ends - list(lengths.values()), strict=True))

        self.lines_ = {}
        for i, ((stage, term), values) in enumerate(curves.items()):
            kw = {
                "color": label_color(i),
                "label": f"{stage}: {term}" if len(lengths) > 1 else term,
                # A line through a single point is invisible.
                "marker": "o" if len(values) == 1 else "",
            }
            epochs = starts[stage] + np.arange(1, len(values) + 1)
            (line,) = ax.plot(epochs, values, **validate_style_kwargs(kw, line_kw or {}))
            self.lines_[stage, term] = line
        self.boundaries_ = [
            ax.axvline(end + 0.5, color="0.6", linestyle=":", linewidth=1, zorder=0)
            for end in ends[:-1]
        ]
        if log:
            losses = np.concatenate(list(curves.values()))
            positive = losses[losses > 0]
            if np.any(losses <= 0) and len(positive):
                ax.set_yscale("symlog", linthresh=positive.min())
            elif len(positive):
                ax.set_yscale("log")
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
        ax.set(xlabel="Epoch", ylabel="Loss")
        self.legend_ = legend_beside(ax)
        self.ax_, self.figure_ = ax, ax.figure
        return self
