"""A toy module and its training."""

import numpy as np
import torch
from torch import nn

from skdeepcluster.training import (
    Precision,
    ReadOut,
    Samples,
    Standardizer,
    Training,
    processes,
    source,
)

CPU = torch.device("cpu")


class Tasks:
    """Stands for scikit-learn's callbacks; stops the task that it is told to."""

    def __init__(self, name="root", log=None, stop=()):
        self.name, self.log, self.stop = name, [] if log is None else log, stop

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        return False

    def sub(self, name, max_subtasks):
        self.log.append(("begin", name, max_subtasks))
        return Tasks(name, self.log, self.stop)

    def end(self, fit):
        self.log.append(("end", self.name, fit.epoch))
        return self.name in self.stop


def linear(seed=0):
    layer = nn.utils.skip_init(nn.Linear, 2, 1)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for p in layer.parameters():
            p.uniform_(-1, 1, generator=generator)
    return layer


def loss(fit, batch):
    return (fit.module(batch.x) - batch.x.sum(dim=1, keepdim=True)).square().mean()


def run(
    stages, *, n=20, batch_size=5, build=linear, tasks=None, n_init=1, objective=None,
    max_time=None, optimizer="sgd", learning_rate=0.1, **options,
):  # fmt: skip
    X = np.random.RandomState(0).randn(n, 2)
    rows = source(X)
    training = Training(
        Samples(rows, Standardizer.identity(rows), CPU, (2,)),
        generator=torch.Generator().manual_seed(0),
        processes=processes(CPU),
        precision_of=lambda module: Precision("float32", CPU, module, 256),
        batch_size=batch_size,
        learning_rate=learning_rate,
        optimizer=optimizer,
        max_time=max_time,
        **options,
    )
    read_out = lambda fit: ReadOut(objective(fit) if objective else 0.0, None, {})  # noqa: E731
    return training.best_of(n_init, build, stages, read_out, tasks or Tasks())
