"""The hooks by which a deep method describes itself: these, and no others.

- `_build`: the network; `_stages`: how it is trained, in order; `_encode`: its embedding;
- `_as_rows`: one table of rows, where `fit` and `predict` take something else;
- `_row_weights`: weights of the rows; `_side`: side information on them, as tensors; `_plan`: what
  has to be decided before the network is built; it raises for rows for which the objective is not
  defined;
- `_evaluate`: objective and labels of any rows; `_attributes`: fitted attributes that predictions
  need; `_read_out`: the result of a fit, by default from these two;
- `_scales_rows`, `_common_means`, `_in_side` and `_uses_user_code`: properties of rows and
  parameters.

Hooks see the fit (`skdeepcluster.training.Fit`), keep what they need in ``fit.state``, and set
nothing on the estimator: its attributes are what `_attributes` and `_read_out` return.
"""

from types import SimpleNamespace

from skdeepcluster.deep._identity import given_modules
from skdeepcluster.training import ReadOut, Side


class Hooks:
    """Defaults of the hooks that a method may override."""

    def _build(self, shape, plan, generator):
        """A module for rows of a shape, with weights from the generator."""
        raise NotImplementedError

    def _stages(self):
        """The stages of the fit, in order."""
        raise NotImplementedError

    def _encode(self, module, x):
        """Embedding of standardized rows."""
        return module.encode(x)

    def _as_rows(self, X):
        """Rows that are read, from what the user gives."""
        return X

    def _row_weights(self, n_rows, side):
        """Weights of the rows, of mean 1, taken from the further arguments of `fit`, or None."""
        return None

    def _side(self, samples, X, y, **side):
        """Side information on the rows, from y and from the further arguments of `fit`."""
        if side:
            raise TypeError(
                f"{type(self).__name__}.fit() got an unexpected keyword argument {min(side)!r}"
            )
        return Side()

    def _plan(self, samples, side):
        """Decisions before the network is built; raises where the objective is not defined."""
        return SimpleNamespace()

    def _evaluate(self, module, samples):
        """The objective, a mean over all rows, and their labels."""
        raise NotImplementedError

    def _attributes(self, fit):
        """Fitted attributes besides the common ones, once a stage has set ``fit.usable``."""
        return {}

    def _read_out(self, fit):
        """The result of a fit."""
        loss, labels = self._evaluate(fit.module, fit.samples)
        fit.require_finite(loss)
        return ReadOut(loss, labels, self._attributes(fit))

    # Whether rows are centered and scaled for the network.
    _scales_rows = True
    # Whether rows may have missing entries, NaN.
    _takes_missing = False
    # Whether all pixels of a channel are centered by one mean instead of each by its own.
    _common_means = False

    def _uses_user_code(self):
        """Whether the fit calls the user's modules or functions, which may draw random numbers."""
        return len(given_modules(self)) > 0

    # Parameters that act only through the side information.
    _in_side = frozenset()
