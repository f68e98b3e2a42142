"""The root of all displays: constructors, axes, and what their docstrings have in common."""

import inspect
from dataclasses import dataclass
from typing import dataclass_transform

from skdeepcluster._docstrings import complete_docstring, documented
from skdeepcluster._sklearn import check_matplotlib_support, validate_style_kwargs


@dataclass_transform(kw_only_default=True)
class Display:
    """Root of all displays.

    A display declares what it draws as annotated fields, which become its constructor, and draws
    them in `plot`. The `**kwargs` of its other constructors are the keywords of `plot`, in their
    signatures and docstrings as well.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes with the plot.

    figure_ : matplotlib Figure
        Figure that contains the axes.
    """

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        dataclass(cls, kw_only=True, eq=False, repr=False)
        for member in vars(cls).values():
            if isinstance(member, classmethod):
                _take_keywords(member.__func__, cls.plot)
        documented(cls)
        if cls.__doc__:
            cls.__doc__ = complete_docstring(cls, inspect.signature(cls).parameters)

    @classmethod
    def from_estimator(cls, estimator, X=None, y=None, **kwargs):
        """Draw a fitted estimator.

        Parameters
        ----------
        estimator : estimator
            Fitted clusterer, or a pipeline or search that ends in one.

        X : None
            Ignored: the display shows the result of `fit`.

        y : None
            Ignored.

        **kwargs : dict
            Keywords of `plot`.

        Returns
        -------
        display : Display
            The display, drawn.
        """
        raise NotImplementedError

    def plot(self, ax=None):
        """Draw the display.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw on; a new figure by default.

        Returns
        -------
        self : Display
            The display itself.
        """
        raise NotImplementedError

    def _axes(self, ax):
        """The given axes, or those of a new figure with room for legends beside them."""
        check_matplotlib_support(f"{type(self).__name__}.plot")
        import matplotlib.pyplot as plt

        if ax is None:
            _, ax = plt.subplots(layout="constrained")
        self.ax_, self.figure_ = ax, ax.figure
        return ax


def _take_keywords(function, plot):
    """Show the parameters of `plot` in the signature of a function that passes `**kwargs` on."""
    signature = inspect.signature(function)
    *own, last = signature.parameters.values()
    if last.kind is last.VAR_KEYWORD:
        _, *keywords = inspect.signature(plot).parameters.values()
        own += [
            parameter.replace(kind=parameter.KEYWORD_ONLY)
            for parameter in keywords
            if parameter.name not in signature.parameters
        ]
        function.__signature__ = signature.replace(parameters=own)


def style(given, **defaults):
    """Keywords for matplotlib: the user's, if there are any, before the display's own."""
    return validate_style_kwargs(defaults, given or {})
