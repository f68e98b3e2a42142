"""What a method hands to the loop: stages, and the batches that their losses see."""

from collections.abc import Callable
from dataclasses import dataclass, field

import torch


class NonFiniteLossError(ValueError):
    """A loss became infinite or not a number; the model is back at its last finite state."""

    def __init__(self, message, fit):
        super().__init__(message)
        self.fit = fit


@dataclass(frozen=True)
class Batch:
    """Rows of one step: their numbers in the training set, and their values."""

    index: torch.Tensor
    x: torch.Tensor


@dataclass
class Stage:
    """One stage of a fit: a loss, what it optimises and for how long.

    Every hook takes the `Fit` first. Hooks keep what they need later in ``fit.state``.

    Parameters
    ----------
    name : str
    loss : callable (fit, batch) -> Tensor or dict of str to Tensor
        The mean over the batch's rows, or its named terms.
    epochs : int
    weights : dict of str to float, default={}
        Weight of each term in the sum; 1 where none is given.
    parameters : callable (module) -> iterable of Parameter, optional
        What the optimiser moves; by default everything that has a gradient.
    learning_rate : float, optional
        Instead of the fit's.
    schedule : callable (float) -> float, optional
        Factor of the learning rate at a share of the stage between 0 and 1.
    begin : callable (fit), optional
        Before the first step, and also when time is up: initialises what predictions need.
    refresh : callable (fit) -> bool or None, optional
        Before the first step and after every `every` steps; True ends the stage.
    every : int, optional
        Steps between two refreshes; by default one epoch.
    rows : callable (fit) -> LongTensor or list of LongTensor, optional
        Rows of an epoch, in order, or its batches; by default a random permutation of all rows.
    after_backward : callable (fit, batch), optional
        Between gradients and step: what is frozen, projected or rescaled.
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
    schedule: Callable | None = None
    begin: Callable | None = None
    refresh: Callable | None = None
    every: int | None = None
    rows: Callable | None = None
    after_backward: Callable | None = None
    after_step: Callable | None = None
    end_epoch: Callable | None = None
    validation_fraction: float = 0.0
    patience: int = 10
