"""The torch side of fit: rows, stages, the loop, devices, checkpoints, several processes.

A method provides a module and a list of stages; everything that all methods share is done here,
once. Nothing in this package depends on scikit-learn's estimators.
"""

from skdeepcluster.training._batches import (
    Items,
    all_rows,
    balanced,
    edges_of,
    events_of,
    pairs_of,
    rows_of_classes,
    rows_with_neighbors,
    sets_of,
    shuffled,
)
from skdeepcluster.training._checkpoint import Checkpoint, fingerprint
from skdeepcluster.training._device import Precision, exact_convolutions, resolve_device
from skdeepcluster.training._distributed import processes
from skdeepcluster.training._fit import Fit, ReadOut
from skdeepcluster.training._loop import Training
from skdeepcluster.training._samples import (
    Samples,
    Standardizer,
    check_finite,
    column_scales,
    has_missing,
    is_dataset,
    map_blocks,
    map_rows,
    source,
)
from skdeepcluster.training._schedules import cosine_decay, ramp
from skdeepcluster.training._side import Side, graph_tensor, pairs_tensor
from skdeepcluster.training._stage import Batch, NonFiniteLossError, Stage, Step
from skdeepcluster.training._threads import available_threads

__all__ = [
    "Batch",
    "Checkpoint",
    "Fit",
    "Items",
    "NonFiniteLossError",
    "Precision",
    "ReadOut",
    "Samples",
    "Side",
    "Stage",
    "Standardizer",
    "Step",
    "Training",
    "all_rows",
    "available_threads",
    "balanced",
    "check_finite",
    "has_missing",
    "column_scales",
    "cosine_decay",
    "edges_of",
    "events_of",
    "exact_convolutions",
    "fingerprint",
    "graph_tensor",
    "is_dataset",
    "map_blocks",
    "map_rows",
    "pairs_of",
    "pairs_tensor",
    "processes",
    "ramp",
    "resolve_device",
    "rows_of_classes",
    "rows_with_neighbors",
    "sets_of",
    "shuffled",
    "source",
]
