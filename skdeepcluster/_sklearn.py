"""What scikit-learn does not export, imported nowhere else: one place to mend when it moves."""

from sklearn.base import _fit_context as fit_context
from sklearn.metrics.pairwise import _VALID_METRICS as VALID_METRICS
from sklearn.utils import _safe_indexing as safe_indexing
from sklearn.utils._chunking import get_chunk_n_rows
from sklearn.utils._metadata_requests import _MetadataRequester as MetadataRequester
from sklearn.utils._openmp_helpers import _openmp_effective_n_threads as effective_n_threads
from sklearn.utils._optional_dependencies import check_matplotlib_support, check_pandas_support
from sklearn.utils._param_validation import (
    HasMethods,
    Interval,
    RealNotInt,
    StrOptions,
    validate_parameter_constraints,
    validate_params,
)
from sklearn.utils._plotting import _validate_style_kwargs as validate_style_kwargs
from sklearn.utils.parallel import _get_threadpool_controller as threadpool_controller
from sklearn.utils.validation import _check_sample_weight as check_sample_weight
from sklearn.utils.validation import _num_samples as num_samples

__all__ = [
    "VALID_METRICS",
    "HasMethods",
    "Interval",
    "MetadataRequester",
    "RealNotInt",
    "StrOptions",
    "check_matplotlib_support",
    "check_pandas_support",
    "check_sample_weight",
    "effective_n_threads",
    "fit_context",
    "get_chunk_n_rows",
    "num_samples",
    "safe_indexing",
    "threadpool_controller",
    "validate_parameter_constraints",
    "validate_params",
    "validate_style_kwargs",
]
