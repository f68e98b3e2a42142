"""Random numbers outside of the fit's own generator: global generators, and nested estimators."""

import contextlib
import threading

from sklearn.base import clone

# Held while a fit uses torch's global generators.
_LOCK = threading.RLock()


@contextlib.contextmanager
def seeded(generators, seed):
    """Seed global generators, and restore them afterwards; only one fit at a time uses them."""
    if not generators:
        yield
        return
    with _LOCK:
        before = [generator.get_state() for generator in generators]
        try:
            for generator in generators:
                generator.manual_seed(seed)
            yield
        finally:
            for generator, state in zip(generators, before, strict=True):
                generator.set_state(state)


def seeded_clone(estimator, seed):
    """An unfitted copy with reproducible results: each `random_state` that is None is set."""
    estimator = clone(estimator)
    unset = sorted(
        name
        for name, value in estimator.get_params().items()
        if value is None and (name == "random_state" or name.endswith("__random_state"))
    )
    # Two of a kind, such as random projections side by side, should not be the same.
    return estimator.set_params(**{name: seed + i for i, name in enumerate(unset)})
