"""Criteria over the number of clusters."""

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skdeepcluster.displays._common import label_color
from skdeepcluster.displays._display import Display, style


class NClustersDisplay(Display):
    """Criteria over the number of clusters, with their standard errors and the number chosen.

    Use :meth:`from_estimator` to create it. All parameters are stored as attributes. Each criterion
    has axes of its own, as their scales differ.

    Parameters
    ----------
    numbers : ndarray of shape (n_numbers,)
        Numbers of clusters.

    means, errors : dict of str to ndarray of shape (n_numbers,)
        Of each criterion its scores and their standard errors; NaN where it is undefined.

    choices : dict of str to int
        The number that each criterion chose.

    n_clusters : int
        The number chosen by all.

    Attributes
    ----------
    axes_ : list of matplotlib Axes
        The axes of the criteria.

    lines_ : dict of str to matplotlib Line2D
        The line of each criterion.

    See Also
    --------
    skdeepcluster.NClustersSearch : The search for the number of clusters.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skdeepcluster import NClustersSearch
    >>> from skdeepcluster.displays import NClustersDisplay
    >>> search = NClustersSearch(max_clusters=5, criterion="gap", random_state=0)
    >>> display = NClustersDisplay.from_estimator(search.fit(load_iris().data))
    >>> display.numbers
    array([1, 2, 3, 4, 5])
    """

    numbers: np.ndarray
    means: dict
    errors: dict
    choices: dict
    n_clusters: int

    @classmethod
    def from_estimator(cls, estimator, X=None, y=None, **kwargs):
        """Draw a fitted search.

        Parameters
        ----------
        estimator : NClustersSearch, or estimator with `coding_lengths_`
            Fitted, and then with ``n_clusters=None``.
        """
        check_is_fitted(estimator)
        if hasattr(estimator, "coding_lengths_"):
            numbers = np.array(sorted(estimator.coding_lengths_))
            lengths = np.array([estimator.coding_lengths_[k] for k in numbers.tolist()])
            name = "coding_length"
            return cls(
                numbers=numbers,
                means={name: lengths},
                errors={name: np.zeros(len(lengths))},
                choices={name: estimator.n_clusters_},
                n_clusters=estimator.n_clusters_,
            ).plot(**kwargs)
        if not hasattr(estimator, "choices_"):
            raise TypeError(
                f"{type(estimator).__name__} has no choices_ after fit; fit an NClustersSearch, "
                "or CPP with n_clusters=None."
            )
        table = estimator.cv_results_
        return cls(
            numbers=np.asarray(table[f"param_{estimator.param}"]),
            means={name: table[f"mean_test_{name}"] for name in estimator.choices_},
            errors={name: table[f"std_test_{name}"] for name in estimator.choices_},
            choices=dict(estimator.choices_),
            n_clusters=estimator.n_clusters_,
        ).plot(**kwargs)

    def plot(self, ax=None, *, line_kw=None):
        """Draw the display.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw on, which are divided if there are several criteria; a new figure by
            default.

        line_kw : dict, default=None
            Keywords for :meth:`matplotlib.axes.Axes.errorbar`.
        """
        ax = self._axes(ax)
        from matplotlib.ticker import MaxNLocator

        names = list(self.means)
        self.axes_ = [ax]
        if len(names) > 1:
            ax.set_axis_off()
            height = 1 / len(names)
            self.axes_ = [
                ax.inset_axes([0, 1 - (i + 1) * height + 0.03, 1, height - 0.06])
                for i in range(len(names))
            ]
        self.lines_ = {}
        numbers = np.asarray(self.numbers)
        for i, (name, own) in enumerate(zip(names, self.axes_, strict=True)):
            kw = style(line_kw, color=label_color(i), marker=".", capsize=2)
            errors = np.nan_to_num(self.errors[name])
            self.lines_[name] = own.errorbar(numbers, self.means[name], errors, **kw)[0]
            own.axvline(self.n_clusters, color="0.6", linestyle=":", linewidth=1, zorder=0)
            chosen = self.choices[name]
            at = np.flatnonzero(numbers == chosen)
            own.plot(
                numbers[at], self.means[name][at], marker="o", markersize=10, color="0.25",
                fillstyle="none",
            )  # fmt: skip
            own.set_ylabel(name.replace("_", "\n"), fontsize="small")
            own.set_xlim(numbers[0] - 0.5, numbers[-1] + 0.5)
            own.xaxis.set_major_locator(MaxNLocator(integer=True))
            own.tick_params(labelbottom=i == len(names) - 1)
        self.axes_[-1].set_xlabel("Number of clusters")
        return self
