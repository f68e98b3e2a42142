"""Checks of input: rows, distances and ranges of values, each in one place and wording."""

from skdeepcluster.validation._callers import caller_level
from skdeepcluster.validation._distances import check_distance_matrix, check_distances
from skdeepcluster.validation._fitted import as_table, embed, last_step
from skdeepcluster.validation._graphs import as_adjacency, check_adjacency, check_square
from skdeepcluster.validation._labels import (
    check_groups,
    check_known_labels,
    check_labels,
    is_missing,
)
from skdeepcluster.validation._metrics import (
    METRICS,
    SPARSE_METRICS,
    complete_metric,
    metric_distances,
    metric_rows,
)
from skdeepcluster.validation._ranges import (
    dtype_in_range,
    in_range,
    largest_value,
    rows_of_size_one,
    scaled_to_range,
    times_power_of_two,
    unit_rows,
    within_reach,
)
from skdeepcluster.validation._rows import (
    FLOATS,
    as_array,
    check_n_samples,
    check_rows,
    check_weights,
    numbers_within_floats,
)

__all__ = [
    "FLOATS",
    "METRICS",
    "SPARSE_METRICS",
    "as_adjacency",
    "as_array",
    "as_table",
    "caller_level",
    "check_adjacency",
    "check_distance_matrix",
    "check_distances",
    "check_known_labels",
    "check_groups",
    "check_labels",
    "check_n_samples",
    "check_rows",
    "check_square",
    "check_weights",
    "complete_metric",
    "dtype_in_range",
    "embed",
    "in_range",
    "is_missing",
    "largest_value",
    "last_step",
    "metric_distances",
    "metric_rows",
    "numbers_within_floats",
    "rows_of_size_one",
    "scaled_to_range",
    "times_power_of_two",
    "unit_rows",
    "within_reach",
]
