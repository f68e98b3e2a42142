"""What scikit-learn does not export, imported nowhere else: one place to mend when it moves."""

from difflib import get_close_matches
from functools import wraps
from inspect import signature

from sklearn.base import _fit_context as fit_context
from sklearn.metrics.pairwise import _VALID_METRICS as VALID_METRICS
from sklearn.utils import _safe_indexing as safe_indexing
from sklearn.utils._chunking import get_chunk_n_rows
from sklearn.utils._metadata_requests import _MetadataRequester as MetadataRequester
from sklearn.utils._metadata_requests import _routing_enabled as routing_enabled
from sklearn.utils._openmp_helpers import _openmp_effective_n_threads as effective_n_threads
from sklearn.utils._optional_dependencies import check_matplotlib_support, check_pandas_support
from sklearn.utils._param_validation import (
    HasMethods,
    Interval,
    InvalidParameterError,
    RealNotInt,
)
from sklearn.utils._param_validation import StrOptions as _StrOptions
from sklearn.utils._param_validation import (
    validate_parameter_constraints as _validate_parameter_constraints,
)
from sklearn.utils._param_validation import validate_params as _validate_params
from sklearn.utils._plotting import _validate_style_kwargs as validate_style_kwargs
from sklearn.utils.metaestimators import _BaseComposition as BaseComposition
from sklearn.utils.parallel import _get_threadpool_controller as threadpool_controller
from sklearn.utils.validation import _check_method_params as check_method_params
from sklearn.utils.validation import _check_sample_weight as check_sample_weight
from sklearn.utils.validation import _num_samples as num_samples

__all__ = [
    "BaseComposition",
    "VALID_METRICS",
    "HasMethods",
    "Interval",
    "MetadataRequester",
    "RealNotInt",
    "StrOptions",
    "check_matplotlib_support",
    "check_method_params",
    "check_pandas_support",
    "check_sample_weight",
    "effective_n_threads",
    "fit_context",
    "get_chunk_n_rows",
    "nearest_option",
    "num_samples",
    "routing_enabled",
    "safe_indexing",
    "threadpool_controller",
    "validate_parameter_constraints",
    "validate_params",
    "validate_style_kwargs",
]


class StrOptions(_StrOptions):
    """A set of strings as a constraint, listed in the order of the alphabet."""

    def __str__(self):
        return f"a str among {{{', '.join(map(self._mark_if_deprecated, sorted(self.options)))}}}"


def nearest_option(value, options):
    """The option that a misspelled value is most like, as the end of a message, or nothing."""
    if not isinstance(value, str):
        return ""
    by_lower_case = {option.lower(): option for option in options}
    found = get_close_matches(value.lower(), by_lower_case, n=1)
    return f" Did you mean {by_lower_case[found[0]]!r}?" if found else ""


def _suggest(error, constraints, params):
    """Add the nearest option to the message about a string that is none of the options."""
    for name, value in params.items():
        if not str(error).startswith(f"The {name!r} parameter "):
            continue
        sets = [c.options for c in constraints.get(name, ()) if isinstance(c, _StrOptions)]
        error.args = (str(error) + nearest_option(value, sorted(set().union(*sets))),)


def validate_parameter_constraints(constraints, params, caller_name):
    """Raise a `ValueError` for the first parameter that satisfies none of its constraints.

    Parameters
    ----------
    constraints : dict of str to list
        As scikit-learn's `_parameter_constraints`.
    params : dict
    caller_name : str
        Whose parameters they are.
    """
    try:
        _validate_parameter_constraints(constraints, params, caller_name)
    except InvalidParameterError as error:
        _suggest(error, constraints, params)
        raise


def validate_params(constraints, *, prefer_skip_nested_validation):
    """Decorate a function whose arguments are validated."""

    def decorator(function):
        validated = _validate_params(
            constraints, prefer_skip_nested_validation=prefer_skip_nested_validation
        )(function)

        @wraps(validated)
        def wrapper(*args, **kwargs):
            try:
                return validated(*args, **kwargs)
            except InvalidParameterError as error:
                given = signature(function).bind(*args, **kwargs).arguments
                _suggest(error, constraints, given)
                raise

        return wrapper

    return decorator
