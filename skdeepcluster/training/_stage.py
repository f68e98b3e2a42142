"""What a method hands to the loop: stages, and the batches that their losses see."""

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
    """One step's rows: their numbers in the training set, their values, what else is known of them.

    Where a stage's items have several rows each, `index` has shape (n_items, n_rows) and `x`
    (n_items, n_rows, ...).
    """

    index: torch.Tensor
    x: torch.Tensor
    side: SimpleNamespace = field(default_factory=SimpleNamespace)

    def __len__(self):
        return len(self.index)


@dataclass
class Step:
    """A loss and what it moves.

    Parameters
    ----------
    loss : callable (fit, batch) -> Tensor or dict of str to Tensor
        The mean over the batch's items, or its named terms.
    parameters : callable (module) -> iterable of Parameter or of dict, optional
        What the optimizer moves; by default everything that has a gradient. Dictionaries are
        groups, of "params" and what differs for them, as "lr".
    weights : dict of str to float or callable (float) -> float, default={}
        Weight of each term in the sum; 1 where none is given. A callable takes the share of the
        stage that is over.
    learning_rate : float, optional
        Instead of the fit's.
    after_backward : callable (fit, batch), optional
        Between gradients and step: what is frozen, projected or rescaled.
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
        Steps that follow in each batch, as of heads that take turns or of an adversary.
    schedule : callable (float) -> float, optional
        Factor of the learning rates at a share of the stage between 0 and 1.
    begin : callable (fit), optional
        Before the first step, and also when time is up: initializes what predictions need.
    refresh : callable (fit) -> bool or None, optional
        Before the first step and after every `every` steps; True ends the stage.
    every : int, optional
        Steps between two refreshes; by default one epoch.
    batches : callable (fit) -> LongTensor, or list of LongTensor or of Items, optional
        Rows of an epoch, in order, or its batches; by default a random permutation of all rows.
    after_step : callable (fit, batch), optional
        State kept for each row, steps that follow no gradient.
    end_epoch : callable (fit) -> bool or None, optional
        True ends the stage.
    validation_fraction : float, default=0
        Share of the rows held out to choose the best epoch by.
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
    validation_fraction: float = 0.0
    patience: int = 10

    @property
    def steps(self):
        """All steps of a batch, in order."""
        own = Step(
            self.loss, self.parameters, self.weights, self.learning_rate, self.after_backward
        )
        return [own, *self.further]
