"""What a method provides to the loop: stages, and the batches that their losses receive."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace

import torch


class NonFiniteLossError(ValueError):
    """A loss became infinite or not a number; the model is back at its last finite state."""

    def __init__(self, message, fit):
        super().__init__(message)
        self.fit = fit


@dataclass(frozen=True)
class Batch:
    """One step's rows: their numbers in the training set, their values, their side information.

    Where a stage's items have several rows each, `index` has shape (n_items, n_rows) and `x`
    (n_items, n_rows, ...).
    """

    index: torch.Tensor
    x: torch.Tensor
    side: SimpleNamespace = field(default_factory=SimpleNamespace)

    def __len__(self):
        return len(self.index)

    @property
    def weights(self):
        """Weights of the rows, of mean 1 over all rows of the fit, or None."""
        return getattr(self.side, "sample_weight", None)

    def row(self, position):
        """Of each item one row, as a batch of rows, for losses of rows."""
        side = SimpleNamespace()
        if self.weights is not None:
            side.sample_weight = self.weights[:, position]
        return Batch(self.index[:, position], self.x[:, position], side)

    def rows(self):
        """The batch of the first rows of its items, or itself where items are rows."""
        return self if self.index.ndim == 1 else self.row(0)


@dataclass
class Step:
    """A loss and the parameters that it trains.

    Parameters
    ----------
    loss : callable (fit, batch) -> Tensor or dict of str to Tensor
        The mean over the batch's items, or its named terms.
    parameters : callable (module) -> iterable of Parameter or of dict, optional
        The trained parameters; by default all that require gradients. Dictionaries are groups, of
        "params" and options of their own, such as "lr".
    weights : dict of str to float or callable (float) -> float, default={}
        Weight of each term in the sum; by default 1. A callable takes the progress of the stage,
        from 0 to 1.
    learning_rate : float, optional
        Instead of the fit's.
    after_backward : callable (fit, batch), optional
        Called between gradients and update: freezes, projects or rescales.
    """

    loss: Callable
    parameters: Callable | None = None
    weights: dict = field(default_factory=dict)
    learning_rate: float | None = None
    after_backward: Callable | None = None


@dataclass
class Stage:
    """One stage of a fit: a loss, what it optimizes and for how long.

    Every hook takes the `Fit` first. Hooks keep what they need later in ``fit.state``.

    Parameters
    ----------
    name : str
    loss, parameters, weights, learning_rate, after_backward
        As in `Step`.
    epochs : int
    further : sequence of Step, default=()
        Further steps on each batch, such as those of alternating heads or of an adversary.
    schedule : callable (float) -> float, optional
        Factor of the learning rates as a function of the stage's progress, from 0 to 1.
    begin : callable (fit), optional
        Called before the first step, also when time is up: initializes what predictions need.
    refresh : callable (fit) -> bool or None, optional
        Called before the first step and after every `every` steps; True ends the stage.
    every : int, optional
        Steps between two refreshes; by default one epoch.
    batches : callable (fit) -> LongTensor, or list of LongTensor or of Items, optional
        Rows of an epoch, in order, or its batches; by default a random permutation of all rows.
    after_step : callable (fit, batch), optional
        Called after each step: updates without gradients, and per-row state.
    end_epoch : callable (fit) -> bool or None, optional
        Called after each epoch; True ends the stage.
    criterion : callable (fit) -> float, optional
        Called after each epoch; the stage ends with the weights of the epoch with the lowest value.
    compares_start : bool, default=False
        Whether the weights that the stage begins with are compared, too.
    validation_fraction : float, default=0
        Fraction of the rows that are held out to choose the best epoch.
    patience : int, default=10
        Epochs without a better held-out loss after which the stage ends.
    """

    name: str
    loss: Callable
    epochs: int
    weights: dict = field(default_factory=dict)
    parameters: Callable | None = None
    learning_rate: float | None = None
    further: Sequence[Step] = ()
    schedule: Callable | None = None
    begin: Callable | None = None
    refresh: Callable | None = None
    every: int | None = None
    batches: Callable | None = None
    after_backward: Callable | None = None
    after_step: Callable | None = None
    end_epoch: Callable | None = None
    criterion: Callable | None = None
    compares_start: bool = False
    validation_fraction: float = 0.0
    patience: int = 10

    @property
    def steps(self):
        """All steps of a batch, in order."""
        own = Step(
            self.loss, self.parameters, self.weights, self.learning_rate, self.after_backward
        )
        return [own, *self.further]
