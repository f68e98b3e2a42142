"""The torch side of fit: rows, stages, the loop, devices, checkpoints, several processes.

A method hands over a module and a list of stages; everything that all methods share happens here,
once. Nothing in this room knows scikit-learn's estimators.
"""

from skdeepcluster.training._checkpoint import Checkpoint, fingerprint
from skdeepcluster.training._device import Precision, exact_convolutions, resolve_device
from skdeepcluster.training._distributed import processes
from skdeepcluster.training._fit import Fit
from skdeepcluster.training._loop import Training
from skdeepcluster.training._samples import (
    Samples,
    Standardizer,
    check_finite,
    is_dataset,
    map_blocks,
    source,
)
from skdeepcluster.training._stage import Batch, NonFiniteLossError, Stage
from skdeepcluster.training._threads import available_threads

__all__ = [
    "Batch",
    "Checkpoint",
    "Fit",
    "NonFiniteLossError",
    "Precision",
    "Samples",
    "Stage",
    "Standardizer",
    "Training",
    "available_threads",
    "fingerprint",
    "check_finite",
    "exact_convolutions",
    "is_dataset",
    "map_blocks",
    "processes",
    "resolve_device",
    "source",
]
