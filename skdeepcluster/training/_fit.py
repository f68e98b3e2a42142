"""One run through the stages, as a method's hooks see it."""

import math
from types import SimpleNamespace
from typing import NamedTuple

import numpy as np
import torch

from skdeepcluster.training._samples import map_blocks
from skdeepcluster.training._stage import NonFiniteLossError

# Rows at a time in a pass over the training set, where rows may depend on each other.
PASS_ROWS = 2048


class ReadOut(NamedTuple):
    """What a fit ends with.

    Attributes
    ----------
    loss : float
        The objective, a mean over the training rows.
    labels : ndarray of shape (n_samples,) or None
        Of the training rows; None for what is no clusterer.
    attributes : dict of str to object
        Fitted attributes beside those that all estimators have.
    """

    loss: float
    labels: np.ndarray | None
    attributes: dict


class Fit:
    """One run through the stages: what a method's hooks see.

    Attributes
    ----------
    module : torch.nn.Module
    samples : Samples
    state : SimpleNamespace
        What the method remembers between steps: tensors, numbers, strings. Saved with checkpoints.
    history : dict of str to dict of str to list of float
        One value per epoch for each term of each stage.
    generator : torch.Generator
        On the CPU; the source of all randomness.
    processes : Processes
    side : Side
        What is known beside the rows.
    plan : object
        What the method decided before the network was made.
    usable : bool
        Whether the model can predict yet; a stage that makes it so sets it.
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
        """A fresh seed for a library that draws by itself."""
        return int(torch.randint(2**31 - 1, (), generator=self.generator))

    def uniform(self, batch, *shape):
        """Numbers in [0, 1) for each row of a batch, however many processes share it."""
        return self._drawn(torch.rand, batch, shape)

    def normal(self, batch, *shape):
        """Standard normal numbers for each row of a batch, however many processes share it."""
        return self._drawn(torch.randn, batch, shape)

    def _drawn(self, draw, batch, shape):
        shape = (len(self._batch_index), *shape)
        drawn = draw(shape, generator=self.generator, dtype=torch.float32)
        return self.processes.share(drawn).to(batch.x.device)

    def whole_batch(self, batch, part):
        """Row numbers and values of a whole batch, from each process's share of the values."""
        if self.processes.size == 1:
            return batch.index, part
        positions = torch.arange(len(self._batch_index), device=part.device)
        whole = part.new_zeros((len(positions), *part.shape[1:]))
        whole[self.processes.share(positions)] = part
        return self._batch_index.to(part.device), self.processes.sum(whole)

    def whole_batch_to_train(self, batch, part):
        """As `whole_batch`, for losses of several rows: gradients come back to one's own share."""
        if self.processes.size == 1:
            return batch.index, part
        index, whole = self.whole_batch(batch, part.detach())
        own = self.processes.share(torch.arange(len(index), device=part.device))
        # The loop takes the mean of the processes' gradients, weighted by shares.
        weighted = part.detach() + (part - part.detach()) * (len(index) / max(1, len(own)))
        return index, whole.index_copy(0, own, weighted)

    def batch_rows(self, batch):
        """All rows of a batch, and where among them are those of this process."""
        _, whole = self.whole_batch(batch, batch.x)
        places = torch.arange(len(whole), device=whole.device)
        return whole, self.processes.share(places)

    def over_all_rows(self, function):
        """Concatenate function(rows) over the training set, without gradient."""
        was_training = self.module.training
        self.module.eval()
        share = self.processes.share_of_rows(len(self.samples))
        whole = None
        with self.precision():
            # Written in place: the parts and the whole never stand in memory together.
            begin = 0
            blocks = {"block_rows": PASS_ROWS, "independent": False}
            for part in map_blocks(function, self.samples, *share, **blocks):
                if whole is None:
                    whole = part.new_empty((share[1] - share[0], *part.shape[1:]))
                whole[begin : begin + len(part)] = part
                begin += len(part)
        self.module.train(was_training)
        whole = self.processes.join_rows(whole, len(self.samples))
        self.require_finite(whole.sum(dtype=torch.float64).item())
        return whole

    def require_finite(self, value):
        """Raise unless what the network gave is finite."""
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
        """Give a layer of matrices and biases fresh weights, and its optimizer no memory of it."""
        with torch.no_grad():
            for p in layer.parameters():
                bound = p[0].numel() ** -0.5 if p.ndim > 1 else 0.0
                p.copy_(torch.empty(p.shape).uniform_(-bound, bound, generator=self.generator))
                for optimizer in self.optimizers:
                    optimizer.state.pop(p, None)

    def label_change(self, labels):
        """Share of the rows whose label differs from the last call's; 1 at the first call."""
        before = getattr(self.state, "labels", None)
        self.state.labels = labels
        return 1.0 if before is None else (labels != before).float().mean().item()
