"""A fit in progress, as the hooks of a method see it."""

import math
from contextlib import contextmanager
from types import SimpleNamespace
from typing import NamedTuple

import numpy as np
import torch

from skdeepcluster.training._samples import map_blocks
from skdeepcluster.training._stage import NonFiniteLossError

# Block size of passes over the training set in which rows may depend on each other.
PASS_ROWS = 2048


class ReadOut(NamedTuple):
    """The result of a fit.

    Attributes
    ----------
    loss : float
        The objective, a mean over the training rows.
    labels : ndarray of shape (n_samples,) or None
        Of the training rows; None for estimators that are not clusterers.
    attributes : dict of str to object
        Fitted attributes besides those that all estimators have.
    criterion : float, optional
        What restarts are compared by, the lowest being the best; by default the objective.
    """

    loss: float
    labels: np.ndarray | None
    attributes: dict
    criterion: float | None = None


class Fit:
    """One run through the stages, as the hooks of a method see it.

    Attributes
    ----------
    module : torch.nn.Module
    samples : Samples
    state : SimpleNamespace
        State of the method between steps: tensors, numbers, strings. Saved in checkpoints.
    history : dict of str to dict of str to list of float
        One value per epoch for each term of each stage.
    generator : torch.Generator
        On the CPU; the source of all randomness.
    processes : Processes
    side : Side
        Side information on the rows.
    plan : SimpleNamespace
        What the method decided before the network was built.
    usable : bool
        Whether the model can predict; set by the stage from which on it can.
    read_out : ReadOut or None
        After the last stage.
    epoch, step : int
        Within the stage, from 0.
    """

    def __init__(self, module, samples, training):
        self.module, self.samples = module, samples
        self.training = training
        self.generator = training.generator
        self.processes = training.processes
        self.side, self.plan = training.side, training.plan
        self.batch_size = training.batch_size
        self.precision = training.precision_of(module)
        self.state = SimpleNamespace()
        self.history = {}
        self.epoch = self.step = 0
        self.out_of_time = False
        self.usable, self.read_out = False, None
        self.optimizers = []

    @property
    def device(self):
        return self.samples.device

    def seed(self):
        """A seed, drawn from the generator, for other libraries."""
        return int(torch.randint(2**31 - 1, (), generator=self.generator))

    def uniform(self, batch, *shape):
        """Numbers in [0, 1) for each row of a batch, whatever the number of processes."""
        return self._drawn(torch.rand, batch, shape)

    def normal(self, batch, *shape):
        """Standard normal numbers for each row of a batch, whatever the number of processes."""
        return self._drawn(torch.randn, batch, shape)

    def _drawn(self, draw, batch, shape):
        shape = (len(self._batch_index), *shape)
        drawn = draw(shape, generator=self.generator, dtype=torch.float32)
        return self.processes.share(drawn).to(batch.x.device)

    def whole_batch(self, batch, own):
        """Row numbers and values of a whole batch, from each process's values of its own rows."""
        if self.processes.size == 1:
            return batch.index, own
        positions = torch.arange(len(self._batch_index), device=own.device)
        whole = own.new_zeros((len(positions), *own.shape[1:]))
        whole[self.processes.share(positions)] = own
        return self._batch_index.to(own.device), self.processes.sum(whole)

    def whole_batch_to_train(self, batch, own):
        """As `whole_batch`, for losses of several rows, with gradients for a process's own rows."""
        if self.processes.size == 1:
            return batch.index, own
        index, whole = self.whole_batch(batch, own.detach())
        places = self.processes.share(torch.arange(len(index), device=own.device))
        # The loop takes the mean of the processes' gradients, weighted by shares.
        weighted = own.detach() + (own - own.detach()) * (len(index) / max(1, len(places)))
        return index, whole.index_copy(0, places, weighted)

    def batch_rows(self, batch):
        """All rows of a batch, and the positions among them of this process's rows."""
        _, whole = self.whole_batch(batch, batch.x)
        places = torch.arange(len(whole), device=whole.device)
        return whole, self.processes.share(places)

    def over_all_rows(self, function):
        """Concatenate function(rows) over the training set, without gradient."""
        share = self.processes.share_of_rows(len(self.samples))
        whole = None
        with self._evaluating():
            # Written in place: blocks and result are never in memory together.
            begin = 0
            options = {"block_rows": PASS_ROWS, "independent": False}
            for block in map_blocks(function, self.samples, *share, **options):
                if whole is None:
                    whole = block.new_empty((share[1] - share[0], *block.shape[1:]))
                whole[begin : begin + len(block)] = block
                begin += len(block)
        whole = self.processes.join_rows(whole, len(self.samples))
        self.require_finite(whole.sum(dtype=torch.float64).item())
        return whole

    @contextmanager
    def _evaluating(self):
        """The module as it predicts, in the fit's precision."""
        was_training = self.module.training
        self.module.eval()
        with self.precision():
            yield
        self.module.train(was_training)

    def over_rows(self, function, index):
        """Concatenate function(rows) over some rows, the same in each process, without gradient."""
        blocks = self.samples.batches(index.split(PASS_ROWS))
        with torch.no_grad(), self._evaluating():
            found = torch.cat([function(x) for x in blocks])
        self.require_finite(found.sum(dtype=torch.float64).item())
        return found

    def require_finite(self, value):
        """Raise unless a value from the network is finite."""
        if not math.isfinite(value):
            raise NonFiniteLossError(
                f"The network's output after stage {list(self.history)[-1]!r} is not finite. Lower "
                f"the learning rate (learning_rate={self.training.learning_rate!r}) or scale the "
                "features; the last finite weights are kept.",
                self,
            )

    def sums_over_rows(self):
        """Keywords for functions that sum over rows: this process's share, and the total."""
        if self.processes.size == 1:
            return {}

        def total(array):
            return self.processes.sum(torch.as_tensor(array, device=self.device)).cpu().numpy()

        return {"share": slice(*self.processes.share_of_rows(len(self.samples))), "total": total}

    def reset_parameters(self, layer):
        """Draw new weights for a layer of matrices and biases, and reset its optimizer state."""
        with torch.no_grad():
            for p in layer.parameters():
                bound = p[0].numel() ** -0.5 if p.ndim > 1 else 0.0
                p.copy_(torch.empty(p.shape).uniform_(-bound, bound, generator=self.generator))
                for optimizer in self.optimizers:
                    optimizer.state.pop(p, None)

    def reset_units(self, layer, units):
        """Draw new weights for some units of a dense layer, and reset their optimizer state."""
        bound = layer.in_features**-0.5
        with torch.no_grad():
            for p in layer.parameters():
                drawn = torch.empty(p[units].shape).uniform_(
                    -bound, bound, generator=self.generator
                )
                p[units] = drawn.to(p.device)
                for optimizer in self.optimizers:
                    for moment in optimizer.state.get(p, {}).values():
                        # Not the number of steps, which the layer has in common.
                        if torch.is_tensor(moment) and moment.shape == p.shape:
                            moment[units] = 0

    def label_change(self, labels):
        """Fraction of the rows whose label changed since the last call; 1 at the first call."""
        before = getattr(self.state, "labels", None)
        self.state.labels = labels
        return 1.0 if before is None else (labels != before).float().mean().item()
