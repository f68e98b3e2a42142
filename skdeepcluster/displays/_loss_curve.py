"""Losses over the epochs of a fit."""

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skdeepcluster.displays._common import label_color, legend_beside
from skdeepcluster.displays._display import Display, style
from skdeepcluster.validation import last_step


class LossCurveDisplay(Display):
    """Loss terms of a fit over its epochs, one line per stage and term.

    The stages are drawn one after the other, with dotted lines between them. Use
    :meth:`from_estimator` or :meth:`from_history` to create it. All parameters are stored as
    attributes.

    Parameters
    ----------
    history : dict
        For each stage, by its name, a dict that maps the name of each loss term to its values, one
        per epoch.

    Attributes
    ----------
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

    history: dict

    @classmethod
    def from_estimator(cls, estimator, X=None, y=None, **kwargs):
        """Draw the losses that a fitted deep clusterer recorded.

        Parameters
        ----------
        estimator : estimator
            Fitted estimator with a `history_`, or a pipeline or search that ends in one.
        """
        check_is_fitted(estimator)
        estimator, _ = last_step(estimator)
        if not hasattr(estimator, "history_"):
            raise TypeError(
                f"{type(estimator).__name__} has no history_: only estimators trained in epochs "
                "record their losses. Pass other records to from_history."
            )
        return cls.from_history(estimator.history_, **kwargs)

    @classmethod
    def from_history(cls, history, **kwargs):
        """Draw recorded losses.

        Parameters
        ----------
        history : dict
            For each stage, by its name, a dict that maps the name of each loss term to its values,
            one per epoch.
        """
        return cls(history=history).plot(**kwargs)

    def plot(self, ax=None, *, log=False, line_kw=None):
        """Draw the display.

        Parameters
        ----------
        log : bool, default=False
            Whether to use a logarithmic axis. If some losses are not positive, it is linear between
            the smallest positive loss and its negative.

        line_kw : dict, default=None
            Keywords for :meth:`matplotlib.axes.Axes.plot`.
        """
        curves = {
            (stage, term): np.asarray(values, dtype=float)
            for stage, terms in self.history.items()
            for term, values in terms.items()
            if len(values)
        }
        if not curves:
            raise ValueError("history holds no loss value: the fit must last one epoch at least.")
        ax = self._axes(ax)
        from matplotlib.ticker import MaxNLocator

        lengths = {}
        for (stage, _), values in curves.items():
            lengths[stage] = max(lengths.get(stage, 0), len(values))
        ends = np.cumsum(list(lengths.values()))
        starts = dict(zip(lengths, ends - list(lengths.values()), strict=True))

        self.lines_ = {}
        for i, ((stage, term), values) in enumerate(curves.items()):
            epochs = starts[stage] + np.arange(1, len(values) + 1)
            kw = style(
                line_kw,
                color=label_color(i),
                label=f"{stage}: {term}" if len(lengths) > 1 else term,
                # A line through a single point is invisible.
                marker="o" if len(values) == 1 else "",
            )
            (line,) = ax.plot(epochs, values, **kw)
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
        return self
