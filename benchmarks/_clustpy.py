"""Fits a method of ClustPy, in an interpreter that has it; `_common.fit_peer` starts this.

The folder given as argument holds X.npy and job.json and receives labels.npy and result.json.
"""

import json
import sys
import time
import types
from importlib.machinery import ModuleSpec
from pathlib import Path

import numpy as np
import torch


class StandIn(types.ModuleType):
    """A module whose every name is an empty class: enough to import what never uses it."""

    __path__ = ()

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return type(name, (), {})


def stand_in_for_torchvision():
    """ClustPy imports torchvision for data sets and networks that are not measured."""
    parent = None
    for name in ("torchvision", "torchvision.models", "torchvision.models._api"):
        module = StandIn(name)
        module.__spec__ = ModuleSpec(name, None, is_package=True)
        sys.modules[name] = module
        if parent is not None:
            setattr(parent, name.rpartition(".")[2], module)
        parent = module


class Clock(torch.optim.Adam):
    """ClustPy's default optimizer, which notes when its steps end."""

    steps = []

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.steps.append([])

    def step(self, closure=None):
        loss = super().step(closure)
        self.steps[-1].append(time.perf_counter())
        return loss


def main(folder):
    stand_in_for_torchvision()
    from clustpy import deep

    job = json.loads((folder / "job.json").read_text())
    X = np.load(folder / "X.npy")
    model = getattr(deep, job["method"])(optimizer_class=Clock, **job["params"])
    start = time.perf_counter()
    model.fit(X)
    seconds = time.perf_counter() - start
    np.save(folder / "labels.npy", model.labels_)
    (folder / "result.json").write_text(json.dumps({"seconds": seconds, "steps": Clock.steps}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
